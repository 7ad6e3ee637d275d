"""Where a message departs from its version's definition: notes, never a reason by themselves to refuse it.

Why: real senders depart all the time, and what the journal needs the mapping demands (decision 10). A conforming
message costs some tens of microseconds: one expression over its segment names, one over each segment, a short one
when segments of its shape are familiar.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from engine.message import Issue, Severity
from engine.standards.hl7v2 import segment_check, structure_check
from engine.standards.hl7v2.er7 import Er7Document, Segment
from engine.standards.hl7v2.familiar import Familiar
from engine.standards.hl7v2.separators import USUAL
from engine.standards.hl7v2.shapes import UNSHAPED
from engine.standards.hl7v2.tables import has_segment, nearest_version, structure_name

_Match = Callable[[str], object]
_MOST_ISSUES = 200
_MOST_REMEMBERED = 200

_segment_matchers: dict[tuple[str, str], _Match] = {}
"""By version and segment name: only names that the version has, so it cannot grow without end."""
_familiar = Familiar()


def conformance(document: Er7Document) -> list[Issue]:
    """Departures in structure, cardinality, lexical form and tables, each with its place. Never raises for content."""
    header = document.segments[0].fields
    type_, stated = header[9] if len(header) > 9 else "", header[12] if len(header) > 12 else ""
    look = _expected if len(type_) + len(stated) < _MOST_REMEMBERED else _expected.__wrapped__
    version, structure, notes = look(type_, stated, document.separators.component)
    issues = list(notes)
    if structure:
        _check_structure(document, version, structure, issues)
    _check_segments(document, version, issues)
    return issues[:_MOST_ISSUES]


@lru_cache(maxsize=256)
def _expected(type_: str, stated: str, component: str) -> tuple[str, str, tuple[Issue, ...]]:
    """The version and the structure to check by, from MSH-9 and MSH-12, and what is to be said of them."""
    notes: list[Issue] = []
    stated = stated.split(component, 1)[0].strip()
    version = nearest_version(stated[:12])
    if stated != version:
        text = f"checked as version {version}"
        notes.append(Issue(Severity.NOTE, "hl7.version", text, "MSH[1]-12", "203" if stated else "101"))
    kind, event, own = ([part.strip() for part in type_.split(component)[:3]] + ["", "", ""])[:3]
    structure = structure_name(version, kind, event, own)
    if not structure:
        text = "the message structure is not known; its segments are checked one by one"
        notes.append(Issue(Severity.NOTE, "hl7.structure_unknown", text, "MSH[1]-9", "200"))
    return version, structure, tuple(notes)


def _check_structure(document: Er7Document, version: str, structure: str, issues: list[Issue]) -> None:
    names = "".join([segment.name for segment in document.segments])
    if "Z" in names:
        # Local segments may stand anywhere.
        names = "".join([segment.name for segment in document.segments if segment.name[0] != "Z"])
    if structure_check.matcher(version, structure)(names) is None:
        known = [one for one in document.segments if one.name[0] != "Z" and has_segment(version, one.name)]
        issues += structure_check.departures(version, structure, known)


def _check_segments(document: Er7Document, version: str, issues: list[Issue]) -> None:
    known = _familiar.of(version)
    # What is known is known of the usual separators.
    shapes = document.shapes if _usual(document) else [UNSHAPED] * len(document.segments)
    for segment, shape in zip(document.segments, shapes, strict=True):
        matches = known.get(segment.name)
        if matches is not None:
            match = matches.get(shape)
            if match is not None and match(segment.raw) is not None:
                continue
        _check_segment(document, segment, shape, version, issues)
        if len(issues) >= _MOST_ISSUES:
            return


def _check_segment(document: Er7Document, segment: Segment, shape: bytes, version: str, issues: list[Issue]) -> None:
    name = segment.name
    match = _segment_matchers.get((version, name))
    if match is None:
        if name[0] == "Z":
            return
        if not has_segment(version, name):
            text = f"no segment of version {version}"
            issues.append(Issue(Severity.NOTE, "hl7.unknown_segment", text, f"{name}[{segment.number}]", "100"))
            return
        match = _segment_matchers[version, name] = segment_check.matcher(version, name)
    if _usual(document) and match(segment.raw) is not None:
        _familiar.saw(version, name, shape)
    else:
        issues += segment_check.departures(version, segment, document.separators)


def _usual(document: Er7Document) -> bool:
    return document.separators[:5] == USUAL[:5]
