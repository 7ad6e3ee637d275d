"""Searching the journal. FHIR R4, 3.1.1."""

from __future__ import annotations

from typing import Any

import pytest

FNR = "urn:oid:2.16.578.1.12.4.1.4.1"
LOCAL = "urn:oid:2.16.578.1.34.1000"


@pytest.fixture
async def filled(journal: Any) -> Any:
    """Two patients, a report each, and a tagged patient without a system on its identifier."""
    await journal.put("/Patient/one", journal.patient("13815897247", id="one"))
    await journal.put("/Patient/two", journal.patient("03882049433", id="two"))
    tag = {"tag": [{"system": "urn:budstikke:test", "code": "a,b"}]}
    odd = {"resourceType": "Patient", "id": "three", "meta": tag, "identifier": [{"value": "13815897247"}]}
    await journal.put("/Patient/three", odd)
    encounter = {"resourceType": "Encounter", "id": "stay", "status": "finished", "class": {"code": "IMP"}}
    await journal.put("/Encounter/stay", {**encounter, "subject": {"reference": "Patient/one"}})
    for name, subject in (("a", "Patient/one"), ("b", "Patient/two"), ("c", f"{journal.running.url}/Patient/one")):
        more: dict[str, Any] = {"encounter": {"reference": "Encounter/stay"}} if name == "a" else {}
        await journal.put(f"/Observation/{name}", journal.observation(subject, id=name, **more))
    return journal


@pytest.mark.parametrize(
    ("question", "ids"),
    [
        ("Patient", ["one", "two", "three"]),
        (f"Patient?identifier={FNR}|13815897247", ["one"]),
        ("Patient?identifier=13815897247", ["one", "three"]),
        ("Patient?identifier=|13815897247", ["three"]),
        (f"Patient?identifier={FNR}|", ["one", "two"]),
        (f"Patient?identifier={FNR}|13815897247,{FNR}|03882049433", ["one", "two"]),
        (f"Patient?identifier={FNR}|13815897247&_id=two", []),
        (f"Patient?identifier={LOCAL}|13815897247", []),
        ("Patient?_id=one,three", ["one", "three"]),
        (r"Patient?_tag=urn:budstikke:test|a\,b", ["three"]),
        (r"Patient?_tag=a\,b", ["three"]),
        ("Patient?_tag=a", []),
        ("Observation?patient=one", ["a", "c"]),
        ("Observation?patient=Patient/one", ["a", "c"]),
        ("Observation?subject=Patient/two", ["b"]),
        ("Observation?subject:Patient=two", ["b"]),
        ("Observation?subject=two", ["b"]),
        ("Observation?subject=Group/two", []),
        ("Observation?encounter=stay", ["a"]),
        ("Encounter?patient=one", ["stay"]),
        ("Observation?patient=one&encounter=Encounter/stay", ["a"]),
        ("Observation?patient=one&_format=json", ["a", "c"]),
    ],
)
async def test_a_search_finds(filled: Any, question: str, ids: list[str]) -> None:
    got = await filled.get("/" + question)
    entries = got.tree.get("entry", [])
    assert (got.status, got.tree["type"], got.tree["total"]) == (200, "searchset", len(ids))
    assert sorted(row["resource"]["id"] for row in entries) == sorted(ids)
    assert all(row["fullUrl"].endswith(row["resource"]["id"]) and row["search"]["mode"] == "match" for row in entries)


@pytest.mark.parametrize(
    "question",
    ["Patient?name=x", "Patient?identifier:exact=x", "Patient?_count=many", "Patient?patient=x", "Patient?_id="],
)
async def test_a_search_it_does_not_understand_is_refused(filled: Any, question: str) -> None:
    got = await filled.get("/" + question)
    assert (got.status, got.tree["resourceType"]) == (400, "OperationOutcome")


async def test_a_posted_search_keeps_its_criteria_out_of_the_address(filled: Any) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    body = f"identifier={FNR.replace(':', '%3A')}%7C13815897247".encode()
    got = await filled.post("/Patient/_search", body, **form)
    assert [row["resource"]["id"] for row in got.tree["entry"]] == ["one"]
    assert (await filled.stats())["identifiers_in_urls"] == 0
    assert (await filled.post("/Patient/_search", b"{}", Content_Type="application/json")).status == 415


async def test_a_search_follows_what_changes(filled: Any) -> None:
    await filled.put("/Patient/two", filled.patient("13815897247", id="two"))
    await filled.put("/Patient/one", filled.patient("26863240148", id="one"))
    await filled.send("DELETE", "/Patient/three")
    got = await filled.get("/Patient?identifier=13815897247")
    assert [row["resource"]["id"] for row in got.tree["entry"]] == ["two"]


async def test_pages_hold_all_and_nothing_twice_while_others_write(journal: Any) -> None:
    for number in range(7):
        await journal.put(f"/Patient/p{number}", journal.patient(id=f"p{number}"))
    path = "/Patient?identifier=13815897247&_count=3"
    seen: list[str] = []
    while path:
        page = (await journal.get(path)).tree
        assert page["total"] == 7
        assert len(page["entry"]) <= 3
        seen += [row["resource"]["id"] for row in page["entry"]]
        links = {link["relation"]: link["url"] for link in page["link"]}
        path = links.get("next", "").removeprefix(journal.running.url)
        assert "identifier" not in path, "a later page's address says nothing about a patient"
        await journal.put(f"/Patient/new{len(seen)}", journal.patient(id=f"new{len(seen)}"))
    assert seen == [f"p{number}" for number in range(7)]


async def test_a_count_of_nothing_asks_for_the_total_only(filled: Any) -> None:
    got = await filled.get("/Patient?_count=0")
    assert (got.tree["total"], "entry" in got.tree) == (3, False)


async def test_a_page_that_is_forgotten_says_so(journal: Any) -> None:
    assert (await journal.get("/_page/none/3")).status == 410
