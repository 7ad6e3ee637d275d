"""The validator on the published examples of no-basis: what others wrote as R4 must not be refused.

They are not part of the repository; the tests are skipped where the reference folder is not beside it.
"""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from engine.standards.fhir.validator import validate

FOLDER = Path(__file__).parents[4] / "shared" / "reference" / "no-basis" / "hl7.fhir.no.basis-2.2.2"
WRONG = {
    "no-basis-HealthcareService-example.json": [("fhir.lexical", "HealthcareService.id")],
    "ImplementationGuide.json": [
        ("fhir.required", "ImplementationGuide.definition.resource"),
        ("fhir.required", "ImplementationGuide.packageId"),
    ],
}
"""Published files that are indeed not R4, and why."""

FILES = sorted(file for file in FOLDER.rglob("*.json") if file.name not in ("package.json", ".index.json"))


@pytest.mark.skipif(not FILES, reason="no reference folder beside the repository")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_published_resource_is_found_to_be_r4(file: Path) -> None:
    resource = orjson.loads(file.read_bytes())
    if "resourceType" not in resource:
        pytest.skip("not a resource")
    expected = WRONG.get(file.name, [])
    for _ in range(4):
        assert sorted((issue.code, issue.place) for issue in validate(resource)) == sorted(expected)
