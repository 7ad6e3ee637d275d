"""Python source as it grows: blocks with indentation, places to insert later, literals."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.standards.fhir import Decimal

_MOST_NEEDS = 4
_LEAST_LINES = 3


class Block:
    """Lines and the blocks inside them, in order. `guard`: raw texts of which one must be there for it to run."""

    def __init__(self, outer: Block | None = None, deeper: bool = False) -> None:
        self.outer = outer
        self.deeper = deeper
        self.guard: frozenset[str] = frozenset()
        self.known: dict[str, str] = {}
        self.parts: list[str | Block | Callable[[], str | list[str]]] = []

    def line(self, text: str) -> None:
        self.parts.append(text)

    def late(self, line: Callable[[], str]) -> None:
        """A line that is known only when everything is written; "" for none."""
        self.parts.append(line)

    def lines(self, lines: Callable[[], list[str]]) -> None:
        """Lines that are known only when everything is written."""
        self.parts.append(lines)

    def inside(self, opening: str | Callable[[], str]) -> Block:
        """A deeper block under an opening line (`if x:`), which may be known late."""
        self.parts.append(opening)
        block = Block(self, deeper=True)
        self.parts.append(block)
        return block

    def here(self) -> Block:
        """A block at this place that can be filled later."""
        block = Block(self)
        self.parts.append(block)
        return block

    def buffer(self) -> Block:
        """A block that is written now and added (or dropped) later; it knows what is known here."""
        return Block(self)

    def copy(self) -> Block:
        """The same lines, for another place."""
        block = Block(self.outer)
        block.known = dict(self.known)
        block.parts = list(self.parts)
        return block

    def guarded(self, block: Block, needs: frozenset[str] | None) -> None:
        """A buffer's content, under a test that there is anything for it where that is worth it."""
        if needs is None or len(needs) > _MOST_NEEDS or block.size < _LEAST_LINES:
            self.add(block)
            return
        block.guard = needs
        self.parts.append(block)

    def value_of(self, code: str) -> str | None:
        """The variable that holds what this code reads, where it was read on every way here."""
        block: Block | None = self
        while block is not None:
            if code in block.known:
                return block.known[code]
            block = block.outer
        return None

    def add(self, block: Block) -> None:
        """A buffer's content, at this place; what it read is known from here on."""
        self.parts.append(block)
        self.known.update(block.known)

    @property
    def size(self) -> int:
        """How many lines there are in it."""
        return sum(part.size if isinstance(part, Block) else 1 for part in self.parts)

    @property
    def empty(self) -> bool:
        return all(isinstance(part, Block) and part.empty for part in self.parts)

    def text(self, depth: int = 0, there: frozenset[str] = frozenset()) -> Iterator[str]:
        """The lines, indented. `there`: raw texts that a test around this block has found, and need no second one."""
        for position, part in enumerate(self.parts):
            if isinstance(part, str):
                yield "    " * depth + part
                following = self.parts[position + 1] if position + 1 < len(self.parts) else None
                if part.endswith(":") and isinstance(following, Block) and following.empty:
                    yield "    " * (depth + 1) + "pass"
            elif isinstance(part, Block):
                if part.guard and not part.guard & there:
                    yield "    " * depth + f"if {' or '.join(sorted(part.guard))}:"
                    yield from part.text(depth + 1, there | part.guard if len(part.guard) == 1 else there)
                else:
                    yield from part.text(depth + part.deeper, there)
            elif late := part():
                for line in [late] if isinstance(late, str) else late:
                    yield "    " * depth + line


def literal(value: object) -> str:
    """Python source of a constant made of dicts, lists, text, numbers and truth values."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, Decimal):
        return f"Decimal({str(value)!r})"
    return repr(value)
