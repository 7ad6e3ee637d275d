"""An acknowledgement that came back, read: which message it answers and what it says of it.

Read from bytes, by MSH and MSA alone, so that no odd segment hides an answer. Of ERR only condition codes and segment
places are kept; texts may quote the message. HL7 v2.5.1, 2.15.8 (MSA), 2.15.5 (ERR); tables 0008 and 0357.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.standards.hl7v2.envelope import header

CODES = frozenset({"AA", "AE", "AR", "CA", "CE", "CR"})
_LINES = re.compile(rb"[\r\n]+")
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_NUMBER = re.compile(r"\d{1,3}")
_MOST_ERRORS = 3


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """MSA-1 and MSA-2, and what ERR says without content: `101 PID-3`."""

    code: str
    message_id: bytes
    errors: tuple[str, ...] = ()


def message_id(raw: bytes) -> bytes:
    """MSH-10 byte for byte, blanks around it removed; empty where there is none."""
    found = header(raw)
    return found.fields[10].strip() if found else b""


def acknowledged(raw: bytes) -> Acknowledged | None:
    """The acknowledgement in these bytes, None when they are none."""
    found = header(raw)
    if found is None:
        return None
    separator, encoding = found.separator, found.fields[2].decode("latin-1")
    code, answered = "", b""
    errors: list[str] = []
    for line in _LINES.split(raw):
        if line[3:4] != separator:
            continue
        fields = line.split(separator)
        if line[:3] == b"MSA" and not code:
            code = fields[1].strip().decode("latin-1").upper()
            answered = fields[2].strip() if len(fields) > 2 else b""
        elif line[:3] == b"ERR" and len(errors) < _MOST_ERRORS:
            errors.append(_error([field.decode("latin-1") for field in fields], encoding[:1] or "^"))
    if code not in CODES:
        return None
    return Acknowledged(code, answered, tuple(error for error in errors if error))


def _error(fields: list[str], component: str) -> str:
    """ERR of 2.5 and later as condition and place; empty for anything else."""
    if len(fields) < 4:
        return ""
    condition = fields[3].split(component)[0]
    place = [*fields[2].split(component), "", ""]
    told = [condition] if _NUMBER.fullmatch(condition) else []
    if _SEGMENT.fullmatch(place[0]):
        told.append(place[0] + (f"-{place[2]}" if _NUMBER.fullmatch(place[2]) else ""))
    return " ".join(told)
