"""One rule that a value of a type must keep, besides the form of its elements.

A rule that asks only which elements are there is decided once for all values with the same elements; any other looks
at the value. Rules that the standard calls warnings are not here: what they find must not refuse a message.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """`present` sees the names of what is there (a choice also under its bare name); `holds` sees the value.

    `holds` is asked only when all of `needs` are there (a choice by its bare name), and may raise on a value of the
    wrong form, which other checks report. `code` and `text` make the issue. `settled` stands on several rules of one
    type: where it is true of a value, all of them hold, and none needs to be asked.
    """

    key: str
    text: str
    present: Callable[[Set[str]], bool] | None = None
    holds: Callable[[Json], bool] | None = None
    needs: tuple[str, ...] = ()
    code: str = "fhir.invariant"
    settled: Callable[[Json], bool] | None = None


def if_then(key: str, there: str, wanted: str) -> Rule:
    """Where `there` is, `wanted` must be."""
    return Rule(key, f"{there} needs {wanted}", lambda have: there not in have or wanted in have)


def any_of(key: str, *names: str) -> Rule:
    """One of the names must be there."""
    return Rule(key, f"one of {', '.join(names)} must be there", lambda have: any(name in have for name in names))


def not_both(key: str, one: str, other: str) -> Rule:
    """Only one of two may be there."""
    return Rule(key, f"{one} and {other} exclude each other", lambda have: not (one in have and other in have))


def exactly_one(key: str, one: str, other: str) -> Rule:
    """One of two must be there, and not the other."""
    return Rule(key, f"either {one} or {other} must be there, not both", lambda have: (one in have) != (other in have))


def has_coding(concept: Json | None, system: str, codes: Set[str]) -> bool:
    """Whether a CodeableConcept has a coding of `system` with one of `codes`."""
    if concept is None:
        return False
    return any(item.get("system") == system and item.get("code") in codes for item in concept.get("coding", ()))
