"""The one writer: groups share a commit, and what goes wrong hurts as few as it can."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import pytest

from engine.errors import StoreError
from engine.store import Acceptance, Accepted, AuditEntry, Pending, sqlite_writer
from engine.store import sqlite as sqlite_store
from engine.store.sqlite import SqliteStore, open_store
from engine.store.sqlite_schema import connect

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


@pytest.fixture
def watched(path: Path, monkeypatch: pytest.MonkeyPatch) -> SqliteStore:
    opened: list[Watched] = []

    def connect_watched(place: Path) -> sqlite3.Connection:
        connect(place).close()
        connection = sqlite3.connect(place, isolation_level=None, check_same_thread=False, factory=Watched)
        connection.execute("PRAGMA synchronous = FULL")
        opened.append(connection)
        return connection

    monkeypatch.setattr(sqlite_store, "connect", connect_watched)
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
    while watched._writer._queue.qsize():
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


def test_a_lock_held_elsewhere_fails_the_group_and_not_the_store(store: SqliteStore, path: Path, make: Make) -> None:
    store._connection.execute("PRAGMA busy_timeout = 1")
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


class Turns:
    """A loop by hand: what was called for is run turn by turn."""

    def __init__(self) -> None:
        self.calls: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def turn(self) -> None:
        for _ in range(self.calls.qsize()):
            self.calls.get_nowait()()


def test_a_write_of_an_idle_loop_is_kept_waiting_for_one_turn(
    path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "LINGER", 60.0)
    monkeypatch.setattr(sqlite_writer, "IDLE_TURN", 60.0)  # however slow the machine is
    turns = Turns()
    store = open_store(path, wake=turns.calls.put)
    for n in range(20):
        done = []
        store.accept(make(n)).add_done(lambda done=done: done.append(1))
        turns.turn()
        turns.turn()
        turns.calls.get(timeout=10)()  # the commit tells of itself, with nobody blocking on it
        assert done
    assert store.commits == 20
    store.close()


@pytest.mark.parametrize("ends", ["enough", "late"])
def test_a_group_is_held_open_while_a_busy_loop_brings_more(
    path: Path, make: Make, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    monkeypatch.setattr(sqlite_writer, "LINGER", 60.0)
    monkeypatch.setattr(sqlite_writer, "IDLE_TURN", 0.0)  # no turn is idle
    turns = Turns()
    store = open_store(path, wake=turns.calls.put)
    count = sqlite_writer.ENOUGH if ends == "enough" else 5
    for n in range(count):
        assert store.commits == 0
        store.accept(make(n)).add_done(lambda: None)
        turns.turn()
    if ends == "late":
        store._writer._until = 0.0
        turns.turn()
    turns.calls.get(timeout=10)()
    assert (store.commits, store.pending_writes()) == (1, 0)
    store.close()
