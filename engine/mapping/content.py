"""What is known of an object while it is compiled."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.mapping.portions import Portion
from engine.mapping.shapes import NOTHING, Value
from engine.mapping.writer import Block


@dataclass(slots=True)
class Content:
    """What is known of an object's elements: those that may be absent, then those that cannot."""

    maybe: Block
    always: Block
    constants: dict[str, object] = field(default_factory=dict)
    fixed: bool = True
    optional: set[str] = field(default_factory=set)
    optional_weak: set[str] = field(default_factory=set)
    sure: set[str] = field(default_factory=set)
    ensured: set[str] = field(default_factory=set)
    choices: dict[str, str] = field(default_factory=dict)
    branches: bool = False
    needs: list[frozenset[str] | None] = field(default_factory=list)
    failed: bool = False
    portion: Portion = field(default_factory=Portion)
    grouped: bool = False
    last: tuple[str, Block, Value] | None = None

    @property
    def lone(self) -> tuple[str, Block, Value] | None:
        """The one element that can be absent, with the lines that read it, where all others are constants."""
        other = self.branches or self.optional_weak or NOTHING in self.constants.values()
        return self.last if len(self.optional) == 1 and not other else None

    @property
    def named(self) -> set[str]:
        return self.optional | self.optional_weak | self.sure | self.ensured
