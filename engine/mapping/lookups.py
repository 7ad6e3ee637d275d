"""Finding segments from where a rule stands: the frame's own first, then outwards; a claimed one in its group only."""

from __future__ import annotations

from engine.mapping.frames import Frame
from engine.mapping.groups import Group
from engine.mapping.marks import Which
from engine.mapping.module import Module


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
        nothing = module.constant(f"(missing({name!r}),)")
        if home.walk is not None:
            home.walk.wanted[name] = f"({code} or {nothing})[0]"
            home.found[name] = home.walk.names(name)
            return home.found[name]
        variable = f"s_{name}" if home.kind == "message" else module.name(f"s_{name}_")
        names = (variable, variable[2:])
        home.found[name] = names
        home.head.line(f"{names[0]} = ({code} or {nothing})[0]")
        home.head.line(f"{names[1]} = {names[0]}.fields")
        home.head.line(f"if len({names[1]}) < L_{name}: {names[1]} += {pad}")
    return home.found[name]


def fields_of(module: Module, frame: Frame) -> str:
    """Padded fields of a segment frame, made when first wanted."""
    if not frame.fields:
        frame.fields = module.name(f"{frame.name}_")
        pad = module.pad(frame.name, 0)
        frame.head.line(f"{frame.fields} = {frame.var}.fields")
        frame.head.line(f"if len({frame.fields}) < L_{frame.name}: {frame.fields} += {pad}")
    return frame.fields


def which(pick_number: int, condition: bool, every: bool, many: bool) -> Which:
    """How a pick counts in the accounts."""
    if every:
        return "all"
    if condition:
        return "some"
    return pick_number or "first"
