"""Replay and retry of one message (decision 16): replay maps the stored original anew, retry sends the same bytes.

Both are a person's decision: they are audited with actor and reason, and a running engine sees them in the store.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.channels.arriving import settled
from engine.channels.judge import judge
from engine.channels.revision import Plan
from engine.delivery import State
from engine.errors import EngineError
from engine.message import Received, Reception
from engine.store import AuditEntry, MessageDetail, Store, VerdictRow


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay or retry did: the newer verdict where there is one, and the deliveries concerned."""

    message: str
    verdict: VerdictRow | None
    deliveries: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """Who decided, when (micros) and why."""

    actor: str
    at: int
    reason: str


def audited(person: Person, action: str, subject: str) -> AuditEntry:
    """The audit entry of a decision."""
    return AuditEntry(person.at, person.actor, action, subject, person.reason)


def _found(store: Store, message: str) -> MessageDetail:
    detail = store.message(message)
    if detail is None:
        raise EngineError("no message with that id; `budstikke messages list` shows them", code="replay.unknown")
    return detail


def preview(
    store: Store, plans: Mapping[str, Plan], message: str
) -> tuple[MessageDetail, VerdictRow, tuple[bytes, ...]]:
    """What a replay would do now, without doing it: the verdict and the bytes that would be sent."""
    detail = _found(store, message)
    plan = plans.get(detail.row.channel)
    if plan is None:
        raise EngineError("its channel is not in this config", code="replay.channel", place=detail.row.channel)
    verdict, _ = settled(judge(_received(store, detail), plan), store)
    assert verdict.row is not None
    return detail, verdict.row, tuple(delivery.payload for delivery in verdict.deliveries)


def replay(store: Store, plans: Mapping[str, Plan], message: str, person: Person) -> Replayed:
    """Judge the original anew with today's config and make new deliveries. A refusal becomes the newer verdict.

    Raises: EngineError when the message or its channel is unknown; StoreError.
    """
    detail = _found(store, message)
    plan = plans.get(detail.row.channel)
    if plan is None:
        raise EngineError("its channel is not in this config", code="replay.channel", place=detail.row.channel)
    verdict, settles = settled(judge(_received(store, detail), plan), store)
    assert verdict.row is not None
    number = len(detail.verdicts)
    anew = [dataclasses.replace(new, reference=f"{new.reference}-r{number}") for new in verdict.deliveries]
    result = store.route(detail.row.id, verdict.row, anew, verdict.owes, settles).wait()
    store.audit(audited(person, "replay", detail.row.id)).wait()
    return Replayed(detail.row.id, verdict.row, tuple(id for id in result.deliveries if id))


def retry(store: Store, message: str, destinations: Sequence[str], person: Person) -> Replayed:
    """Send the same bytes again now: every parked or dead delivery of the message, or those to `destinations`.

    Raises: EngineError when there is none; StoreError.
    """
    detail = _found(store, message)
    stuck = [
        row.id
        for row in detail.deliveries
        if row.state in (State.PARKED, State.DEAD_LETTER) and (not destinations or row.destination in destinations)
    ]
    if not stuck:
        raise EngineError("nothing of it is parked or given up; replay maps it anew", code="retry.nothing")
    done = tuple(id for id in stuck if store.retry(id, person.at).wait())
    store.audit(audited(person, "retry", detail.row.id)).wait()
    return Replayed(detail.row.id, None, done)


def _received(store: Store, detail: MessageDetail) -> Received:
    row = detail.row
    return Received(row.id, store.original(row.id), row.received, Reception(row.channel, peer=detail.peer))
