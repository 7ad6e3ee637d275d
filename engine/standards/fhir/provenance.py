"""Where mapped resources come from: the Provenance and DocumentReference that go with every message.

Their ids come from channel and our message id (decision 11), so a retry writes them again and a new message never does.

Why: R4's `Attachment.hash` is SHA-1 and must be. The digest that counts is SHA-256; it stands as a second identifier in
RFC 6920 form (`ni:///sha-256;...`), in DocumentReference and in Provenance.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from engine.clock import as_datetime
from engine.message import Party
from engine.standards.fhir import Identity, Resource
from engine.standards.fhir.identity import URI

LARGEST_COPY = 8 * 1024 * 1024
"""An original above this many bytes is described by hash and size alone (decision 17)."""

_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")


@dataclass(frozen=True, slots=True)
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


def document_reference(origin: Origin, patient: str | None) -> Resource:
    """The message as received: a copy up to `LARGEST_COPY`, hash and size above. `patient` is a reference."""
    raw = origin.raw
    attachment: dict[str, object] = {"contentType": origin.content_type}
    if len(raw) <= LARGEST_COPY:
        attachment["data"] = binascii.b2a_base64(raw, newline=False).decode("ascii")
    attachment["size"] = len(raw)
    sha1 = hashlib.sha1(raw, usedforsecurity=False).digest()
    attachment["hash"] = binascii.b2a_base64(sha1, newline=False).decode("ascii")
    if not raw:
        del attachment["data"]
    resource: Resource = {
        "resourceType": "DocumentReference",
        "identifier": [{"system": URI, "value": _named_digest(origin)}],
        "status": "current",
    }
    if text := _text(origin.message_type):
        resource["type"] = {"text": text}
    if patient is not None:
        resource["subject"] = {"reference": patient}
    resource["date"] = _instant(origin.received)
    resource["content"] = [{"attachment": attachment}]
    return resource


def provenance(origin: Origin, targets: list[str], document: str | None) -> Resource:
    """Who sent what, what became of it, and by which mapping. `targets` and `document` are references."""
    what: dict[str, object] = {}
    if document is not None:
        what["reference"] = document
    if text := _text(origin.message_id):
        what["identifier"] = {"value": text}
    digest = {"identifier": {"system": URI, "value": _named_digest(origin)}}
    activity: dict[str, object] = {"coding": [{"system": _LIFECYCLE, "code": "transform"}]}
    if text := _text(origin.message_type):
        activity["text"] = text
    return {
        "resourceType": "Provenance",
        "target": [{"reference": target} for target in targets],
        "recorded": _instant(origin.received),
        "policy": [
            f"urn:x-budstikke:mapping:{_token(origin.mapping)}|{_token(origin.mapping_revision)}",
            f"urn:x-budstikke:revision:{_token(origin.revision)}",
        ],
        "activity": activity,
        "agent": [
            {"type": _participant("author"), "who": _party(origin.sender)},
            {"type": _participant("assembler"), "who": {"display": "Budstikke"}},
        ],
        "entity": [{"role": "source", "what": found} for found in (what, digest) if found],
    }


def _participant(code: str) -> dict[str, object]:
    return {"coding": [{"system": _PARTICIPANT, "code": code}]}


def _party(sender: Party) -> dict[str, object]:
    who: dict[str, object] = {}
    if value := _text(sender.identifier):
        who["identifier"] = {"system": sender.system, "value": value} if _is_uri(sender.system) else {"value": value}
    if name := _text(sender.name):
        who["display"] = name
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


def _named_digest(origin: Origin) -> str:
    return "ni:///sha-256;" + base64.urlsafe_b64encode(origin.sha256).decode("ascii").rstrip("=")


def _instant(micros: int) -> str:
    return as_datetime(micros).isoformat(timespec="milliseconds")[:-6] + "Z"
