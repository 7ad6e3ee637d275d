"""Loops over groups, segments and repetitions, and the paths that go through them."""

from __future__ import annotations

from dataclasses import replace

from engine.expression import And, Compare, Expression, In, Literal, Path, Pick, Step
from engine.mapping.frames import Frame
from engine.mapping.groups import Group
from engine.mapping.lookups import fields_of, segment, segments
from engine.mapping.marks import Mark
from engine.mapping.raws import Raw, Raws
from engine.mapping.writer import Block


class Loops(Raws):
    """Emits loops, and raw parts found by way of them."""

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

    def loop(self, path: Path, frame: Frame, block: Block) -> tuple[Block, Frame] | None:
        """Open a loop over what a path names: groups, segments, repetitions. Returns its inside and its frame."""
        last = self.absolute(path.steps[-1], frame)
        wanted = _wanted(last) if last.name not in self.module.groups else None
        if wanted is not None:
            block = block.inside(f"if r.any_of({last.name!r}, {wanted[0]}, {wanted[1]}):")
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
        if nearest.kind == "message" and self.module.walking:
            return self.walk(way, frame, block)
        at = frame
        for group in way:
            assert nearest is not None
            variable = self.module.name("g")
            block = block.inside(f"for {variable} in {nearest.var}.inner.get({group.name!r}, ()):")
            at = nearest = Frame(
                "group", frame.file, variable, block.here(), at, group.name, group, loop=f"group {group.name}"
            )
        return block, at

    def walk(self, way: list[Group], frame: Frame, block: Block) -> tuple[Block, Frame]:
        """The loop over instances that all entries of this group share."""
        walk = self.module.walks.over(way)
        block = block.inside(f"for {walk.item} in {walk.every}:")
        at = frame
        for group in way:
            one = self.module.walks.found[group.name]
            loop = f"group {group.name}"
            at = Frame("group", frame.file, one.instance, block.here(), at, group.name, group, loop=loop, walk=one)
        block.lines(at.unpacked)
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


def _wanted(step: Step) -> tuple[int, str] | None:
    """Field and texts that a segment is chosen by, as in `OBX[.2 = 'ED']`: without any of them there is nothing."""
    test = step.pick.condition if step.pick is not None and not step.field else None
    while isinstance(test, And):
        test = test.left
    if isinstance(test, Compare) and test.equal and isinstance(test.right, Literal):
        item: Expression = test.left
        values: tuple[str, ...] = (test.right.text,)
    elif isinstance(test, In) and not test.negated:
        item, values = test.item, test.values
    else:
        return None
    if not isinstance(item, Path) or len(item.steps) != 1 or item.steps[0].name or not all(values):
        return None
    one = item.steps[0]
    return (one.parts[0], f"{{{', '.join(map(repr, values))}}}") if len(one.parts) == 1 and one.pick is None else None


def _written(pick: Pick | None) -> str:
    return "" if pick is None else f"[{pick.number or pick.condition or '*'}]"


def everything(path: Path) -> Path:
    """A loop over a field goes over all its repetitions."""
    last = path.steps[-1]
    if last.field and last.pick is None:
        return replace(path, steps=(*path.steps[:-1], replace(last, pick=Pick(last.column))))
    return path
