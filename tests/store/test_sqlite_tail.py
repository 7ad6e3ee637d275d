"""Names of messages: found, and taken, whether they are indexed yet or not."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.store import Acceptance, Accepted, Duplicate, sqlite_tail
from engine.store import sqlite_queries as q
from engine.store.sqlite import SqliteStore, open_store
from tests.store.conftest import Make

INDEXES = ("known", "identity")


@pytest.fixture(params=[1, 1000], ids=["indexed at once", "not indexed yet"])
def most(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sqlite_tail, "MOST", request.param)
    return int(request.param)


def rows(path: Path, table: str) -> int:
    with sqlite3.connect(path) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def stored(store: SqliteStore, one: Acceptance) -> int:
    result = store.accept(one).wait(10)
    assert isinstance(result, Accepted)
    return result.seq


def test_names_are_indexed_many_at_once_and_read_back_from_both(
    path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_tail, "MOST", 5)
    for start in (0, 4, 8):
        store = open_store(path)
        for number in range(start, start + 4):
            stored(store, make(number))
        for number in range(start + 4):
            assert store.original(f"message-{number:06d}") == make(number).raw
            assert isinstance(store.accept(make(number)).wait(10), Duplicate)
        store.close()
    assert [rows(path, table) for table in INDEXES] == [10, 10]


def test_an_id_is_taken_once(store: SqliteStore, make: Make, most: int) -> None:
    stored(store, make(1))
    stored(store, make(2))
    for number in (1, 2):
        with pytest.raises(StoreError) as caught:
            store.accept(make(number, identity=None)).wait(10)
        assert caught.value.code == "store.conflict"
    again = [store.accept(make(3, identity=None)) for _ in range(3)]
    assert isinstance(again[0].wait(10), Accepted)
    for write in again[1:]:
        with pytest.raises(StoreError):
            write.wait(10)
    assert len(store.messages()) == 3


def test_a_claim_that_passed_on_is_the_newcomer_s_also_after_a_restart(path: Path, make: Make, most: int) -> None:
    store = open_store(path)
    claim = b"i" * 16
    stored(store, make(1, identity=claim, identity_expires=10, received=1))
    stored(store, make(2, identity=claim, identity_expires=90, received=10))
    for _ in range(2):
        found = store.accept(make(3, identity=claim, received=11)).wait(10)
        assert isinstance(found, Duplicate)
        assert found.message == make(2).message
        store.close()
        store = open_store(path)
    store.close()


def test_names_that_another_process_stored_are_known(path: Path, make: Make, most: int) -> None:
    one, two = open_store(path), open_store(path)
    stored(one, make(1))
    stored(two, make(2))
    for store, number in ((one, 2), (two, 1)):
        assert isinstance(store.accept(make(number)).wait(10), Duplicate)
        with pytest.raises(StoreError):
            store.accept(make(number, identity=None)).wait(10)
    one.settle_answer(make(2).message, b"AE").wait(10)
    assert two.messages()[0].answer == b"AE"
    one.close()
    two.close()


def test_what_was_rolled_back_has_taken_no_name(store: SqliteStore, make: Make, most: int) -> None:
    stored(store, make(1))
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="full"):
        store.accept(make(2, raw=b"x" * 100_000)).wait(10)
    store._connection.execute("PRAGMA max_page_count = 100000")
    bad = store.accept(make(3, certificate=object()))
    assert [type(store.accept(make(number)).wait(10)) for number in (2, 3)] == [Accepted, Accepted]
    with pytest.raises(StoreError):
        bad.wait(10)


def test_an_id_that_sorts_before_older_ones_is_found(store: SqliteStore, make: Make, most: int) -> None:
    for number in (5, 9, 2, 7):
        stored(store, make(number, deliveries=()))
    assert [store.original(make(number).message) for number in (2, 5, 7, 9)] == [b"MSH|2", b"MSH|5", b"MSH|7", b"MSH|9"]
    with pytest.raises(StoreError):
        store.accept(make(2, identity=None)).wait(10)


def test_the_three_trees_and_their_mark_move_together(store: SqliteStore, make: Make) -> None:
    stored(store, make(1))
    store._connection.execute("BEGIN")
    for statement in q.INDEX:
        store._connection.execute(statement)
    store._connection.execute("COMMIT")
    assert store._connection.execute(f"SELECT {q.INDEXED}").fetchone() == (1,)
    assert isinstance(store.accept(make(1)).wait(10), Duplicate)
    assert store.original(make(1).message) == b"MSH|1"


def test_what_a_failed_commit_had_named_is_not_read(store: SqliteStore, make: Make) -> None:
    stored(store, make(1))
    store._writer._transaction._numbers.tail.add(1, make(2).message, None, 0)
    assert store.message(make(2).message) is None
    with pytest.raises(StoreError):
        store.original(make(2).message)
