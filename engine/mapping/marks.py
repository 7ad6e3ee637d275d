"""What a mapping reads, field by field: the static half of accounting (decision 13)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

Which = Literal["first", "all", "some"] | int
"""Repetitions read: the first, all, those of a condition, or one by number."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One read: field of a segment (0: the segment as such), which repetitions, component and sub-component (0: all).

    What an entry reads counts only in a message in which it was made.
    """

    segment: str
    field: int
    which: Which = "first"
    component: int = 0
    sub: int = 0
    entry: str = ""


@dataclass(slots=True)
class Marks:
    """All reads of a mapping."""

    found: dict[Mark, None] = field(default_factory=dict)
    entry: str = ""

    def add(self, mark: Mark) -> None:
        self.found[replace(mark, entry=self.entry)] = None
