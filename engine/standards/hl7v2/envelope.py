"""Who sent what to whom: the header of a message, from its document or, cheaply, from its first bytes.

HL7 v2.5.1, 2.15.9.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.errors import InvalidMessage
from engine.message import Envelope, Party
from engine.standards.hl7v2.er7 import Er7Document

_MOST_HEADER_BYTES = 65_536
_LEADING = b"\x00\x0b\x1a\x1c \t\r\n\x0c\xef\xbb\xbf"


class Header(NamedTuple):
    """MSH as bytes: `fields[n]` is MSH-n, always at least 21 of them."""

    separator: bytes
    fields: list[bytes]


def header(raw: bytes) -> Header | None:
    """MSH of bytes that need not be a readable message; None where there is no MSH near their beginning.

    Looks at one line only, whatever follows.
    """
    if not raw.startswith(b"MSH"):
        raw = raw[:_MOST_HEADER_BYTES].lstrip(_LEADING)
        begin = raw[:1024].upper().find(b"MSH")
        if begin < 0:
            return None
        raw = raw[begin:]
    end = raw.find(b"\r", 0, _MOST_HEADER_BYTES)
    if end < 0:
        end = min(len(raw), _MOST_HEADER_BYTES)
    line_feed = raw.find(b"\n", 0, end)
    separator = raw[3:4]
    if not separator or separator.isalnum() or not b" " < separator < b"\x7f":
        return None
    fields = raw[: end if line_feed < 0 else line_feed].split(separator, 21)
    fields.insert(1, separator)
    if len(fields) < 22:
        fields += [b""] * (22 - len(fields))
    return Header(separator, fields)


def envelope_of(document: Er7Document) -> Envelope:
    """The envelope. `type` is `ADT^A01` from MSH-9.1 and MSH-9.2, or MSH-9.1 alone (`ORU`).

    A party is its facility (MSH-4, MSH-6), or else its application (MSH-3, MSH-5): the first component or else the
    universal id; `system` is the universal id where the identifier is the local name; `name` the application.

    Raises: InvalidMessage when MSH-9 or MSH-10 is empty.
    """
    fields = document.segments[0].fields
    if len(fields) < 21:
        fields = fields + [""] * (21 - len(fields))
    kind, event = _component(document, fields[9], 1), _component(document, fields[9], 2)
    if not kind:
        raise _missing("the message type is missing", 9)
    message_id = document.unescape(fields[10]).strip()
    if not message_id:
        raise _missing("the message control id is missing", 10)
    return Envelope(
        standard="hl7v2",
        message_id=message_id,
        type=f"{kind}^{event}" if event else kind,
        version=_component(document, fields[12], 1),
        sender=_party(document, fields[3], fields[4]),
        receiver=_party(document, fields[5], fields[6]),
        sent=_component(document, fields[7], 1),
        processing=_component(document, fields[11], 1),
        charset=document.charset,
        accept_ack=fields[15].strip(),
        application_ack=fields[16].strip(),
    )


def _missing(text: str, field: int) -> InvalidMessage:
    return InvalidMessage(text, code="hl7.required", place=f"MSH[1]-{field}", reject=True, standard_code="101")


def _party(document: Er7Document, application: str, facility: str) -> Party:
    name = _component(document, application, 1)
    stated = facility if facility.strip(document.separators.component + ' "') else application
    identifier, system = _component(document, stated, 1), _component(document, stated, 2)
    return Party(identifier or system, system if identifier else "", name)


def _component(document: Er7Document, field: str, number: int) -> str:
    """Text of a component of the first repetition, its first sub-component; null and blanks are empty."""
    if field.isalnum():
        # No separator, escape or blank can be in it.
        return field if number == 1 else ""
    separators = document.separators
    if separators.repetition:
        field = field.split(separators.repetition, 1)[0]
    parts = field.split(separators.component, number) if separators.component else [field]
    if len(parts) < number:
        return ""
    part = parts[number - 1]
    if separators.subcomponent:
        part = part.split(separators.subcomponent, 1)[0]
    text = document.unescape(part).strip()
    return "" if text == '""' else text
