"""Objects that stand in one message after the other: codes of tables, units, staff, places, who made a Bundle.

Who makes such an object and keeps it says so by `share`, and from then on nobody changes it, nor anything in it. So
what it was once found to be holds for every message it stands in, and a judge that meets it again asks only whether
it is the very same object.

Why by identity: an object is looked up by its `id`, and to compare two costs as much as to judge one. An `id` is of
one object only as long as that lives, so what is looked up is kept alive here: a bounded number, forgotten together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

ROOM = 32768
"""Shared objects known, and of them those found right at one kind of place. Of tables there are about 3000."""

Value = TypeVar("Value")
_shared: dict[int, Any] = {}


def share(value: Value) -> Value:
    """The value itself, an object or a list; whoever calls this promises that it is never changed."""
    if isinstance(value, (dict, list)):
        if len(_shared) >= ROOM:
            _shared.clear()
        _shared[id(value)] = value
        for inner in value.values() if isinstance(value, dict) else value:
            share(inner)
    return value


def is_shared(value: Any) -> bool:
    """Whether this very object was shared of late."""
    return id(value) in _shared


class Judged:
    """Of one kind of place, its judge and the shared objects that were found right. Any other is judged each time."""

    def __init__(self, judge: Callable[[Any], bool]) -> None:
        self._judge = judge
        self.right_ones: dict[int, Any] = {}

    def right(self, value: Any) -> bool:
        """Whether a value is right; a shared one is remembered if it is."""
        if not self._judge(value):
            return False
        if is_shared(value):
            if len(self.right_ones) >= ROOM:
                self.right_ones.clear()
            self.right_ones[id(value)] = value
        return True
