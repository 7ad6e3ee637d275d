"""Where a rule stands: message, group, segment, repetition or component; and how a segment is found from there.

Lookup is lexical: the frame's own segments first, then outwards; a segment that a group claims is looked up there only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from engine.mapping.groups import Group
from engine.mapping.marks import Mark, Which
from engine.mapping.module import Module, Value
from engine.mapping.writer import Block

Level = Literal["repetition", "component", "sub"]
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

    def chain(self) -> list[Frame]:
        """Loops around here, the outermost first."""
        frames: list[Frame] = []
        frame: Frame | None = self
        while frame is not None:
            if frame.loop:
                frames.append(frame)
            frame = frame.outer
        return frames[::-1]

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


def claimed_by(module: Module, frame: Frame, name: str) -> Group | None:
    """A group not around `frame` whose anchor is this segment: it cannot be seen from here."""
    around = {one.name for one in frame.chain() if one.kind == "group"}
    return next((group for group in module.groups.values() if name in group.starts and group.name not in around), None)


def segments(frame: Frame, name: str, only: bool = False) -> tuple[str, Frame]:
    """Python code of the list of segments of a name as seen from a frame, and the frame whose head may hold it.

    `only`: this group alone, as after a group in a path.
    """
    lookups: list[str] = []
    first: Frame | None = None
    at: Frame | None = frame.nearest()
    while at is not None:
        if at.kind == "message" or (at.group is not None and (only or name in at.group.own or not at.group.takes)):
            lookups.append(f"{at.var}.named.get({name!r})")
            first = first or at
            if only or (at.group is not None and name in at.group.own):
                break
        at = at.outer.nearest() if at.outer is not None else None
    assert first is not None
    return " or ".join(lookups), first


def segment(module: Module, frame: Frame, name: str, field_number: int = 0) -> tuple[str, str]:
    """Python names of the one segment in scope and of its padded fields; looked up once in the head of its scope."""
    pad = module.pad(name, field_number)
    at: Frame | None = frame
    while at is not None and at.kind not in ("message", "group"):
        if at.kind == "segment" and at.name == name:
            return at.var, fields_of(module, at)
        at = at.outer
    assert at is not None
    code, home = segments(at, name)
    if name not in home.found:
        variable = f"s_{name}" if home.kind == "message" else module.name(f"s_{name}_")
        names = (variable, variable[2:])
        home.found[name] = names
        nothing = module.constant(f"(missing({name!r}),)")
        home.head.line(f"{names[0]} = ({code} or {nothing})[0]")
        home.head.line(f"{names[1]} = {names[0]}.fields + {pad}")
    return home.found[name]


def fields_of(module: Module, frame: Frame) -> str:
    """Padded fields of a segment frame, made when first wanted."""
    if not frame.fields:
        frame.fields = module.name(f"{frame.name}_")
        frame.head.line(f"{frame.fields} = {frame.var}.fields + {module.pad(frame.name, 0)}")
    return frame.fields


def which(pick_number: int, condition: bool, every: bool, many: bool) -> Which:
    """How a pick counts in the accounts."""
    if every:
        return "all"
    if condition:
        return "some"
    return pick_number or "first"
