"""Batches and transactions. FHIR R4, 3.1.0.11."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

FNR = "urn:oid:2.16.578.1.12.4.1.4.1"
URN = "urn:uuid:0b1c2d3e-0000-4000-8000-000000000001"
ANOTHER = "urn:uuid:0b1c2d3e-0000-4000-8000-000000000002"


async def test_references_to_entries_become_references_to_what_was_written(journal: Any) -> None:
    attachment = {"contentType": "text/plain", "url": URN}
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{URN}">patient</a></div>'
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "text": {"status": "generated", "div": div},
        "subject": {"reference": URN},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": URN}],
        "content": [{"attachment": attachment}],
    }
    got = await journal.transaction(
        journal.entry("POST", "Observation", journal.observation(URN)),
        journal.entry("POST", "Patient", journal.patient(), URN),
        journal.entry("POST", "DocumentReference", document),
    )
    assert (got.status, got.tree["type"], got.statuses) == (200, "transaction-response", ["201"] * 3)
    observation, patient, reference = (row["response"]["location"] for row in got.tree["entry"])
    target = patient.partition("/_history")[0]
    assert (await journal.get("/" + observation)).tree["subject"]["reference"] == target
    written = (await journal.get("/" + reference)).tree
    assert written["subject"]["reference"] == target
    assert written["content"][0]["attachment"]["url"] == target
    assert f'href="{target}"' in written["text"]["div"]
    assert written["identifier"][0]["value"] == URN, "an identifier's value is text and no link"


async def test_a_reference_by_full_address_or_relative_to_it_is_rewritten_too(journal: Any) -> None:
    there = "https://epj.example/fhir"
    got = await journal.transaction(
        journal.entry("POST", "Patient", journal.patient(), f"{there}/Patient/77"),
        journal.entry("POST", "Observation", journal.observation("Patient/77"), f"{there}/Observation/1"),
        journal.entry("POST", "Observation", journal.observation(f"{there}/Patient/77"), f"{there}/Observation/2"),
    )
    patient, *others = (row["response"]["location"] for row in got.tree["entry"])
    for location in others:
        found = (await journal.get("/" + location)).tree["subject"]["reference"]
        assert found == patient.partition("/_history")[0]


async def test_the_order_of_entries_does_not_matter_and_answers_keep_theirs(journal: Any) -> None:
    await journal.put("/Patient/old", journal.patient(id="old"))
    got = await journal.transaction(
        journal.entry("GET", "Patient/new"),
        journal.entry("PUT", "Patient/new", journal.patient(id="new")),
        journal.entry("POST", "Observation", journal.observation("Patient/new")),
        journal.entry("DELETE", "Patient/old"),
    )
    assert got.statuses == ["200", "201", "201", "204"]
    assert got.tree["entry"][0]["resource"]["id"] == "new", "reads come last and see what was written"
    (commit,) = (await journal.get("/$log?since=1")).tree["transactions"]
    assert [change["what"] for change in commit["changes"]] == ["deleted", "created", "created"]


async def test_a_conditional_create_in_a_transaction_finds_what_exists_and_others_refer_to_it(journal: Any) -> None:
    await journal.put("/Patient/known", journal.patient(id="known"))
    got = await journal.transaction(
        journal.entry("POST", "Patient", journal.patient(), URN, ifNoneExist=f"identifier={FNR}|13815897247"),
        journal.entry("PUT", "Observation/o", journal.observation(URN, id="o")),
    )
    assert got.statuses == ["200", "201"]
    assert (await journal.get("/Observation/o")).tree["subject"]["reference"] == "Patient/known"
    assert await journal.count("Patient") == 1


async def test_a_conditional_update_in_a_transaction_writes_the_one_that_matches(journal: Any) -> None:
    await journal.put("/Patient/known", journal.patient(id="known"))
    got = await journal.transaction(
        journal.entry("PUT", f"Patient?identifier={FNR}%7C13815897247", journal.patient(gender="male"), URN),
        journal.entry("PUT", "Observation/o", journal.observation(URN, id="o")),
    )
    assert got.statuses == ["200", "201"]
    assert (await journal.get("/Patient/known")).tree["gender"] == "male"


async def test_the_same_transaction_again_changes_nothing(journal: Any) -> None:
    entries = (
        journal.entry("PUT", "Patient/p", journal.patient(id="p"), URN),
        journal.entry("PUT", "Observation/o", journal.observation(URN, id="o")),
    )
    first, second = await journal.transaction(*entries), await journal.transaction(*entries)
    assert (first.statuses, second.statuses) == (["201", "201"], ["200", "200"])
    assert [row["response"]["etag"] for row in second.tree["entry"]] == ['W/"1"', 'W/"1"']
    assert (await journal.stats())["versions"] == 2
    last = (await journal.get("/$log?since=1")).tree["transactions"][0]
    assert {change["what"] for change in last["changes"]} == {"unchanged"}


async def test_eight_equal_transactions_at_once_make_everything_once(journal: Any) -> None:
    answers = await asyncio.gather(
        *(
            journal.transaction(
                journal.entry("POST", "Patient", journal.patient(), URN, ifNoneExist=f"identifier={FNR}|13815897247"),
                journal.entry("PUT", "Observation/o", journal.observation(URN, id="o")),
            )
            for _ in range(8)
        )
    )
    assert {answer.status for answer in answers} == {200}
    assert (await journal.stats())["versions"] == 2


async def test_conditional_references_are_resolved_in_transactions_only(journal: Any) -> None:
    await journal.put("/Patient/known", journal.patient(id="known"))
    asked = journal.observation(f"Patient?identifier={FNR}|13815897247", id="o")
    assert (await journal.put("/Observation/o", asked)).status == 422
    assert (await journal.transaction(journal.entry("PUT", "Observation/o", asked))).status == 200
    assert (await journal.get("/Observation/o")).tree["subject"]["reference"] == "Patient/known"
    nobody = journal.observation("Patient?identifier=x|y", id="o2")
    got = await journal.transaction(journal.entry("PUT", "Observation/o2", nobody))
    assert (got.status, got.code, got.expression) == (422, "not-found", "Bundle.entry[0]")
    await journal.post("/Patient", journal.patient())
    got = await journal.transaction(journal.entry("PUT", "Observation/o", asked))
    assert (got.status, got.code) == (412, "multiple-matches")


def _bad(kind: str, make: Any) -> list[dict[str, Any]]:
    """A good entry, then one that is wrong in its own way."""
    good = make.entry("PUT", "Patient/good", make.patient(id="good"))
    entry, patient = make.entry, make.patient
    wrong: dict[str, dict[str, Any]] = {
        "not R4": entry("POST", "Patient", patient(birthDate="2020-13-01")),
        "another type": entry("POST", "Patient", {"resourceType": "Person"}),
        "several match": entry("POST", "Patient", patient("x"), ifNoneExist="identifier=u|twice"),
        "exists already": entry("PUT", "Patient/there", patient(id="there"), ifNoneMatch="*"),
        "another version": entry("PUT", "Patient/there", patient(id="there"), ifMatch='W/"9"'),
        "leads nowhere": entry("POST", "Observation", make.observation(ANOTHER)),
        "no such patient": entry("POST", "Observation", make.observation("Patient/nobody")),
        "the same twice": entry("PUT", "Patient/good", patient(id="good", gender="male")),
        "read of nothing": entry("GET", "Patient/nobody"),
        "still referred to": entry("DELETE", "Patient/there"),
        "no such type": entry("POST", "Patinet", patient()),
        "no request": {"resource": patient()},
        "no resource": entry("POST", "Patient"),
        "absolute url": entry("PUT", "http://x.example/Patient/a", patient(id="a")),
        "misspelt condition": entry("POST", "Patient", patient(), ifNoneExists="identifier=u|v"),
        "condition on an update": entry("PUT", "Patient/a", patient(id="a"), ifNoneExist="identifier=u|v"),
        "PATCH": entry("PATCH", "Patient/there", patient()),
        "odd fullUrl": entry("POST", "Patient", patient(), "urn:uuid:ABC"),
    }
    return [good, wrong[kind]]


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("not R4", 422, "value"),
        ("another type", 400, "invalid"),
        ("several match", 412, "multiple-matches"),
        ("exists already", 412, "conflict"),
        ("another version", 412, "conflict"),
        ("leads nowhere", 422, "not-found"),
        ("no such patient", 422, "not-found"),
        ("the same twice", 400, "duplicate"),
        ("read of nothing", 404, "not-found"),
        ("still referred to", 409, "conflict"),
        ("no such type", 404, "not-supported"),
        ("no request", 400, "required"),
        ("no resource", 400, "required"),
        ("absolute url", 400, "value"),
        ("misspelt condition", 422, "structure"),
        ("condition on an update", 400, "value"),
        ("PATCH", 405, "not-supported"),
        ("odd fullUrl", 400, "value"),
    ],
)
async def test_one_wrong_entry_refuses_all_and_is_named(journal: Any, kind: str, status: int, code: str) -> None:
    await journal.put("/Patient/there", journal.patient(id="there"))
    await journal.put("/Observation/held", journal.observation("Patient/there", id="held"))
    for _ in range(2):
        twice = {"resourceType": "Patient", "identifier": [{"system": "u", "value": "twice"}]}
        await journal.post("/Patient", twice)
    before, log = await journal.stats(), (await journal.get("/$log")).text
    got = await journal.transaction(*_bad(kind, journal))
    after = await journal.stats()
    assert (got.status, got.code) == (status, code)
    assert got.expression.startswith("Bundle.entry[1]")
    assert (after["types"], after["commits"]) == (before["types"], before["commits"])
    assert (await journal.get("/$log")).text == log
    assert (await journal.get("/Patient/good")).status == 404


async def test_two_conditional_creates_of_one_identity_are_refused(journal: Any) -> None:
    entries = [
        journal.entry("POST", "Patient", journal.patient(), name, ifNoneExist=f"identifier={FNR}|13815897247")
        for name in (URN, ANOTHER)
    ]
    got = await journal.transaction(*entries)
    assert (got.status, got.code) == (400, "duplicate")


async def test_a_full_url_used_twice_is_refused(journal: Any) -> None:
    entries = [journal.entry("POST", "Patient", journal.patient(), URN) for _ in range(2)]
    got = await journal.transaction(*entries)
    assert (got.status, got.expression) == (400, "Bundle.entry[1].fullUrl")


async def test_a_resource_and_what_refers_to_it_can_be_deleted_together(journal: Any) -> None:
    await journal.put("/Patient/p", journal.patient(id="p"))
    await journal.put("/Observation/o", journal.observation("Patient/p", id="o"))
    got = await journal.transaction(journal.entry("DELETE", "Patient/p"), journal.entry("DELETE", "Observation/o"))
    assert got.statuses == ["204", "204"]


async def test_a_reference_to_what_the_transaction_deletes_is_refused(journal: Any) -> None:
    await journal.put("/Patient/p", journal.patient(id="p"))
    got = await journal.transaction(
        journal.entry("DELETE", "Patient/p"), journal.entry("POST", "Observation", journal.observation("Patient/p"))
    )
    assert (got.status, got.expression) == (422, "Bundle.entry[1]")


async def test_resources_may_refer_to_one_another_in_a_circle(journal: Any) -> None:
    link = [{"other": {"reference": ANOTHER}, "type": "replaced-by"}]
    back = [{"other": {"reference": URN}, "type": "replaces"}]
    got = await journal.transaction(
        journal.entry("PUT", "Patient/a", journal.patient(id="a", link=link), URN),
        journal.entry("PUT", "Patient/b", journal.patient("03882049433", id="b", link=back), ANOTHER),
    )
    assert got.status == 200
    assert (await journal.get("/Patient/b")).tree["link"][0]["other"]["reference"] == "Patient/a"


async def test_a_client_may_have_the_resources_in_the_answer(journal: Any) -> None:
    one = journal.entry("PUT", "Patient/p", journal.patient(id="p"))
    assert "resource" not in (await journal.transaction(one)).tree["entry"][0]
    got = await journal.transaction(one, Prefer="return=representation")
    assert got.tree["entry"][0]["resource"]["id"] == "p"


async def test_an_empty_transaction_is_fine(journal: Any) -> None:
    got = await journal.transaction()
    assert (got.status, got.tree) == (200, {"resourceType": "Bundle", "type": "transaction-response"})


@pytest.mark.parametrize(
    ("bundle", "status"),
    [
        ({"resourceType": "Bundle", "type": "collection"}, 400),
        ({"resourceType": "Bundle"}, 400),
        ({"resourceType": "Patient"}, 400),
        ({"resourceType": "Bundle", "type": "transaction", "entry": {}}, 422),
        ({"resourceType": "Bundle", "type": "transaction", "entries": []}, 422),
        ({"resourceType": "Bundle", "type": "transaction", "timestamp": "yesterday"}, 422),
    ],
)
async def test_what_is_no_transaction_is_refused(journal: Any, bundle: dict[str, Any], status: int) -> None:
    assert (await journal.post("/", bundle)).status == status


async def test_entries_of_a_batch_stand_alone(journal: Any) -> None:
    got = await journal.transaction(
        journal.entry("PUT", "Patient/a", journal.patient(id="a")),
        journal.entry("PUT", "Patient/b", journal.patient(id="b", gender="man")),
        journal.entry("GET", "Patient/a?_elements=id"),
        journal.entry("GET", "Patient/nobody"),
        journal.entry("GET", "Patient?_id=a"),
        journal.entry("POST", "Patinet", journal.patient()),
        kind="batch",
    )
    assert (got.status, got.tree["type"]) == (200, "batch-response")
    assert got.statuses == ["201", "422", "200", "404", "200", "404"]
    issue = got.tree["entry"][1]["response"]["outcome"]["issue"][0]
    assert issue["expression"] == ["Bundle.entry[1].resource.gender"]
    assert got.tree["entry"][4]["resource"]["total"] == 1
