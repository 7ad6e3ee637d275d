"""Contract values to column values and back; the same for every SQL store.

Envelopes and issues are JSON arrays in the order of their fields: a third of the bytes of objects, and half the time.
A field may be added at an end with a default; none may move.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from engine.delivery import State
from engine.message import Envelope, Issue, Party, Severity
from engine.store import Acceptance, DeliveryRow, MessageRow, NewDelivery, Settlement, VerdictRow

_LOCKED = 2047
"""The most bytes that hashlib takes without giving the interpreter lock away."""

_WIDEST = 1 << 63
_UNJUDGED = (None, None, None, None, None)


class Mapped(NamedTuple):
    """A new delivery made ready to insert: columns after `channel` up to `payload`, and its keys and identities; its
    bytes or the file they stand in."""

    destination: str
    columns: tuple[object, ...]
    keys: tuple[str, str]
    body: bytes
    sha256: bytes
    claim: bytes = b""
    file: str | None = None


class Intake(NamedTuple):
    """An acceptance made ready to insert: columns after `seq` and `payload`, the verdict's among them."""

    message: str
    identity: bytes | None
    expires: int
    received: int
    sha256: bytes
    answer: bytes
    columns: tuple[object, ...]
    judged: bool
    mapped: tuple[Mapped, ...]
    channel: str
    body: bytes
    owes: bool = False
    settles: tuple[Settlement, ...] = ()
    file: str | None = None


class Routing(NamedTuple):
    """A verdict for a stored message, made ready to insert."""

    message: str
    verdict: tuple[object, ...] | None
    mapped: tuple[Mapped, ...]
    owes: bool = False
    settles: tuple[Settlement, ...] = ()


def write_envelope(envelope: Envelope) -> bytes:
    e, s, r = envelope, envelope.sender, envelope.receiver
    return orjson.dumps(
        (
            e.standard,
            e.message_id,
            e.type,
            e.version,
            (s.identifier, s.system, s.name),
            (r.identifier, r.system, r.name),
            e.sent,
            e.conversation,
            e.processing,
            e.charset,
            e.accept_ack,
            e.application_ack,
        )
    )


def read_envelope(stored: bytes | None) -> Envelope | None:
    if stored is None:
        return None
    standard, message_id, kind, version, sender, receiver, *rest = orjson.loads(stored)
    return Envelope(standard, message_id, kind, version, Party(*sender), Party(*receiver), *rest)


def write_issues(issues: Sequence[Issue]) -> bytes | None:
    if not issues:
        return None
    return orjson.dumps([(i.severity, i.code, i.text, i.place, i.standard_code, i.rule, i.hint) for i in issues])


def read_issues(stored: bytes | None) -> tuple[Issue, ...]:
    if stored is None:
        return ()
    return tuple(Issue(Severity(severity), *rest) for severity, *rest in orjson.loads(stored))


def verdict_columns(verdict: VerdictRow) -> tuple[object, ...]:
    return (verdict.revision, verdict.state, verdict.reason, write_issues(verdict.issues), verdict.route)


def read_verdict(row: Sequence[object]) -> VerdictRow:
    revision, state, reason, issues, route = row
    return VerdictRow(str(revision), str(state), str(reason), read_issues(issues), str(route))  # type: ignore[arg-type]


def _sha256(content: bytes) -> bytes:
    """Of small content in pieces for which hashlib keeps the interpreter lock: giving it away between two threads
    costs more than the hash."""
    if len(content) > _LOCKED * 16:
        return hashlib.sha256(content).digest()
    digest = hashlib.sha256(content[:_LOCKED])
    for start in range(_LOCKED, len(content), _LOCKED):
        digest.update(content[start : start + _LOCKED])
    return digest.digest()


def _listed(keys: Sequence[int]) -> str:
    """Numbers with commas, each once. Raises: ValueError above 63 bits."""
    if any(not -_WIDEST <= key < _WIDEST for key in keys):
        raise ValueError("a key has more than 63 bits")
    return ",".join(map(str, dict.fromkeys(keys)))


def mapped(new: NewDelivery) -> Mapped:
    """Raises: TypeError, ValueError when a value cannot be stored."""
    digest = _sha256(new.payload)
    keys = (_listed(new.keys), _listed(new.identities))
    columns = (
        new.system,
        "ready",
        new.due,
        0,
        "",
        0,
        "",
        "",
        new.reference,
        1 if new.required else 0,
        new.content_type,
        digest,
        len(new.payload),
        new.confirm_by,
    )
    return Mapped(new.destination, columns, keys, new.payload, digest, new.claim)


def intake(a: Acceptance) -> Intake:
    """Raises: TypeError, ValueError when a value cannot be stored."""
    if len(a.deliveries) > 999:
        raise ValueError("a message can have 999 deliveries")
    e = a.envelope
    if e is None:
        kind = message_id = sender = ""
        envelope = None
    else:
        kind, message_id, sender = e.type, e.message_id, e.sender.identifier
        envelope = write_envelope(e)
    columns = (
        a.message,
        a.channel,
        a.standard,
        a.received,
        a.peer,
        a.certificate,
        a.sha256,
        len(a.raw),
        kind,
        message_id,
        sender,
        envelope,
        a.answer,
        a.replay_of,
        a.identity,
        a.identity_expires,
        *(_UNJUDGED if a.verdict is None else verdict_columns(a.verdict)),
    )
    return Intake(
        a.message,
        a.identity,
        a.identity_expires,
        a.received,
        a.sha256,
        a.answer,
        columns,
        a.verdict is not None,
        tuple(map(mapped, a.deliveries)) if a.deliveries else (),
        a.channel,
        a.raw,
        a.owes,
        a.settles,
    )


def read_delivery(row: Sequence[object]) -> DeliveryRow:
    """A row of the queries that select `DELIVERY_COLUMNS`: keys and identities as lists of numbers with commas."""
    values = list(row)
    values[6] = State(str(values[6]))
    for place in (10, 11):
        values[place] = tuple(map(int, str(values[place]).split(","))) if values[place] else ()
    values[14] = bool(values[14])
    return DeliveryRow(*values)  # type: ignore[arg-type]


def read_message(row: Sequence[object]) -> MessageRow:
    return MessageRow(*row)  # type: ignore[arg-type]
