"""Paths to Python that reads: text, texts, raw parts, loops. What is read is marked for the accounts."""

from __future__ import annotations

from dataclasses import replace

from engine.expression import Path, Step
from engine.mapping.frames import Frame
from engine.mapping.lookups import segment
from engine.mapping.loops import Loops
from engine.mapping.raws import Raw, parted
from engine.mapping.shapes import Seen, Value
from engine.mapping.writer import Block

TEXT = "text"


class Reads(Loops):
    """Emits reads of ER7 paths."""

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
            return Value(self.once(self.leading(relative.code), block, formatted), TEXT, needs=relative.needs)
        raw = self.raw(path, frame, block)
        if raw is None:
            return None
        self.account(raw)
        self.see(raw)
        self.leaf(raw.code, block, formatted)
        return Value(raw.code, TEXT, needs=raw.needs)

    def held(self, path: Path, frame: Frame, block: Block) -> str | None:
        """Python test whether a field (all repetitions) or a part of it holds anything, in whichever part."""
        step = self.absolute(path.steps[0], frame)
        if not step.name:
            raw = self.relative(step, frame, block, False)
            if raw is None:
                return None
            self.account(raw)
            self.see(raw)
            code = raw.code
        else:
            if not self.visible(step, frame):
                return None
            item, fields = segment(self.module, frame, step.name, step.field)
            self.count(self.mark(step, False, step.parts or (1, 1)))
            self.module.seen.append(Seen(item, repr(self.suffix(step)), not self.module.counting))
            code = f"{fields}[{step.field}]"
            if step.parts == (1,):
                # Most fields begin with their first component.
                return f"({code}[:1].isalnum() or has(part({code}, 0)))"
            code = self.parts_of(code, step.parts)
        if code.endswith("]"):
            return self.holding(code)
        key = f"{code} raw"
        variable = block.value_of(key)
        if variable is None:
            variable = block.known[key] = self.module.name("t")
            block.line(f"{variable} = {code}")
        return self.holding(variable)

    @staticmethod
    def holding(raw: str) -> str:
        return f"({raw} and ({raw}[:1].isalnum() or has({raw})))"

    @staticmethod
    def parts_of(code: str, parts: tuple[int, ...]) -> str:
        """Raw component and sub-component of the first repetition of a field."""
        for number, function in zip(parts, ("part", "subpart"), strict=False):
            code = f"{function}({code}, {number - 1})"
        return code

    def field_text(self, step: Step, frame: Frame, block: Block, formatted: bool) -> Value | None:
        """The straight case: `PID-8`, `PID-5.2`, `PID-3.4.2`."""
        if not self.visible(step, frame):
            return None
        item, fields = segment(self.module, frame, step.name, step.field)
        code = f"{fields}[{step.field}]"
        if step.parts and step.parts[0] > 1:
            code = f"part({code}, {step.parts[0] - 1})"
        if len(step.parts) > 1 and step.parts[1] > 1:
            code = f"subpart({code}, {step.parts[1] - 1})"
        self.count(self.mark(step, False, step.parts or (1, 1)))
        self.module.seen.append(Seen(item, repr(self.suffix(step)), not self.module.counting))
        variable = self.once(code, block, formatted)
        return Value(variable, TEXT, needs=frozenset({parted(f"{fields}[{step.field}]", step.parts, "CS")}))

    def once(self, code: str, block: Block, formatted: bool) -> str:
        """The variable that holds the text of a raw part, read where it was not read before."""
        key = f"{code} formatted" if formatted else code
        variable = block.value_of(key)
        if variable is None:
            variable = block.known[key] = self.module.name("v")
            block.line(f"{variable} = {code}")
            self.leaf(variable, block, formatted)
        return variable

    @staticmethod
    def leading(code: str) -> str:
        """The first sub-component is what the text of a component is anyhow."""
        return code[8:-4] if code.startswith("subpart(") and code.endswith(", 0)") else code

    def leaf(self, variable: str, block: Block, formatted: bool) -> None:
        """Text of a raw part, in place. A word of letters and digits is its own text."""
        document = self.module.document
        value = f"texts.get({variable}) or leaf({variable}, {document})"
        if formatted:
            value = f"formatted({variable}, {document})"
        block.line(f"if {variable} and not {variable}.isalnum(): {variable} = {value}")

    def texts(self, path: Path, frame: Frame, block: Block, formatted: bool = False) -> Value | None:
        """All values a path gives, as a list; empty ones stay where `formatted` (lines of a text)."""
        raw = self.raw(path, frame, block, many=True, empty=formatted)
        if raw is None:
            return None
        self.account(raw)
        self.see(raw)
        variable, one = self.module.name("l"), self.module.name("v")
        function = "formatted" if formatted else "leaf"
        made = f"({one} if not {one} or {one}.isalnum() else {function}({one}, {self.module.document}))"
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
            self.module.seen.append(Seen(raw.segment, raw.path, not self.module.counting, raw.item))
