"""When the disk runs full, senders are told no and keep their messages; when there is room again, all goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.flow.site import Flow, code, flow

RAW = (Path(__file__).resolve().parents[2] / "samples" / "hl7v2" / "adt_a28.hl7").read_bytes()


async def noticed(engine: Flow, full: bool) -> None:
    """Until the runner has looked at the disk."""
    async with asyncio.timeout(20):
        while engine.runner.channels[0].intake.full is not full:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_below_the_floor_every_message_is_refused_and_above_it_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 1 << 40
    async with flow(tmp_path) as engine:
        monkeypatch.setattr(engine.runner.store, "free_space", lambda: free, raising=False)
        free = 1 << 20
        await noticed(engine, full=True)
        assert code((await engine.send(RAW))[0]) == "AE"
        assert engine.rows() == []
        free = 1 << 40
        await noticed(engine, full=False)
        assert code((await engine.send(RAW))[0]) == "AA"
        await engine.settle()
        assert [row.state for row in engine.rows()] == ["delivered"]
