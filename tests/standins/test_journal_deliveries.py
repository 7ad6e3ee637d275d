"""What the engine renders and delivers, the journal takes, once, however often and however crookedly it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

from engine.delivery import Ambiguous, Delivered, Permanent, Transient
from engine.destinations import Shipment
from engine.destinations.fhir import FhirDestination, FhirSettings
from engine.message import Party
from engine.standards.fhir import Entry, Identity, Link, Resource, Verb
from engine.standards.fhir.dump import dump
from engine.standards.fhir.render import Origin, Writing, render

FNR = "urn:oid:2.16.578.1.12.4.1.4.1"
LAB = "urn:oid:2.16.578.1.34.1000.5"
Mode = Literal["by_id", "conditional"]


def rendered(mode: Mode, message: str = "m1", status: str = "final", sex: str = "female") -> bytes:
    """One laboratory result about one patient, as a channel would make it."""
    identifier = [{"system": FNR, "value": "13815897247"}]
    patient: Resource = {"resourceType": "Patient", "identifier": identifier, "gender": sex}
    subject: dict[str, Any] = {}
    result: Resource = {
        "resourceType": "Observation",
        "identifier": [{"system": LAB, "value": "77"}],
        "status": status,
        "code": {"text": "Hemoglobin"},
        "subject": subject,
    }
    entries = [
        Entry("patient", patient, Verb.MENTION, Identity(FNR, "13815897247")),
        Entry("result", result, Verb.OWN, Identity(LAB, "77")),
    ]
    origin = Origin(
        channel="lab",
        message=message,
        message_id=message.upper(),
        message_type="ORU^R01",
        sender=Party("LAB"),
        mapping="hl7v2/oru_r01",
        mapping_revision="1",
        revision="1",
        sha256=bytes(32),
        received=1_768_460_400_000_000,
        raw=b"MSH|^~\\&|",
        content_type="x-application/hl7-v2+er7",
        include_original=True,
    )
    return dump(render(entries, [Link(subject, 0)], Writing(mode, b"k" * 32), origin).bundle)


def shipment(payload: bytes) -> Shipment:
    return Shipment(1, "m1", "lab", payload, "application/fhir+json", "r1", 1, 1_768_460_400_000_000)


@pytest.fixture
async def destination(journal: Any) -> AsyncIterator[FhirDestination]:
    made = FhirDestination(FhirSettings(url=journal.running.url))
    await made.start()
    yield made
    await made.stop()


@pytest.mark.parametrize("mode", ["by_id", "conditional"])
async def test_the_same_delivery_three_times_makes_everything_once(
    journal: Any, destination: FhirDestination, mode: Mode
) -> None:
    for _ in range(3):
        assert isinstance(await destination.deliver(shipment(rendered(mode))), Delivered)
    types = (await journal.stats())["types"]
    assert set(types) == {"Patient", "Observation", "Provenance", "DocumentReference"}
    assert {(row["resources"], row["versions"]) for row in types.values()} == {(1, 1)}


@pytest.mark.parametrize("mode", ["by_id", "conditional"])
async def test_eight_equal_deliveries_at_once_make_everything_once(
    journal: Any, destination: FhirDestination, mode: Mode
) -> None:
    outcomes = await asyncio.gather(*(destination.deliver(shipment(rendered(mode))) for _ in range(8)))
    assert {type(outcome) for outcome in outcomes} == {Delivered}
    assert {row["versions"] for row in (await journal.stats())["types"].values()} == {1}


@pytest.mark.parametrize("mode", ["by_id", "conditional"])
async def test_a_correction_changes_what_it_owns_and_not_what_it_mentions(
    journal: Any, destination: FhirDestination, mode: Mode
) -> None:
    await destination.deliver(shipment(rendered(mode)))
    await destination.deliver(shipment(rendered(mode, message="m2", status="corrected", sex="male")))
    (result,) = (await journal.get("/Observation")).tree["entry"]
    (patient,) = (await journal.get("/Patient")).tree["entry"]
    assert (result["resource"]["status"], result["resource"]["meta"]["versionId"]) == ("corrected", "2")
    assert (patient["resource"]["gender"], patient["resource"]["meta"]["versionId"]) == ("female", "1")
    assert result["resource"]["subject"]["reference"] == f"Patient/{patient['resource']['id']}"
    assert await journal.count("Provenance") == 2


@pytest.mark.parametrize("mode", ["by_id", "conditional"])
async def test_no_patient_identifier_stands_in_an_address(
    journal: Any, destination: FhirDestination, mode: Mode
) -> None:
    await destination.deliver(shipment(rendered(mode)))
    assert (await journal.stats())["identifiers_in_urls"] == 0


@pytest.mark.parametrize(
    ("fault", "outcome", "again"),
    [
        ("unavailable", Transient, 4),
        ("too_many", Transient, 4),
        ("unauthorized", Transient, 4),
        ("error_after_commit", Ambiguous, 0),
        ("lose_response", Ambiguous, 0),
        ("break", Ambiguous, 4),
        ("garbage", Ambiguous, 4),
    ],
)
async def test_after_any_fault_the_next_try_leaves_each_resource_once(
    journal: Any, destination: FhirDestination, fault: str, outcome: type, again: int
) -> None:
    payload = rendered("conditional")
    await journal.break_it(fault=fault, requests=1)
    assert isinstance(await destination.deliver(shipment(payload)), outcome)
    second = await destination.deliver(shipment(payload))
    assert isinstance(second, Delivered)
    assert ("created=4" in second.detail) == (again == 4)
    assert {row["versions"] for row in (await journal.stats())["types"].values()} == {1}


async def test_several_matches_are_for_a_person(journal: Any, destination: FhirDestination) -> None:
    for _ in range(2):
        await journal.post("/Patient", journal.patient("13815897247"))
    outcome = await destination.deliver(shipment(rendered("conditional")))
    assert isinstance(outcome, Permanent)
    assert outcome.park


async def test_what_is_not_r4_is_permanent_and_placed(journal: Any, destination: FhirDestination) -> None:
    outcome = await destination.deliver(shipment(rendered("by_id", status="done")))
    assert isinstance(outcome, Permanent)
    assert "Bundle.entry[1].resource.status" in outcome.detail
