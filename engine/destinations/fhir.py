"""A FHIR system takes transaction Bundles: POST to its base, the response read into an outcome.

`mention` entries (`PUT Type/id` with `ifNoneMatch: *`, meaning only if there is none) are settled before the send: what
exists there already is left out and referred to, so that a resource met in passing never overwrites a better one.
Why: R4 gives `ifNoneMatch` on PUT no meaning, and servers differ; asking first is right on all of them. The marker
stays on what is sent, for those that honour it. Of deliveries that would create the same id at once, one goes first.
FHIR R4, 3.1.0.11; decisions 11 and 18.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from engine.clock import Clock, SystemClock
from engine.delivery import Ambiguous, Delivered, Outcome, Permanent, Transient
from engine.destinations import Shipment
from engine.destinations.fhir_bundle import MARK, Bundle
from engine.destinations.fhir_known import Existence, Known, Turns
from engine.destinations.fhir_outcome import outcome_of
from engine.transport.http import Authorization, HttpClient, HttpFailure, HttpResponse, HttpSettings
from engine.transport.http_outcome import outcome_of_failure

_HEADERS = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json", "Prefer": "return=minimal"}
_METHOD = re.compile(rb'"method"\s*:\s*"(GET|PUT|POST|DELETE|PATCH)"')
_KNOWN_MOST = 50_000
_STALE_CODES = frozenset({"http.400", "http.410", "http.422"})


@dataclass(frozen=True, slots=True)
class FhirSettings:
    """Where a FHIR system is and how it is called. Times in seconds. `url` is the base, its last slash optional."""

    url: str
    auth: Authorization | None = None
    tls: ssl.SSLContext | None = None
    concurrency: int = 8
    connect_timeout: float = 5.0
    response_timeout: float = 30.0


class FhirDestination:
    """One FHIR system."""

    def __init__(self, settings: FhirSettings, clock: Clock | None = None) -> None:
        self._url = settings.url.rstrip("/")
        self._clock = clock or SystemClock()
        self._client = HttpClient(
            HttpSettings(
                tls=settings.tls,
                auth=settings.auth,
                concurrency=settings.concurrency,
                connect_timeout=settings.connect_timeout,
                response_timeout=settings.response_timeout,
            )
        )
        self._known = Known(_KNOWN_MOST)
        self._turns = Turns()
        self._existence = Existence(self._client, self._url, _HEADERS)

    @property
    def idempotent(self) -> bool:
        """Resources are written by deterministic id or conditionally: the same Bundle again has no second effect."""
        return True

    async def start(self) -> None:
        """Make the connection pool; the system may be down."""
        self._client.open()

    async def stop(self) -> None:
        """Close connections."""
        await self._client.close()

    async def deliver(self, shipment: Shipment) -> Outcome:
        """One transaction. Delivered says how many resources were created, updated, left unchanged."""
        if MARK not in shipment.payload:
            return await self._send(shipment.payload)
        try:
            bundle = Bundle(shipment.payload)
        except (ValueError, RecursionError):
            return await self._send(shipment.payload)  # not ours to judge: the system says what is wrong with it
        return await self._deliver_settled(bundle)

    async def _deliver_settled(self, bundle: Bundle) -> Outcome:
        written = bundle.written()
        taken = await self._turns.take(written, self._known)
        try:
            mentions = bundle.mentions()
            recalled = frozenset([each for each in mentions if each in self._known])
            existing = await self._existing(mentions, recalled) if len(recalled) < len(mentions) else recalled
            if not isinstance(existing, frozenset):
                return existing
            outcome = await self._send_without(bundle, existing)
            if recalled and isinstance(outcome, Permanent) and outcome.code in _STALE_CODES:
                # What we remembered may have been deleted there since: ask, and only if so send once more.
                self._known.forget(mentions)
                fresh = await self._existing(mentions, frozenset())
                if isinstance(fresh, frozenset) and fresh != existing:
                    outcome = await self._send_without(bundle, fresh)
            if isinstance(outcome, Delivered):
                self._known.remember(written)
            elif not isinstance(outcome, Ambiguous) and outcome.code in ("http.409", "http.412"):
                self._known.forget(mentions)
            return outcome
        finally:
            self._turns.give_back(taken)

    async def _existing(self, mentions: tuple[str, ...], recalled: frozenset[str]) -> frozenset[str] | Outcome:
        unknown = [each for each in mentions if each not in recalled]
        found = await self._existence.ask(unknown)
        if isinstance(found, frozenset):
            self._known.remember(found)
            return recalled | found
        return _unsettled(found, self._clock.micros())

    async def _send_without(self, bundle: Bundle, existing: AbstractSet[str]) -> Outcome:
        payload = bundle.without(existing)
        if not payload:
            return Delivered(f"unchanged={len(existing)}")
        return await self._send(payload)

    async def _send(self, payload: bytes) -> Outcome:
        # A server that ignores Prefer sends all of it back, with versions and narrative added.
        limit = 1024 * 1024 + 4 * len(payload)
        response = await self._client.request("POST", self._url, _HEADERS, payload, limit)
        if isinstance(response, HttpFailure):
            return outcome_of_failure(response)
        methods: tuple[str, ...] = ()
        if b'POST"' in payload:  # only these leave open whether something was made
            methods = tuple(match.decode("ascii") for match in _METHOD.findall(payload))
        return outcome_of(response, methods, self._clock.micros())


def _unsettled(found: HttpResponse | HttpFailure, now: int) -> Outcome:
    """Reading failed: nothing happened there, whatever the response says of a write."""
    if isinstance(found, HttpFailure):
        return Transient(found.code, "while asking what exists", system_fault=found.fault)
    outcome = outcome_of(found, (), now)
    if isinstance(outcome, Ambiguous):
        return Transient(outcome.code, "while asking what exists")
    if isinstance(outcome, Delivered):
        return Transient("http.not_fhir", "while asking what exists")
    return outcome
