"""Cost of validating and dumping, as ratios in one run: against building the same dicts, against fhir.resources."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from engine.standards.fhir import Decimal
from engine.standards.fhir.dump import dump
from engine.standards.fhir.validator import validate

pytestmark = pytest.mark.performance
LOINC, UCUM, NPU = "http://loinc.org", "http://unitsofmeasure.org", "urn:oid:2.16.578.1.12.4.1.1.7280"


def _observation(number: int, identity: str, patient: str, encounter: str) -> dict[str, Any]:
    low = {"value": Decimal("11.70"), "unit": "g/dL", "system": UCUM, "code": "g/dL"}
    high = {"value": Decimal("15.30"), "unit": "g/dL", "system": UCUM, "code": "g/dL"}
    return {
        "resourceType": "Observation",
        "id": identity,
        "identifier": [{"system": "urn:oid:2.16.578.1.12.4.1.7", "value": identity}],
        "status": "final",
        "category": [{"coding": [{"system": LOINC, "code": "laboratory", "display": "Laboratory"}]}],
        "code": {"coding": [{"system": NPU, "code": f"NPU{number}", "display": "B-Hemoglobin"}], "text": "Hb"},
        "subject": {"reference": patient},
        "encounter": {"reference": encounter},
        "effectiveDateTime": "2026-01-15T08:00:00+01:00",
        "issued": "2026-01-15T10:00:00.000+01:00",
        "performer": [{"reference": "Organization/1"}],
        "valueQuantity": {"value": Decimal(f"{number}.50"), "unit": "g/dL", "system": UCUM, "code": "g/dL"},
        "interpretation": [{"coding": [{"system": LOINC, "code": "N", "display": "Normal"}]}],
        "referenceRange": [{"low": low, "high": high, "text": "11.7 - 15.3"}],
    }


def _bundle(turn: int) -> dict[str, Any]:
    ids = [f"0c2d{turn:04d}-0000-8000-8000-{number:012d}" for number in range(32)]
    patient, encounter = f"urn:uuid:{ids[0]}", f"urn:uuid:{ids[1]}"
    resources: list[dict[str, Any]] = [
        {
            "resourceType": "Patient",
            "id": ids[0],
            "identifier": [{"system": "urn:oid:2.16.578.1.12.4.1.4.1", "value": "13815897247"}],
            "name": [{"family": "Nordmann", "given": ["Kari"]}],
            "gender": "female",
            "birthDate": "1958-01-13",
        },
        {
            "resourceType": "Encounter",
            "id": ids[1],
            "status": "finished",
            "class": {"system": LOINC, "code": "IMP"},
            "subject": {"reference": patient},
            "period": {"start": "2026-01-14T08:00:00+01:00", "end": "2026-01-15T12:00:00+01:00"},
        },
    ]
    resources += [_observation(number, ids[number], patient, encounter) for number in range(2, 32)]
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"urn:uuid:{one['id']}",
                "resource": one,
                "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"},
            }
            for one in resources
        ],
    }


def _micros(work: Callable[[Any], Any], rounds: list[list[Any]]) -> float:
    best = float("inf")
    for things in rounds:
        start = time.perf_counter()
        for thing in things:
            work(thing)
        best = min(best, (time.perf_counter() - start) / len(things))
    return best * 1e6


def test_validating_a_bundle_of_thirty_results() -> None:
    from fhir.resources.R4B.bundle import Bundle

    for turn in range(5):
        assert validate(_bundle(turn)) == []
    turns = [list(range(50 * part, 50 * part + 50)) for part in range(1, 11)]
    fresh = [[_bundle(turn) for turn in part] for part in turns]
    build, ours, text = _micros(_bundle, turns), _micros(validate, fresh), _micros(dump, fresh)
    plain = [orjson.loads(dump(one)) for one in fresh[0][:10]]
    theirs = _micros(Bundle.model_validate, [plain, plain])
    print(
        f"\n{len(dump(fresh[0][0]))} bytes: build {build:.0f} us, validate {ours:.0f} us ({ours / build:.1f} times), "
        f"dump {text:.0f} us, R4B {theirs:.0f} us ({theirs / ours:.0f} times ours)"
    )
    assert ours < 4 * build
    assert theirs > 16 * ours
