"""Conditional interactions: what a write is about, and whether it may go on. FHIR R4, 3.1.0.4 to 3.1.0.8."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from engine.standins.journal import Rules

FNR = "urn:oid:2.16.578.1.12.4.1.4.1"
ONE, OTHER = "13815897247", "03882049433"


def by(value: str) -> str:
    return "identifier=" + quote(f"{FNR}|{value}")


async def test_a_conditional_create_makes_one_and_finds_it_the_next_time(journal: Any) -> None:
    first = await journal.post("/Patient", journal.patient(ONE), If_None_Exist=by(ONE))
    second = await journal.post("/Patient", journal.patient(ONE, gender="male"), If_None_Exist=by(ONE))
    assert (first.status, second.status) == (201, 200)
    assert second.headers["Location"] == first.headers["Location"]
    assert "gender" not in second.tree, "a found resource is left as it is"
    assert await journal.count("Patient") == 1


async def test_eight_equal_conditional_creates_at_once_make_one(journal: Any) -> None:
    answers = await asyncio.gather(
        *(journal.post("/Patient", journal.patient(ONE), If_None_Exist=by(ONE)) for _ in range(8))
    )
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
    assert await journal.count("Patient") == 1


async def test_a_conditional_create_that_several_match_is_refused(journal: Any) -> None:
    for _ in range(2):
        await journal.post("/Patient", journal.patient(ONE))
    got = await journal.post("/Patient", journal.patient(ONE), If_None_Exist=by(ONE))
    assert (got.status, got.code) == (412, "multiple-matches")
    assert await journal.count("Patient") == 2


@pytest.mark.parametrize(
    "criteria",
    ["", "?identifier=x", "_count=3", "shoesize=43", "identifier:not=x", "identifier=", "%ff=1", "identifier=|"],
)
async def test_a_condition_that_says_nothing_known_is_refused(journal: Any, criteria: str) -> None:
    if criteria:
        got = await journal.post("/Patient", journal.patient(ONE), If_None_Exist=criteria)
        assert got.status == 400
    put = await journal.put("/Patient?" + criteria.lstrip("?").replace("=x", "=") + "", journal.patient(ONE))
    assert put.status in (400, 405)
    assert await journal.count("Patient") == 0


async def test_a_conditional_update_creates_when_nothing_matches(journal: Any) -> None:
    got = await journal.put(f"/Patient?{by(ONE)}", journal.patient(ONE))
    assert got.status == 201
    assert await journal.count("Patient") == 1


async def test_a_conditional_update_updates_the_one_that_matches(journal: Any) -> None:
    first = await journal.put(f"/Patient?{by(ONE)}", journal.patient(ONE))
    second = await journal.put(f"/Patient?{by(ONE)}", journal.patient(ONE, gender="male"))
    third = await journal.put(f"/Patient?{by(ONE)}", journal.patient(ONE, gender="male"))
    assert (second.status, second.headers["ETag"]) == (200, 'W/"2"')
    assert second.tree["id"] == first.tree["id"]
    assert (third.status, third.headers["ETag"]) == (200, 'W/"2"')


async def test_a_conditional_update_that_several_match_is_refused(journal: Any) -> None:
    for _ in range(2):
        await journal.post("/Patient", journal.patient(ONE))
    got = await journal.put(f"/Patient?{by(ONE)}", journal.patient(ONE, gender="male"))
    assert (got.status, got.code) == (412, "multiple-matches")
    assert (await journal.stats())["versions"] == 2


async def test_a_conditional_update_with_an_id_of_its_own(journal: Any) -> None:
    made = await journal.put(f"/Patient?{by(ONE)}", journal.patient(ONE, id="a1"))
    assert (made.status, made.tree["id"]) == (201, "a1"), "nothing matched: an update as create"
    assert (await journal.put(f"/Patient?{by(ONE)}", journal.patient(ONE, id="a1"))).status == 200
    assert (await journal.put(f"/Patient?{by(ONE)}", journal.patient(ONE, id="b2"))).status == 400
    taken = await journal.put(f"/Patient?{by(OTHER)}", journal.patient(OTHER, id="a1"))
    assert (taken.status, taken.code) == (409, "conflict")


async def test_a_deleted_resource_matches_nothing(journal: Any) -> None:
    await journal.put("/Patient/a1", journal.patient(ONE, id="a1"))
    await journal.send("DELETE", f"/Patient?{by(ONE)}")
    assert (await journal.post("/Patient", journal.patient(ONE), If_None_Exist=by(ONE))).status == 201
    assert (await journal.send("DELETE", f"/Patient?{by(OTHER)}")).status == 404


@pytest.mark.parametrize(
    ("if_match", "status"),
    [('W/"1"', 412), ('W/"2"', 200), ('"2"', 200), ("*", 200), ('W/"1", W/"2"', 200), ("2", 400)],
)
async def test_if_match_lets_only_the_current_version_be_changed(journal: Any, if_match: str, status: int) -> None:
    await journal.put("/Patient/a1", journal.patient(id="a1"))
    await journal.put("/Patient/a1", journal.patient(id="a1", gender="female"))
    got = await journal.put("/Patient/a1", journal.patient(id="a1", gender="male"), If_Match=if_match)
    assert got.status == status
    assert (await journal.get("/Patient/a1")).tree["gender"] == ("male" if status == 200 else "female")


async def test_if_match_on_what_does_not_exist_is_refused(journal: Any) -> None:
    got = await journal.put("/Patient/a1", journal.patient(id="a1"), If_Match='W/"1"')
    assert got.status == 412
    await journal.put("/Patient/a1", journal.patient(id="a1"))
    assert (await journal.send("DELETE", "/Patient/a1", If_Match='W/"2"')).status == 412
    assert (await journal.send("DELETE", "/Patient/a1", If_Match='W/"1"')).status == 204


async def test_if_none_match_star_lets_an_update_only_create(journal: Any) -> None:
    first = await journal.put("/Patient/a1", journal.patient(id="a1"), If_None_Match="*")
    again = await journal.put("/Patient/a1", journal.patient(id="a1", gender="male"), If_None_Match="*")
    assert (first.status, again.status) == (201, 412)
    assert (await journal.get("/Patient/a1")).headers["ETag"] == 'W/"1"'


async def test_a_lenient_journal_leaves_what_exists_and_says_304(start: Any) -> None:
    journal = await start(rules=Rules(existing_fails=False))
    await journal.put("/Patient/a1", journal.patient(id="a1"))
    got = await journal.transaction(
        journal.entry("PUT", "Patient/a1", journal.patient(id="a1", gender="male"), ifNoneMatch="*"),
        journal.entry("PUT", "Patient/b2", journal.patient(OTHER, id="b2"), ifNoneMatch="*"),
    )
    assert (got.status, got.statuses) == (200, ["304", "201"])


async def test_a_read_of_what_the_client_has_is_304(journal: Any) -> None:
    made = await journal.put("/Patient/a1", journal.patient(id="a1"))
    assert (await journal.get("/Patient/a1", If_None_Match='W/"1"')).status == 304
    assert (await journal.get("/Patient/a1", If_None_Match='W/"7"')).status == 200
    assert (await journal.get("/Patient/a1", If_Modified_Since=made.headers["Last-Modified"])).status == 304
    assert (await journal.get("/Patient/a1", If_Modified_Since="Wed, 01 Jan 2020 00:00:00 GMT")).status == 200


async def test_identifiers_in_addresses_are_counted(journal: Any) -> None:
    await journal.post("/Patient", journal.patient(ONE), If_None_Exist=by(ONE))
    assert (await journal.stats())["identifiers_in_urls"] == 0
    await journal.put(f"/Patient?{by(ONE)}", journal.patient(ONE))
    assert (await journal.stats())["identifiers_in_urls"] == 1
