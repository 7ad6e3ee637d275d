"""Portions: neighbouring elements that are made together, and not every time.

What codes settle becomes a function of its own. Its result is kept by the raw texts it reads and the sender, a bounded
number of them. What gave an issue is made anew each time, and what has escapes, since their meaning may depend on the
character set. What is kept is put into many resources, and nothing changes it there.

What is the same for all instances of a group is made at the first of them. An issue of it would be told once anyhow.

Why: these took a third of the time of a laboratory message, and came to the same each time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from engine.mapping.frames import Frame
from engine.mapping.lookups import segment
from engine.mapping.module import Module
from engine.mapping.reach import Field
from engine.mapping.settled import settled, steady
from engine.mapping.shapes import Value, Want, united
from engine.mapping.writer import Block
from engine.yamlfile import YamlNode

_LEAST_SETTLED = 10
_LEAST_STEADY = 5
_MOST_FIELDS = 8

Kind = Literal["", "settled", "steady"]


@dataclass(slots=True)
class Portion:
    """Elements of one kind in a row: the lines that read each, its name and value; the fields that settle them."""

    kind: Kind = ""
    elements: list[tuple[Block, str, Value]] = field(default_factory=list)
    fields: dict[Field, None] = field(default_factory=dict)

    def add(self, kind: Kind, fields: tuple[Field, ...], element: tuple[Block, str, Value]) -> None:
        self.kind = kind
        self.fields.update(dict.fromkeys(fields))
        self.elements.append(element)

    @property
    def worth(self) -> bool:
        """Whether looking for it costs less than making it."""
        size = sum(lines.size + 1 for lines, _, _ in self.elements)
        if self.kind == "steady":
            return size >= _LEAST_STEADY
        return size >= _LEAST_SETTLED and len(self.fields) <= _MOST_FIELDS

    @property
    def needs(self) -> frozenset[str] | None:
        return united(value.needs for _, _, value in self.elements)

    def into(self, block: Block, target: str) -> None:
        """The elements, put into an object."""
        for lines, name, value in self.elements:
            lines.line(f"if {value.present}: {target}[{name!r}] = {value.code}")
            block.guarded(lines, value.needs)


class Portions:
    """Emits portions."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def kind(self, node: YamlNode, want: Want, frame: Frame, grouped: bool) -> tuple[Kind, tuple[Field, ...]]:
        """Which kind of portion an element belongs to, and the fields that settle it; "" for one made in place."""
        item = frame.item()
        if self.module.trace or frame.in_template() or (item is not None and item.kind == "text"):
            return "", ()
        fields = settled(self.module, node, want)
        if fields:
            return "settled", fields
        return ("steady" if grouped and steady(self.module, node, want, frame) else ""), ()

    def flush(self, portion: Portion, frame: Frame, block: Block, target: str, alone: bool) -> None:
        """What has come so far of a portion: as one, where that is worth it."""
        if alone or not portion.worth:
            portion.into(block, target)
        elif portion.kind == "steady":
            made = self.module.name("o")
            first = block.inside("if fresh:")
            first.line(f"{made} = {{}}")
            portion.into(first, made)
            block.line(f"{target}.update({made})")
        else:
            self.kept(portion, frame, block, target)

    def kept(self, portion: Portion, frame: Frame, block: Block, target: str) -> None:
        """The look for what the same codes gave before."""
        at = block.buffer()
        name = self.module.name("portion")
        found = [(*segment(self.module, frame, one, number), number) for one, number in portion.fields]
        texts = [f"{fields}[{number}]" for _, fields, number in found]
        given = dict.fromkeys(part for one, fields, _ in found for part in (one, fields))
        key, made = self.module.name("k"), self.module.name("o")
        at.line(f"{key} = ({', '.join(texts)}, r.sender)")
        at.line(f"{made} = M_{name}.get({key})")
        at.line(f"{target}.update({name}(r, {key}, {', '.join(given)}) if {made} is None else {made})")
        self.function(name, portion, list(given), texts, target)
        block.guarded(at, portion.needs)

    def function(self, name: str, portion: Portion, given: list[str], texts: list[str], target: str) -> None:
        """The function that makes a portion and keeps it."""
        self.module.top.line(f"M_{name} = Kept()")
        function = Block()
        body = function.inside(f"def {name}(r, key, {', '.join(given)}):")
        body.line("told = len(r.issues)")
        body.line(f"{target} = {{}}")
        loose = body.here()
        portion.into(body, target)
        self.module.ended(loose, among=" ".join(body.text()))
        plain = " and ".join(f"E not in {text}" for text in texts)
        body.line(f"if told == len(r.issues) and {plain}: M_{name}[key] = {target}")
        body.line(f"return {target}")
        self.module.functions.add(function)
