"""Messages for the tests of the SQLite store, and stores that are closed at the end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.store import Acceptance, NewDelivery, VerdictRow
from engine.store.sqlite import SqliteStore, open_store

Make = Callable[..., Acceptance]


def make_acceptance(number: int, **changes: object) -> Acceptance:
    raw = b"MSH|%d" % number
    made = Acceptance(
        message=f"message-{number:06d}",
        channel="adt",
        standard="hl7v2",
        raw=raw,
        sha256=hashlib.sha256(raw).digest(),
        received=1_768_460_400_000_000,
        peer="",
        envelope=None,
        answer=b"AA",
        verdict=VerdictRow("rev-1", "routed", ""),
        deliveries=(NewDelivery("journal", "fhir", b"{}", "application/json", keys=(number % 5,)),),
        identity=number.to_bytes(16, "big"),
    )
    return replace(made, **changes)


@pytest.fixture
def make() -> Make:
    """An acceptance by number, with one delivery."""
    return make_acceptance


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = open_store(path)
    yield opened
    opened.close()
