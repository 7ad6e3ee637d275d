"""Where mapped resources come from: the Provenance and DocumentReference that go with every message.

Their ids come from channel and our message id (decision 11), so a retry writes them again and a new message never does.

Most of it is the same for every message of one sender, type and mapping, and is made once (`shared`).

Why: R4's `Attachment.hash` is SHA-1 and must be. The digest that counts is SHA-256; it stands as a second identifier in
RFC 6920 form (`ni:///sha-256;...`), in DocumentReference and in Provenance.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from engine.clock import as_datetime
from engine.message import Party
from engine.standards.fhir import Identity, Resource
from engine.standards.fhir.identity import URI
from engine.standards.fhir.shared import share

LARGEST_COPY = 8 * 1024 * 1024
"""An original above this many bytes is described by hash and size alone (decision 17)."""

_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
_KEPT = 512
"""Senders, mappings and message types of which what Provenance says is kept. It is shared: nobody changes it."""
_LONGEST = 400
"""A sender that calls itself by more than this is not kept."""


@dataclass(slots=True)
class Origin:
    """The message that resources were made from, and by what.

    `message` is our id, `message_id` the sender's; `received` is micros since 1970 UTC; `revision` is the config's.
    """

    channel: str
    message: str
    message_id: str
    message_type: str
    sender: Party
    mapping: str
    mapping_revision: str
    revision: str
    sha256: bytes
    received: int
    raw: bytes
    content_type: str
    include_original: bool


def origin_identity(origin: Origin) -> Identity:
    """What both resources' ids are made of; the type keeps them apart."""
    return Identity("urn:x-budstikke:message", f"{origin.channel}|{origin.message}", derived=True)


def document_reference(origin: Origin, patient: str | None, digest: str, when: str) -> Resource:
    """The message as received: a copy up to `LARGEST_COPY`, hash and size above. `patient` is a reference.

    `digest` and `when` are `named_digest` and `instant` of the origin; the `id` is left to rendering.
    """
    raw = origin.raw
    attachment: dict[str, object] = {"contentType": origin.content_type}
    if 0 < len(raw) <= LARGEST_COPY:
        attachment["data"] = binascii.b2a_base64(raw, newline=False).decode("ascii")
    attachment["size"] = len(raw)
    sha1 = hashlib.sha1(raw, usedforsecurity=False).digest()
    attachment["hash"] = binascii.b2a_base64(sha1, newline=False).decode("ascii")
    resource: Resource = {
        "resourceType": "DocumentReference",
        "id": "",
        "identifier": [{"system": URI, "value": digest}],
        "status": "current",
    }
    if kind := _kind(origin.message_type):
        resource["type"] = kind
    if patient is not None:
        resource["subject"] = {"reference": patient}
    resource["date"] = when
    resource["content"] = [{"attachment": attachment}]
    return resource


def provenance(origin: Origin, targets: list[str], document: str | None, digest: str, when: str) -> Resource:
    """Who sent what, what became of it, and by which mapping. `targets` and `document` are references.

    `digest`, `when` and the `id`: as for `document_reference`.
    """
    what: dict[str, object] = {}
    if document is not None:
        what["reference"] = document
    if text := _text(origin.message_id):
        what["identifier"] = {"value": text}
    entity: list[dict[str, object]] = [{"role": "source", "what": {"identifier": {"system": URI, "value": digest}}}]
    if what:
        entity.insert(0, {"role": "source", "what": what})
    return {
        "resourceType": "Provenance",
        "id": "",
        "target": [{"reference": target} for target in targets],
        "recorded": when,
        "policy": _policy(origin.mapping, origin.mapping_revision, origin.revision),
        "activity": _activity(origin.message_type),
        "agent": _agents(origin.sender),
        "entity": entity,
    }


@lru_cache(maxsize=_KEPT)
def _policy(mapping: str, mapping_revision: str, revision: str) -> list[str]:
    return [
        f"urn:x-budstikke:mapping:{_token(mapping)}|{_token(mapping_revision)}",
        f"urn:x-budstikke:revision:{_token(revision)}",
    ]


@lru_cache(maxsize=_KEPT)
def _kind(message_type: str) -> dict[str, object] | None:
    text = _text(message_type)
    said: dict[str, object] = {"text": text}
    return share(said) if text else None


@lru_cache(maxsize=_KEPT)
def _activity(message_type: str) -> dict[str, object]:
    activity: dict[str, object] = {"coding": [{"system": _LIFECYCLE, "code": "transform"}]}
    return share({**activity, **(_kind(message_type) or {})})


def _agents(sender: Party) -> list[dict[str, object]]:
    texts = (sender.identifier, sender.system, sender.name)
    return _agents_of(*texts) if sum(map(len, texts)) <= _LONGEST else _agents_of.__wrapped__(*texts)


@lru_cache(maxsize=_KEPT)
def _agents_of(identifier: str, system: str, name: str) -> list[dict[str, object]]:
    author: dict[str, object] = {"type": _participant("author"), "who": _party(identifier, system, name)}
    return share([author, {"type": _participant("assembler"), "who": {"display": "Budstikke"}}])


def _participant(code: str) -> dict[str, object]:
    return {"coding": [{"system": _PARTICIPANT, "code": code}]}


def _party(identifier: str, system: str, name: str) -> dict[str, object]:
    who: dict[str, object] = {}
    if value := _text(identifier):
        who["identifier"] = {"system": system, "value": value} if _is_uri(system) else {"value": value}
    if display := _text(name):
        who["display"] = display
    return who or {"display": "sender not named"}


def _is_uri(text: str) -> bool:
    return _ABSOLUTE.fullmatch(text) is not None


def _text(text: str) -> str:
    """A sender's text as a FHIR string: no control characters, not blank."""
    if text.isprintable():
        return text.strip()
    return "".join(mark if mark.isprintable() else " " for mark in text).strip()


def _token(text: str) -> str:
    return "".join(text.split()) or "unknown"


def named_digest(sha256: bytes) -> str:
    """A SHA-256 as a name. RFC 6920, 3."""
    return "ni:///sha-256;" + base64.urlsafe_b64encode(sha256).decode("ascii").rstrip("=")


def instant(micros: int) -> str:
    """A stored time as a FHIR instant, UTC, milliseconds."""
    return f"{_second(micros // 1_000_000)}.{micros // 1000 % 1000:03}Z"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return as_datetime(seconds * 1_000_000).isoformat()[:19]
