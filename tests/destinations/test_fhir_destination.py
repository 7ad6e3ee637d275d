"""Mentions at a FHIR system: created if there is none, never overwritten, asked for as seldom as can be."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from engine.delivery import Ambiguous, Delivered, Permanent, Transient
from engine.destinations import Shipment
from engine.destinations.fhir import FhirDestination, FhirSettings

PATIENT = "Patient/0a8d7c1e-1111-5d0b-9a59-0f7f6a1c2d3e"
OTHER = "Organization/0a8d7c1e-2222-5d0b-9a59-0f7f6a1c2d3e"
REPORT = "DiagnosticReport/0a8d7c1e-3333-5d0b-9a59-0f7f6a1c2d3e"
URN = {url: "urn:uuid:" + url.partition("/")[2] for url in (PATIENT, OTHER, REPORT)}


def entry(url: str, mention: bool = False, **elements: object) -> dict:
    kind, _, identity = url.partition("/")
    request = {"method": "PUT", "url": url} | ({"ifNoneMatch": "*"} if mention else {})
    return {
        "fullUrl": "urn:uuid:" + identity,
        "resource": {"resourceType": kind, "id": identity, **elements},
        "request": request,
    }


def bundle(*entries: dict) -> bytes:
    return orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})


LAB = bundle(
    entry(PATIENT, mention=True, name=[{"family": "Mention"}]),
    entry(OTHER, mention=True),
    entry(REPORT, subject={"reference": URN[PATIENT]}, performer=[{"reference": URN[OTHER]}]),
)


def shipment(payload: bytes) -> Shipment:
    return Shipment(1, "m", "lab", payload, "application/fhir+json", "r", 1, 0)


@pytest.fixture
async def fhir(ward):
    destination = FhirDestination(FhirSettings(url=ward.url + "/", response_timeout=2.0))
    await destination.start()
    yield destination
    await destination.stop()


async def test_what_is_not_there_is_created(ward, fhir):
    assert await fhir.deliver(shipment(LAB)) == Delivered("200 created=3")
    assert sorted(ward.reads) == sorted([PATIENT, OTHER]) and ward.batches == 1
    assert ward.bodies == [LAB]  # nothing known to exist: the stored bytes as they are


async def test_what_is_there_is_left_alone_and_referred_to(ward, fhir):
    ward.resources[PATIENT] = {"resourceType": "Patient", "name": [{"family": "Better"}]}
    assert await fhir.deliver(shipment(LAB)) == Delivered("200 created=2")
    assert ward.resources[PATIENT]["name"] == [{"family": "Better"}]
    sent = orjson.loads(ward.bodies[0])
    assert [each["request"]["url"] for each in sent["entry"]] == [OTHER, REPORT]
    assert sent["entry"][1]["resource"]["subject"] == {"reference": PATIENT}
    assert sent["entry"][1]["resource"]["performer"] == [{"reference": URN[OTHER]}]


async def test_what_was_seen_once_is_not_asked_for_again(ward, fhir):
    await fhir.deliver(shipment(LAB))
    ward.reads.clear()
    assert await fhir.deliver(shipment(LAB)) == Delivered("200 updated=1")
    assert ward.reads == [] and ward.writes == [PATIENT, OTHER, REPORT, REPORT]


async def test_one_unknown_is_asked_for_by_a_read(ward, fhir):
    ward.resources[OTHER] = {"resourceType": "Organization"}
    alone = bundle(entry(OTHER, mention=True), entry(REPORT))
    assert await fhir.deliver(shipment(alone)) == Delivered("200 created=1")
    assert ward.batches == 0 and ward.reads == [OTHER]


async def test_a_system_that_takes_no_batch_is_asked_one_by_one(ward, fhir):
    ward.takes_batches = False
    ward.resources[PATIENT] = {"resourceType": "Patient"}
    assert await fhir.deliver(shipment(LAB)) == Delivered("200 created=2")
    assert sorted(ward.reads) == sorted([PATIENT, OTHER])
    fresh = bundle(entry(PATIENT[:-1] + "f", mention=True), entry(OTHER[:-1] + "f", mention=True))
    await fhir.deliver(shipment(fresh))
    assert ward.batches == 1  # and no batch is tried again


async def test_only_mentions_that_all_exist_leave_nothing_to_send(ward, fhir):
    ward.resources[OTHER] = {"resourceType": "Organization"}
    assert await fhir.deliver(shipment(bundle(entry(OTHER, mention=True)))) == Delivered("unchanged=1")
    assert ward.bodies == []


async def test_a_repeat_after_a_lost_response_makes_no_second_version_of_a_mention(ward, fhir):
    ward.lose = True
    assert isinstance(await fhir.deliver(shipment(LAB)), Ambiguous)
    assert await fhir.deliver(shipment(LAB)) == Delivered("200 updated=1")
    assert ward.writes == [PATIENT, OTHER, REPORT, REPORT]


@pytest.mark.parametrize("status", [409, 412])
async def test_after_a_conflict_it_is_asked_anew(ward, fhir, status):
    await fhir.deliver(shipment(LAB))
    ward.reads.clear()
    ward.refuse = [status]
    got = await fhir.deliver(shipment(LAB))
    assert isinstance(got, Transient) and got.tries == 3
    del ward.resources[PATIENT]
    assert await fhir.deliver(shipment(LAB)) == Delivered("200 created=1 updated=1")
    assert sorted(ward.reads) == sorted([PATIENT, OTHER])


async def test_what_was_deleted_there_since_is_created_again_in_the_same_attempt(ward, fhir):
    await fhir.deliver(shipment(LAB))
    del ward.resources[PATIENT]
    assert await fhir.deliver(shipment(LAB)) == Delivered("200 created=1 updated=1")


async def test_a_refusal_that_has_other_reasons_stays_a_refusal(ward, fhir):
    await fhir.deliver(shipment(LAB))
    ward.refuse = [422, 422]
    sent = len(ward.bodies)
    assert await fhir.deliver(shipment(LAB)) == Permanent("http.422")
    assert len(ward.bodies) == sent + 1  # everything remembered is there still: no second send


async def test_someone_else_created_it_in_between(ward, fhir):
    """The system honours the marker: 412, and with fresh state it goes through."""
    ward.heeds_marker = True
    ward.hold = asyncio.Event()
    delivering = asyncio.create_task(fhir.deliver(shipment(LAB)))
    async with asyncio.timeout(5):
        while not ward.bodies:  # noqa: ASYNC110
            await asyncio.sleep(0)
    ward.resources[PATIENT] = {"resourceType": "Patient"}
    ward.hold.set()
    assert await delivering == Transient("http.412", tries=3)
    assert await fhir.deliver(shipment(LAB)) == Delivered("200 created=2")


async def test_many_at_once_that_mention_the_same_create_it_once(ward, fhir):
    ward.heeds_marker = True
    many = [
        bundle(entry(PATIENT, mention=True), entry(OTHER, mention=True), entry(f"Observation/{number}"))
        for number in range(30)
    ]
    outcomes = await asyncio.gather(*(fhir.deliver(shipment(each)) for each in many))
    assert all(isinstance(each, Delivered) for each in outcomes)
    assert ward.writes.count(PATIENT) == ward.writes.count(OTHER) == 1


async def test_a_delivery_that_fails_lets_the_next_one_create(ward, fhir):
    ward.refuse = [500]
    outcomes = await asyncio.gather(*(fhir.deliver(shipment(LAB)) for _ in range(3)))
    assert sorted(type(each).__name__ for each in outcomes) == ["Ambiguous", "Delivered", "Delivered"]


READS = [
    (500, Transient("http.500", "while asking what exists")),
    (503, Transient("http.503")),
    (403, Transient("http.403", "no right to write", system_fault=True)),
]


@pytest.mark.parametrize("status, expected", READS, ids=[str(status) for status, _ in READS])
async def test_a_look_that_fails_has_changed_nothing(ward, fhir, status, expected):
    ward.refuse_reads = [status]
    assert await fhir.deliver(shipment(LAB)) == expected
    assert ward.bodies == []


async def test_a_payload_without_the_marker_goes_untouched_whatever_it_is(ward, fhir):
    odd = b'{"resourceType":"Bundle","type":"transaction","entry":[ ]}  '
    assert await fhir.deliver(shipment(odd)) == Delivered("200")
    assert ward.bodies == [odd] and ward.reads == []
