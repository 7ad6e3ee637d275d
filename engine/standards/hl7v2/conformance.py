"""Where a message departs from its version's definition: notes, never a reason by themselves to refuse it.

Why: real senders depart all the time, and what the journal needs the mapping demands (decision 10). A conforming
message costs some tens of microseconds: one expression over its segment names, one over each segment.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.message import Issue, Severity
from engine.standards.hl7v2 import segment_check, structure_check
from engine.standards.hl7v2.er7 import Er7Document
from engine.standards.hl7v2.separators import USUAL
from engine.standards.hl7v2.tables import has_segment, nearest_version, structure_name

_Match = Callable[[str], object]
_MOST_ISSUES = 200

_segment_matchers: dict[str, dict[str, _Match]] = {}
"""By version and segment name: only names that the version has, so it cannot grow without end."""


def conformance(document: Er7Document) -> list[Issue]:
    """Departures in structure, cardinality, lexical form and tables, each with its place. Never raises for content."""
    header = document.segments[0].fields
    component = document.separators.component
    stated = header[12].split(component, 1)[0].strip() if len(header) > 12 else ""
    version = nearest_version(stated[:12])
    issues: list[Issue] = []
    if stated != version:
        text = f"checked as version {version}"
        issues.append(Issue(Severity.NOTE, "hl7.version", text, "MSH[1]-12", "203" if stated else "101"))
    _check_structure(document, version, header[9].split(component) if len(header) > 9 else [], issues)
    _check_segments(document, version, issues)
    return issues[:_MOST_ISSUES]


def _check_structure(document: Er7Document, version: str, type_: list[str], issues: list[Issue]) -> None:
    kind, event, stated = (*(part.strip() for part in type_[:3]), "", "", "")[:3]
    name = structure_name(version, kind, event, stated)
    if not name:
        text = "the message structure is not known; its segments are checked one by one"
        issues.append(Issue(Severity.NOTE, "hl7.structure_unknown", text, "MSH[1]-9", "200"))
        return
    # Local segments may stand anywhere.
    names = "".join([segment.name for segment in document.segments if segment.name[0] != "Z"])
    if structure_check.matcher(version, name)(names) is None:
        known = [one for one in document.segments if one.name[0] != "Z" and has_segment(version, one.name)]
        issues += structure_check.departures(version, name, known)


def _check_segments(document: Er7Document, version: str, issues: list[Issue]) -> None:
    matchers = _segment_matchers.setdefault(version, {})
    usual = document.separators[:5] == USUAL[:5]
    for segment in document.segments:
        match = matchers.get(segment.name)
        if match is None:
            if segment.name[0] == "Z":
                continue
            if not has_segment(version, segment.name):
                text = f"no segment of version {version}"
                place = f"{segment.name}[{segment.number}]"
                issues.append(Issue(Severity.NOTE, "hl7.unknown_segment", text, place, "100"))
                continue
            match = matchers[segment.name] = segment_check.matcher(version, segment.name)
        if not usual or match(segment.raw) is None:
            issues += segment_check.departures(version, segment, document.separators)
        if len(issues) >= _MOST_ISSUES:
            return
