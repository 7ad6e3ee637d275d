"""One mapped message to render: a patient met in passing, a result with a derived identity, a report of its own."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any, Literal

from engine.message import Party
from engine.standards.fhir import Decimal, Entry, Identity, Link, Resource, Verb
from engine.standards.fhir.render import Origin, Rendered, Writing

FNR = "urn:oid:2.16.578.1.12.4.1.4.1"
RAW = b"MSH|^~\\&|LAB\r"
KARI = Identity(FNR, "13815897247")
ORIGIN = Origin(
    channel="lab",
    message="01900000-0000-7000-8000-000000000001",
    message_id="MSG1",
    message_type="ORU^R01",
    sender=Party("LAB", "urn:oid:1.2.3", "Laboratoriet"),
    mapping="hl7v2/oru",
    mapping_revision="abc",
    revision="def",
    sha256=hashlib.sha256(RAW).digest(),
    received=1_768_460_400_123_456,
    raw=RAW,
    content_type="x-application/hl7-v2+er7",
    include_original=True,
)
BARE = replace(ORIGIN, include_original=False)


def writing(mode: Literal["by_id", "conditional"], key: bytes = b"k" * 32) -> Writing:
    return Writing(mode, key)


def patient(**more: Any) -> Resource:
    return {"resourceType": "Patient", "identifier": [{"system": FNR, "value": "13815897247"}], **more}


def mapped() -> tuple[list[Entry], list[Link]]:
    """A patient met in passing, an observation of ours with a derived identity, a report with a number of its own."""
    subject: dict[str, Any] = {}
    result: dict[str, Any] = {}
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Hb"},
        "subject": subject,
        "valueQuantity": {"value": Decimal("72.50")},
    }
    report = {
        "resourceType": "DiagnosticReport",
        "identifier": [{"system": "urn:x", "value": "R 1"}],
        "status": "final",
        "code": {"text": "blood"},
        "result": [result],
    }
    entries = [
        Entry("patient", patient(), Verb.MENTION, KARI),
        Entry("observation", observation, Verb.OWN, Identity("urn:x", "R 1|Hb", derived=True)),
        Entry("report", report, Verb.OWN, Identity("urn:x", "R 1")),
    ]
    return entries, [Link(subject, 0), Link(result, 1)]


def by_type(rendered: Rendered) -> dict[str, dict[str, Any]]:
    return {entry["resource"]["resourceType"]: entry for entry in rendered.bundle["entry"]}
