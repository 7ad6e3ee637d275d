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

from engine.errors import InvalidMessage
from engine.message import Answer, AnswerKind, Issue, Severity
from engine.standards.hl7v2.charset import byte_order_mark, codec_named
from engine.standards.hl7v2.envelope import Header, header
from engine.standards.hl7v2.escapes import escape
from engine.standards.hl7v2.separators import USUAL, Separators, separators_of

_CODES = {AnswerKind.ACCEPT: b"A", AnswerKind.ERROR: b"E", AnswerKind.REJECT: b"R"}
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
    mark, codec = byte_order_mark(raw)
    if len(mark) > 1 and codec != "utf-8":
        narrow = raw[len(mark) :][:65_536].decode(codec, "ignore").encode()
        reply = acknowledge(narrow, answer, control_id, micros)
        return mark + reply.decode("utf-8", "replace").encode(codec) if reply else b""
    theirs = header(raw) or Header(b"|", [b"MSH", b"|", b"^~\\&"] + [b""] * 19)
    separators = _separators(theirs.fields[1], theirs.fields[2])
    if separators is None:
        # Encoding characters that separate nothing: the fields can be told apart all the same.
        usual = [mark for mark in USUAL[1:5] if mark.encode() != theirs.separator]
        separators = Separators(theirs.separator.decode(), *(usual if len(usual) == 4 else "!@%*"))
        theirs.fields[2] = "".join(separators[1:5]).encode()
    if theirs.fields[9][:3].upper() in (b"ACK", b"MCF"):
        return b""
    return _written(theirs, separators, answer, control_id, micros)


def _written(theirs: Header, separators: Separators, answer: Answer, control_id: str, micros: int) -> bytes:
    fields, bar = theirs.fields, theirs.separator
    component = separators.component.encode()
    version = fields[12].split(component, 1)[0].strip() or _DEFAULT_VERSION
    kind = fields[9].split(component, 2)
    event = kind[1].strip() if len(kind) > 1 else b""
    type_ = component.join((b"ACK", event, b"ACK")) if event and version >= b"2.4" else b"ACK"
    codec = codec_named(fields[18].decode("ascii", "replace")) or "utf-8"
    msh = [
        b"MSH", fields[2], fields[5], fields[6], fields[3], fields[4], _stamp(micros // 1_000_000), b"", type_,
        escape(control_id, separators).encode(codec, "replace"), fields[11] or b"P", fields[12] or version,
    ]  # fmt: skip
    if fields[18]:
        msh += [b"", b"", b"", b"", b"", fields[18]]
    msa = [b"MSA", (b"C" if answer.commit else b"A") + _CODES[answer.kind], fields[10]]
    lines = [bar.join(msh), b""]
    issues = answer.issues[:_MOST_ISSUES] or _stated(answer)
    if version >= b"2.5":
        lines += [_err(issue, separators).encode(codec, "replace") for issue in issues]
    else:
        text = answer.text or next((issue.text for issue in issues), "")
        if text:
            msa.append(escape(text[:80], separators).encode(codec, "replace"))
        located = [_err_before_2_5(issue, separators) for issue in issues]
        if located:
            repetition = separators.repetition or "~"
            lines.append(("ERR" + separators.field + repetition.join(located)).encode(codec, "replace"))
    lines[1] = bar.join(msa)
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
