"""Values while they are compiled: the Python code, its shape, and what an element wants."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from engine.standards.fhir.r4 import Element


class _Nothing:
    """Stands for "not a constant", since None and "" may be constants."""


NOTHING: Final = _Nothing()
COUNTED = frozenset({"integer", "positiveInt", "unsignedInt", "boolean"})
"""Shapes whose values can be false and yet there."""


@dataclass(frozen=True, slots=True)
class Value:
    """Python code that gives a value, and what is known of it.

    `shape`: a primitive type, `text`, `object`, `reference`, `condition`. `of`: FHIR type of an object, resource of a
    reference. `total`: it cannot be absent; `weak`: only a fault makes it absent, so it does not make an object exist.
    `ensured`: absent is an error of the message. `sure`: element names that an object has whenever it is there.
    `needs`: raw texts of which one must be there for the value to be (None: unknown), so that a rule costs one test in
    a message that has nothing for it. `test`: Python test of its presence where that is not the code itself.
    """

    code: str
    shape: str
    of: str = ""
    many: bool = False
    total: bool = False
    ensured: bool = False
    constant: object = NOTHING
    sure: frozenset[str] = frozenset()
    weak: bool = False
    needs: frozenset[str] | None = None
    test: str = ""

    @property
    def never(self) -> bool:
        """A template's parameter that nobody gave: not there, known when compiled."""
        return self.code == "''" and not self.total

    @property
    def fixed(self) -> bool:
        return self.constant is not NOTHING

    @property
    def present(self) -> str:
        """Python test: is it there."""
        if self.total:
            return "True"
        if self.test:
            return self.test
        return f"{self.code} is not None" if self.shape in COUNTED and not self.many else self.code

    @property
    def absent(self) -> str:
        """Python literal of its absence."""
        if self.many:
            return "()"
        return "None" if self.shape in COUNTED or self.shape in ("object", "reference", "coding") else "''"

    def named(self, code: str) -> Value:
        return replace(self, code=code)


def united(needs: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    """What one of several values needs; None where one of them needs nothing known."""
    found: frozenset[str] = frozenset()
    for one in needs:
        if one is None:
            return None
        found |= one
    return found or None


@dataclass(frozen=True, slots=True)
class Want:
    """What a node is to give: a FHIR type, for which element, under which label (`Patient.birthDate`)."""

    type: str
    label: str
    many: bool = False
    element: Element | None = None

    @property
    def single(self) -> Want:
        return replace(self, many=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """A place that the rule at hand reads: Python code of segment, path and raw text."""

    segment: str
    path: str
    decides: bool = False
    raw: str = "''"
