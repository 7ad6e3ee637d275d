"""Characters of a leaf to tokens, with the remedy for signs that other languages have and this one has not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NoReturn

from engine.errors import ConfigError, Finding
from engine.expression import Where

Kind = Literal[
    "string", "path", "segment", "relative", "name", "number", "variable", "reference", "xpath", "sign", "end"
]

KEYWORDS = frozenset({"else", "and", "or", "not", "in", "as", "with", "all"})
"""Words that cannot be names in a leaf."""

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^']|'')*')
    | (?P<path>[A-Z][A-Z0-9]{2}-[0-9]+(?![A-Za-z0-9_]))
    | (?P<segment>[A-Z][A-Z0-9]{2}(?![A-Za-z0-9_-]))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*)
    | (?P<number>[0-9]+)
    | (?P<variable>\$[A-Za-z_][A-Za-z0-9_]*)
    | (?P<reference>->\s*[A-Za-z_][A-Za-z0-9_-]*)
    | (?P<relative>\.(?:[0-9]+(?:\.[0-9]+)*)?)
    | (?P<sign>!=|[][()|,/=*])
    )""",
    re.VERBOSE,
)

_REMEDIES = (
    ("??", "write 'else'"),
    ("==", "write one '='"),
    ("&&", "write 'and'"),
    ("||", "write 'or'"),
    ("<>", "write '!='"),
    ("->", "write the key of an entry after '->'"),
    ("!", "write 'not'"),
    ('"', "put text in single quotes: 'text'"),
    ("'", "close the quote; write '' for a quote inside"),
    ("$", "write a name after '$'"),
    ("@", "XPath stands in xp(...)"),
    ("{", "a leaf is one expression; put it in quotes if YAML read it otherwise"),
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `start` and `end` are offsets in the leaf, from 0."""

    kind: Kind
    text: str
    start: int
    end: int


def fail(where: Where, offset: int, code: str, text: str, suggestion: str = "") -> NoReturn:
    """Raises: ConfigError with one finding at an offset of the leaf."""
    raise ConfigError([Finding(code, where.file, where.line, where.column + offset, text, suggestion)])


def tokens(text: str, where: Where, start: int = 0) -> list[Token]:
    """All tokens from `start`, the last of kind `end`. Raises: ConfigError (X100)."""
    found: list[Token] = []
    position, length = start, len(text.rstrip())
    while position < length:
        at = _skip(text, position)
        if text.startswith("xp(", at):
            position = _xpath_end(text, at, where)
            found.append(Token("xpath", text[at + 3 : position - 1], at, position))
            continue
        match = _TOKEN.match(text, position)
        if match is None or text.startswith(("==", "||"), at):
            fail(where, at, "X100", f"the sign {text[at]!r} cannot stand here", _remedy(text, at))
        kind = match.lastgroup
        assert kind is not None
        found.append(Token(kind, match.group(kind), match.start(kind), match.end()))  # type: ignore[arg-type]
        position = match.end()
    found.append(Token("end", "", length, length))
    return found


def _xpath_end(text: str, at: int, where: Where) -> int:
    """The offset after the parenthesis that closes `xp(`; quotes inside are XPath's own."""
    depth, quote = 0, ""
    for offset in range(at + 2, len(text)):
        character = text[offset]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "()":
            depth += 1 if character == "(" else -1
            if depth == 0:
                return offset + 1
    fail(where, at, "X102", "the parenthesis of xp( is not closed", "close it after the XPath")


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _remedy(text: str, at: int) -> str:
    return next((remedy for sign, remedy in _REMEDIES if text.startswith(sign, at)), "")
