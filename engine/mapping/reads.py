"""Paths to Python that reads: text, texts, raw parts, loops. What is read is marked for the accounts."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.expression import Path, Pick, Step
from engine.mapping.frames import DEEPER, SEPARATOR, Frame, Level, claimed_by, fields_of, segment, segments, which
from engine.mapping.marks import Mark
from engine.mapping.module import Module, Seen, Value
from engine.mapping.writer import Block

TEXT = "text"


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


class Reads:
    """Emits reads of ER7 paths."""

    def __init__(self, module: Module) -> None:
        self.module = module

    # what a path means where it stands

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

    # text

    def text(self, path: Path, frame: Frame, block: Block, formatted: bool = False) -> Value | None:
        """Text of the one value a path gives."""
        step = self.absolute(path.steps[0], frame) if len(path.steps) == 1 else path.steps[0]
        if len(path.steps) == 1 and step.name and step.field and step.pick is None:
            return self.field_text(step, frame, block, formatted)
        if len(path.steps) == 1 and not step.name:
            relative = self.relative(step, frame, block, False)
            if relative is None:
                return None
            self.account(relative)
            self.see(relative)
            return Value(self.once(relative.code, block, formatted), TEXT, needs=relative.needs)
        raw = self.raw(path, frame, block)
        if raw is None:
            return None
        self.account(raw)
        self.see(raw)
        self.leaf(raw.code, block, formatted)
        return Value(raw.code, TEXT, needs=raw.needs)

    def field_text(self, step: Step, frame: Frame, block: Block, formatted: bool) -> Value | None:
        """The straight case: `PID-8`, `PID-5.2`, `PID-3.4.2`."""
        if not self.visible(step, frame):
            return None
        item, fields = segment(self.module, frame, step.name, step.field)
        code = f"{fields}[{step.field}]"
        if step.parts and step.parts[0] > 1 or len(step.parts) > 1:
            code = f"part({code}, {step.parts[0] - 1})"
        if len(step.parts) > 1:
            code = f"subpart({code}, {step.parts[1] - 1})"
        self.count(self.mark(step, False, step.parts or (1, 1)))
        self.module.seen.append(Seen(item, repr(self.suffix(step)), not self.module.counting))
        variable = self.once(code, block, formatted)
        return Value(variable, TEXT, needs=frozenset({f"{fields}[{step.field}]"}))

    def once(self, code: str, block: Block, formatted: bool) -> str:
        """The variable that holds the text of a raw part, read where it was not read before."""
        key = f"{code} formatted" if formatted else code
        variable = block.value_of(key)
        if variable is None:
            variable = block.known[key] = self.module.name("v")
            block.line(f"{variable} = {code}")
            self.leaf(variable, block, formatted)
        return variable

    def leaf(self, variable: str, block: Block, formatted: bool) -> None:
        """Text of a raw part, in place. A word of letters and digits is its own text."""
        function = "formatted" if formatted else "leaf"
        block.line(f"if {variable} and not {variable}.isalnum(): {variable} = {function}({variable}, d)")

    def texts(self, path: Path, frame: Frame, block: Block, formatted: bool = False) -> Value | None:
        """All values a path gives, as a list; empty ones stay where `formatted` (lines of a text)."""
        raw = self.raw(path, frame, block, many=True, empty=formatted)
        if raw is None:
            return None
        self.account(raw)
        self.see(raw)
        variable, one = self.module.name("l"), self.module.name("v")
        function = "formatted" if formatted else "leaf"
        made = f"({one} if not {one} or {one}.isalnum() else {function}({one}, d))"
        if not formatted:
            block.line(f"{variable} = [{one} for {one} in [{made} for {one} in {raw.code}] if {one}]")
        else:
            block.line(f"{variable} = [{made} for {one} in {raw.code}]")
        return Value(variable, TEXT, many=True, needs=raw.needs)

    def account(self, raw: Raw, read: tuple[tuple[int, int], ...] = ()) -> None:
        """Count a raw part as read: its first leaf, or of a template the parts in `read`."""
        if not self.module.counting:
            return
        for other in raw.others:
            self.account(other, read)
        for component, sub in read or ((0, 0),):
            below = tuple(n for n in (component, sub) if n)
            parts = (*raw.above, *below) if below else (*raw.above, 1, 1)
            first, second = (*parts, 0, 0)[:2]
            if raw.template is not None:
                raw.template.add((first, second))
            elif raw.origin is not None:
                self.module.marks.add(replace(raw.origin, component=first, sub=second))

    def see(self, raw: Raw) -> None:
        if raw.segment:
            self.module.seen.append(Seen(raw.segment, raw.path, not self.module.counting))

    @staticmethod
    def suffix(step: Step) -> str:
        return f"-{step.field}" + "".join(f".{part}" for part in step.parts)

    # raw parts

    def raw(self, path: Path, frame: Frame, block: Block, many: bool = False, empty: bool = False) -> Raw | None:
        """Raw text of the one value (or list of all) that a path gives, in a new variable."""
        if len(path.steps) > 1:
            return self.navigated(path, frame, block, many)
        step = self.absolute(path.steps[0], frame)
        if not step.name:
            return self.relative(step, frame, block, many)
        if not step.field:
            self.fault(step.column, f"{step.name} is a segment, not a value", f"write {step.name}-1 for a field")
            return None
        if not self.visible(step, frame):
            return None
        item, fields = segment(self.module, frame, step.name, step.field)
        return self.of_field(step, item, f"{fields}[{step.field}]", frame, block, many, empty)

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
                f"{variable} = {field}.split(R) if {field} else []" if empty else f"{variable} = repetitions({field})"
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
        return Raw(variable, level, item, path, many, origin, None, step.parts, needs=frozenset({field}))

    def picked(
        self, pick: Pick, step: Step, item: str, field: str, variable: str, frame: Frame, block: Block, many: bool
    ) -> None:
        """Repetitions for which a condition holds."""
        assert pick.condition is not None
        one = self.module.name("t")
        block.line(f"{variable} = {'[]' if many else repr('')}")
        loop = block.inside(f"for {one} in repetitions({field}):")
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
        variable = self.module.name("t")
        level, code = item.level, item.var
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
        first = f"{item.parts}[{step.parts[0] - 1}]" if step.parts else item.var
        if many:
            block.line(f"{variable} = [{code}] if {code} else []")
            code = variable
        return Raw(
            code, level, item.segment, item.path_code(suffix), many, item.origin, item.template, step.parts,
            needs=frozenset({first}),
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

    def navigated(self, path: Path, frame: Frame, block: Block, many: bool) -> Raw | None:
        """`result / OBX[...] / OBX-5[*]`: every value on the way, or the first."""
        last = path.steps[-1]
        if not last.field and not last.parts:
            self.fault(last.column, "the path ends at a segment, not at a value", "add a field: / OBX-5")
            return None
        variable, item_code = self.module.name("l"), self.module.name("s")
        block.line(f"{variable} = []")
        if not many:
            block.line(f"{item_code} = None")
        opened = self.loop(Path(path.column, path.steps[:-1]), frame, block)
        if opened is None:
            return None
        inner, at = opened
        step = self.absolute(last, at)
        if at.kind != "segment" or step.name != at.name:
            self.fault(
                last.column, f"{step.name or 'this'} is not a field of the segment before it", "write OBX / OBX-5"
            )
            return None
        fields = fields_of(self.module, at)
        self.module.pad(at.name, step.field)
        raw = self.of_field(step, at.var, f"{fields}[{step.field}]", at, inner, True)
        if raw is None:
            return None
        inner.line(f"{variable} += {raw.code}")
        origin = replace(raw.origin, which="all") if raw.origin and raw.origin.which == "first" and many else raw.origin
        if many:
            return replace(raw, code=variable, origin=origin, segment="", needs=None)
        inner.line(f"if {variable} and {item_code} is None: {item_code} = {at.var}")
        one = self.module.name("t")
        nothing = self.module.constant(f"missing({at.name!r})")
        block.line(f"{one} = {variable}[0] if {variable} else ''")
        block.line(f"if {item_code} is None: {item_code} = {nothing}")
        return replace(raw, code=one, many=False, segment=item_code, needs=None)

    # loops

    def loop(self, path: Path, frame: Frame, block: Block) -> tuple[Block, Frame] | None:
        """Open a loop over what a path names: groups, segments, repetitions. Returns its inside and its frame."""
        after_group = False
        for step in path.steps:
            step = self.absolute(step, frame)
            if step.name in self.module.groups:
                opened = self.group_loop(step, frame, block)
                after_group = True
            elif step.field or not step.name:
                opened = self.repetition_loop(step, frame, block)
            else:
                opened = self.segment_loop(step, frame, block, after_group)
                after_group = False
            if opened is None:
                return None
            block, frame = opened
        return block, frame

    def group_loop(self, step: Step, frame: Frame, block: Block) -> tuple[Block, Frame] | None:
        if step.pick is not None:
            self.fault(step.column, "a group has no brackets", "put the condition in 'when'")
            return None
        present = frame.in_group(step.name)
        if present is not None:
            return block, present
        way = [self.module.groups[step.name]]
        nearest = frame.nearest()
        while way[0].outer and (nearest is None or nearest.name != way[0].outer):
            way.insert(0, self.module.groups[way[0].outer])
        if nearest is None or (nearest.kind == "group" and way[0].outer != nearest.name):
            self.fault(step.column, f"the group '{step.name}' does not lie inside here")
            return None
        at = frame
        for group in way:
            assert nearest is not None
            variable = self.module.name("g")
            block = block.inside(f"for {variable} in {nearest.var}.inner.get({group.name!r}, ()):")
            at = nearest = Frame(
                "group", frame.file, variable, block.here(), at, group.name, group, loop=f"group {group.name}"
            )
        return block, at

    def segment_loop(self, step: Step, frame: Frame, block: Block, only: bool) -> tuple[Block, Frame] | None:
        if not (len(step.name) == 3 and step.name.isupper()):
            hint = self.module.findings.near(step.name, self.module.groups)
            self.fault(step.column, f"there is no group '{step.name}'", hint or "declare it under groups:")
            return None
        if frame.kind == "segment" and frame.name == step.name:
            return block, frame
        if not only and not self.visible(step, frame):
            return None
        code, _ = segments(frame, step.name, only)
        variable = self.module.name("s")
        pick = step.pick
        listed = f"({code} or ())"
        if pick is not None and pick.number:
            listed += f"[{pick.number - 1}:{pick.number}]"
        block = block.inside(f"for {variable} in {listed}:")
        self.count(Mark(step.name, 0))
        loop = f"segment {step.name}{_written(pick)}"
        at = Frame("segment", frame.file, variable, block.here(), frame, step.name, loop=loop)
        if pick is not None and pick.condition is not None:
            with self.module.uncounted():
                test = self.module.terms.condition(pick.condition, at, block)
            block = block.inside(f"if {test}:")
        return block, at

    def repetition_loop(self, step: Step, frame: Frame, block: Block) -> tuple[Block, Frame] | None:
        if not step.name:
            self.fault(step.column, "components do not repeat", "loop over a field, a segment or a group")
            return None
        if frame.kind == "segment" and frame.name == step.name:
            item, fields = frame.var, fields_of(self.module, frame)
            self.module.pad(step.name, step.field)
        elif self.visible(step, frame):
            item, fields = segment(self.module, frame, step.name, step.field)
        else:
            return None
        pick = step.pick or Pick(step.column)
        raw = self.of_field(replace(step, pick=pick, parts=()), item, f"{fields}[{step.field}]", frame, block, True)
        if raw is None:
            return None
        variable = self.module.name("t")
        block = block.inside(f"for {variable} in {raw.code}:")
        loop = f"field {step.name}-{step.field}{_written(pick)}"
        at = Frame(
            "text", frame.file, variable, block.here(), frame, segment=item, path=raw.path, origin=raw.origin, loop=loop
        )
        return block, at


def _written(pick: Pick | None) -> str:
    return "" if pick is None else f"[{pick.number or pick.condition or '*'}]"
