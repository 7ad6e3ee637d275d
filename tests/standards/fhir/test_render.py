"""One mapped message, written to two journals in two ways."""

from __future__ import annotations

import base64
import copy
import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from engine.message import Party, Severity
from engine.standards.fhir import Decimal, Entry, Identity, Link, Resource, Verb
from engine.standards.fhir.dump import dump
from engine.standards.fhir.provenance import LARGEST_COPY
from engine.standards.fhir.render import Origin, Rendered, Writing, render
from engine.standards.fhir.validator import validate

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


@pytest.mark.parametrize("mode", ["by_id", "conditional"])
def test_the_bundle_is_valid_r4(mode: Literal["by_id", "conditional"]) -> None:
    rendered = render(*mapped(), writing(mode), ORIGIN)
    assert validate(rendered.bundle) == []
    assert rendered.issues == ()
    assert rendered.bundle["type"] == "transaction"


def test_by_id_owned_resources_are_put_under_their_id() -> None:
    entry = by_type(render(*mapped(), writing("by_id"), ORIGIN))["DiagnosticReport"]
    identity = entry["resource"]["id"]
    assert entry["request"] == {"method": "PUT", "url": f"DiagnosticReport/{identity}"}
    assert entry["fullUrl"] == f"urn:uuid:{identity}"


def test_by_id_a_mention_is_written_only_where_there_is_none() -> None:
    entry = by_type(render(*mapped(), writing("by_id"), ORIGIN))["Patient"]
    assert entry["request"] == {
        "method": "PUT",
        "url": f"Patient/{entry['resource']['id']}",
        "ifNoneMatch": "*",
    }


def test_conditionally_owned_resources_are_put_by_identifier() -> None:
    entry = by_type(render(*mapped(), writing("conditional"), ORIGIN))["DiagnosticReport"]
    assert entry["request"] == {"method": "PUT", "url": "DiagnosticReport?identifier=urn:x%7CR%201"}
    assert "id" not in entry["resource"]


def test_conditionally_a_mention_is_created_if_there_is_none() -> None:
    entry = by_type(render(*mapped(), writing("conditional"), ORIGIN))["Patient"]
    assert entry["request"] == {
        "method": "POST",
        "url": "Patient",
        "ifNoneExist": f"identifier={FNR}%7C13815897247",
    }


def test_conditionally_a_derived_identity_becomes_an_identifier_of_its_own() -> None:
    entry = by_type(render(*mapped(), writing("conditional"), ORIGIN))["Observation"]
    assert entry["resource"]["identifier"] == [{"system": "urn:ietf:rfc:3986", "value": entry["fullUrl"]}]
    assert entry["request"]["url"] == f"Observation?identifier=urn:ietf:rfc:3986%7C{entry['fullUrl']}"


@pytest.mark.parametrize("mode", ["by_id", "conditional"])
def test_references_point_to_the_entries_of_the_bundle(mode: Literal["by_id", "conditional"]) -> None:
    found = by_type(render(*mapped(), writing(mode), ORIGIN))
    assert found["Observation"]["resource"]["subject"] == {"reference": found["Patient"]["fullUrl"]}
    assert found["DiagnosticReport"]["resource"]["result"] == [{"reference": found["Observation"]["fullUrl"]}]


def test_only_conditional_writing_has_identities_that_must_not_be_in_flight_twice() -> None:
    assert render(*mapped(), writing("by_id"), ORIGIN).identities == ()
    assert render(*mapped(), writing("conditional"), ORIGIN).identities == (
        f"Patient|{FNR}|13815897247",
        "DiagnosticReport|urn:x|R 1",
    )


def test_the_same_entries_are_rendered_for_one_journal_after_the_other() -> None:
    alone = [
        dump(render(*mapped(), way, ORIGIN).bundle) for way in (writing("by_id"), writing("conditional", b"j" * 32))
    ]
    entries, links = mapped()
    ways = [writing("by_id"), writing("conditional", b"j" * 32)] * 2
    assert [dump(render(entries, links, way, ORIGIN).bundle) for way in ways] == alone * 2


def test_rendering_changes_nothing_but_the_link_slots() -> None:
    entries, links = mapped()
    before = copy.deepcopy([entry.resource for entry in entries])
    render(entries, links, writing("conditional"), ORIGIN)
    for link in links:
        link.slot.clear()
    assert [entry.resource for entry in entries] == before


# Entries that speak of the same resource


def both(first: Entry, second: Entry) -> tuple[Resource, Rendered]:
    rendered = render([first, second], [], writing("by_id"), BARE)
    (found,) = [e for e in rendered.bundle["entry"] if e["resource"]["resourceType"] == "Patient"]
    return found, rendered


def test_equal_entries_become_one() -> None:
    found, rendered = both(Entry("a", patient(), Verb.MENTION, KARI), Entry("b", patient(), Verb.MENTION, KARI))
    assert found["resource"] == {"id": found["resource"]["id"], **patient()}
    assert rendered.issues == ()


def test_entries_that_complete_each_other_become_one() -> None:
    family = Entry("a", patient(name=[{"family": "Nordmann"}]), Verb.MENTION, KARI)
    found, rendered = both(family, Entry("b", patient(gender="female"), Verb.MENTION, KARI))
    assert found["resource"]["name"] == [{"family": "Nordmann"}]
    assert found["resource"]["gender"] == "female"
    assert rendered.issues == ()


def test_of_entries_that_contradict_the_first_wins_and_a_warning_names_the_element() -> None:
    female = Entry("a", patient(gender="female"), Verb.MENTION, KARI)
    found, rendered = both(female, Entry("b", patient(gender="male"), Verb.MENTION, KARI))
    assert found["resource"]["gender"] == "female"
    (issue,) = rendered.issues
    assert (issue.severity, issue.code, issue.place) == (Severity.WARNING, "map.contradiction", "Patient.gender")


def test_what_is_owned_wins_over_what_is_mentioned_earlier() -> None:
    mention = Entry("a", patient(gender="female"), Verb.MENTION, KARI)
    found, _ = both(mention, Entry("b", patient(gender="male"), Verb.OWN, KARI))
    assert found["resource"]["gender"] == "male"
    assert "ifNoneMatch" not in found["request"]


def test_links_to_either_of_two_joined_entries_are_right() -> None:
    slot: dict[str, Any] = {}
    entries = [Entry("a", patient(), Verb.MENTION, KARI), Entry("b", patient(gender="male"), Verb.MENTION, KARI)]
    rendered = render(entries, [Link(slot, 1)], writing("by_id"), BARE)
    assert slot["reference"] == rendered.bundle["entry"][0]["fullUrl"]


# Where it comes from


def test_provenance_names_sender_message_mapping_and_reception() -> None:
    found = by_type(render(*mapped(), writing("by_id"), ORIGIN))
    resource = found["Provenance"]["resource"]
    assert resource["target"] == [{"reference": found[t]["fullUrl"]} for t in ("Observation", "DiagnosticReport")]
    assert resource["recorded"] == "2026-01-15T07:00:00.123Z"
    assert resource["policy"][0] == "urn:x-budstikke:mapping:hl7v2/oru|abc"
    assert resource["agent"][0]["who"] == {
        "identifier": {"system": "urn:oid:1.2.3", "value": "LAB"},
        "display": "Laboratoriet",
    }
    assert resource["agent"][1]["who"] == {"display": "Budstikke"}
    assert resource["entity"][0]["what"]["identifier"] == {"value": "MSG1"}
    assert resource["entity"][0]["what"]["reference"] == found["DocumentReference"]["fullUrl"]


def test_provenance_speaks_of_what_is_mentioned_when_nothing_is_owned() -> None:
    entries = mapped()[0][:1]
    found = by_type(render(entries, [], writing("by_id"), BARE))
    assert found["Provenance"]["resource"]["target"] == [{"reference": found["Patient"]["fullUrl"]}]


def test_the_original_is_kept_with_its_hashes_and_its_patient() -> None:
    found = by_type(render(*mapped(), writing("by_id"), ORIGIN))
    resource = found["DocumentReference"]["resource"]
    attachment = resource["content"][0]["attachment"]
    assert base64.b64decode(attachment["data"]) == RAW
    assert base64.b64decode(attachment["hash"]) == hashlib.sha1(RAW).digest()
    assert attachment["size"] == len(RAW)
    assert resource["subject"] == {"reference": found["Patient"]["fullUrl"]}
    named = base64.urlsafe_b64encode(hashlib.sha256(RAW).digest()).decode().rstrip("=")
    assert {"system": "urn:ietf:rfc:3986", "value": f"ni:///sha-256;{named}"} in resource["identifier"]


@pytest.mark.parametrize(("size", "copied"), [(LARGEST_COPY, True), (LARGEST_COPY + 1, False), (0, False)])
def test_a_large_original_is_described_and_not_copied(size: int, copied: bool) -> None:
    origin = replace(ORIGIN, raw=b"x" * size)
    rendered = render(*mapped(), writing("by_id"), origin)
    attachment = by_type(rendered)["DocumentReference"]["resource"]["content"][0]["attachment"]
    assert ("data" in attachment) is copied
    assert attachment["size"] == size
    assert validate(rendered.bundle) == []


def test_ids_of_both_come_from_channel_and_message() -> None:
    first, again = (by_type(render(*mapped(), writing("by_id"), ORIGIN)) for _ in range(2))
    other = by_type(render(*mapped(), writing("by_id"), replace(ORIGIN, message="other")))
    for kind in ("Provenance", "DocumentReference"):
        assert first[kind]["fullUrl"] == again[kind]["fullUrl"] != other[kind]["fullUrl"]
    assert first["Patient"]["fullUrl"] == other["Patient"]["fullUrl"]


def test_conditionally_both_are_created_once() -> None:
    found = by_type(render(*mapped(), writing("conditional"), ORIGIN))
    document, origin = found["DocumentReference"], found["Provenance"]
    assert document["request"]["ifNoneExist"] == f"identifier=urn:ietf:rfc:3986%7C{document['fullUrl']}"
    (tag,) = origin["resource"]["meta"]["tag"]
    assert origin["request"]["ifNoneExist"] == f"_tag={tag['system']}%7C{tag['code']}"


@pytest.mark.parametrize(
    "sender", [Party("", ""), Party("LAB", "not a uri"), Party("L\x00B", ""), Party("LAB", "urn:oid:1 2")]
)
def test_whatever_the_sender_calls_itself_the_bundle_is_valid(sender: Party) -> None:
    origin = replace(ORIGIN, sender=sender, message_id="", message_type="")
    assert validate(render(*mapped(), writing("by_id"), origin).bundle) == []


def test_a_message_that_speaks_of_nothing_gives_a_bundle_without_provenance() -> None:
    rendered = render([], [], writing("by_id"), BARE)
    assert rendered.bundle == {"resourceType": "Bundle", "type": "transaction"}
    assert validate(rendered.bundle) == []


_MEASURE = """
import sys
def most_resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
sys.path[:0] = sys.argv[1:]
from dataclasses import replace
from test_render import LARGEST_COPY, ORIGIN, dump, mapped, render, validate, writing
dump(render(*mapped(), writing("by_id"), ORIGIN).bundle)
origin = replace(ORIGIN, raw=b"x" * LARGEST_COPY)
before = most_resident()
rendered = render(*mapped(), writing("by_id"), origin)
assert validate(rendered.bundle) == []
text = dump(rendered.bundle)
print((most_resident() - before) * 1024 / LARGEST_COPY)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="resident memory is read from /proc")
def test_an_original_of_eight_megabytes_needs_less_than_five_times_its_size_besides_itself() -> None:
    # Resident memory, and a process of its own: orjson asks for eight times a text's length and touches what it needs.
    here = Path(__file__)
    found = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(here.parent), str(here.parents[3])],
        capture_output=True,
        text=True,
        check=True,
    )
    assert 0 < float(found.stdout) < 5
