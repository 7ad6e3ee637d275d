"""The journal's interactions on one resource. FHIR R4, 3.1.0."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.standins.journal import Rules


async def test_the_capability_statement_says_what_the_journal_does(journal: Any) -> None:
    got = await journal.get("/metadata")
    (rest,) = got.tree["rest"]
    patient = next(row for row in rest["resource"] if row["type"] == "Patient")
    assert got.status == 200
    assert got.headers["Content-Type"].startswith("application/fhir+json")
    assert got.tree["fhirVersion"] == "4.0.1"
    assert (patient["updateCreate"], patient["conditionalCreate"], patient["conditionalUpdate"]) == (True, True, True)
    assert {"name": "identifier", "type": "token"} in patient["searchParam"]
    assert {code["code"] for code in rest["interaction"]} == {"transaction", "batch"}


async def test_the_capability_statement_is_itself_r4(journal: Any) -> None:
    from engine.standards.fhir.validator import validate

    assert validate((await journal.get("/metadata")).tree) == []


async def test_what_is_created_can_be_read_again(journal: Any) -> None:
    made = await journal.post("/Patient", journal.patient())
    identity = made.tree["id"]
    read = await journal.get(f"/Patient/{identity}")
    assert made.status == 201
    assert made.headers["Location"] == f"{journal.running.url}/Patient/{identity}/_history/1"
    assert read.status == 200
    assert read.headers["ETag"] == 'W/"1"'
    assert read.headers["Last-Modified"].endswith("GMT")
    assert read.tree["meta"]["versionId"] == "1"
    assert read.tree["identifier"] == journal.patient()["identifier"]


async def test_a_create_takes_no_id_from_the_client(journal: Any) -> None:
    made = await journal.post("/Patient", journal.patient(id="mine"))
    assert made.status == 201
    assert made.tree["id"] != "mine"


async def test_an_update_to_a_new_id_creates_it_there(journal: Any) -> None:
    made = await journal.put("/Patient/a1", journal.patient(id="a1"))
    assert (made.status, made.tree["id"], made.headers["ETag"]) == (201, "a1", 'W/"1"')


async def test_a_journal_may_refuse_ids_that_are_not_its_own(start: Any) -> None:
    journal = await start(rules=Rules(update_create=False))
    assert (await journal.put("/Patient/a1", journal.patient(id="a1"))).status == 405
    resources = (await journal.get("/metadata")).tree["rest"][0]["resource"]
    assert not any(row["updateCreate"] for row in resources)


async def test_an_update_makes_a_version_and_the_old_one_stays(journal: Any) -> None:
    await journal.put("/Patient/a1", journal.patient(id="a1"))
    second = await journal.put("/Patient/a1", journal.patient(id="a1", gender="female"))
    old = await journal.get("/Patient/a1/_history/1")
    assert (second.status, second.headers["ETag"]) == (200, 'W/"2"')
    assert "gender" not in old.tree
    assert (await journal.get("/Patient/a1")).tree["gender"] == "female"


@pytest.mark.parametrize(
    "written",
    [
        pytest.param({"gender": "male", "birthDate": "1958-01-01"}, id="the same"),
        pytest.param({"birthDate": "1958-01-01", "gender": "male"}, id="the same in another order"),
        pytest.param(
            {"gender": "male", "birthDate": "1958-01-01", "meta": {"versionId": "9"}},
            id="the same with another version",
        ),
    ],
)
async def test_an_update_that_changes_nothing_makes_no_version(journal: Any, written: dict[str, Any]) -> None:
    await journal.put("/Patient/a1", journal.patient(id="a1", gender="male", birthDate="1958-01-01"))
    again = await journal.put("/Patient/a1", journal.patient(id="a1", **written))
    assert (again.status, again.headers["ETag"]) == (200, 'W/"1"')
    assert (await journal.get("/Patient/a1/_history")).tree["total"] == 1


async def test_a_journal_may_make_a_version_of_every_update_and_then_its_counts_show_it(start: Any) -> None:
    journal = await start(rules=Rules(equal_makes_no_version=False))
    for _ in range(2):
        await journal.put("/Patient/a1", journal.patient(id="a1"))
    row = (await journal.stats())["types"]["Patient"]
    assert (row["versions"], row["with_equal_neighbours"]) == (2, 1)


async def test_decimals_keep_their_digits(journal: Any) -> None:
    await journal.put("/Patient/p", journal.patient(id="p"))
    body = json.dumps(journal.observation("Patient/p", id="o", valueQuantity={"value": 0})).replace(
        '"value": 0', '"value": 5.10'
    )
    await journal.put("/Observation/o", body.encode())
    assert '"value":5.10' in (await journal.get("/Observation/o")).text
    longer = await journal.put("/Observation/o", body.replace("5.10", "5.100").encode())
    assert longer.headers["ETag"] == 'W/"2"', "another precision is another content"


async def test_a_deleted_resource_is_gone_and_an_update_brings_it_back(journal: Any) -> None:
    await journal.put("/Patient/a1", journal.patient(id="a1"))
    deleted = await journal.send("DELETE", "/Patient/a1")
    assert (deleted.status, deleted.headers["ETag"]) == (204, 'W/"2"')
    gone = await journal.get("/Patient/a1")
    assert (gone.status, gone.code) == (410, "deleted")
    assert (await journal.send("DELETE", "/Patient/a1")).status == 204
    back = await journal.put("/Patient/a1", journal.patient(id="a1"))
    assert (back.status, back.headers["ETag"]) == (201, 'W/"3"')
    history = (await journal.get("/Patient/a1/_history")).tree
    assert [row["response"]["status"][:3] for row in history["entry"]] == ["201", "204", "201"]
    assert [row["request"]["method"] for row in history["entry"]] == ["PUT", "DELETE", "PUT"]
    assert "resource" not in history["entry"][1]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/Patient/nobody", 404),
        ("/Patient/nobody/_history", 404),
        ("/Patinet/1", 404),
        ("/Parameters", 404),
        ("/Patient/a1/_history/7", 404),
        ("/Patient/a1/$everything", 404),
        ("/Patient/no_id!", 400),
        ("/Patient/a1/_history?_since=2020", 400),
    ],
)
async def test_what_is_not_there_is_refused_with_an_outcome(journal: Any, path: str, status: int) -> None:
    await journal.put("/Patient/a1", journal.patient(id="a1"))
    got = await journal.get(path)
    assert (got.status, got.tree["resourceType"]) == (status, "OperationOutcome")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        pytest.param("PUT", "/Patient/a1", {"resourceType": "Patient", "id": "b2"}, 400, "value", id="another id"),
        pytest.param("PUT", "/Patient/a1", {"resourceType": "Patient"}, 400, "value", id="no id"),
        pytest.param("POST", "/Patient", {"resourceType": "Person"}, 400, "invalid", id="another type"),
        pytest.param("POST", "/Patient", {"resourceType": "Patinet"}, 422, "structure", id="no such type"),
        pytest.param("POST", "/Patient", {}, 422, "structure", id="no type"),
        pytest.param("POST", "/Patient", b"{", 400, "invalid", id="no JSON"),
        pytest.param("POST", "/Patient", b"[]", 400, "structure", id="no object"),
        pytest.param("POST", "/Patient", b'{"resourceType":"Patient","id":"a","id":"b"}', 400, "invalid", id="twice"),
        pytest.param("POST", "/Patient", b'{"resourceType":"Patient","x":"\xe6"}', 400, "invalid", id="not UTF-8"),
        pytest.param("POST", "/Patient", b'{"resourceType":"Patient","x":NaN}', 400, "invalid", id="not a number"),
        pytest.param(
            "POST",
            "/Patient",
            b'{"resourceType":"Patient","language":"\\ud800"}',
            422,
            "value",
            id="half a character",
        ),
        pytest.param("POST", "/Patient/a1", {"resourceType": "Patient"}, 405, "not-supported", id="POST to an id"),
        pytest.param("PUT", "/Patient", {"resourceType": "Patient"}, 405, "not-supported", id="PUT to a type"),
        pytest.param("PATCH", "/Patient/a1", {}, 405, "not-supported", id="PATCH"),
        pytest.param("DELETE", "/Patient", None, 405, "not-supported", id="DELETE of a type"),
    ],
)
async def test_a_wrong_request_is_refused_and_nothing_is_kept(
    journal: Any, method: str, path: str, body: Any, status: int, code: str
) -> None:
    got = await journal.send(method, path, body)
    assert (got.status, got.code) == (status, code)
    assert (await journal.stats())["commits"] == 0


@pytest.mark.parametrize(
    ("more", "code", "expression"),
    [
        pytest.param({"birthDate": "2020-02-30"}, "value", "Patient.birthDate", id="no such day"),
        pytest.param({"colour": "red"}, "structure", "Patient.colour", id="no such element"),
        pytest.param({"gender": "man"}, "code-invalid", "Patient.gender", id="no such code"),
        pytest.param({"contact": [{"gender": "male"}]}, "invariant", "Patient.contact[0]", id="pat-1"),
    ],
)
async def test_what_is_not_r4_is_refused_where_it_is_wrong(
    journal: Any, more: dict[str, Any], code: str, expression: str
) -> None:
    got = await journal.post("/Patient", journal.patient(**more))
    assert (got.status, got.code, got.expression) == (422, code, expression)
    assert "13815897247" not in got.text


async def test_without_a_validator_any_known_type_is_taken(start: Any) -> None:
    journal = await start(validate=None)
    assert (await journal.post("/Patient", journal.patient(colour="red"))).status == 201


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Accept": "application/fhir+xml"}, 406),
        ({"Accept": "application/fhir+json;fhirVersion=4.0"}, 201),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/json; charset=utf-8"}, 201),
    ],
)
async def test_only_json_is_spoken(journal: Any, headers: dict[str, str], status: int) -> None:
    assert (await journal.post("/Patient", journal.patient(), **headers)).status == status


async def test_the_client_may_prefer_no_body(journal: Any) -> None:
    made = await journal.post("/Patient", journal.patient(), Prefer="return=minimal")
    assert (made.status, made.text) == (201, "")
    told = await journal.post("/Patient", journal.patient(), Prefer="return=OperationOutcome")
    assert told.tree["resourceType"] == "OperationOutcome"


async def test_a_reference_must_lead_somewhere(journal: Any) -> None:
    got = await journal.post("/Observation", journal.observation("Patient/nobody"))
    assert (got.status, got.code) == (422, "not-found")
    outside = await journal.post("/Observation", journal.observation("https://elsewhere.example/fhir/Patient/1"))
    assert outside.status == 201


async def test_what_is_referred_to_is_not_deleted(journal: Any) -> None:
    await journal.put("/Patient/p", journal.patient(id="p"))
    await journal.put("/Observation/o", journal.observation("Patient/p", id="o"))
    refused = await journal.send("DELETE", "/Patient/p")
    assert (refused.status, refused.code) == (409, "conflict")
    await journal.send("DELETE", "/Observation/o")
    assert (await journal.send("DELETE", "/Patient/p")).status == 204


async def test_a_journal_may_leave_references_alone(start: Any) -> None:
    journal = await start(rules=Rules(integrity=False))
    assert (await journal.post("/Observation", journal.observation("Patient/nobody"))).status == 201


async def test_a_journal_may_keep_a_few_types_only(start: Any) -> None:
    journal = await start(rules=Rules(types=frozenset({"Patient"})))
    assert (await journal.post("/Patient", journal.patient())).status == 201
    assert (await journal.post("/Observation", journal.observation("Patient/x"))).status == 404
