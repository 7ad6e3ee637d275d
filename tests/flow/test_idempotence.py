"""The same message three times, the same write after a lost response: same ids, no second resource, one version."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.standins.journal.faults import Fault
from tests.flow.site import Flow, code, flow

ROOT = Path(__file__).resolve().parents[2]


def sample(name: str) -> bytes:
    return (ROOT / "samples" / "hl7v2" / f"{name}.hl7").read_bytes()


async def held(engine: Flow) -> dict[str, list[str]]:
    """Type/id of all that stands in the journal, with its version."""
    found: dict[str, list[str]] = {}
    for type_ in (await engine.stats())["types"]:
        bundle = await engine.get(f"{type_}?_count=500")
        for entry in bundle.get("entry", []):  # type: ignore[attr-defined]
            resource = entry["resource"]
            found.setdefault(type_, []).append(f"{resource['id']}/{resource['meta']['versionId']}")
    return {type_: sorted(ids) for type_, ids in found.items()}


@pytest.mark.parametrize("writes", ["by_id", "conditional"])
@pytest.mark.parametrize("name", ["adt_a01", "oru_r01_chemistry"])
async def test_the_same_message_sent_three_times_is_one(tmp_path: Path, name: str, writes: str) -> None:
    async with flow(tmp_path, writes=writes) as engine:
        first = (await engine.send(sample(name)))[0]
        await engine.settle()
        once = await held(engine)
        again = await engine.send(sample(name), sample(name))
        await engine.settle()
        assert {first} == set(again)
        assert await held(engine) == once
        assert all(version.endswith("/1") for ids in once.values() for version in ids)


@pytest.mark.parametrize("writes", ["by_id", "conditional"])
@pytest.mark.parametrize("kind", ["lose_response", "error_after_commit"])
async def test_a_write_repeated_after_a_lost_response_changes_nothing(tmp_path: Path, kind: str, writes: str) -> None:
    async with flow(tmp_path, writes=writes) as engine:
        engine.journal.faults.set(Fault(kind, requests=2, writes_only=True))
        answer = (await engine.send(sample("adt_a01")))[0]
        await engine.settle()
        detail = engine.detail(engine.rows()[0])
        stored = await held(engine)
    assert code(answer) == "AA"
    assert detail.row.state == "delivered"
    assert len(detail.attempts) >= 2
    assert len(stored["Patient"]) == 1
    assert all(version.endswith("/1") for ids in stored.values() for version in ids)


async def test_the_same_content_under_another_message_id_makes_no_new_version_of_business_resources(
    tmp_path: Path,
) -> None:
    raw = sample("adt_a01")
    other = raw.replace(raw.split(b"|")[9], b"OTHER-ID", 1)
    async with flow(tmp_path) as engine:
        await engine.send(raw)
        await engine.settle()
        once = await held(engine)
        await engine.send(other)
        await engine.settle()
        twice = await held(engine)
    for type_ in once.keys() - {"Provenance", "DocumentReference"}:
        assert twice[type_] == once[type_], type_
    assert len(twice["Provenance"]) == 2


async def test_the_order_of_a_patient_holds_when_the_journal_is_down_for_a_while(tmp_path: Path) -> None:
    async with flow(tmp_path) as engine:
        engine.journal.faults.set(Fault("unavailable", requests=3, retry_after=0))
        await engine.send(*(sample(name) for name in ("adt_a01", "adt_a02", "adt_a08", "adt_a03")))
        await engine.settle()
        encounters = (await engine.get("Encounter"))["entry"]
    assert [entry["resource"]["status"] for entry in encounters] == ["finished"]  # type: ignore[attr-defined]
