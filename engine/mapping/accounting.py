"""What no rule read: every populated field, repetition and component of a message against what the mapping reads.

Static masks from the compiled paths, chosen by the entries that were made (decision 13). A repetition picked by a
condition counts all of them as read, and so does a branch: what is reported is certainly unread.

What is unread in a segment depends on the mask and on the segment's shape alone, so it is kept by both: looking it up
costs a tenth of finding it, and a shape holds nothing of a patient.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import compress

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

MOST_KEPT = 1 << 20
"""About how much memory, in bytes, what is kept for one mapping may take."""

_LONGEST_KEPT = 512
_MASK, _SHAPE, _PLACE = 3_000, 250, 150
"""What a mask, a shape and a place of one take of it."""
_FROM_ONE = range(1, 1 << 20)
_NONE: frozenset[int] = frozenset()
Reads = tuple[frozenset[int], frozenset[int], dict[int, frozenset[int]]]
"""Components read of the first repetition, of every one, and of those picked by number."""
Places = tuple[tuple[str, str], ...]
"""Where in a segment something is unread (`-5[2].1`, "" for all of it), and what it is."""


@dataclass(frozen=True, slots=True)
class Mask:
    """What is read of one segment: fields as a whole, fields in part; and what is unread in it, by shape.

    `known` is False for a segment nobody reads, `ignored` True for one that the mapping passes over with a reason.
    """

    whole: frozenset[int] = _NONE
    parts: Mapping[int, Reads] = field(default_factory=dict)
    known: bool = True
    ignored: bool = False
    kept: dict[bytes, Places] = field(default_factory=dict)

    def unread(self, segment: Segment, component: str, repetition: str) -> Places:
        """By looking at each field."""
        if self.ignored:
            return ()
        if not self.known:
            return (("", "segment"),) if any(segment.fields[1:]) else ()
        found: list[tuple[str, str]] = []
        whole, parts = self.whole, self.parts.get
        for number, text in enumerate(segment.fields):
            if text and number not in whole:
                found += _told(f"-{number}", text, repetition, component, parts(number))
        return tuple(found)


class Accounts:
    """The accounts of one mapping."""

    def __init__(self, marks: Iterable[Mark], ignore: Mapping[str, str]) -> None:
        self.marks: dict[str, list[Mark]] = {}
        for mark in marks:
            self.marks.setdefault(mark.segment, []).append(mark)
        self.ignored = frozenset(ignore)
        self.masks: dict[frozenset[str], dict[str, Mask]] = {}
        self.kept = 0
        """How much of `MOST_KEPT` is taken."""

    def unread(self, document: Er7Document, made: frozenset[str]) -> list[Issue]:
        """An issue for each populated place that nobody read."""
        masks = self.masks.get(made)
        if masks is None or self.kept >= MOST_KEPT:
            masks = self._masks(made)
        found: list[Issue] = []
        for segment, shape in zip(document.segments, document.shapes, strict=True):
            mask = masks.get(segment.name)
            places = mask.kept.get(shape) if mask is not None else None
            if places is None:
                places = self._look(document, segment, shape, mask or self._mask(segment.name, made, masks))
            for place, what in places:
                found.append(_unread(segment.name, segment.number, place, what))
        return found

    def _look(self, document: Er7Document, segment: Segment, shape: bytes, mask: Mask) -> Places:
        """The thorough way, for a shape that was not met before."""
        separators = document.separators
        places = mask.unread(segment, separators.component or "\x00", separators.repetition or "\x00")
        if 0 < len(shape) <= _LONGEST_KEPT and self.kept < MOST_KEPT:
            mask.kept[shape] = places
            self.kept += _SHAPE + len(shape) + _PLACE * len(places)
        return places

    def _masks(self, made: frozenset[str]) -> dict[str, Mask]:
        """Where masks for these entries are kept. What has grown too large is begun anew."""
        if self.kept >= MOST_KEPT:
            self.masks.clear()
            self.kept = 0
        self.kept += _MASK
        return self.masks.setdefault(made, {})

    def _mask(self, name: str, made: frozenset[str], masks: dict[str, Mask]) -> Mask:
        self.kept += _MASK
        masks[name] = mask = self.mask(name, made)
        return mask

    def mask(self, name: str, made: frozenset[str]) -> Mask:
        """What is read of a segment when these entries are made."""
        if name in self.ignored:
            return Mask(ignored=True)
        ignored = {int(one[4:]) for one in self.ignored if one.startswith(f"{name}-")}
        fixed = HEADER.get(name, _NONE) | ({1} if name in SET_ID else set()) | {0}
        own = [mark for mark in self.marks.get(name, ()) if not mark.entry or mark.entry in made]
        parts: dict[int, set[tuple[Which, int]]] = {}
        for mark in own:
            if mark.field:
                which: Which = "all" if mark.which == "some" else mark.which
                parts.setdefault(mark.field, set()).add((which, mark.component))
        whole = fixed | ignored | {number for number, reads in parts.items() if ("all", 0) in reads}
        known = bool(own) or bool(ignored) or name in HEADER
        return Mask(whole, {number: _reads(reads) for number, reads in parts.items()}, known)


def _reads(reads: set[tuple[Which, int]]) -> Reads:
    every = frozenset(c for w, c in reads if w == "all")
    first = every | {c for w, c in reads if w in ("first", 1)}
    numbers = {w for w, _ in reads if isinstance(w, int)}
    return first, every, {n: frozenset(c for w, c in reads if w == n) for n in numbers}


@lru_cache(maxsize=8192)
def _unread(name: str, number: int, place: str, what: str) -> Issue:
    return Issue(Severity.NOTE, "map.unread", f"no rule reads this {what}", f"{name}[{number}]{place}")


def _told(at: str, text: str, repetition: str, component: str, reads: Reads | None) -> list[tuple[str, str]]:
    """Repetitions and components of one field that nobody read: where in the segment, and what they are."""
    if reads is None:
        return [(at, "field")]
    first, every, numbered = reads
    if repetition not in text and first.issuperset(compress(_FROM_ONE, text.split(component))):
        return []
    found: list[tuple[str, str]] = []
    repetitions = text.split(repetition)
    for index, one in enumerate(repetitions, 1):
        if not one:
            continue
        read = (first if index == 1 else every) | numbered.get(index, _NONE)
        here = f"{at}[{index}]" if len(repetitions) > 1 else at
        if not read:
            found.append((here, "repetition"))
        elif 0 not in read:
            parts = enumerate(one.split(component), 1)
            found += [(f"{here}.{number}", "component") for number, part in parts if part and number not in read]
    return found
