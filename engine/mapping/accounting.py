"""What no rule read: every populated field, repetition and component of a message against what the mapping reads.

Static masks from the compiled paths, chosen by the entries that were made (decision 13). A repetition picked by a
condition counts all of them as read, and so does a branch: what is reported is certainly unread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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
_Read = tuple[Which, int]


@dataclass(frozen=True, slots=True)
class Mask:
    """Of one segment: fields read whole, reads of parts by field, fields of which at least the first value is read.

    `known` is False for a segment nobody reads.
    """

    whole: frozenset[int]
    parts: Mapping[int, tuple[_Read, ...]]
    plain: frozenset[int]
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
            whole, parts, plain = mask.whole, mask.parts, mask.plain
            for number, text in enumerate(segment.fields):
                # Most fields end here: not sent, read whole, or one plain value whose first component is read.
                if (
                    not text
                    or number in whole
                    or (number in plain and component not in text and repetition not in text)
                ):
                    continue
                reads = parts.get(number)
                if reads is None:
                    found.append(_unread(f"{segment.name}[{segment.number}]-{number}", "field"))
                else:
                    found += _parts(document, segment, number, text, reads)
        return found

    def mask(self, name: str, made: frozenset[str]) -> Mask:
        """What is read of a segment when these entries are made."""
        ignored = {int(one[4:]) for one in self.ignored if one.startswith(f"{name}-")}
        fixed = HEADER.get(name, frozenset()) | ({1} if name in SET_ID else set()) | {0}
        own = [mark for mark in self.marks if mark.segment == name and (not mark.entry or mark.entry in made)]
        parts: dict[int, set[_Read]] = {}
        for mark in own:
            if mark.field:
                which: Which = "all" if mark.which == "some" else mark.which
                parts.setdefault(mark.field, set()).add((which, mark.component))
        whole = {number for number, reads in parts.items() if ("all", 0) in reads} | fixed | ignored
        known = bool(own) or bool(ignored) or name in HEADER or name in self.ignored
        if name in self.ignored:
            return Mask(frozenset(range(1001)), {}, frozenset(), True)
        rest = {number: tuple(sorted(reads, key=str)) for number, reads in parts.items() if number not in whole}
        plain = {
            number for number, reads in rest.items() if any(w in ("all", "first", 1) and c in (0, 1) for w, c in reads)
        }
        return Mask(frozenset(whole), rest, frozenset(plain), known)


def _unread(place: str, what: str) -> Issue:
    return Issue(Severity.NOTE, "map.unread", f"no rule reads this {what}", place)


def _parts(document: Er7Document, segment: Segment, number: int, text: str, reads: tuple[_Read, ...]) -> list[Issue]:
    """Repetitions and components of one field that nobody read."""
    separators = document.separators
    repetitions = text.split(separators.repetition) if separators.repetition else [text]
    place = f"{segment.name}[{segment.number}]-{number}"
    found: list[Issue] = []
    for index, repetition in enumerate(repetitions, 1):
        if not repetition:
            continue
        here = f"{place}[{index}]" if len(repetitions) > 1 else place
        read = {
            component
            for which, component in reads
            if which == "all" or which == index or (which == "first" and index == 1)
        }
        if not read:
            found.append(_unread(here, "repetition"))
        elif 0 not in read:
            components = repetition.split(separators.component) if separators.component else [repetition]
            if len(components) == 1 and 1 in read:
                continue
            for position, component in enumerate(components, 1):
                if component and position not in read:
                    found.append(_unread(f"{here}.{position}", "component"))
    return found
