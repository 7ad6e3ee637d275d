"""The R4 table: names, types and rules as the standard publishes them."""

from __future__ import annotations

import subprocess
import sys
import time

import orjson
import pytest

from engine.standards.fhir.r4 import R4, TABLE, load


@pytest.fixture(scope="module")
def r4() -> R4:
    return load()


def test_all_146_resources_of_r4_are_there_and_none_of_another_version(r4: R4) -> None:
    assert len(r4.resources) == 146
    assert {"Patient", "Bundle", "EffectEvidenceSynthesis", "MedicinalProduct"} <= r4.resources
    assert r4.resources.isdisjoint({"SubscriptionStatus", "Ingredient", "NutritionProduct", "Evidence.statistic"})


def test_every_element_has_one_type_that_the_table_knows(r4: R4) -> None:
    for name in r4.names:
        found = r4.type(name)
        assert found is not None
        for element in found.elements.values():
            assert r4.type(element.type) is not None, (name, element)
            assert set(element.targets) <= r4.resources, (name, element)


@pytest.mark.parametrize("name", ["Meta.deleted", "Meta.author", "Binary.url", "ResearchStudy.label"])
def test_what_a_package_added_to_the_standard_is_not_in_the_table(r4: R4, name: str) -> None:
    parent, _, child = name.rpartition(".")
    found = r4.type(parent)
    assert found is not None
    assert child not in found.elements


ELEMENTS = {
    "Patient.id": ("id", 0, False, ""),
    "Patient.contact": ("Patient.contact", 0, True, ""),
    "Patient.contact.modifierExtension": ("Extension", 0, True, ""),
    "Observation.valueQuantity": ("Quantity", 0, False, "value"),
    "Observation.status": ("code", 1, False, ""),
    "Observation.component.referenceRange": ("Observation.referenceRange", 0, True, ""),
    "MedicationRequest.medicationCodeableConcept": ("CodeableConcept", 1, False, "medication"),
    "Bundle.entry.link": ("Bundle.link", 0, True, ""),
    "Bundle.entry.resource": ("Resource", 0, False, ""),
    "Extension.url": ("uri", 1, False, ""),
    "Narrative.div": ("xhtml", 1, False, ""),
    "Timing.repeat.boundsPeriod": ("Period", 0, False, "bounds"),
    "Age.value": ("decimal", 0, False, ""),
}


@pytest.mark.parametrize("path", ELEMENTS)
def test_an_element_is_as_published(r4: R4, path: str) -> None:
    parent, _, child = path.rpartition(".")
    found = r4.type(parent)
    assert found is not None
    element = found.elements[child]
    assert (element.type, element.minimum, element.many, element.choice) == ELEMENTS[path]


def test_a_required_binding_is_written_out(r4: R4) -> None:
    patient, condition = r4.type("Patient"), r4.type("Condition")
    assert patient is not None and condition is not None
    assert patient.elements["gender"].codes == {"male", "female", "other", "unknown"}
    assert ("http://terminology.hl7.org/CodeSystem/condition-clinical", "relapse") in (
        condition.elements["clinicalStatus"].codings or ()
    )
    assert patient.elements["maritalStatus"].codes is None, "an extensible binding binds nobody"
    assert patient.elements["language"].codes is None


def test_reference_targets_are_resource_names_and_empty_for_any(r4: R4) -> None:
    observation, provenance = r4.type("Observation"), r4.type("Provenance")
    assert observation is not None and provenance is not None
    assert observation.elements["subject"].targets == ("Patient", "Group", "Device", "Location")
    assert provenance.elements["target"].targets == ()


def test_invariants_and_search_parameters_are_named(r4: R4) -> None:
    observation = r4.type("Observation")
    assert observation is not None
    assert {"dom-2", "obs-6", "obs-7"} <= set(observation.invariants)
    assert r4.search("Patient")["identifier"] == "token"
    assert r4.search("Provenance")["_tag"] == "token"


def test_an_unknown_name_is_none_and_a_near_one_is_suggested(r4: R4) -> None:
    patient = r4.type("Patient")
    assert patient is not None
    assert r4.type("Pasient") is None
    assert r4.suggest("Pasient", r4.resources) == "Patient"
    assert r4.suggest("birthdate", patient.elements) == "birthDate"
    assert r4.suggest("zzz", patient.elements) == ""


def test_the_file_is_small_and_reads_fast() -> None:
    assert TABLE.stat().st_size < 2_000_000
    best = 1.0
    for _ in range(5):
        start = time.perf_counter()
        R4(orjson.loads(TABLE.read_bytes()))
        best = min(best, time.perf_counter() - start)
    assert best < 0.06


def test_importing_the_table_reads_no_file() -> None:
    code = "import sys; from engine.standards.fhir import r4; sys.exit(r4.load.cache_info().currsize)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
