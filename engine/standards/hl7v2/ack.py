"""Acknowledgements: the answer to one message, made from its header alone.

Their MSH-3..6 turned round, MSA-2 their MSH-10 byte for byte, their encoding characters, processing id, version and
charset; ERR in the form of their version. MAPPING 3, items 14 and 15.

Why: only one line of the message is looked at, so that a message which cannot be read, or was too long to keep, gets an
answer too, and every answer costs microseconds.

HL7 v2.5.1, 2.9.2 (original mode), 2.9.3 (enhanced mode), 2.15.5 (ERR), 2.15.8 (MSA); tables 0008, 0155, 0357, 0516.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import NamedTuple

from engine.errors import InvalidMessage
from engine.message import Answer, AnswerKind, Issue, Severity
from engine.standards.hl7v2.charset import byte_order_mark, codec_named
from engine.standards.hl7v2.envelope import Header, header
from engine.standards.hl7v2.escapes import escape
from engine.standards.hl7v2.separators import USUAL, Separators, separators_of

_CODES = {AnswerKind.ACCEPT: "A", AnswerKind.ERROR: "E", AnswerKind.REJECT: "R"}
_SEVERITIES = {Severity.ERROR: "E", Severity.WARNING: "W", Severity.NOTE: "I"}
_MOST_ISSUES = 100
_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})(?:\[(\d+)\])?(?:-(\d+)(?:\[(\d+)\])?(?:\.(\d+)(?:\.(\d+))?)?)?")
_DEFAULT_VERSION = b"2.5.1"

CONDITIONS = {
    "0": "Message accepted",
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "104": "Value too long",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}
"""HL7 table 0357."""


def acknowledge(raw: bytes, answer: Answer, control_id: str, micros: int) -> bytes:
    """The acknowledgement of `raw`, segments ended by CR, in the sender's character set.

    Empty bytes for an acknowledgement, which is never acknowledged. Whether MSH-15 and MSH-16 want this one is the
    channel's to ask: an answer that is not sent is stored all the same.
    """
    mark, codec = (b"", "") if raw.startswith(b"MSH") else byte_order_mark(raw)
    if len(mark) > 1 and codec != "utf-8":
        narrow = raw[len(mark) :][:65_536].decode(codec, "ignore").encode()
        reply = acknowledge(narrow, answer, control_id, micros)
        return mark + reply.decode("utf-8", "replace").encode(codec) if reply else b""
    theirs = header(raw) or Header(b"|", (b"MSH", b"|", b"^~\\&", *[b""] * 19))
    fields = theirs.fields
    stable = (*fields[1:7], fields[9], fields[11], fields[12], fields[18])
    frame = _frame(stable) if theirs.short else _frame.__wrapped__(stable)
    if fields[9][:3].upper() in (b"ACK", b"MCF"):
        return b""
    return _written(frame, fields[10], answer, control_id, micros)


class _Frame(NamedTuple):
    """What the answers to one sender have in common: MSH up to its time, up to its id, and from there on."""

    separators: Separators
    version: bytes
    codec: str
    start: bytes
    middle: bytes
    end: bytes


@lru_cache(maxsize=512)
def _frame(stable: tuple[bytes, ...]) -> _Frame:
    """MSH of the answers, from MSH-1 to MSH-6, MSH-9, MSH-11, MSH-12 and MSH-18 of theirs. Remembered: most repeat."""
    bar, encoding, application, facility, to_application, to_facility, type_, processing, stated, charset = stable
    separators = _separators(bar, encoding)
    if separators is None:
        # Encoding characters that separate nothing: the fields can be told apart all the same.
        usual = [mark for mark in USUAL[1:5] if mark.encode() != bar]
        separators = Separators(bar.decode(), *(usual if len(usual) == 4 else "!@%*"))
        encoding = "".join(separators[1:5]).encode()
    component = separators.component.encode()
    version = stated.split(component, 1)[0].strip() or _DEFAULT_VERSION
    kind = type_.split(component, 2)
    event = kind[1].strip() if len(kind) > 1 else b""
    own = component.join((b"ACK", event, b"ACK")) if event and version >= b"2.4" else b"ACK"
    end = [b"", processing or b"P", stated or version]
    if charset:
        end += [b"", b"", b"", b"", b"", charset]
    return _Frame(
        separators,
        version,
        codec_named(charset.decode("ascii", "replace")) or "utf-8",
        bar.join((b"MSH", encoding, to_application, to_facility, application, facility, b"")),
        bar.join((b"", b"", own, b"")),
        bar.join(end),
    )


def _written(frame: _Frame, message_id: bytes, answer: Answer, control_id: str, micros: int) -> bytes:
    separators, version, codec, start, middle, end = frame
    bar = separators.field
    own_id = control_id if control_id.isalnum() else escape(control_id, separators)
    msh = start + _stamp(micros // 1_000_000) + middle + own_id.encode(codec, "replace") + end
    msa = (f"MSA{bar}C" if answer.commit else f"MSA{bar}A") + _CODES[answer.kind] + bar
    issues = answer.issues[:_MOST_ISSUES] or _stated(answer)
    lines = [msh, msa.encode() + message_id]
    if version >= b"2.5":
        lines += [_err(issue, separators).encode(codec, "replace") for issue in issues]
    else:
        text = answer.text or next((issue.text for issue in issues), "")
        if text:
            lines[1] += (bar + escape(text[:80], separators)).encode(codec, "replace")
        located = [_err_before_2_5(issue, separators) for issue in issues]
        if located:
            repetition = separators.repetition or "~"
            lines.append(("ERR" + bar + repetition.join(located)).encode(codec, "replace"))
    lines.append(b"")
    return b"\r".join(lines)


def _stated(answer: Answer) -> tuple[Issue, ...]:
    """A refusal without issues still says why in ERR."""
    if answer.kind is AnswerKind.ACCEPT or not answer.text:
        return ()
    return (Issue(Severity.ERROR, "", answer.text, standard_code="207"),)


def _err(issue: Issue, separators: Separators) -> str:
    """ERR of 2.5 and later: location, condition, severity, our code, what to do, what is wrong."""
    component = separators.component
    location = component.join(_location(issue.place))
    return separators.field.join(
        (
            "ERR", "", location, _condition(issue, separators, component), _SEVERITIES[issue.severity],
            f"{escape(issue.code, separators)}{component}{component}L" if issue.code else "", "",
            escape(issue.hint, separators), escape(issue.text, separators),
        )
    )  # fmt: skip


def _err_before_2_5(issue: Issue, separators: Separators) -> str:
    """One repetition of ERR-1: segment, sequence, field, condition as sub-components."""
    location = (*_location(issue.place), "", "", "")[:3]
    return separators.component.join((*location, _condition(issue, separators, separators.subcomponent or " ")))


def _condition(issue: Issue, separators: Separators, between: str) -> str:
    code = issue.standard_code or ("207" if issue.severity is Severity.ERROR else "0")
    return between.join((code, escape(CONDITIONS.get(code, ""), separators), "HL70357"))


@lru_cache(maxsize=1024)
def _location(place: str) -> tuple[str, ...]:
    """`PID[1]-3[2].1` as the components of ERL: PID, 1, 3, 2, 1."""
    match = _PLACE.fullmatch(place)
    if not match:
        return ()
    segment, number, field, repetition, component, subcomponent = (part or "" for part in match.groups())
    if not field:
        return (segment, number or "1")
    parts = (segment, number or "1", field, repetition or "1", component, subcomponent)
    return parts[: 6 if subcomponent else 5 if component else 4 if repetition else 3]


@lru_cache(maxsize=64)
def _separators(field: bytes, encoding: bytes) -> Separators | None:
    try:
        return separators_of(field.decode("ascii"), encoding.decode("ascii"))
    except (UnicodeDecodeError, InvalidMessage):
        return None


@lru_cache(maxsize=8)
def _stamp(seconds: int) -> bytes:
    return time.strftime("%Y%m%d%H%M%S+0000", time.gmtime(seconds)).encode()
