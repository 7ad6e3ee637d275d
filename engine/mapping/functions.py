"""The functions a leaf may call: pure, text in, a FHIR primitive out. `BadValue` where the text is not of that form.

Each is one row of `FUNCTIONS`; the compiler checks arguments and result types from it. A new function is one function
and one row here. Date and time functions need the message's zone and are bound when a message is mapped.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engine.mapping.units import ucum
from engine.standards.fhir import Decimal


class BadValue(ValueError):
    """The text cannot be converted. `code` says why; the text itself is never quoted."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


_NUMBER = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_USUAL = re.compile(r"(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+")
"""A number that is written as FHIR writes it."""
_LONGEST_NUMBER = 12
_MOST_NUMBERS = 4096
numbers: dict[str, Decimal] = {}
"""Short numbers that were usual, as the writer of JSON keeps them: a number alone is nobody's. Begun anew when full."""
_COMPARATOR = re.compile(r"(<=|>=|<|>)\s*")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_YES = {"Y": True, "YES": True, "J": True, "JA": True, "1": True, "TRUE": True, "T": True}
_NO = {"N": False, "NO": False, "NEI": False, "0": False, "FALSE": False, "F": False}


def prefix(text: str, front: str) -> str:
    """Text with something in front.

    >>> prefix("1.2.3", "urn:oid:")
    'urn:oid:1.2.3'
    """
    return front + text


def ensure(text: str, front: str) -> str:
    """Text that begins with something, put there if it does not.

    >>> ensure("47", "+"), ensure("+47", "+")
    ('+47', '+47')
    """
    return text if text.startswith(front) else front + text


def suffix(text: str, end: str) -> str:
    """Text with something after it.

    >>> suffix("5", " mg")
    '5 mg'
    """
    return text + end


def lower(text: str) -> str:
    """
    >>> lower("ÆØÅ")
    'æøå'
    """
    return text.lower()


def upper(text: str) -> str:
    """
    >>> upper("f")
    'F'
    """
    return text.upper()


def trim(text: str) -> str:
    """Without blanks around it.

    >>> trim(" A ")
    'A'
    """
    return text.strip()


def words(text: str) -> list[str]:
    """
    >>> words("Anne Marie")
    ['Anne', 'Marie']
    """
    return text.split()


def join(texts: Iterable[str], between: str) -> str:
    """The parts that have a value, with something between.

    >>> join(["A", "", "B"], "-")
    'A-B'
    """
    return between.join(filter(None, texts))


def lines(texts: Iterable[str]) -> str:
    r"""Repetitions as the lines of one text; empty lines inside are kept.

    >>> lines(["a", "", "b"])
    'a\n\nb'
    """
    return "\n".join(texts).strip("\n")


def decimal(text: str) -> Decimal:
    """A number with its digits as received; a Norwegian decimal comma becomes a point.

    >>> decimal("72.50"), decimal("5,6"), decimal("+.5"), decimal("007")
    ('72.50', '5.6', '0.5', '7')
    >>> decimal("5 mg")
    Traceback (most recent call last):
    engine.mapping.functions.BadValue: not a number
    """
    if _USUAL.fullmatch(text) is not None:
        made = Decimal(text)
        if len(text) <= _LONGEST_NUMBER:
            if len(numbers) >= _MOST_NUMBERS:
                numbers.clear()
            numbers[text] = made
        return made
    if _NUMBER.fullmatch(text) is None:
        raise BadValue("map.not_a_number", "not a number")
    text = text.replace(",", ".").lstrip("+")
    sign = "-" if text[0] == "-" else ""
    mantissa, exponent_sign, exponent = text.lstrip("-").lower().partition("e")
    whole, point, fraction = mantissa.partition(".")
    whole = whole.lstrip("0") or "0"
    return Decimal(sign + whole + (point + fraction if fraction else "") + exponent_sign + exponent)


def number(text: str) -> Decimal:
    """`decimal`, a comparator in front left out.

    >>> number("<5"), number(">= 1,5")
    ('5', '1.5')
    """
    return decimal(_COMPARATOR.sub("", text, count=1) if text[:1] in "<>" else text)


def comparator(text: str) -> str:
    """The comparator in front of a number, or nothing.

    >>> comparator("<5"), comparator(">= 10"), comparator("5")
    ('<', '>=', '')
    """
    found = _COMPARATOR.match(text) if text[:1] in "<>" else None
    return found.group(1) if found else ""


def numeric(text: str) -> bool:
    """
    >>> numeric("<5,6"), numeric("5 mg"), numeric("")
    (True, False, False)
    """
    if text.isascii() and text.isdigit():
        return True
    if text[:1] in "<>":
        text = _COMPARATOR.sub("", text, count=1)
    return _NUMBER.fullmatch(text) is not None


def integer(text: str) -> int:
    """A whole number of at most 31 bits.

    >>> integer("-007")
    -7
    """
    digits = text[1:] if text[:1] in "+-" else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 20 or abs(int(text)) > 2_147_483_647:
        raise BadValue("map.not_a_number", "not a whole number")
    return int(text)


def unsigned(text: str) -> int:
    """
    >>> unsigned("0")
    0
    """
    value = integer(text)
    if value < 0:
        raise BadValue("map.not_a_number", "a number below zero")
    return value


def positive(text: str) -> int:
    """
    >>> positive("2")
    2
    """
    value = integer(text)
    if value < 1:
        raise BadValue("map.not_a_number", "not a number from 1 up")
    return value


def yesno(text: str) -> bool:
    """
    >>> yesno("Y"), yesno("n"), yesno("Nei")
    (True, False, False)
    """
    answer = text.upper()
    if answer in _YES:
        return True
    if answer in _NO:
        return False
    raise BadValue("map.not_yes_or_no", "neither yes nor no")


def base64(text: str) -> str:
    """Base64 without white space, checked and not decoded to anything that is kept; HL7's `\\X0D\\` is white space.

    >>> base64("SGVp ")
    'SGVp'
    """
    if not text.isalnum():
        for blank in (" ", "\r", "\n", "\t", "\\X0D\\", "\\X0A\\", "\\X0D0A\\", "\\.br\\"):
            if blank in text:
                text = text.replace(blank, "")
    try:
        binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise BadValue("map.not_base64", "not base64") from None
    return text


def url(text: str) -> str:
    """
    >>> url("https://example.org/a")
    'https://example.org/a'
    """
    if _URI.fullmatch(text) is None:
        raise BadValue("map.not_a_uri", "not an absolute uri")
    return text


@dataclass(frozen=True, slots=True)
class Function:
    """A row: what it takes and gives. `takes`: text, raw, formatted or many; `fails` when it may raise BadValue.

    `inline`: Python of the same without the call, of the usual case at least, where that is short.
    """

    name: str
    call: Callable[..., object]
    gives: str
    takes: str = "text"
    arguments: int = 0
    many: bool = False
    fails: bool = False
    total: bool = True
    inline: str = ""

    def code(self, arguments: list[str]) -> str:
        """Python that calls it."""
        if self.inline:
            return f"({self.inline.format(*arguments)})"
        return f"{self.name}({', '.join(arguments)})"


FUNCTIONS: dict[str, Function] = {
    row.name: row
    for row in (
        Function("prefix", prefix, "text", arguments=1, inline="{1} + {0}"),
        Function("ensure", ensure, "text", arguments=1),
        Function("suffix", suffix, "text", arguments=1, inline="{0} + {1}"),
        Function("lower", lower, "text", inline="{0}.lower()"),
        Function("upper", upper, "text", inline="{0}.upper()"),
        Function("trim", trim, "text", inline="{0}.strip()"),
        Function("words", words, "text", many=True),
        Function("lines", lines, "text", takes="formatted"),
        Function("join", join, "text", takes="many", arguments=1),
        Function("decimal", decimal, "decimal", fails=True, inline="numbers.get({0}) or decimal({0})"),
        Function("number", number, "decimal", fails=True, inline="numbers.get({0}) or number({0})"),
        Function("comparator", comparator, "code", total=False, inline="comparator({0}) if {0}[:1] in '<>' else ''"),
        Function("integer", integer, "integer", fails=True),
        Function("unsignedInt", unsigned, "unsignedInt", fails=True),
        Function("positiveInt", positive, "positiveInt", fails=True),
        Function("yesno", yesno, "boolean", fails=True),
        Function("base64", base64, "base64Binary", takes="raw", fails=True),
        Function("url", url, "uri", fails=True),
        Function("ucum", ucum, "code", total=False),
    )
}
"""Functions of one text. `table coding default date dateTime instant time` and the calls are the compiler's own."""

COMPILED = ("table", "coding", "default", "date", "dateTime", "instant", "time", "markup")
CALLS = ("join", "namespace", "received", "position", "numeric", "derived")
