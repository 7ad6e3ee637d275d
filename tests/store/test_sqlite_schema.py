"""The tables: made private, brought forward, refused when newer, and read through their indexes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from engine.delivery import STATES
from engine.errors import StoreError
from engine.store import sqlite_queries as q
from engine.store import sqlite_schema
from engine.store.sqlite import SqliteStore, open_store
from engine.store.sqlite_steps import HELD


def plan(store: SqliteStore, query: str, parameters: int) -> str:
    rows = store._connection.execute("EXPLAIN QUERY PLAN " + query, (0,) * parameters).fetchall()
    return "\n".join(row[3] for row in rows)


def test_folders_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "store.db"
    store = open_store(path)
    store.revision_seen("r", "", 1).wait(10)
    modes = {p.name: oct(p.stat().st_mode & 0o777) for p in [*path.parent.iterdir(), path.parent, path.parent.parent]}
    store.close()
    assert modes == {"store.db": "0o600", "store.db-wal": "0o600", "store.db-shm": "0o600", "a": "0o700", "b": "0o700"}


def test_a_newer_schema_is_refused_with_what_to_do_and_left_alone(path: Path) -> None:
    open_store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
    with pytest.raises(StoreError, match="start the newer engine") as caught:
        open_store(path)
    assert caught.value.code == "store.newer"
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone() == ("99",)


def test_an_older_schema_is_brought_forward_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(path).close()
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", (*sqlite_schema.MIGRATIONS, "CREATE TABLE later (a);"))
    for _ in range(2):
        store = open_store(path)
        assert store._connection.execute("SELECT count(*) FROM later").fetchone() == (0,)
        assert store._connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone() == ("2",)
        store.close()


def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(path).close()
    broken = "CREATE TABLE later (a);\nCREATE TABLE message (again);"
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", (*sqlite_schema.MIGRATIONS, broken))
    with pytest.raises(StoreError):
        open_store(path)
    monkeypatch.undo()
    store = open_store(path)
    assert store._connection.execute("SELECT name FROM sqlite_master WHERE name = 'later'").fetchall() == []
    store.close()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, None], ids=["another file", "a folder"])
def test_what_is_not_a_store_is_refused(path: Path, content: bytes | None) -> None:
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(path)


def test_the_states_in_the_sql_are_those_of_the_table_of_states() -> None:
    held = {word.strip(" '") for word in q.HELD.strip("()").split(",")}
    unfinished = {word.strip(" '") for word in q.UNFINISHED.strip("()").split(",")}
    assert held == HELD == {s.value for s, words in STATES.items() if not words.final or words.blocks}
    assert unfinished == {s.value for s, words in STATES.items() if not words.final}
    assert all(f"'{state}'" in sqlite_schema.FIRST for state in STATES)


def test_waiting_reads_its_lane_in_order_from_one_index(store: SqliteStore) -> None:
    found = plan(store, q.WAITING, 5)
    assert "SEARCH d USING INDEX delivery_lane (channel=? AND destination=? AND id>? AND id<?)" in found
    assert "TEMP B-TREE" not in found


def test_the_router_s_list_and_the_list_of_messages_need_no_sorting(store: SqliteStore) -> None:
    for query, parameters in ((q.UNROUTED, 1), (q.MESSAGE_ROWS + " ORDER BY m.seq DESC LIMIT ?", 1)):
        assert "TEMP B-TREE" not in plan(store, query, parameters)


def test_names_are_looked_up_in_their_trees_and_in_what_is_not_indexed_yet(store: SqliteStore) -> None:
    by_message_id = plan(store, f"{q.MESSAGE_ROWS} WHERE m.seq IN {q.WITH_MESSAGE_ID}", 2)
    for found, table in ((by_message_id, "message_by_id"), (plan(store, q.WITH_ID, 1), "known")):
        assert f"SEARCH {table} USING PRIMARY KEY" in found
        assert "SEARCH message USING INTEGER PRIMARY KEY (rowid>?)" in found
    assert "SEARCH m USING INTEGER PRIMARY KEY (rowid=?)" in by_message_id
    assert "SEARCH known USING PRIMARY KEY (id>? AND id<?)" in plan(store, q.IDS_LIKE, 2)


@pytest.mark.parametrize("name", ["RECORD", "PAST", "SENDING", "DROP_PAYLOAD", "SETTLE_ANSWERS"])
def test_changes_of_many_rows_search_for_each_and_scan_no_table(store: SqliteStore, name: str) -> None:
    many: q.Many = getattr(q, name)
    found = plan(store, many.texts[64], many.width * 64)
    scans = [line for line in found.splitlines() if line.startswith("SCAN") and "CONSTANT" not in line]
    assert [line for line in scans if line.split()[1] in ("delivery", "delivery_key", "payload", "message", "d")] == []


@pytest.mark.parametrize("name", [name for name, one in vars(q).items() if isinstance(one, q.Many)])
@pytest.mark.parametrize("rows", [1, 64])
def test_changes_make_no_trees_of_lists_of_states(store: SqliteStore, name: str, rows: int) -> None:
    many: q.Many = getattr(q, name)
    steps = store._connection.execute("EXPLAIN " + many.texts[rows], (0,) * (many.width * rows)).fetchall()
    for_rows = 2  # an update keeps what it is to change apart, in two
    assert [step[1] for step in steps].count("OpenEphemeral") <= for_rows
