"""What no rule read: every populated field, repetition and component of a message against what the mapping reads.

Static masks from the compiled paths, chosen by the entries that were made (decision 13). A repetition picked by a
condition counts all of them as read, and so does a branch: what is reported is certainly unread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import compress, repeat
from operator import itemgetter, le

from engine.mapping.marks import Mark, Which
from engine.message import Issue, Severity
from engine.standards.hl7v2.er7 import Er7Document, Segment

HEADER = {"MSH": frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15, 16, 18}), "EVN": frozenset({1})}
"""Fields that the engine reads: routing, acknowledgement, duplicates, time, charset."""
SET_ID = frozenset(
    [
        "PID",
        "PV1",
        "PV2",
        "NK1",
        "AL1",
        "DG1",
        "OBR",
        "OBX",
        "NTE",
        "SPM",
        "IN1",
        "GT1",
        "PR1",
        "ROL",
        "DB1",
        "ACC",
        "SAC",
        "TQ1",
        "PRT",
    ]
)
"""Segments whose field 1 only counts them."""

_MOST_KEPT = 64
_WHOLE = 1 << 30
_FROM_ONE = range(1, 1 << 20)
_NONE: frozenset[int] = frozenset()
Reads = tuple[frozenset[int], frozenset[int], dict[int, frozenset[int]]]
"""Components read of the first repetition, of every one, and of those picked by number."""


@dataclass(slots=True)
class Open:
    """Of segments of one size: the fields that are not read whole, by number, with the count of components at which
    each has to be looked at; those of which only the first repetition is read; and those that nobody reads.

    `usual` and `found`: where the last segment had how many components, and what was doubtful in it. The next one is
    mostly like it.
    """

    numbers: tuple[int, ...]
    texts: Callable[[Sequence[str]], tuple[str, ...]]
    limits: tuple[int, ...]
    single: tuple[int, ...]
    nobody: tuple[int, ...]
    nobodys: Callable[[Sequence[str]], tuple[str, ...]]
    usual: list[tuple[int, int]] = field(default_factory=list)
    found: list[int] = field(default_factory=list)

    def doubtful(self, segment: Segment, component: str, repetition: str) -> list[int]:
        """Fields with more in them than is surely read. The counting is one pass without Python in between."""
        fields = segment.fields
        repeats = repetition in segment.raw
        if self.nobody and any(self.nobodys(fields)):
            beyond = list(compress(self.nobody, self.nobodys(fields)))
        elif repeats:
            beyond = []
        else:
            rest = segment.raw.count(component)
            for number, count in self.usual:
                if fields[number].count(component) != count:
                    break
                rest -= count
            else:
                if not rest:
                    return self.found
            beyond = []
        counts = list(map(str.count, self.texts(fields), repeat(component)))
        found = list(compress(self.numbers, map(le, self.limits, counts)))
        if repeats and self.single:
            beyond += [number for number in self.single if repetition in fields[number] and number not in found]
        if beyond:
            return sorted(found + beyond)
        if not repeats:
            self.usual = [(number, count) for number, count in zip(self.numbers, counts, strict=True) if count]
            self.found = found
        return found


@dataclass(frozen=True, slots=True)
class Mask:
    """Of one segment: by field how many components from the first are read without a gap, and all reads of parts.

    `limits[n]` is 0 for a field nobody reads, positive for all its repetitions, negative for the first only. `known` is
    False for a segment nobody reads.
    """

    limits: tuple[int, ...]
    parts: Mapping[int, Reads]
    known: bool
    open: dict[int, Open] = field(default_factory=dict)

    def opened(self, size: int) -> Open:
        """What is to be looked at in segments with so many fields."""
        count = len(self.limits)
        there = [(number, self.limits[number] if number < count else 0) for number in range(size)]
        opened = [(number, limit) for number, limit in there if limit not in (0, _WHOLE)]
        numbers = tuple(number for number, _ in opened)
        single = tuple(number for number, limit in opened if limit < 0)
        nobody = tuple(number for number, limit in there if not limit)
        limits = tuple(abs(limit) for _, limit in opened)
        found = self.open[size] = Open(numbers, _texts(numbers), limits, single, nobody, _texts(nobody))
        return found


class Accounts:
    """The accounts of one mapping."""

    def __init__(self, marks: Iterable[Mark], ignore: Mapping[str, str]) -> None:
        self.marks = tuple(marks)
        self.ignored = frozenset(ignore)
        self.kept: dict[frozenset[str], dict[str, Mask]] = {}

    def unread(self, document: Er7Document, made: frozenset[str]) -> list[Issue]:
        """An issue for each populated place that nobody read."""
        masks = self.kept.get(made)
        if masks is None:
            if len(self.kept) >= _MOST_KEPT:
                self.kept.clear()
            masks = self.kept[made] = {}
        found: list[Issue] = []
        known: dict[tuple[int, str, str], list[tuple[str, str]]] = {}
        component = document.separators.component or "\x00"
        repetition = document.separators.repetition or "\x00"
        for segment in document.segments:
            mask = masks.get(segment.name)
            if mask is None:
                mask = masks[segment.name] = self.mask(segment.name, made)
            if not mask.known:
                if any(segment.fields[1:]):
                    found.append(_unread(f"{segment.name}[{segment.number}]", "segment"))
                continue
            fields = mask.open.get(segment.size) or mask.opened(segment.size)
            for number in fields.doubtful(segment, component, repetition):
                text = segment.fields[number]
                told = known.get((number, text, segment.name))
                if told is None:
                    told = _told(text, repetition, component, mask.parts.get(number))
                    known[number, text, segment.name] = told
                for part, what in told:
                    found.append(_unread(f"{segment.name}[{segment.number}]-{number}{part}", what))
        return found

    def mask(self, name: str, made: frozenset[str]) -> Mask:
        """What is read of a segment when these entries are made."""
        if name in self.ignored:
            return Mask((_WHOLE,) * 1001, {}, True)
        ignored = {int(one[4:]) for one in self.ignored if one.startswith(f"{name}-")}
        fixed = HEADER.get(name, frozenset()) | ({1} if name in SET_ID else set()) | {0}
        own = [mark for mark in self.marks if mark.segment == name and (not mark.entry or mark.entry in made)]
        parts: dict[int, set[tuple[Which, int]]] = {}
        for mark in own:
            if mark.field:
                which: Which = "all" if mark.which == "some" else mark.which
                parts.setdefault(mark.field, set()).add((which, mark.component))
        limits = [0] * (max([*parts, *ignored, *fixed]) + 1)
        for number, reads in parts.items():
            limits[number] = _limit({c for w, c in reads if w == "all"})
            if not limits[number]:
                limits[number] = -_limit({c for w, c in reads if w in ("all", "first", 1)})
        for number in fixed | ignored:
            limits[number] = _WHOLE
        known = bool(own) or bool(ignored) or name in HEADER
        return Mask(tuple(limits), {number: _reads(reads) for number, reads in parts.items()}, known)


def _texts(numbers: tuple[int, ...]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    """The fields with these numbers. Without any, or with one, `itemgetter` gives no tuple."""
    if len(numbers) > 1:
        return itemgetter(*numbers)
    return (lambda fields: (fields[numbers[0]],)) if numbers else (lambda fields: ())


def _reads(reads: set[tuple[Which, int]]) -> Reads:
    every = frozenset(c for w, c in reads if w == "all")
    first = every | {c for w, c in reads if w in ("first", 1)}
    numbers = {w for w, _ in reads if isinstance(w, int)}
    return first, every, {n: frozenset(c for w, c in reads if w == n) for n in numbers}


def _limit(components: set[int]) -> int:
    """How many components from the first are read without a gap."""
    if 0 in components:
        return _WHOLE
    count = 0
    while count + 1 in components:
        count += 1
    return count


@lru_cache(maxsize=8192)
def _unread(place: str, what: str) -> Issue:
    return Issue(Severity.NOTE, "map.unread", f"no rule reads this {what}", place)


def _told(text: str, repetition: str, component: str, reads: Reads | None) -> list[tuple[str, str]]:
    """Repetitions and components of one field that nobody read: where in it, and what they are."""
    if reads is None:
        return [("", "field")]
    first, every, numbered = reads
    if repetition not in text and first.issuperset(compress(_FROM_ONE, text.split(component))):
        return []
    found: list[tuple[str, str]] = []
    repetitions = text.split(repetition)
    for index, one in enumerate(repetitions, 1):
        if not one:
            continue
        read = (first if index == 1 else every) | numbered.get(index, _NONE)
        here = f"[{index}]" if len(repetitions) > 1 else ""
        if not read:
            found.append((here, "repetition"))
        elif 0 not in read:
            parts = enumerate(one.split(component), 1)
            found += [(f"{here}.{number}", "component") for number, part in parts if part and number not in read]
    return found
