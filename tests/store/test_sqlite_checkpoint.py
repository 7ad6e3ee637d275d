"""Checkpoints beside the writer: the log reaches the file, and a failure there harms nobody."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.store import Acceptance
from engine.store import sqlite_checkpoint as checkpoint
from engine.store.sqlite import open_store

Make = Callable[..., Acceptance]


def test_what_is_committed_reaches_the_file_without_a_commits_help(path: Path, make: Make) -> None:
    store = open_store(path)
    before = path.stat().st_size
    for n in range(100):
        store.accept(make(n)).wait(10)
    until = time.monotonic() + 10
    while path.stat().st_size <= before:
        assert time.monotonic() < until
    assert sum(store.counts().values()) == 100
    store.close()


def test_writes_go_on_when_no_checkpoint_can_be_made(path: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> sqlite3.Connection:
        raise sqlite3.OperationalError

    monkeypatch.setattr(checkpoint, "connect", broken)
    store = open_store(path)
    for n in range(20):
        store.accept(make(n)).wait(10)
    store.close()
    again = open_store(path)
    assert sum(again.counts().values()) == 20
    again.close()
