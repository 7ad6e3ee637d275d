"""A verdict taken apart for people: one section for each question that a sender has, in the order of a message's way.

Every issue of the verdict stands in exactly one section. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.channels.verdict import Verdict
from engine.message import Issue, Severity


class Section(StrEnum):
    """The questions, in order."""

    WELL_FORMED = "well_formed"
    RECOGNISED = "recognised"
    SCHEMA = "schema"
    RECEIPT_RULES = "receipt_rules"
    MAPPING = "mapping"
    UNREAD = "unread"
    CODES = "codes"


class Standing(StrEnum):
    """The short answer to a question."""

    GOOD = "good"
    REMARKS = "remarks"
    WRONG = "wrong"
    NOT_REACHED = "not_reached"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class Found:
    """One section: its answer and what is to be said, the worst first."""

    section: Section
    standing: Standing
    issues: tuple[Issue, ...] = ()


_READING = (
    *("hl7.no_header", "hl7.broken_segment", "hl7.separators", "hl7.nul", "hl7.charset", "hl7.byte_order_mark"),
    *("hl7.leading_bytes", "hl7.line_end", "hl7.small_tilde", "hl7.too_many_segments", "kith.not_xml", "kith.charset"),
    *("kith.doctype", "kith.too_deep", "kith.too_large", "kith.too_many_attributes", "kith.too_many_elements"),
)
_RECOGNISING = ("hl7.version", "hl7.structure_unknown", "hl7.no_ack", "kith.root", "kith.payload_")
_RECEIPT = (
    *("kith.message_id", "kith.patient", "kith.attachment_type", "kith.signature", "kith.certificate"),
    *("kith.no_journal", "kith.receiver"),
)
_PREFIXES: tuple[tuple[Section, tuple[str, ...]], ...] = (
    (Section.WELL_FORMED, _READING),
    (Section.RECOGNISED, (*_RECOGNISING, "gate.")),
    (Section.RECEIPT_RULES, _RECEIPT),
    (Section.CODES, ("map.unknown_code", "hl7.table")),
    (Section.UNREAD, ("map.unread",)),
    (Section.SCHEMA, ("hl7.", "kith.")),
)
"""The first that fits; what fits none was found while mapping, or by the check of the FHIR."""

_STEP = {
    Section.WELL_FORMED: 0,
    Section.RECOGNISED: 1,
    Section.SCHEMA: 2,
    Section.RECEIPT_RULES: 2,
    Section.MAPPING: 3,
    Section.UNREAD: 3,
    Section.CODES: 3,
}
_WEIGHT = list(Severity)


def section_of(code: str) -> Section:
    """Where an issue of that code is told."""
    return next((section for section, codes in _PREFIXES if code.startswith(codes)), Section.MAPPING)


def sections_of(verdict: Verdict, maps: bool, receipts: bool) -> list[Found]:
    """All sections. `maps`: a destination gets mapped bytes; `receipts`: the standard answers with receipts."""
    assert verdict.row is not None
    left_out = set() if receipts else {Section.RECEIPT_RULES}
    if not maps:
        left_out |= {Section.MAPPING, Section.UNREAD, Section.CODES}
    reached = _reached(verdict)
    found = []
    for section in Section:
        issues = [issue for issue in verdict.row.issues if section_of(issue.code) is section]
        issues.sort(key=lambda issue: _WEIGHT.index(issue.severity))
        found.append(Found(section, _standing(section, issues, reached, left_out), tuple(issues)))
    return found


def _standing(section: Section, issues: Sequence[Issue], reached: int, left_out: set[Section]) -> Standing:
    if issues:
        return Standing.WRONG if issues[0].severity is Severity.ERROR else Standing.REMARKS
    if section in left_out:
        return Standing.NOT_ASKED
    return Standing.GOOD if _STEP[section] <= reached else Standing.NOT_REACHED


def _reached(verdict: Verdict) -> int:
    """The last step that was taken."""
    assert verdict.row is not None
    if verdict.envelope is None:
        return 0
    reason = verdict.row.reason
    if reason.startswith("gate."):
        return 1
    if verdict.row.state == "routed" or reason.startswith(("mapping", "validate")):
        return 3
    return 2
