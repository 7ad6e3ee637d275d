"""Where generated code looks for a function written for the sizes at hand (`presence`)."""

from __future__ import annotations

from engine.mapping.frames import Frame
from engine.mapping.module import Module
from engine.mapping.writer import Block

_LONG = 80
"""Lines from which a body is worth a function of its own for each size of its segments."""


def narrowable(module: Module, name: str, frame: Frame, function: Block, given: tuple[str, ...]) -> None:
    """Look for the function narrowed to the segments that are looked up in the frames here, and leave all to it."""
    if module.trace:
        return

    def pays() -> bool:
        return function.size >= _LONG and bool(_looked_up(frame))

    def kept() -> str:
        lists = ", ".join(repr(fields) for fields in _looked_up(frame).values())
        return f"N_{name} = Sizes({name!r}, {lists})" if pays() else ""

    def found() -> str:
        sizes = ", ".join(f"{segment}.size" for segment in _looked_up(frame))
        return f"narrow = N_{name}[{sizes}]" if pays() else ""

    def call() -> str:
        names = dict.fromkeys((*given, *(one for pair in _looked_up(frame).items() for one in pair)))
        return f"if narrow: return narrow({', '.join(names)})" if pays() else ""

    module.top.late(kept)
    function.late(found)
    function.late(call)


def _looked_up(frame: Frame) -> dict[str, str]:
    """Python names of the segments that are looked up in the frames around, and of their fields."""
    found: dict[str, str] = {}
    at: Frame | None = frame
    while at is not None:
        found |= dict(at.found.values())
        if at.kind == "segment" and at.fields:
            found[at.var] = at.fields
        at = at.outer
    return found
