"""The primitive types: what a JSON value must be to be a `date`, a `code`, a `decimal` ...

Each check answers yes or no for one value, whatever it is; `CHECKS` remember nothing. `REMEMBERING` do the same and
keep what they found right in `SEEN`, short values only and a bounded set a kind, so that a code, a system or the time
of thirty results is looked at once. What is of a person (`PERSONAL`) is never kept; of ids and references only those
with the length of a UUID (`IDS`), which say nothing about whom they mean.
FHIR R4, 2.24.0.1 (primitive types).
"""

from __future__ import annotations

import binascii
import math
import re
from calendar import monthrange
from collections.abc import Callable
from typing import Any

from engine.standards.fhir import Decimal

Check = Callable[[Any], bool]

_LONGEST = 128
"""Longer values are not remembered."""
_ROOM = 4096
"""Remembered values of one kind; when full, the set starts anew."""
_SLICE = 1 << 20
_MEGABYTE = 1 << 20

_YEAR = r"(?!0000)\d{4}"
_MONTH, _DAY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?"
_ZONE = r"(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))"


def _fits(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern, re.ASCII).fullmatch


_plain_decimal = _fits(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
# Lone surrogates cannot be written as UTF-8, and control characters are no text.
_VISIBLE = r"[^\s\x00-\x1f\ud800-\udfff]+"
_code = _fits(rf"{_VISIBLE}(?:[ \t\r\n]{_VISIBLE})*")
_base64 = _fits(r"[A-Za-z0-9+/]*={0,2}")
_BASE64_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_blanks = re.compile(r"[ \t\r\n]+")
_control = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_markup = re.compile(r"<!|<\s*(?:script|form|object|iframe|base|frame|head|body)\b|\son\w+\s*=", re.IGNORECASE)


def _real_day(text: str) -> bool:
    return int(text[8:10]) <= monthrange(int(text[:4]), int(text[5:7]))[1]


def _dated(pattern: str) -> Callable[[str], object]:
    """The form, and a day that its month has; only days after the 28th need a calendar."""
    match = re.compile(pattern, re.ASCII).fullmatch
    return lambda text: match(text) and (text[8:10] < "29" or _real_day(text))


def _string(text: str) -> bool:
    if not text.isprintable() and _control.search(text):
        return False
    return not text.isspace() and 0 < len(text) <= _MEGABYTE


def _is_base64(text: str) -> bool:
    if len(text) < _SLICE:
        return _is_bare_base64(text) or _is_bare_base64(_blanks.sub("", text))
    # A big attachment in pieces, so that checking it never needs a second copy of it.
    if len(text) % 4 or not text.isascii():
        bare = _blanks.sub("", text)
        return bare.isascii() and len(bare) % 4 == 0 and _in_pieces(bare)
    return _in_pieces(text) or _in_pieces(_blanks.sub("", text))


def _is_bare_base64(text: str) -> bool:
    """Without white space. What a table deletes in one pass needs no expression."""
    digits = text.rstrip("=")
    if text == "" or len(text) % 4 or len(text) - len(digits) > 2 or not digits.isascii():
        return False
    return not digits.encode().translate(None, _BASE64_DIGITS)


def _in_pieces(text: str) -> bool:
    last = len(text) - 4
    try:
        for start in range(0, last, _SLICE):
            piece = text[start : min(start + _SLICE, last)]
            if "=" in piece:
                return False
            binascii.a2b_base64(piece, strict_mode=True)
    except binascii.Error:
        return False
    return bool(_base64(text[last:]))


def _xhtml(text: str) -> bool:
    bare = text.strip()
    return (
        _string(text) and bare.startswith("<div") and bare.endswith(("</div>", "/>")) and _markup.search(bare) is None
    )


_LEXICAL: dict[str, Callable[[str], object]] = {
    "string": _string,
    "markdown": _string,
    "xhtml": _xhtml,
    "code": _code,
    "id": _fits(r"[A-Za-z0-9\-.]{1,64}"),
    "uri": _fits(rf"[!-~]+|{_VISIBLE}"),
    "url": _fits(rf"[!-~]+|{_VISIBLE}"),
    "canonical": _fits(rf"[!-~]+|{_VISIBLE}"),
    "oid": _fits(r"urn:oid:[0-2](?:\.(?:0|[1-9]\d*))+"),
    "uuid": _fits(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "date": _dated(f"{_YEAR}(?:-{_MONTH}(?:-{_DAY})?)?"),
    "dateTime": _dated(f"{_YEAR}(?:-{_MONTH}(?:-{_DAY}(?:T{_CLOCK}{_ZONE})?)?)?"),
    "instant": _dated(f"{_YEAR}-{_MONTH}-{_DAY}T{_CLOCK}{_ZONE}"),
    "time": _fits(_CLOCK),
    "base64Binary": _is_base64,
}

SEEN: dict[str, set[str]] = {kind: set() for kind in (*_LEXICAL, "decimal")}


def plain(fits: Callable[[str], object]) -> Check:
    """A check of a text. `Decimal` is a `str` too, but is dumped as a number."""
    return lambda value: isinstance(value, str) and not isinstance(value, Decimal) and bool(fits(value))


def looked_up(kind: str, fits: Callable[[str], object]) -> Check:
    """A check that remembers what fits. Kept flat: it runs for every text that is not yet known."""
    seen = SEEN.setdefault(kind, set())
    add = seen.add

    def check(value: Any) -> bool:
        if (type(value) is not str and (not isinstance(value, str) or isinstance(value, Decimal))) or not fits(value):
            return False
        if len(value) <= _LONGEST:
            if len(seen) >= _ROOM:
                seen.clear()
            add(value)
        return True

    return check


def is_decimal(value: Any) -> bool:
    """A number: `Decimal` text in JSON's form, or int, or a finite float."""
    if type(value) is Decimal:
        if value not in SEEN["decimal"]:
            if not _plain_decimal(value):
                return False
            if len(SEEN["decimal"]) >= _ROOM:
                SEEN["decimal"].clear()
            SEEN["decimal"].add(value)
        return True
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and math.isfinite(value)
    )


def _whole(low: int) -> Check:
    return lambda value: type(value) is int and low <= value <= 2_147_483_647


CHECKS: dict[str, Check] = {
    **{kind: plain(fits) for kind, fits in _LEXICAL.items()},
    "decimal": is_decimal,
    "boolean": lambda value: value is True or value is False,
    "integer": _whole(-2_147_483_648),
    "unsignedInt": _whole(0),
    "positiveInt": _whole(1),
}
"""Kind to check, all twenty of them."""

REMEMBERING: dict[str, Check] = {kind: looked_up(kind, fits) for kind, fits in _LEXICAL.items()}
"""The same for the kinds that are text."""

PERSONAL = frozenset(
    [
        *("Identifier", "HumanName", "Address", "ContactPoint", "Reference", "Narrative", "Annotation", "Attachment"),
        *("Patient", "Person", "RelatedPerson", "Practitioner", "Observation", "Observation.component", "Extension"),
    ]
)
"""Types whose own texts and dates say who somebody is, or what was found."""

IDS: dict[str, set[str]] = {"id": set(), "urn": set(), "url": set()}
"""Ids, `urn:uuid:` and `Type/id` of late. `forget` bounds them."""

whole_day = _fits(f"{_YEAR}-{_MONTH}-{_DAY}")
"""The form of year, month and day, whether or not the month has that day."""

QUICK = {
    # Of white space only the blank is printable, and it comes before "!".
    "string": "'!' < {v} and {v}.isprintable() and len({v}) < 10000",
    "date": "{day}({v}) and {v}[8:] < '29'",
    "id": "({v} in {seen} or len({v}) == 36 and {v}.isascii() and {v}.replace('-', '').isalnum() and not {add}({v}))",
    "fullUrl": "({v} in {seen} or len({v}) == 45 and {v}[:9] == 'urn:uuid:' and {v}.isprintable()"
    " and ' ' not in {v} and '/' not in {v} and not {add}({v}))",
    "url": "({v} in {seen} or len({v}) < 80 and {v}[-37:-36] == '/' and {v}.isascii() and {v}.isprintable()"
    " and ' ' not in {v} and '?' not in {v} and not {add}({v}))",
    "reference": "({v} in {seen} or len({v}) == 45 and {v}[:9] == 'urn:uuid:' and {v}.isprintable())",
}
"""Expressions of a `str`, true for most right values of a kind and for no wrong one."""


def forget() -> None:
    """Keep the sets of ids small; called now and then."""
    for ids in IDS.values():
        if len(ids) > _ROOM:
            ids.clear()


def right_json_type(kind: str, value: Any) -> bool:
    """Whether a value is written as the JSON type of its kind: to tell a wrong type from a wrong form."""
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "decimal":
        return isinstance(value, (Decimal, int, float)) and not isinstance(value, bool)
    if kind in ("integer", "unsignedInt", "positiveInt"):
        return type(value) is int
    return isinstance(value, str) and not isinstance(value, Decimal)
