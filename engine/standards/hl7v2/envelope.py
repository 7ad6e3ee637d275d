"""Who sent what to whom: the header of a message, from its document or, cheaply, from its first bytes.

HL7 v2.5.1, 2.15.9.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from engine.errors import InvalidMessage
from engine.message import Envelope, Party
from engine.standards import Charset
from engine.standards.hl7v2.charset import codec_named, decode
from engine.standards.hl7v2.er7 import Er7Document, read
from engine.standards.hl7v2.escapes import unescape
from engine.standards.hl7v2.separators import USUAL, Separators

_MOST_HEADER_BYTES = 65_536
_MOST_PEEKED = 131_072
_MOST_REMEMBERED = 65_536
_MOST_HEADER_REMEMBERED = 1_000
_USUAL_START = b"MSH|^~\\&|"
_CONTINUES = re.compile(rb"(?!(?:[A-Z][A-Z0-9]{2}|[a-z][a-z0-9]{2})\|)")
"""A line that may belong to the field before it."""
_LEADING = b"\x00\x0b\x1a\x1c \t\r\n\x0c\xef\xbb\xbf"


class Header(NamedTuple):
    """MSH as bytes: `fields[n]` is MSH-n, always at least 21 of them. `short` when it is worth remembering."""

    separator: bytes
    fields: tuple[bytes, ...]
    short: bool = True


def header(raw: bytes) -> Header | None:
    """MSH of bytes that need not be a readable message; None where there is no MSH near their beginning.

    Looks at one line only, whatever follows.
    """
    return _header(raw) if len(raw) < _MOST_REMEMBERED else _header.__wrapped__(raw)


@lru_cache(maxsize=2)
def _header(raw: bytes) -> Header | None:
    """Remembered for a moment: who peeks at a message acknowledges it next."""
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
    end = end if line_feed < 0 else line_feed
    fields = raw[:end].split(separator, 21)
    fields.insert(1, separator)
    if len(fields) < 22:
        fields += [b""] * (22 - len(fields))
    return Header(separator, tuple(fields), end < _MOST_HEADER_REMEMBERED)


def envelope_of(document: Er7Document) -> Envelope:
    """The envelope. `type` is `ADT^A01` from MSH-9.1 and MSH-9.2, or MSH-9.1 alone (`ORU`).

    A party is its facility (MSH-4, MSH-6), or else its application (MSH-3, MSH-5): the first component or else the
    universal id; `system` is the universal id where the identifier is the local name; `name` the application.

    Raises: InvalidMessage when MSH-9 or MSH-10 is empty.
    """
    fields, separators, charset = document.segments[0].fields, document.separators, document.charset
    if len(fields) < 21:
        fields = fields + [""] * (21 - len(fields))
    stable = fields[3], fields[4], fields[5], fields[6], fields[9], fields[11], fields[12], fields[15], fields[16]
    look = _stable if len(document.segments[0].raw) < _MOST_HEADER_REMEMBERED else _stable.__wrapped__
    return _envelope(look(stable, separators, charset), fields[10], fields[7], separators, charset)


def peek(raw: bytes, charset: Charset) -> Envelope:
    """The envelope of a message that is not read further. Raises: InvalidMessage, as reading it would.

    Why: the answer after storing needs no more, and reading is half its cost. Whatever could make the header anything
    but the bytes up to the first CR is read whole.
    """
    if not raw.startswith(_USUAL_START) or len(raw) > _MOST_PEEKED or b"\n" in raw or b"\x00" in raw:
        return envelope_of(read(raw, charset))
    known = header(raw)
    end = raw.find(b"\r")
    following = raw[end + 1 : end + 5] if end >= 0 else b""
    if known is None or (following and _CONTINUES.match(following)):
        return envelope_of(read(raw, charset))
    codec = _codec(raw, known.fields[18], charset)
    if not codec:
        return envelope_of(read(raw, charset))
    fields = known.fields
    stable = fields[3], fields[4], fields[5], fields[6], fields[9], fields[11], fields[12], fields[15], fields[16]
    look = _stable if known.short else _stable.__wrapped__
    return _envelope(look(stable, USUAL, codec), fields[10].decode(codec), fields[7].decode(codec), USUAL, codec)


def _codec(raw: bytes, claim: bytes, charset: Charset) -> str:
    """The codec that reading would choose; "" for one in which a separator's byte may be part of a letter."""
    name = claim.split(b"~", 1)[0].decode("ascii", "replace").strip()
    if raw.isascii():
        codec = codec_named(name)
        return "" if codec.startswith("iso2022") else codec if codec and not codec.startswith("utf-") else "utf-8"
    codec = decode(raw, name, charset, [])[1]
    return codec if codec.startswith(("utf-8", "iso8859", "cp1252")) else ""


def _envelope(
    stable: tuple[str, str, Party, Party, str, str, str], id_: str, time: str, separators: Separators, charset: str
) -> Envelope:
    type_, version, sender, receiver, processing, accept_ack, application_ack = stable
    if not type_:
        raise _missing("the message type is missing", 9)
    message_id = unescape(id_, separators, charset).strip()
    if not message_id:
        raise _missing("the message control id is missing", 10)
    sent = time if time.replace("+", "0").isalnum() else _component(time, 1, separators, charset)
    return Envelope(
        "hl7v2", message_id, type_, version, sender, receiver, sent, "", processing, charset, accept_ack,
        application_ack,
    )  # fmt: skip


@lru_cache(maxsize=512)
def _stable(
    fields: tuple[bytes, ...] | tuple[str, ...], separators: Separators, charset: str
) -> tuple[str, str, Party, Party, str, str, str]:
    """What one sender's messages of one type have in common: looked up instead of read again for each of them."""
    texts = [field if isinstance(field, str) else field.decode(charset) for field in fields]
    application, facility, to_application, to_facility, type_, processing, version, accept, application_accept = texts
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
