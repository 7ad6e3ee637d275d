"""Fixtures that many tests share: a clock that is told, a real store on disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.store.sqlite import SqliteStore, open_store

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT.parent / "shared" / "reference"


@pytest.fixture
def clock() -> ManualClock:
    """Stands still until told."""
    return ManualClock()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A new store on disk whose results come to this loop."""
    made = open_store(tmp_path / "store" / "budstikke.sqlite", wake=asyncio.get_running_loop().call_soon_threadsafe)
    yield made
    await asyncio.to_thread(made.close)


@pytest.fixture
def sample() -> Sample:
    """Reads a sample message by name: `sample('adt_a01')`."""
    return Sample()


class Sample:
    """The repository's own synthetic messages."""

    def __call__(self, name: str) -> bytes:
        return (ROOT / "samples" / "hl7v2" / f"{name}.hl7").read_bytes()
