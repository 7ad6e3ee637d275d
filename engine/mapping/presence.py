"""How many fields a segment has, or components a text; and a function of its own for each usual size.

Senders end their segments at the same field in every message. A function that has met one size some times is written
anew for it, without the rules that find nothing (`narrowing`). At most so many, so that strange messages cost time and
not memory.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from engine.mapping.knowledge import PERHAPS
from engine.mapping.narrowing import narrowed

_OFTEN = 3
_MOST_SIZES = 24
_MOST_SEEN = 512
_PACE = 40
"""Of so many calls without a narrow function one may write one, so that no message waits for all of them."""


class Sizes(dict[Any, Any]):
    """Functions by size, or by several sizes: None for one that has none (yet).

    `lists`: the names of the lists of texts in the function, in the order of the sizes in a key.
    """

    def __init__(self, name: str, *lists: str) -> None:
        self.name, self.lists = name, lists
        self.source = ""
        self.tables = False
        self.scope: dict[str, object] = {}
        self.seen: dict[Any, int] = {}
        self.made = 0
        self.turn = [0]

    def __missing__(self, key: Any) -> Callable[..., object] | None:
        if self.made >= _MOST_SIZES or not self.source:
            return None
        self.turn[0] += 1
        count = self.seen.get(key, 0) + 1
        if count < _OFTEN or self.turn[0] < _PACE:
            if len(self.seen) >= _MOST_SEEN:
                self.seen.clear()
            self.seen[key] = count
            return None
        self.seen.pop(key, None)
        self.made += 1
        self.turn[0] = 0
        made = self[key] = self.write(key if isinstance(key, tuple) else (key,))
        return made

    def text(self, sizes: tuple[int, ...]) -> str:
        """Python source of the function for these sizes."""
        function = ast.parse(self.source).body[0]
        assert isinstance(function, ast.FunctionDef)
        return ast.unparse(
            narrowed(
                _rest(function),
                dict(zip(self.lists, [bytes([PERHAPS]) * size for size in sizes], strict=True)),
                self.tables,
            )
        )

    def write(self, sizes: tuple[int, ...]) -> Callable[..., object]:
        scope: dict[str, Any] = {}
        exec(compile(self.text(sizes), f"<{self.name}, one size>", "exec"), self.scope, scope)
        made: Callable[..., object] = scope[self.name]
        return made


def _rest(function: ast.FunctionDef) -> ast.FunctionDef:
    """What follows the look for a narrower function, as a function of what that is called with."""
    blocks: list[list[ast.stmt]] = [function.body]
    for block in blocks:
        for position, statement in enumerate(block):
            if (
                isinstance(statement, ast.Assign)
                and isinstance(statement.targets[0], ast.Name)
                and statement.targets[0].id == "narrow"
            ):
                chosen = next(one for one in block[position:] if isinstance(one, ast.If))
                call = next(node for node in ast.walk(chosen) if isinstance(node, ast.Call))
                names = [one.id for one in call.args if isinstance(one, ast.Name)]
                arguments = ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])
                rest = [one for one in block[position + 1 :] if one is not chosen]
                return ast.FunctionDef(function.name, arguments, rest, [])
            for inner in ("body", "orelse"):
                if isinstance(deeper := getattr(statement, inner, None), list):
                    blocks.append(deeper)
    raise LookupError(function.name)
