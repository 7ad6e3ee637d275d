"""One mapped message, written to two journals in two ways."""

from __future__ import annotations

import copy
from typing import Any, Literal

import pytest
from fhir_mapped import BARE, FNR, KARI, ORIGIN, by_type, mapped, patient, writing

from engine.message import Severity
from engine.standards.fhir import Entry, Link, Resource, Verb
from engine.standards.fhir.dump import dump
from engine.standards.fhir.render import Rendered, render
from engine.standards.fhir.validator import validate


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


def test_a_resource_with_a_place_for_its_id_is_written_like_one_without() -> None:
    entries, links = mapped()
    ways = [writing("by_id"), writing("conditional", b"j" * 32)] * 2
    plain = [dump(render(entries, links, way, ORIGIN).bundle) for way in ways]
    for entry in entries:
        kind = entry.resource.pop("resourceType")
        entry.resource = {"resourceType": kind, "id": "", **entry.resource}
    assert [dump(render(entries, links, way, ORIGIN).bundle) for way in ways] == plain


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
