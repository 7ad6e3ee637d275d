"""kill -9 at random moments under load: nothing acknowledged is lost, nothing invented, order per patient kept.

Short here; `BUDSTIKKE_KILLS=200 pytest tests/faults` is the long form (`make faults`).
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.standins.sink import read_record
from engine.store.sqlite import open_store
from tests.faults import plant as plants
from tests.faults.oracle import Issued, Oracle
from tests.faults.plant import Plant, journal_facts

KILLS = int(os.environ.get("BUDSTIKKE_KILLS", "6"))
SENDERS = 8
PATIENCE = 60 + KILLS


async def killed_at_random(plant: Plant, oracle: Oracle, kills: int, seed: int) -> None:
    """Senders under way, the engine killed again and again, then left in peace until everything has arrived."""
    rnd = random.Random(seed)
    senders = [plants.SENDERS[plant.way](plant, oracle, patient) for patient in range(SENDERS)]
    tasks = [asyncio.create_task(sender.run(pause=0.02)) for sender in senders]
    for _ in range(kills):
        await asyncio.sleep(0.05 + 0.5 * rnd.random())
        await plant.kill()
        await plant.start_engine()
    await asyncio.sleep(0.3)
    for sender in senders:
        sender.stopping = True
    await asyncio.wait_for(asyncio.gather(*tasks), 60)


async def all_arrived(folder: Path, oracle: Oracle) -> dict[str, int]:
    """The store's counts once nothing is under way (or after `PATIENCE` seconds)."""
    store = open_store(folder / "var" / "budstikke.sqlite")
    try:
        counts: dict[str, int] = {}
        for _ in range(PATIENCE * 5):
            counts = store.counts()
            if not counts.get("waiting", 0) and not counts.get("received", 0):
                break
            await asyncio.sleep(0.2)
        return counts
    finally:
        store.close()


def transactions(record: Path) -> list[bytes]:
    """What the sink was sent to keep; questions whether something exists are not it."""
    return [body for _, body in read_record(record) if b'"type":"transaction"' in body]


async def verdict(plant: Plant, oracle: Oracle) -> list[str]:
    """Everything the oracle finds wrong, at sink, journal and store."""
    counts = await all_arrived(plant.folder, oracle)
    provenance, patients = await journal_facts(plant.journal)
    wrong = oracle.check_sink(transactions(plant.folder / "sink.bin"))
    return wrong + oracle.check_journal(provenance, patients) + oracle.check_store(counts)


async def run_story(
    tmp_path: Path, kills: int, seed: int, after: str, ack_early: bool, way: str = "mllp"
) -> tuple[Oracle, list[str]]:
    plant, oracle = Plant(tmp_path, after=after, ack_early=ack_early, way=way), Oracle()
    await plant.start()
    try:
        await killed_at_random(plant, oracle, kills, seed)
        fresh = plants.SENDERS[way](plant, oracle, 900)
        message = Issued(900, 1)
        oracle.issue(message)
        await fresh._until_answered(message)
        wrong = await verdict(plant, oracle)
        assert await plant.stop() == 0, "SIGTERM ends it clean"
        return oracle, wrong
    finally:
        await plant.stop()


@pytest.mark.timeout(120 + KILLS * 6)
@pytest.mark.parametrize("after", ["validated", "stored", "delivered"])
async def test_what_was_acknowledged_arrives_whatever_moment_the_engine_is_killed(
    tmp_path: Path, after: str, record_property: Callable[[str, object], None]
) -> None:
    kills = KILLS if after == "validated" else max(2, KILLS // 3)
    oracle, wrong = await run_story(tmp_path, kills, seed=20261121, after=after, ack_early=False)
    record_property("acknowledged", len(oracle.obligations))
    print(f"after {after}: {kills} kills, {len(oracle.obligations)} acknowledged of {len(oracle.issued)} issued")
    assert not wrong, "\n".join(wrong[:20])
    assert len(oracle.obligations) > SENDERS


@pytest.mark.timeout(120 + KILLS * 6)
@pytest.mark.parametrize("way", ["http", "file"])
async def test_the_same_holds_over_http_and_from_dropped_files(tmp_path: Path, way: str) -> None:
    kills = max(3, KILLS // 2)
    oracle, wrong = await run_story(tmp_path, kills, seed=20261122, after="validated", ack_early=False, way=way)
    print(f"over {way}: {kills} kills, {len(oracle.obligations)} acknowledged of {len(oracle.issued)} issued")
    assert not wrong, "\n".join(wrong[:20])
    assert len(oracle.obligations) > SENDERS


@pytest.mark.timeout(180)
async def test_the_oracle_sees_an_engine_that_answers_before_the_commit(tmp_path: Path) -> None:
    _, wrong = await run_story(tmp_path, kills=5, seed=7, after="validated", ack_early=True)
    assert any("was acknowledged and is not in the sink" in line for line in wrong)
    assert any("was acknowledged and is not in the journal" in line for line in wrong)
