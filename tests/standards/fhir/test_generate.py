"""The script that makes the R4 table: value sets written out, types cut down to rows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from engine.standards.fhir.definitions import leaves_of, types_of
from engine.standards.fhir.expansion import ValueSets
from engine.standards.fhir.generate import generate, main
from engine.standards.fhir.r4 import TABLE

COLOURS: dict[str, Any] = {
    "resourceType": "CodeSystem",
    "url": "s:colours",
    "content": "complete",
    "concept": [
        {"code": "warm", "concept": [{"code": "red"}, {"code": "pink", "concept": [{"code": "rose"}]}]},
        {"code": "cold", "property": [{"code": "notSelectable", "valueBoolean": True}], "concept": [{"code": "blue"}]},
        {"code": "mauve", "property": [{"code": "subsumedBy", "valueCode": "cold"}]},
    ],
}
ELSEWHERE = {"resourceType": "CodeSystem", "url": "s:elsewhere", "content": "not-present"}

SETS: dict[str, tuple[dict[str, Any], dict[str, list[str]] | None]] = {
    "a whole system without grouping codes": (
        {"include": [{"system": "s:colours"}]},
        {"s:colours": ["warm", "red", "pink", "rose", "blue", "mauve"]},
    ),
    "listed codes": (
        {"include": [{"system": "s:elsewhere", "concept": [{"code": "a"}, {"code": "b"}]}]},
        {"s:elsewhere": ["a", "b"]},
    ),
    "a code and all under it": (
        {"include": [{"system": "s:colours", "filter": [{"property": "concept", "op": "is-a", "value": "warm"}]}]},
        {"s:colours": ["warm", "red", "pink", "rose"]},
    ),
    "what lies under a code that others name as parent": (
        {
            "include": [
                {"system": "s:colours", "filter": [{"property": "concept", "op": "descendent-of", "value": "cold"}]}
            ]
        },
        {"s:colours": ["blue", "mauve"]},
    ),
    "without what is excluded": (
        {"include": [{"system": "s:colours"}], "exclude": [{"system": "s:colours", "concept": [{"code": "red"}]}]},
        {"s:colours": ["warm", "pink", "rose", "blue", "mauve"]},
    ),
    "a system that lies elsewhere": ({"include": [{"system": "s:elsewhere"}]}, None),
    "a filter that only a terminology server knows": (
        {"include": [{"system": "s:colours", "filter": [{"property": "concept", "op": "regex", "value": "r.*"}]}]},
        None,
    ),
}


@pytest.mark.parametrize("name", SETS)
def test_a_value_set_is_written_out_or_left_alone(name: str) -> None:
    compose, expected = SETS[name]
    sets = ValueSets([COLOURS, ELSEWHERE, {"resourceType": "ValueSet", "url": "v:x", "compose": compose}])
    assert sets.expand("v:x|4.0.1") == expected


def test_a_value_set_of_value_sets_is_written_out() -> None:
    inner = {"resourceType": "ValueSet", "url": "v:in", "compose": {"include": [{"system": "s:colours"}]}}
    outer = {"resourceType": "ValueSet", "url": "v:out", "compose": {"include": [{"valueSet": ["v:in|1"]}]}}
    sets = ValueSets([COLOURS, inner, outer])
    assert sets.expand("v:out") == sets.expand("v:in")
    assert sets.expand("v:none") is None


def _element(path: str, base: str = "", **more: Any) -> dict[str, Any]:
    return {"path": path, "min": 0, "max": "1", "base": {"path": base or path}, "type": [{"code": "string"}], **more}


def _thing(*elements: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "type": "Thing",
        "kind": "resource",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/DomainResource",
        "snapshot": {"element": [_element("Thing"), *elements]},
    }


def test_inherited_elements_and_those_the_standard_lacks_are_left_out() -> None:
    definition = _thing(_element("Thing.id", "Resource.id"), _element("Thing.name"), _element("Thing.vendorExtra"))
    leaves = leaves_of([_thing(_element("Thing.name", min=1))])
    assert types_of(definition, leaves)["Thing"]["elements"] == [["name", 1, 0, "string"]]


def test_a_backbone_is_a_type_of_its_own_and_content_references_point_to_it() -> None:
    part = _element("Thing.part", max="*", type=[{"code": "BackboneElement"}])
    again = {"path": "Thing.part.part", "min": 0, "max": "*", "base": {"path": "x"}, "contentReference": "#Thing.part"}
    again["base"] = {"path": "Thing.part.part"}
    label = _element("Thing.part.label")
    found = types_of(_thing(part, label, again), leaves_of([_thing(label)]))
    assert found["Thing"]["elements"] == [["part", 0, 1, "Thing.part"]]
    assert found["Thing.part"]["elements"] == [["label", 0, 0, "string"], ["part", 0, 1, "Thing.part"]]


def test_without_a_folder_the_script_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "DEFINITIONS_FOLDER" in capsys.readouterr().err


def test_the_published_definitions_give_the_committed_table() -> None:
    folder = Path(os.environ.get("FHIR_DEFINITIONS", "") or "no such folder")
    if not (folder / "profiles-resources.json").exists():
        pytest.skip("FHIR_DEFINITIONS names no folder with the published definitions")
    assert generate(folder) == TABLE.read_bytes()
