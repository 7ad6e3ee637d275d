"""The last look at generated lines: tests that need not stand twice, names that nobody reads. What is done stays."""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNPACKED = re.compile(r" +(\w+) = item\d+\[\d+\]")
_NAME = re.compile(r"[A-Za-z_]\w*")
_TEST = re.compile(r"( *)if (\w+):(?: (.+))?")


def polished(lines: Iterable[str]) -> list[str]:
    """A statement under the same test as the block before it joins that block.

    >>> polished(["if o:", "    o['url'] = 'x'", "if o: l.append(o)"])
    ['if o:', "    o['url'] = 'x'", '    l.append(o)']
    """
    made: list[str] = []
    opened: list[tuple[str, str]] = []
    for line in lines:
        depth = line[: len(line) - len(line.lstrip(" "))]
        closed = [one for one in opened if len(one[0]) >= len(depth)]
        opened = opened[: len(opened) - len(closed)]
        found = _TEST.fullmatch(line)
        if found is None:
            made.append(line)
            continue
        _, name, statement = found.groups()
        if statement is None:
            opened.append((depth, name))
            made.append(line)
        elif closed and closed[0] == (depth, name) and _keeps(made, depth, name):
            made.append(f"{depth}    {statement}")
            opened.append((depth, name))
        else:
            made.append(line)
    return made


def spared(lines: Iterable[str]) -> list[str]:
    """Parts of an item get names only in functions that read them.

    >>> spared(["def f(item1):", "    a = item1[0]", "    b = item1[1]", "    return b"])
    ['def f(item1):', '    b = item1[1]', '    return b']
    """
    made: list[str] = []
    read: set[str] = set()
    for line in reversed(list(lines)):
        found = _UNPACKED.fullmatch(line)
        if found is not None and found[1] not in read:
            continue
        if line.startswith("def "):
            read.clear()
        else:
            read.update(_NAME.findall(line))
        made.append(line)
    return made[::-1]


def _keeps(made: list[str], depth: str, name: str) -> bool:
    """Whether the block just written leaves its own test as it was."""
    changed = re.compile(rf"\b{name}\b[^=\[(]*=[^=]|\b(for|except|else|elif)\b")
    for line in reversed(made):
        if line.startswith(f"{depth}if {name}:"):
            return True
        if changed.search(line):
            return False
    return False
