"""Where a rule stands: message, group, segment, repetition or component; and how a segment is found from there.

Lookup is lexical: the frame's own segments first, then outwards; a segment that a group claims is looked up there only.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from engine.mapping.groups import Group
from engine.mapping.marks import Mark
from engine.mapping.shapes import Value
from engine.mapping.walks import Walk
from engine.mapping.writer import Block

Level = Literal["repetition", "component", "sub", "node"]
DEEPER: dict[str, Level] = {"repetition": "component", "component": "sub"}
SEPARATOR = {"repetition": "C", "component": "S"}


@dataclass(eq=False, slots=True)
class Frame:
    """One scope of the generated code.

    `var`: Python name of the Scope (message, group), the Segment, or the raw text. A frame of kind `names` has only
    variables. `head`: where look-ups of this scope are written. Of a text: `segment` and `path` are Python code for its
    place, `origin` its field, `template` collects what a template reads.
    """

    kind: Literal["message", "group", "segment", "text", "names"]
    file: str
    var: str
    head: Block
    outer: Frame | None = None
    name: str = ""
    group: Group | None = None
    fields: str = ""
    level: Level = "repetition"
    segment: str = ""
    path: str = ""
    origin: Mark | None = None
    template: set[tuple[int, int]] | None = None
    parts: str = ""
    width: int = 0
    loop: str = ""
    position: str = ""
    variables: dict[str, Value] = field(default_factory=dict)
    found: dict[str, tuple[str, str]] = field(default_factory=dict)
    walk: Walk | None = None

    def chain(self) -> list[Frame]:
        """Loops around here, the outermost first."""
        frames: list[Frame] = []
        frame: Frame | None = self
        while frame is not None:
            if frame.loop:
                frames.append(frame)
            frame = frame.outer
        return frames[::-1]

    def unpacked(self, given: Collection[str] = ()) -> list[str]:
        """Lines that unpack an item of the walk around here, without what has been given already."""
        around = [one.walk for one in self.chain() if one.walk is not None]
        lines = around[-1].unpacked() if around else []
        return [line for line in lines if line.partition(" ")[0] not in given]

    def variable(self, name: str) -> Value | None:
        frame: Frame | None = self
        while frame is not None:
            if name in frame.variables:
                return frame.variables[name]
            frame = frame.outer
        return None

    def names(self) -> set[str]:
        """Every variable in sight."""
        found: set[str] = set()
        frame: Frame | None = self
        while frame is not None:
            found |= set(frame.variables)
            frame = frame.outer
        return found

    def in_group(self, name: str) -> Frame | None:
        frame: Frame | None = self
        while frame is not None:
            if frame.kind == "group" and frame.name == name:
                return frame
            frame = frame.outer
        return None

    def nearest(self) -> Frame | None:
        """The group or message around here."""
        frame: Frame | None = self
        while frame is not None and frame.kind not in ("message", "group"):
            frame = frame.outer
        return frame

    def item(self) -> Frame | None:
        """What `.` means: the innermost text or segment."""
        frame: Frame | None = self
        while frame is not None and frame.kind not in ("text", "segment"):
            frame = frame.outer
        return frame

    def in_template(self) -> bool:
        frame: Frame | None = self
        while frame is not None:
            if frame.template is not None:
                return True
            frame = frame.outer
        return False

    def path_code(self, suffix: str) -> str:
        """Python code of this text's path with `.4` after it."""
        if not suffix:
            return self.path
        if self.path.startswith("'") and self.path.endswith("'"):
            return f"{self.path[:-1]}{suffix}'"
        return f"{self.path} + {suffix!r}"
