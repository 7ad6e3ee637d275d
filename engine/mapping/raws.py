"""Raw parts of a field: repetitions by number or condition, components, sub-components."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.expression import Pick, Step
from engine.mapping.frames import DEEPER, SEPARATOR, Frame, Level
from engine.mapping.lookups import claimed_by, which
from engine.mapping.marks import Mark
from engine.mapping.module import Module
from engine.mapping.writer import Block


@dataclass(frozen=True, slots=True)
class Raw:
    """Python code of raw text (or of a list of raw texts) with its parts, and where it stands."""

    code: str
    level: Level
    segment: str
    path: str
    many: bool
    origin: Mark | None
    template: set[tuple[int, int]] | None = None
    above: tuple[int, ...] = ()
    others: tuple[Raw, ...] = ()
    needs: frozenset[str] | None = None
    item: str = "''"


def parted(raw: str, parts: tuple[int, ...], separators: str) -> str:
    """Python test whether raw text can hold a part: one after the first is there only behind a separator."""
    between = [separator for part, separator in zip(parts, separators, strict=False) if part > 1]
    return f"{between[-1]} in {raw}" if between else raw


class Raws:
    """Emits reads of raw text."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def fault(self, column: int, text: str, suggestion: str = "") -> None:
        self.module.fault("M501", column, text, suggestion)

    def absolute(self, step: Step, frame: Frame) -> Step:
        """A relative step from a segment (`.2`) as the field it means."""
        item = frame.item()
        if not step.name and step.parts and item is not None and item.kind == "segment":
            return replace(step, name=item.name, field=step.parts[0], parts=step.parts[1:])
        return step

    def visible(self, step: Step, frame: Frame) -> bool:
        if frame.in_template():
            self.fault(
                step.column, f"a template cannot read {step.name}", "give it the value it needs, or use relative paths"
            )
            return False
        claimed = claimed_by(self.module, frame, step.name)
        if claimed is not None and not self.segment_frame(frame, step.name):
            hint = f"write {claimed.name} / {step.name}{f'-{step.field}' if step.field else ''}"
            self.fault(step.column, f"{step.name} lies in the group '{claimed.name}'", hint)
            return False
        return True

    def segment_frame(self, frame: Frame, name: str) -> bool:
        at: Frame | None = frame
        while at is not None:
            if at.kind == "segment" and at.name == name:
                return True
            at = at.outer
        return False

    def mark(self, step: Step, many: bool, parts: tuple[int, ...]) -> Mark:
        pick = step.pick
        kind = which(pick.number, pick.condition is not None, pick.every, many) if pick else "first"
        component, sub = (*parts, 0, 0)[:2]
        return Mark(step.name, step.field, kind, component, sub)

    def count(self, mark: Mark) -> None:
        if self.module.counting:
            self.module.marks.add(mark)

    @staticmethod
    def suffix(step: Step) -> str:
        return f"-{step.field}" + "".join(f".{part}" for part in step.parts)

    def of_field(
        self, step: Step, item: str, field: str, frame: Frame, block: Block, many: bool, empty: bool = False
    ) -> Raw | None:
        """Repetitions of a field, or one of them, then the parts asked for."""
        pick = step.pick
        variable = self.module.name("t")
        origin = self.mark(step, many, ())
        level: Level = "repetition"
        path = repr(self.suffix(step))
        several = many and pick is not None and not pick.number
        if pick is None:
            block.line(f"{variable} = {field}")
            block.line(f"if R in {variable}: {variable} = {variable}[:{variable}.index(R)]")
        elif pick.number:
            block.line(f"{variable} = nth({field}, {pick.number - 1})")
        elif pick.condition is not None:
            self.picked(pick, step, item, field, variable, frame, block, several)
        elif not many:
            self.fault(pick.column, "[*] gives a list where one value is wanted", "take [*] away, or write [1]")
            return None
        else:
            block.line(
                f"{variable} = {field}.split(R) if {field} else []"
                if empty
                else f"{variable} = repetitions({field}) if R in {field} else ({field},) if {field} else ()"
            )
        for number, function in zip(step.parts, ("part", "subpart"), strict=False):
            level = DEEPER[level]
            if several:
                one = self.module.name("t")
                block.line(f"{variable} = [{function}({one}, {number - 1}) for {one} in {variable}]")
            else:
                block.line(f"{variable} = {function}({variable}, {number - 1})")
        if many and not several:
            one, variable = variable, self.module.name("t")
            block.line(f"{variable} = [{one}] if {one} else []")
        return Raw(
            variable,
            level,
            item,
            path,
            many,
            origin,
            None,
            step.parts,
            needs=frozenset({parted(field, step.parts, "CS")}),
        )

    def picked(
        self, pick: Pick, step: Step, item: str, field: str, variable: str, frame: Frame, block: Block, many: bool
    ) -> None:
        """Repetitions for which a condition holds."""
        assert pick.condition is not None
        one = self.module.name("t")
        block.line(f"{variable} = {'[]' if many else repr('')}")
        loop = block.inside(f"for {one} in repetitions({field}) if {field} else ():")
        inner = Frame(
            "text", frame.file, one, loop.here(), frame, segment=item, path=repr(f"-{step.field}"),
            origin=Mark(step.name, step.field, "some"),
        )  # fmt: skip
        with self.module.uncounted():
            test = self.module.terms.condition(pick.condition, inner, loop)
        then = loop.inside(f"if {test}:")
        if many:
            then.line(f"{variable}.append({one})")
        else:
            then.line(f"{variable} = {one}")
            then.line("break")

    def relative(self, step: Step, frame: Frame, block: Block, many: bool) -> Raw | None:
        """`.4`, `.4.1`, `.` in a repetition or component."""
        item = frame.item()
        if item is None or item.kind != "text":
            what = "stands on a segment here" if item is not None else "has nothing to be relative to"
            self.fault(step.column, f"a relative path {what}", "write the segment and field: PID-3.4")
            return None
        if item.level == "node":
            self.fault(step.column, "this stands on an element", "write xp(...): xp(.), xp(@V), xp(mh:Id)")
            return None
        variable = self.module.name("t")
        level: Level = item.level
        code = item.var
        depth = len(step.parts)
        if depth > {"repetition": 2, "component": 1, "sub": 0}[level]:
            self.fault(
                step.column, f"a {level} has no parts this deep", "a component has sub-components, and they have none"
            )
            return None
        if step.pick is not None:
            self.fault(step.column, "components do not repeat", "take the brackets away")
            return None
        for position, number in enumerate(step.parts):
            code = f"{self.split(item)}[{number - 1}]" if position == 0 else f"subpart({code}, {number - 1})"
            if position == 0:
                item.width = max(item.width, number)
            level = DEEPER[level]
        suffix = "".join(f".{part}" for part in step.parts)
        first = parted(f"{item.parts}[{step.parts[0] - 1}]", step.parts[1:], "S") if step.parts else item.var
        if many:
            block.line(f"{variable} = [{code}] if {code} else []")
            code = variable
        return Raw(
            code, level, item.segment, item.path_code(suffix), many, item.origin, item.template, step.parts,
            needs=frozenset({first}) if step.parts or item.template is None else None, item=item.var,
        )  # fmt: skip

    def split(self, item: Frame) -> str:
        """The parts of a text frame: split once, padded as far as anyone reads."""
        if not item.parts:
            item.parts = self.module.name("p")
            item.head.line(f"{item.parts} = {item.var}.split({SEPARATOR[item.level]})")
            item.head.late(lambda: self.padding(item))
        return item.parts

    def padding(self, item: Frame) -> str:
        """Written last, when it is known how far the parts are read."""
        if item.width < 2:
            return ""
        nothing = self.module.constant(f"[''] * {item.width - 1}")
        return f"if len({item.parts}) < {item.width}: {item.parts} += {nothing}"
