"""Reading ER7 by path, as the Python that a compiled mapping calls: raw parts first, text last.

`bound` gives the functions and constants for one set of separators, so that generated code tests literal characters.
Raw text is a field with its repetitions, a repetition, a component or a sub-component; `leaf` makes the value of any of
them: first repetition, first component, first sub-component, null and blanks read as absent, escapes undone.

HL7 v2.5.1, 2.5.3 (null and empty), 2.7 (escapes).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from engine.standards.hl7v2.er7 import NULL, Er7Document, Segment
from engine.standards.hl7v2.separators import Separators

_NEVER = "\x00"
"""Stands for a separator the message does not have; the reader lets no NUL through."""

_LONGEST_KNOWN = 40
_MOST_KNOWN = 4096
"""Short texts that needed a second look are remembered: numbers, units and times come again and again."""

_CONTROLS = dict.fromkeys(c for c in (*range(32), 127) if c not in (9, 10, 13))

Leaf = Callable[[str, Er7Document], str]


def missing(name: str) -> Segment:
    """A segment that is not there: all its fields are absent, its number is 0."""
    return Segment(name, 0, -1, name, "|")


@lru_cache(maxsize=64)
def bound(separators: Separators) -> dict[str, object]:
    """What generated code reads with: the separators R, C, S, the functions over them, and short texts known before."""
    repetition = separators.repetition or _NEVER
    component = separators.component or _NEVER
    subcomponent = separators.subcomponent or _NEVER
    texts: dict[str, str] = {}
    leaf, formatted = _leaves(texts, repetition, component, subcomponent, separators.escape or _NEVER)

    def part(text: str, index: int) -> str:
        """Raw component `index` (from 0) of the first repetition."""
        if repetition in text:
            text = text[: text.index(repetition)]
        if component not in text:
            return "" if index else text
        parts = text.split(component, index + 1)
        return parts[index] if len(parts) > index else ""

    def subpart(text: str, index: int) -> str:
        """Raw sub-component `index` (from 0) of a component."""
        if subcomponent not in text:
            return "" if index else text
        parts = text.split(subcomponent, index + 1)
        return parts[index] if len(parts) > index else ""

    def nth(text: str, index: int) -> str:
        """Repetition `index` (from 0) of a field."""
        parts = text.split(repetition, index + 1)
        return parts[index] if len(parts) > index else ""

    def repetitions(text: str) -> list[str]:
        """All repetitions that are not empty."""
        if not text:
            return []
        return [one for one in text.split(repetition) if one] if repetition in text else [text]

    def has(text: str, nothing: str = f'{repetition}{component}{subcomponent} "') -> bool:
        """Whether there is anything in it besides separators, blanks and null."""
        return bool(text.strip(nothing))

    def repetition_of(field: str, raw: str) -> int:
        """Which repetition (from 1) holds `raw`; 0 when the field does not repeat. For places in issues only."""
        if not raw or repetition not in field:
            return 0
        return next((number for number, one in enumerate(field.split(repetition), 1) if raw in one), 0)

    return {
        "R": repetition,
        "C": component,
        "S": subcomponent,
        "E": separators.escape or _NEVER,
        "leaf": leaf,
        "texts": texts,
        "formatted": formatted,
        "part": part,
        "subpart": subpart,
        "nth": nth,
        "has": has,
        "repetitions": repetitions,
        "repetition_of": repetition_of,
    }


def _leaves(
    known: dict[str, str], repetition: str, component: str, subcomponent: str, escape: str
) -> tuple[Leaf, Leaf]:
    def plain(text: str) -> str:
        if repetition in text:
            text = text[: text.index(repetition)]
        if component in text:
            text = text[: text.index(component)]
        if subcomponent in text:
            text = text[: text.index(subcomponent)]
        return "" if text == NULL else text

    def leaf(text: str, document: Er7Document) -> str:
        value = plain(text)
        # Of a long text, what is known is the part that is read.
        text = text if len(text) <= _LONGEST_KNOWN else value
        found = known.get(text)
        if found is not None:
            return found
        # What an escape sequence means may depend on the message's character set.
        escaped = escape in value
        if escaped:
            value = document.unescape(value)
        if not value.isprintable():
            value = value.translate(_CONTROLS)
        value = value.strip()
        if len(text) <= _LONGEST_KNOWN and not escaped:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            known[text] = value
        return value

    def formatted(text: str, document: Er7Document) -> str:
        text = plain(text)
        if escape in text:
            text = document.unescape(text, True)
        if not text.isprintable():
            text = text.translate(_CONTROLS)
        return text.rstrip()

    return leaf, formatted


def place(segment: Segment, path: str, raw: str, functions: dict[str, object]) -> str:
    """`PID[1]-3[2].4` from a segment and `-3.4`; the repetition is the one that holds `raw`."""
    if not segment.number:
        return segment.name
    name = f"{segment.name}[{segment.number}]"
    field, dot, rest = path.partition(".")
    number = int(field[1:]) if field[1:].isdigit() else 0
    if number and "[" not in field and number < len(segment.fields):
        which = functions["repetition_of"](segment.fields[number], raw)  # type: ignore[operator]
        field += f"[{which}]" if which else ""
    return name + field + dot + rest
