"""The FHIR destination against the stand-in journal, with Bundles as the engine renders them."""

from __future__ import annotations

import asyncio

import pytest

from engine.delivery import Ambiguous, Delivered, Permanent, Transient
from engine.destinations import Shipment
from engine.destinations.fhir import FhirDestination, FhirSettings
from engine.destinations.fhir_bundle import Bundle
from engine.message import Party
from engine.standards.fhir import Decimal, Entry, Identity, Link, Verb
from engine.standards.fhir.dump import dump
from engine.standards.fhir.provenance import Origin
from engine.standards.fhir.render import Writing, render
from engine.standins.journal import Options, Rules
from engine.standins.journal.faults import Fault
from engine.standins.journal.server import serve

FNR = "urn:oid:2.16.578.1.12.4.1.4.1"
KEY = b"k" * 32


def origin(message: str) -> Origin:
    return Origin(
        *("lab", message, "MSG1", "ORU^R01", Party("LAB"), "hl7v2/oru", "1", "r1", b"\x00" * 32, 1_768_460_400_000_000),
        raw=b'MSH|^~\\&|"request":{"method":"PUT"}',
        content_type="x-application/hl7-v2+er7",
        include_original=True,
    )


def rendered(number: int = 1, verb: Verb = Verb.MENTION, family: str = "Prøve", mode: str = "by_id") -> bytes:
    """A lab result for a patient who is mentioned, or owned."""
    subject: dict = {}
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": FNR, "value": "13815897247"}],
        "name": [{"family": f'{family} "quoted" \\ {{"entry":['}],
    }
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Hb"},
        "subject": subject,
        "valueQuantity": {"value": Decimal("13.20"), "unit": "g/dL"},
    }
    entries = [
        Entry("patient", patient, verb, Identity(FNR, "13815897247")),
        Entry("result", observation, Verb.OWN, Identity("urn:x-lab", f"LAB|{number}", derived=True)),
    ]
    return dump(render(entries, [Link(subject, 0)], Writing(mode, KEY), origin(f"m{number}")).bundle)


def shipment(payload: bytes) -> Shipment:
    return Shipment(1, "m", "lab", payload, "application/fhir+json", "r", 1, 0)


@pytest.fixture(params=[True, False], ids=["marker is heeded with 412", "marker is answered 304"])
async def journal(request):
    running = await serve(options=Options(rules=Rules(existing_fails=request.param)))
    yield running
    await running.stop()


@pytest.fixture
async def fhir(journal):
    destination = FhirDestination(FhirSettings(url=journal.url, response_timeout=2.0))
    await destination.start()
    yield destination
    await destination.stop()


@pytest.mark.parametrize(
    "verb, mode, mentions", [(Verb.MENTION, "by_id", 1), (Verb.OWN, "by_id", 0), (Verb.MENTION, "conditional", 0)]
)
def test_a_rendered_bundle_shows_its_mentions(verb, mode, mentions):
    bundle = Bundle(rendered(verb=verb, mode=mode))
    assert len(bundle.entries) == 4 and len(bundle.mentions()) == mentions


async def test_a_mention_is_created_then_left_alone(fhir):
    assert await fhir.deliver(shipment(rendered(1))) == Delivered("200 created=4")
    assert await fhir.deliver(shipment(rendered(2, family="Other"))) == Delivered("200 created=3")
    assert await fhir.deliver(shipment(rendered(3, Verb.OWN, "Better"))) == Delivered("200 created=3 updated=1")
    assert await fhir.deliver(shipment(rendered(4, family="Other"))) == Delivered("200 created=3")


async def test_the_same_bundle_again_changes_nothing(fhir):
    payload = rendered(1)
    assert await fhir.deliver(shipment(payload)) == Delivered("200 created=4")
    assert await fhir.deliver(shipment(payload)) == Delivered("200 unchanged=3")


async def test_a_new_destination_knows_nothing_and_asks(journal, fhir):
    await fhir.deliver(shipment(rendered(1)))
    again = FhirDestination(FhirSettings(url=journal.url))
    await again.start()
    assert await again.deliver(shipment(rendered(2, family="Other"))) == Delivered("200 created=3")
    await again.stop()


@pytest.mark.parametrize("kind", ["lose_response", "error_after_commit"])
async def test_a_lost_response_and_a_retry_write_everything_once(journal, fhir, kind):
    journal.faults.set(Fault(kind, requests=1))
    assert isinstance(await fhir.deliver(shipment(rendered(1))), Ambiguous)
    assert await fhir.deliver(shipment(rendered(1))) == Delivered("200 unchanged=3")


async def test_many_results_at_once_for_a_new_patient_are_all_delivered(fhir):
    outcomes = await asyncio.gather(*(fhir.deliver(shipment(rendered(number))) for number in range(30)))
    assert sorted({each.detail for each in outcomes}) == ["200 created=3", "200 created=4"]
    assert [each.detail for each in outcomes].count("200 created=4") == 1


FAULTS = [
    ("unavailable", Transient("http.503", "transient", after=1.0)),
    ("too_many", Transient("http.429", "throttled", after=1.0)),
    ("garbage", Transient("http.not_fhir", "while asking what exists")),
]


@pytest.mark.parametrize("kind, expected", FAULTS, ids=[kind for kind, _ in FAULTS])
async def test_a_fault_while_asking_is_transient(journal, fhir, kind, expected):
    journal.faults.set(Fault(kind, requests=1))
    got = await fhir.deliver(shipment(rendered(1)))
    assert (type(got), got.code) == (type(expected), expected.code)
    assert await fhir.deliver(shipment(rendered(1))) == Delivered("200 created=4")


async def test_what_is_not_r4_is_refused_with_its_place(fhir):
    payload = rendered(1, Verb.OWN).replace(b'"status":"final"', b'"status":"finished"')
    got = await fhir.deliver(shipment(payload))
    assert (
        isinstance(got, Permanent) and got.code in ("http.400", "http.422") and got.detail.endswith("resource.status")
    )


async def test_by_condition_the_same_bundle_again_makes_no_second_resource(fhir):
    payload = rendered(1, mode="conditional")
    assert await fhir.deliver(shipment(payload)) == Delivered("200 created=4")
    assert await fhir.deliver(shipment(payload)) == Delivered("200 unchanged=4")
