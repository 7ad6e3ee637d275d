"""The one writer: groups share a commit, and what goes wrong hurts as few as it can."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from engine.delivery import State, Step
from engine.errors import StoreError
from engine.store import Acceptance, Accepted, Attempt, AuditEntry, NewDelivery, Pending, VerdictRow, sqlite_writer
from engine.store import sqlite as sqlite_store
from engine.store.sqlite import SqliteStore, open_store
from engine.store.sqlite_schema import connect
from engine.store.sqlite_writer import _State

Make = Callable[..., Acceptance]
FSYNC_FAILED = 10 | 4 << 8


class Watched(sqlite3.Connection):
    """A connection that can fail at a commit, and holds commits back until it is let go."""

    fault: int | None = None
    gate: threading.Event | None = None

    def execute(self, sql: str, parameters: object = ()) -> sqlite3.Cursor:  # type: ignore[override]
        if sql == "COMMIT":
            if self.gate is not None:
                self.gate.wait(10)
            if self.fault is not None:
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = self.fault
                error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
                raise error
        return super().execute(sql, parameters)  # type: ignore[arg-type]


def watched_connection(place: Path) -> sqlite3.Connection:
    connect(place).close()
    connection = sqlite3.connect(place, isolation_level=None, check_same_thread=False, factory=Watched)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@pytest.fixture
def watched(path: Path, monkeypatch: pytest.MonkeyPatch) -> SqliteStore:
    monkeypatch.setattr(sqlite_store, "connect", watched_connection)
    return open_store(path)


def commits_of(store: SqliteStore) -> list[str]:
    found: list[str] = []
    store._connection.set_trace_callback(lambda sql: found.append(sql) if sql == "COMMIT" else None)
    return found


def outcome(pending: Pending[object]) -> str:
    try:
        return type(pending.wait(10)).__name__
    except StoreError as error:
        return error.code


def test_what_waits_while_a_commit_runs_shares_the_next_one(watched: SqliteStore, make: Make) -> None:
    commits = commits_of(watched)
    connection = watched._connection
    assert isinstance(connection, Watched)
    connection.gate = threading.Event()
    first = watched.accept(make(0))
    while watched._writer._queue:
        pass
    rest = [watched.accept(make(n)) for n in range(1, 501)]
    assert watched.pending_writes() == 501
    connection.gate.set()
    assert {outcome(p) for p in [first, *rest]} == {"Accepted"}
    assert len(commits) <= 3
    assert watched.commits == len(commits)
    assert watched.pending_writes() == 0
    watched.close()


def test_commits_are_synchronous_in_full(store: SqliteStore) -> None:
    settings = {
        name: store._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "page_size")
    }
    assert settings == {"synchronous": 2, "page_size": 8192}
    assert store._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_after_a_failed_fsync_nothing_is_written_any_more(watched: SqliteStore, make: Make) -> None:
    assert outcome(watched.accept(make(1))) == "Accepted"
    connection = watched._connection
    assert isinstance(connection, Watched)
    connection.fault = FSYNC_FAILED
    assert outcome(watched.accept(make(2))) == "store.stopped"
    connection.fault = None
    assert outcome(watched.accept(make(3))) == "store.stopped"
    assert outcome(watched.handle(1001, "late")) == "store.stopped"
    assert [row.id for row in watched.messages()] == ["message-000001"]
    watched.close()


def test_a_full_disk_fails_what_does_not_fit_and_goes_on_when_there_is_room(store: SqliteStore, make: Make) -> None:
    assert outcome(store.accept(make(1))) == "Accepted"
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    large = b"x" * 100_000
    assert {outcome(p) for p in [store.accept(make(n, raw=large)) for n in (2, 3)]} == {"store.full"}
    store._connection.execute("PRAGMA max_page_count = 100000")
    result = store.accept(make(4, raw=large)).wait(10)
    assert isinstance(result, Accepted)
    assert [row.id for row in store.messages()] == ["message-000004", "message-000001"]


def test_a_file_is_removed_once_its_row_is_gone_for_good(
    path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_store, "connect", watched_connection)
    store = open_store(path, inline_limit=100)
    connection = store._connection
    assert isinstance(connection, Watched)
    large = NewDelivery("journal", "fhir", b"x" * 1000, "text/plain", keys=(1,))
    store.accept(make(1, deliveries=(large,))).wait(10)
    connection.fault = sqlite3.SQLITE_FULL
    assert outcome(store.record(delivered(1))) == "store.full"
    connection.fault = None
    assert outcome(store.accept(make(2))) == "Accepted"
    assert store._writer._transaction._numbers.files == []
    assert store.payload(1001) == b"x" * 1000
    store.record(delivered(1)).wait(10)
    at_rest(store)
    assert store._writer._transaction._numbers.files == []
    store.close()
    assert [file for file in (path.parent / "payload").rglob("*") if file.is_file()] == []


def test_a_lock_held_elsewhere_fails_the_group_and_not_the_store(
    store: SqliteStore, path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "PATIENCE", 0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert outcome(store.accept(make(1))) == "store.busy"
    other.execute("ROLLBACK")
    other.close()
    assert outcome(store.accept(make(1))) == "Accepted"


def test_two_processes_may_write_in_turn_without_taking_the_same_numbers(path: Path, make: Make) -> None:
    one, two = open_store(path), open_store(path)
    seqs = []
    for number in range(1, 9):
        result = (one if number % 2 else two).accept(make(number)).wait(10)
        assert isinstance(result, Accepted)
        seqs.append(result.seq)
    assert seqs == sorted(set(seqs))
    assert [row.seq for row in one.waiting("adt", "journal", 0, 20)] == seqs
    one.close()
    two.close()


def test_numbers_taken_by_a_failed_group_do_not_clash_with_another_process(path: Path, make: Make) -> None:
    one, two = open_store(path), open_store(path)
    assert outcome(one.accept(make(1))) == "Accepted"
    assert outcome(two.accept(make(2))) == "Accepted"
    pages = one._connection.execute("PRAGMA page_count").fetchone()[0]
    one._connection.execute(f"PRAGMA max_page_count = {pages}")
    assert outcome(one.accept(make(3, raw=b"x" * 100_000))) == "store.full"
    one._connection.execute("PRAGMA max_page_count = 100000")
    assert outcome(one.accept(make(4))) == "Accepted"
    assert len(one.messages()) == 3
    one.close()
    two.close()


def test_the_audit_table_refuses_change_and_tells_when_it_was_forced(store: SqliteStore) -> None:
    for number in range(4):
        store.audit(AuditEntry(number, "nurse", "handle", "m", "why")).wait(10)
    for change in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit WHERE id = 2"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            store._connection.execute(change)
    assert store.audit_intact()
    store._connection.execute("DROP TRIGGER audit_keeps_rows")
    store._connection.execute("UPDATE audit SET reason = 'other' WHERE id = 3")
    assert not store.audit_intact()


@pytest.mark.parametrize("change", ["DELETE FROM audit WHERE id = 2", "DELETE FROM audit WHERE id = 1"])
def test_a_row_taken_out_of_the_audit_is_noticed(store: SqliteStore, change: str) -> None:
    for number in range(4):
        store.audit(AuditEntry(number, "nurse", "handle", "m")).wait(10)
    store._connection.execute("DROP TRIGGER audit_keeps_all")
    store._connection.execute(change)
    assert not store.audit_intact()


def test_who_blocks_on_a_write_gets_it_though_the_loop_never_turns(path: Path, make: Make) -> None:
    store = open_store(path, wake=lambda call: None)
    writes = [store.accept(make(n)) for n in range(3)]
    assert {outcome(write) for write in writes[1:]} == {"Accepted"}
    assert outcome(store.accept(make(3))) == "Accepted"
    store.close()


def test_who_blocks_while_a_commit_runs_gets_the_next_one_though_the_loop_never_turns(
    path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_store, "connect", watched_connection)
    store = open_store(path, wake=lambda call: None)
    connection = store._connection
    assert isinstance(connection, Watched)
    connection.gate = threading.Event()
    found: list[str] = []
    blocked = [threading.Thread(target=lambda n=n: found.append(outcome(store.accept(make(n))))) for n in (1, 2)]
    for number, thread in enumerate(blocked):
        thread.start()
        while not (store._writer._hurried if number else store._writer._in_flight):
            assert thread.is_alive()
    connection.gate.set()
    for thread in blocked:
        thread.join(15)
    assert found == ["Accepted", "Accepted"]
    store.close()


class Turns:
    """A loop by hand: what was called for is run turn by turn, what is for later when it is said."""

    def __init__(self) -> None:
        self.calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.timers: list[Callable[[], None]] = []

    def turn(self) -> None:
        for _ in range(self.calls.qsize()):
            self.calls.get_nowait()()

    def turn_when_called(self) -> None:
        self.calls.get(timeout=10)()
        self.turn()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        assert 0 < seconds < 0.1
        self.timers.append(call)

    def time_passes(self) -> None:
        due, self.timers = self.timers, []
        for call in due:
            call()


DISKS = {"a quick disk": 60.0, "a slow disk": 0.0}


@pytest.fixture(params=DISKS)
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sqlite_writer, "QUICK", DISKS[request.param])
    return str(request.param)


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def looped(path: Path, turns: Turns) -> Iterator[SqliteStore]:
    """A store on a loop by hand that has committed once, so that it knows its disk."""
    opened = open_store(path, wake=turns.calls.put, later=turns.later)
    opened.revision_seen("rev-1", "", 0).wait(10)
    yield opened
    opened.close()


def told_of(pendings: list[Pending[object]]) -> list[int]:
    told: list[int] = []
    for number, pending in enumerate(pendings):
        pending.add_done(lambda number=number: told.append(number))
    return told


def test_what_one_turn_brings_is_one_commit(looped: SqliteStore, turns: Turns, make: Make, disk: str) -> None:
    before = looped.commits
    told = told_of([looped.accept(make(n)) for n in range(20)])
    assert (looped.commits, looped.pending_writes(), told) == (before, 20, [])
    turns.turn()
    if disk == "a slow disk":
        turns.turn_when_called()
    assert (looped.commits, looped.pending_writes(), told) == (before + 1, 0, list(range(20)))


def test_a_slow_disk_keeps_no_turn_waiting(
    path: Path, turns: Turns, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "QUICK", 0.0)
    monkeypatch.setattr(sqlite_store, "connect", watched_connection)
    store = open_store(path, wake=turns.calls.put)
    connection = store._connection
    assert isinstance(connection, Watched)
    connection.gate = threading.Event()
    told = told_of([store.accept(make(1))])
    turns.turn()
    told_later = told_of([store.accept(make(2)), store.accept(make(3))])
    turns.turn()
    assert (told, told_later, store.pending_writes()) == ([], [], 3)
    connection.gate.set()
    while not told_later:
        turns.turn_when_called()
    assert (told, told_later, store.commits) == ([0], [0, 1], 2)
    store.close()


def test_a_large_group_is_inserted_by_the_thread(looped: SqliteStore, turns: Turns, make: Make, disk: str) -> None:
    told = told_of([looped.accept(make(1, raw=b"x" * sqlite_writer.BRIEF)), looped.accept(make(2))])
    turns.turn()
    assert told == []
    turns.turn_when_called()
    assert told == [0, 1]


def test_a_file_that_another_process_holds_keeps_no_turn_waiting(
    looped: SqliteStore, turns: Turns, path: Path, make: Make, disk: str
) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    told = told_of([looped.accept(make(1))])
    turns.turn()
    assert told == []
    other.execute("COMMIT")
    other.close()
    turns.turn_when_called()
    assert told == [0]


def test_after_a_failed_fsync_on_the_loop_nothing_is_written_any_more(
    path: Path, turns: Turns, make: Make, monkeypatch: pytest.MonkeyPatch, disk: str
) -> None:
    monkeypatch.setattr(sqlite_store, "connect", watched_connection)
    store = open_store(path, wake=turns.calls.put)
    assert outcome(store.accept(make(1))) == "Accepted"
    connection = store._connection
    assert isinstance(connection, Watched)
    connection.fault = FSYNC_FAILED
    failing = store.accept(make(2))
    told = told_of([failing])
    turns.turn()
    while not told:
        turns.turn_when_called()
    connection.fault = None
    assert outcome(failing) == outcome(store.accept(make(3))) == "store.stopped"
    assert [row.id for row in store.messages()] == ["message-000001"]
    store.close()


def test_what_waits_when_the_store_is_stopped_is_refused(
    looped: SqliteStore, turns: Turns, make: Make, disk: str
) -> None:
    pendings = [looped.accept(make(n)) for n in range(3)]
    before = looped.commits
    looped._writer.stop(OSError("a payload file cannot be trusted"))
    assert [outcome(pending) for pending in pendings] == ["store.stopped"] * 3
    turns.turn()
    assert (looped.commits, list(looped.messages())) == (before, [])


def test_one_bad_record_on_the_loop_fails_alone(looped: SqliteStore, turns: Turns, make: Make, disk: str) -> None:
    bad = make(2, verdict=VerdictRow("rev-1", "no such state", ""))
    pendings = [looped.accept(make(1)), looped.accept(bad), looped.accept(make(3))]
    told = told_of(pendings)
    turns.turn()
    while len(told) < 3:
        turns.turn_when_called()
    assert [outcome(pending) for pending in pendings] == ["Accepted", "store.conflict", "Accepted"]


def at_rest(store: SqliteStore) -> None:
    """Who blocked on a write is told before the thread has put the connection down."""
    until = time.monotonic() + 10
    while store._writer._state is not _State.IDLE:
        assert time.monotonic() < until


def delivered(number: int) -> Attempt:
    return Attempt(number * 1000 + 1, 0, 0, "delivered", "", Step(State.DELIVERED))


def test_what_nobody_waits_for_goes_with_the_next_commit(
    looped: SqliteStore, turns: Turns, make: Make, disk: str
) -> None:
    first = told_of([looped.accept(make(1))])
    turns.turn()
    while not first:
        turns.turn_when_called()
    at_rest(looped)
    before = looped.commits
    told = told_of([looped.record(delivered(1), unhurried=True)])
    turns.turn()
    assert (told, looped.commits, looped.pending_writes()) == ([], before, 1)
    accepted = told_of([looped.accept(make(2))])
    turns.turn()
    while not accepted:
        turns.turn_when_called()
    assert (told, looped.commits) == ([0], before + 1)
    turns.time_passes()
    turns.turn()
    assert looped.commits == before + 1


def test_what_nobody_waits_for_is_written_soon_all_the_same(
    looped: SqliteStore, turns: Turns, make: Make, disk: str
) -> None:
    looped.accept(make(1)).wait(10)
    at_rest(looped)
    turns.turn()  # what was called for before the thread took it
    told = told_of([looped.record(delivered(1), unhurried=True)])
    turns.turn()
    assert told == []
    turns.time_passes()
    while not told:
        turns.turn_when_called()
    assert looped.counts() == {"delivered": 1}


@pytest.mark.parametrize("end", ["somebody blocks on it", "the store is closed"])
def test_what_nobody_waited_for_is_not_left_behind(path: Path, turns: Turns, make: Make, end: str) -> None:
    store = open_store(path, wake=turns.calls.put, later=turns.later)
    store.accept(make(1)).wait(10)
    at_rest(store)
    pending = store.record(delivered(1), unhurried=True)
    if end == "somebody blocks on it":
        pending.wait(10)
    store.close()
    again = open_store(path)
    assert again.counts() == {"delivered": 1}
    again.close()


@pytest.mark.parametrize("loop", ["a loop that never turns", "no loop"])
def test_closing_writes_all_that_waits_in_however_many_groups(
    path: Path, make: Make, monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    monkeypatch.setattr(sqlite_writer, "ROWS_AT_ONCE", 2)
    store = open_store(path, wake=(lambda call: None) if loop == "a loop that never turns" else None)
    for number in range(7):
        store.accept(make(number))
    store.close()
    again = open_store(path)
    assert len(again.messages()) == 7
    again.close()


def test_many_threads_and_a_loop_write_beside_each_other(looped: SqliteStore, turns: Turns, make: Make) -> None:
    def write(start: int) -> None:
        for number in range(start, start + 50):
            looped.accept(make(number)).wait(10)

    threads = [threading.Thread(target=write, args=(1000 * part,)) for part in range(1, 5)]
    for thread in threads:
        thread.start()
    told: list[int] = []
    for number in range(200):
        looped.accept(make(number)).add_done(lambda number=number: told.append(number))
        turns.turn()
    for thread in threads:
        thread.join()
    while len(told) < 200:
        turns.turn_when_called()
    assert told == list(range(200))
    assert looped.counts() == {"waiting": 400}
