"""A web address takes messages: the bytes as they are, POST, and the response read into an outcome.

Any 2xx is delivered. Where an HL7 v2 message is answered with an acknowledgement of its own id, that is the answer: a
receiver that says 200 to everything must not be credited for a refusal.
RFC 9110, 15; decision 18 (classes of failure).
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from engine.clock import Clock, SystemClock
from engine.delivery import Ambiguous, Delivered, Outcome
from engine.destinations import Shipment
from engine.standards.hl7v2.acknowledged import acknowledged, message_id
from engine.transport.hl7_outcome import outcome_of_acknowledgement
from engine.transport.http import Authorization, HttpClient, HttpFailure, HttpResponse, HttpSettings
from engine.transport.http_outcome import outcome_of_failure, outcome_of_status

MESSAGE_ID = "X-Message-Id"
"""The header that names a delivery; the same over its retries, so that a receiver can know a repeat."""
_RESPONSE_LIMIT = 1024 * 1024
_RIGHTS = {401: "credentials are not taken", 403: "no right to send", 404: "nothing takes messages at this address"}
_CODE = re.compile(r"(?!.*\d{5})[A-Za-z][A-Za-z0-9_.-]{0,59}")


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """Where messages go and how. Times in seconds.

    `content_type` replaces that of the message where it is set; `headers` go along as they are. `idempotent`: the
    receiver knows a repeat by the value of `message_id_header`, so that sending twice is harmless.
    """

    url: str
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    message_id_header: str = MESSAGE_ID
    idempotent: bool = False
    auth: Authorization | None = None
    tls: ssl.SSLContext | None = None
    concurrency: int = 4
    connect_timeout: float = 5.0
    response_timeout: float = 30.0


class HttpDestination:
    """One web address."""

    def __init__(self, target: HttpTarget, clock: Clock | None = None) -> None:
        self._target = target
        self._clock = clock or SystemClock()
        self._client = HttpClient(
            HttpSettings(
                tls=target.tls,
                auth=target.auth,
                concurrency=target.concurrency,
                connect_timeout=target.connect_timeout,
                response_timeout=target.response_timeout,
            )
        )

    @property
    def idempotent(self) -> bool:
        """Only where the config says so."""
        return self._target.idempotent

    async def start(self) -> None:
        """Make the connection pool; the receiver may be down."""
        self._client.open()

    async def stop(self) -> None:
        """Close connections."""
        await self._client.close()

    async def deliver(self, shipment: Shipment) -> Outcome:
        """One POST."""
        target = self._target
        headers = {
            "Content-Type": target.content_type or shipment.content_type,
            target.message_id_header: shipment.reference or shipment.message,
            **target.headers,
        }
        response = await self._client.request("POST", target.url, headers, shipment.payload, _RESPONSE_LIMIT)
        if isinstance(response, HttpFailure):
            return outcome_of_failure(response)
        return outcome_of(response, shipment.payload, self._clock.micros())


def outcome_of(response: HttpResponse, sent: bytes, now: int) -> Outcome:
    """The outcome of sending these bytes. `now` is wall time in micros, for a Retry-After that names a date."""
    status = response.status
    good = 200 <= status < 300
    if good and response.cut:
        return Ambiguous("http.too_long", "the response was longer than we read")
    if good or (status >= 500 and status != 503):
        answer = _own_acknowledgement(response.body, sent)
        if answer is not None:
            return answer
    if good:
        return Delivered(str(status))
    return outcome_of_status(response, now, _code(response), _RIGHTS.get(status, ""))


def _own_acknowledgement(body: bytes, sent: bytes) -> Outcome | None:
    """What an acknowledgement in the response says, None where there is none or HL7 v2 was not sent."""
    if not message_id(sent) or acknowledged(body) is None:
        return None
    return outcome_of_acknowledgement(body, sent)


def _code(response: HttpResponse) -> str:
    """The code of a problem (RFC 9457), where it is a plain word. Nothing else is kept: texts may quote the message."""
    if not response.headers.get("content-type", "").startswith("application/problem+json"):
        return ""
    try:
        tree = orjson.loads(response.body)
    except ValueError:
        return ""
    code = tree.get("code") if isinstance(tree, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""
