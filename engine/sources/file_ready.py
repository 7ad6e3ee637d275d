"""Which files of a folder may be read: those that their writer has finished. Pure.

Why by watching and not by age: files that are copied keep the time of their original while they still grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """One regular file as a listing shows it. `marked`: its marker lies beside it. Its name may name a patient."""

    name: str
    inode: int
    size: int
    modified: int
    marked: bool = False

    @property
    def version(self) -> tuple[int, int, int]:
        """The same as long as nobody writes to it."""
        return self.inode, self.size, self.modified


@dataclass(frozen=True, slots=True)
class ReadyWhen:
    """The rule: unchanged for so many seconds, or marked; with neither a name that matches is enough, for writers that
    rename when they are done. `marker` is the end of the marker's name: `.ok` for `a.hl7` and `a.hl7.ok`."""

    size_stable_for: float = 0.0
    marker: str = ""


class Watch:
    """What was seen of a folder, round after round. Times are seconds of a clock that never goes back."""

    def __init__(self, rule: ReadyWhen, by_modified: bool) -> None:
        self._rule, self._by_modified = rule, by_modified
        self._since: dict[str, tuple[tuple[int, int, int], float]] = {}

    def ready(self, found: Sequence[Found], now: float) -> tuple[list[Found], float]:
        """Those that may be read, in order; and in how many seconds the next may be, 0 when none is on its way."""
        wanted = [each for each in found if each.marked or not self._rule.marker]
        since = {}
        ready: list[Found] = []
        soonest = 0.0
        for each in wanted:
            version, first = self._since.get(each.name, (each.version, now))
            first = first if version == each.version else now
            since[each.name] = (each.version, first)
            left = 0.0 if self._rule.marker else first + self._rule.size_stable_for - now
            if left <= 0:
                ready.append(each)
            else:
                soonest = min(soonest or left, left)
        self._since = since
        return sorted(ready, key=self._order), soonest

    def _order(self, each: Found) -> tuple[int, str]:
        return (each.modified if self._by_modified else 0, each.name)
