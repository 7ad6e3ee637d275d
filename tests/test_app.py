"""The engine as a process: starts, says so, stops clean on SIGTERM with work in hand, takes it up again."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from engine.store.sqlite import open_store
from tests.faults.oracle import Issued, Oracle, synthetic_number
from tests.faults.plant import Plant, Sender


@pytest.mark.timeout(60)
async def test_sigterm_answers_what_was_taken_ends_clean_and_loses_nothing(tmp_path: Path) -> None:
    plant, oracle = Plant(tmp_path), Oracle()
    await plant.start()
    try:
        sender = Sender(plant, oracle, 1)
        running = asyncio.create_task(sender.run(pause=0.001))
        await asyncio.sleep(0.5)
        assert plant.engine is not None
        plant.engine.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(plant.engine.wait(), 30) == 0
        await plant.start_engine()
        await asyncio.sleep(0.3)
        sender.stopping = True
        await asyncio.wait_for(running, 20)
        assert len(oracle.obligations) > 10
        store = open_store(tmp_path / "var" / "budstikke.sqlite")
        for _ in range(200):
            if not store.counts().get("waiting"):
                break
            await asyncio.sleep(0.05)
        assert set(store.counts()) == {"delivered"}
        assert store.counts()["delivered"] == len(oracle.obligations)
        store.close()
    finally:
        await plant.stop()


def test_the_oracles_identity_numbers_are_synthetic_and_right() -> None:
    numbers = [synthetic_number(serial) for serial in range(50)]
    assert len(set(numbers)) == 50
    for number in numbers:
        digits = [int(digit) for digit in number]
        assert 81 <= int(number[2:4]) <= 92
        assert sum(w * d for w, d in zip((3, 7, 6, 1, 8, 9, 4, 5, 2, 1), digits, strict=False)) % 11 == 0
        assert sum(w * d for w, d in zip((5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), digits, strict=False)) % 11 == 0
    assert b"PID|1||" in Issued(1, 1).raw(numbers[0])
