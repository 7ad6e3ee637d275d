"""What no rule read: every populated field, repetition and component of a message against what the mapping reads.

Static masks from the compiled paths, chosen by the entries that were made (decision 13). A repetition picked by a
condition counts all of them as read, and so does a branch: what is reported is certainly unread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import compress

from engine.mapping.marks import Mark, Which
from engine.message import Issue, Severity
from engine.standards.hl7v2.er7 import Er7Document

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
_NUMBERS = range(4096)
_NONE: frozenset[int] = frozenset()
Reads = tuple[frozenset[int], frozenset[int], dict[int, frozenset[int]]]
"""Components read of the first repetition, of every one, and of those picked by number."""


@dataclass(frozen=True, slots=True)
class Mask:
    """Of one segment: by field how many components from the first are read without a gap, and all reads of parts.

    `limits[n]` is 0 for a field nobody reads, positive for all its repetitions, negative for the first only. `known` is
    False for a segment nobody reads.
    """

    limits: tuple[int, ...]
    parts: Mapping[int, Reads]
    known: bool


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
            limits, fields = mask.limits, segment.fields
            for number in compress(_NUMBERS, fields):
                # Nearly every field is settled by its limit; only a gap or one component more is looked at.
                limit = limits[number] if number < len(limits) else 0
                if limit == _WHOLE:
                    continue
                text = fields[number]
                if limit > 0:
                    if component not in text or text.count(component) < limit:
                        continue
                elif limit < 0 and repetition not in text and text.count(component) < -limit:
                    continue
                place = f"{segment.name}[{segment.number}]-{number}"
                reads = mask.parts.get(number)
                if reads is None:
                    found.append(_unread(place, "field"))
                else:
                    _parts(place, text, repetition, component, reads, found)
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


def _reads(reads: set[tuple[Which, int]]) -> Reads:
    every = frozenset(c for w, c in reads if w == "all")
    first = every | {c for w, c in reads if w == "first"}
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


def _unread(place: str, what: str) -> Issue:
    return Issue(Severity.NOTE, "map.unread", f"no rule reads this {what}", place)


def _parts(place: str, text: str, repetition: str, component: str, reads: Reads, found: list[Issue]) -> None:
    """Repetitions and components of one field that nobody read."""
    first, every, numbered = reads
    repetitions = text.split(repetition)
    for index, one in enumerate(repetitions, 1):
        if not one:
            continue
        read = (first if index == 1 else every) | numbered.get(index, _NONE)
        here = f"{place}[{index}]" if len(repetitions) > 1 else place
        if not read:
            found.append(_unread(here, "repetition"))
        elif 0 not in read:
            for position, part in enumerate(one.split(component), 1):
                if part and position not in read:
                    found.append(_unread(f"{here}.{position}", "component"))
