"""One entry as its file states it, and where its instances are known."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.mapping.frames import Frame
from engine.mapping.sources import Defined
from engine.mapping.writer import Block
from engine.yamlfile import YamlMap


@dataclass(eq=False, slots=True)
class Plan:
    """One entry while it is compiled. `registration`: where its instances are made known, filled last."""

    key: str
    defined: Defined
    node: YamlMap
    resource: str = ""
    verb: str = "own"
    unidentified: str = "error"
    loops: list[Frame] = field(default_factory=list)
    parents: set[str] = field(default_factory=set)
    registration: Block | None = None
    parameters: list[str] = field(default_factory=list)

    @property
    def file(self) -> str:
        return self.defined.file

    @property
    def python(self) -> str:
        return "".join(letter if letter.isalnum() else "_" for letter in self.key)

    @property
    def walk(self) -> str:
        """The list that `find` goes over, as an argument; "" where it goes over none."""
        walks = [loop.walk for loop in self.loops if loop.walk is not None]
        return f", {walks[-1].every}" if walks else ""

    def names(self) -> list[str]:
        """Python names that a body needs of the loops around it."""
        found: list[str] = []
        for loop in self.loops:
            if loop.walk is not None:
                found = [loop.walk.item]
                continue
            if loop.kind == "text":
                found.append(loop.segment)
            found.append(loop.var)
        return list(dict.fromkeys(found))
