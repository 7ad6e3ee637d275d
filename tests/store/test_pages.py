"""How many pages a commit writes: what a sync costs on a quick disk is their number, and it can be counted."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.delivery import State, Step
from engine.message import Envelope, Party
from engine.store import Acceptance, Accepted, Attempt, Duplicate, NewDelivery, Pending, VerdictRow
from engine.store.sqlite import SqliteStore, open_store
from engine.store.sqlite_schema import PAGE

RAW, MAPPED = b"r" * 1_400, b"m" * 2_500
BEFORE = 2_048
FRAME = 24
"""Bytes that the log puts before a page."""
STORED, ROUTED, OUTCOME, GROUP = 3.9, 6.2, 3.3, 25.8
"""At most; as measured, and a tenth."""
VERDICT = VerdictRow("r" * 16, "routed", "", (), '{"journal":{"mapping":"hl7v2/adt","reason":"always"}}')
Taken = Pending[Accepted | Duplicate]


def hashed(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def one(number: int, *, routed: bool) -> Acceptance:
    """A message as a hospital sends them, with ids as the engine makes them."""
    sender, receiver = Party("SYKEHUS", "urn:oid:2.16.578.1.12.4.1.2", "DIPS"), Party("KOMMUNE")
    mapped = NewDelivery("journal", "fhir", MAPPED, "application/fhir+json", keys=(number * 7919, number * 104729))
    return Acceptance(
        message=f"0190{number:08x}-7000-8000-{hashed(str(number)).hex()[:12]}",
        channel="adt",
        standard="hl7v2",
        raw=RAW,
        sha256=hashed(f"raw {number}"),
        received=1_768_460_400_000_000 + number,
        peer="10.0.0.1:40000",
        envelope=Envelope("hl7v2", f"M{number:07d}", "ADT^A01", "2.5.1", sender, receiver, "20260115", "", "P"),
        answer=b"MSH|^~\\&|KOMMUNE||SYKEHUS||20260115||ACK^A01|1|P|2.5.1\rMSA|AA|%d\r" % number,
        verdict=VERDICT if routed else None,
        deliveries=(mapped,) if routed else (),
        identity=hashed(f"identity {number}")[:16],
    )


@pytest.fixture
def work(path: Path) -> Iterator[Work]:
    """On a store that has taken messages, all of them delivered, so that its trees have grown. Its loop never turns:
    what is put goes into one commit when somebody blocks on it."""
    store = open_store(path, wake=lambda call: None)
    work = Work(store, path)
    _, writes = work.accept(BEFORE, group=64, routed=True)
    work.deliver(writes, group=64)
    yield work
    store.close()


class Work:
    """What is done while pages are counted."""

    def __init__(self, store: SqliteStore, path: Path) -> None:
        self._store, self._path = store, path
        self._numbers = itertools.count()

    def accept(self, count: int, *, group: int, routed: bool) -> tuple[float, list[Taken]]:
        """Pages of a commit of a group, and the messages."""
        writes: list[Taken] = []

        def work() -> None:
            for _ in range(count // group):
                writes.extend([self._store.accept(one(next(self._numbers), routed=routed)) for _ in range(group)])
                writes[-1].wait(10)

        return self._pages(work), writes

    def deliver(self, writes: list[Taken], *, group: int) -> float:
        """Pages of a commit of the outcomes of a group."""

        def work() -> None:
            for start in range(0, len(writes), group):
                last = [self._store.record(delivered(write)) for write in writes[start : start + group]][-1]
                last.wait(10)

        return self._pages(work)

    def _pages(self, work: Callable[[], None]) -> float:
        """Written to the log by each commit. A reader keeps the log from beginning anew."""
        log = self._path.with_name(self._path.name + "-wal")
        reader = sqlite3.connect(self._path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM meta").fetchone()
        size, commits = log.stat().st_size, self._store.commits
        work()
        pages = (log.stat().st_size - size) / (PAGE + FRAME)
        reader.execute("COMMIT")
        reader.close()
        return pages / (self._store.commits - commits)


def delivered(write: Taken) -> Attempt:
    result = write.wait(10)
    assert isinstance(result, Accepted)
    return Attempt(result.deliveries[0], 1, 2, "delivered", "201", Step(State.DELIVERED))


def test_a_message_stored_unjudged_writes_its_row_its_bytes_and_the_router_s_list(work: Work) -> None:
    assert work.accept(256, group=1, routed=False)[0] < STORED


def test_a_routed_message_writes_besides_its_delivery_the_mapped_bytes_and_its_place_in_the_lane(work: Work) -> None:
    assert work.accept(256, group=1, routed=True)[0] < ROUTED


def test_an_outcome_writes_its_delivery_its_place_in_the_lane_and_the_hole_that_the_bytes_leave(work: Work) -> None:
    _, writes = work.accept(256, group=1, routed=True)
    assert work.deliver(writes, group=1) < OUTCOME


def test_a_group_writes_little_more_than_its_bytes(work: Work) -> None:
    pages, _ = work.accept(1024, group=64, routed=False)
    assert 64 * len(RAW) / PAGE < pages < GROUP


def test_the_log_is_counted_in_whole_pages(work: Work) -> None:
    pages = work.accept(1, group=1, routed=False)[0]
    assert pages == int(pages) > 0
