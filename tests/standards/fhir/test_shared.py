"""Objects that stand in many messages: judged once, and no other object is taken for them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from fhir_seeded import changed
from fhir_valid import bundle, observation

from engine.standards.fhir import shapes, shared
from engine.standards.fhir.shared import Judged, is_shared, share
from engine.standards.fhir.validator import validate

CODED = {"coding": [{"system": "urn:oid:2.16.578.1.12.4.1.1.7280", "code": "NPU19873", "display": "Hb"}], "text": "Hb"}


@pytest.fixture
def afresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is shared, and no shape is known yet."""
    monkeypatch.setattr(shared, "_shared", {})
    monkeypatch.setattr(shapes, "_shapes", {})
    monkeypatch.setattr(shapes, "_resources", shapes._OfType())
    yield


def learnt(name: str, value: Any) -> None:
    """The quick look has code for an observation with this element, made while the element was shared."""
    for _ in range(6):
        assert validate({**observation(), name: value}) == []


def found(name: str, value: Any) -> list[str]:
    return [issue.place for issue in validate({**observation(), name: value})]


@pytest.mark.usefixtures("afresh")
def test_a_shared_object_is_looked_at_once_whatever_it_stands_in() -> None:
    code = share(copy.deepcopy(CODED))
    learnt("code", code)
    del code["coding"]  # a promise broken, to see that nobody looks
    code["pets"] = 1
    assert found("code", code) == []


@pytest.mark.usefixtures("afresh")
@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"coding.0.code": " x"}, "Observation.code.coding[0].code"),
        ({"coding.0.kode": "x"}, "Observation.code.coding[0].kode"),
        ({"coding": []}, "Observation.code.coding"),
        ({"text": ""}, "Observation.code.text"),
    ],
)
def test_a_wrong_object_in_the_place_of_a_shared_one_is_found_out(change: dict[str, Any], place: str) -> None:
    learnt("code", share(copy.deepcopy(CODED)))
    for _ in range(5):
        assert found("code", changed(copy.deepcopy(CODED), change)) == [place]
        assert found("code", copy.deepcopy(CODED)) == []


@pytest.mark.usefixtures("afresh")
@pytest.mark.parametrize("value", [[], [CODED, {}], [CODED, None], CODED, "final", (CODED,), None])
def test_what_is_no_list_of_right_objects_is_found_out_where_a_shared_list_stood(value: Any) -> None:
    learnt("category", share([copy.deepcopy(CODED)]))
    for _ in range(5):
        assert found("category", value) != []


@pytest.mark.usefixtures("afresh")
@pytest.mark.parametrize("value", [[CODED], "final", 5, None, {}])
def test_what_is_no_object_is_found_out_where_a_shared_one_stood(value: Any) -> None:
    learnt("code", share(copy.deepcopy(CODED)))
    for _ in range(5):
        assert found("code", value) != []


@pytest.mark.usefixtures("afresh")
def test_a_shared_object_that_is_wrong_is_found_out_each_time() -> None:
    learnt("code", share(copy.deepcopy(CODED)))
    wrong = share({"coding": [{"system": "no uri", "code": "x"}]})
    for _ in range(5):
        assert found("code", wrong) == ["Observation.code.coding[0].system"]


@pytest.mark.usefixtures("afresh")
def test_a_shared_object_that_is_right_at_one_place_is_not_taken_for_right_at_another() -> None:
    coding = share({"system": "urn:x", "code": "x"})
    learnt("code", share({"coding": [coding]}))
    for _ in range(5):
        assert found("code", coding) == ["Observation.code.system", "Observation.code.code"]


@pytest.mark.usefixtures("afresh")
def test_what_is_not_shared_is_never_remembered() -> None:
    code = share(copy.deepcopy(CODED))
    learnt("code", code)
    fresh = copy.deepcopy(CODED)
    assert found("code", fresh) == []
    fresh["text"] = ""
    assert found("code", fresh) == ["Observation.code.text"]


@pytest.mark.usefixtures("afresh")
def test_every_object_inside_a_shared_one_is_shared() -> None:
    code = share(copy.deepcopy(CODED))
    assert is_shared(code) and is_shared(code["coding"]) and is_shared(code["coding"][0])
    assert not is_shared(copy.deepcopy(code))


@pytest.mark.usefixtures("afresh")
def test_a_bounded_number_is_kept_and_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "ROOM", 8)
    judged = Judged(lambda value: True)
    for number in range(100):
        assert judged.right(share({"text": str(number)}))
        assert len(shared._shared) <= 8 and len(judged.right_ones) <= 8
    assert all(id(value) == known for known, value in judged.right_ones.items())


@pytest.mark.usefixtures("afresh")
def test_faults_beside_shared_objects_are_found_out_in_a_bundle() -> None:
    whole = bundle()
    for entry in whole["entry"]:
        share(entry["resource"].get("code"))
        share(entry["resource"].get("category"))
    for _ in range(6):
        assert validate(whole) == []
    wrong = changed(whole, {"entry.0.resource.gender": "x", "entry.1.resource.status": "x"})
    assert [issue.place for issue in validate(wrong)] == [
        "Bundle.entry[0].resource.Patient.gender",
        "Bundle.entry[1].resource.Observation.status",
    ]
