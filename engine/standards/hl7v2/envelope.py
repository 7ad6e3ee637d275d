"""Who sent what to whom: the header of a message, from its document or, cheaply, from its first bytes.

HL7 v2.5.1, 2.15.9.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from engine.errors import InvalidMessage
from engine.message import Envelope, Party
from engine.standards import Charset
from engine.standards.hl7v2.er7 import Er7Document, read, text_of
from engine.standards.hl7v2.escapes import unescape
from engine.standards.hl7v2.lines import names_segment
from engine.standards.hl7v2.separators import USUAL, Separators

_MOST_HEADER_BYTES = 65_536
_MOST_PEEKED = 131_072
_MOST_REMEMBERED = 1_000
_USUAL_START = b"MSH|^~\\&|"
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
    return _envelope(document.segments[0].fields, document.separators, document.charset)


def peek(raw: bytes, charset: Charset) -> Envelope:
    """The envelope of a message that is not read further. Raises: InvalidMessage, as reading it would.

    Why: the answer after storing needs no more, and reading is half its cost. Whatever could make the header anything
    but the text up to the first CR is read whole.
    """
    if not raw.startswith(_USUAL_START) or b"\n" in raw or len(raw) > _MOST_PEEKED:
        return envelope_of(read(raw, charset))
    text, codec = text_of(raw, charset, [])
    end = text.find("\r")
    following = text[end + 1 : end + 5]
    if following and end >= 0 and not (following[3:] == "|" and following.isupper() and names_segment(following[:3])):
        return envelope_of(read(raw, charset))
    fields = (text[:end] if end >= 0 else text).split("|", 21)
    fields.insert(1, "|")
    return _envelope(fields, USUAL, codec)


def _envelope(fields: list[str], separators: Separators, charset: str) -> Envelope:
    if len(fields) < 21:
        fields = fields + [""] * (21 - len(fields))
    stable = fields[3], fields[4], fields[5], fields[6], fields[9], fields[11], fields[12], fields[15], fields[16]
    read_once = _stable if sum(map(len, stable)) < _MOST_REMEMBERED else _stable.__wrapped__
    type_, version, sender, receiver, processing, accept_ack, application_ack = read_once(stable, separators, charset)
    if not type_:
        raise _missing("the message type is missing", 9)
    message_id = unescape(fields[10], separators, charset).strip()
    if not message_id:
        raise _missing("the message control id is missing", 10)
    return Envelope(
        "hl7v2",
        message_id,
        type_,
        version,
        sender,
        receiver,
        _component(fields[7], 1, separators, charset),
        "",
        processing,
        charset,
        accept_ack,
        application_ack,
    )


@lru_cache(maxsize=512)
def _stable(
    fields: tuple[str, ...], separators: Separators, charset: str
) -> tuple[str, str, Party, Party, str, str, str]:
    """What one sender's messages of one type have in common: looked up instead of read again for each of them."""
    application, facility, to_application, to_facility, type_, processing, version, accept, application_accept = fields
    kind, event = (_component(type_, number, separators, charset) for number in (1, 2))
    return (
        f"{kind}^{event}" if kind and event else kind,
        _component(version, 1, separators, charset),
        _party(application, facility, separators, charset),
        _party(to_application, to_facility, separators, charset),
        _component(processing, 1, separators, charset),
        accept.strip(),
        application_accept.strip(),
    )


def _missing(text: str, field: int) -> InvalidMessage:
    return InvalidMessage(text, code="hl7.required", place=f"MSH[1]-{field}", reject=True, standard_code="101")


def _party(application: str, facility: str, separators: Separators, charset: str) -> Party:
    name = _component(application, 1, separators, charset)
    stated = facility if facility.strip(separators.component + ' "') else application
    identifier, system = (_component(stated, number, separators, charset) for number in (1, 2))
    return Party(identifier or system, system if identifier else "", name)


def _component(field: str, number: int, separators: Separators, charset: str) -> str:
    """Text of a component of the first repetition, its first sub-component; null and blanks are empty."""
    if field.isalnum():
        # No separator, escape or blank can be in it.
        return field if number == 1 else ""
    if separators.repetition:
        field = field.split(separators.repetition, 1)[0]
    parts = field.split(separators.component, number) if separators.component else [field]
    if len(parts) < number:
        return ""
    part = parts[number - 1]
    if separators.subcomponent:
        part = part.split(separators.subcomponent, 1)[0]
    text = unescape(part, separators, charset).strip()
    return "" if text == '""' else text
