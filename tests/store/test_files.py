"""Payload files: whole or not there, and gone when nobody uses them."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.delivery import State, Step
from engine.errors import StoreError
from engine.store import Acceptance, Accepted, Attempt, NewDelivery
from engine.store.files import PayloadFiles
from engine.store.sqlite import open_store

Make = Callable[..., Acceptance]
CONTENT = os.urandom(200_000)
DIGEST = hashlib.sha256(CONTENT).digest()


def files_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_a_file_is_named_by_its_content_and_synced_before_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        order.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    name = PayloadFiles(tmp_path / "payload").write(DIGEST, CONTENT)
    assert name == f"{DIGEST.hex()[:2]}/{DIGEST.hex()}"
    assert order == ["file", "folder", "folder", "folder"]
    assert files_in(tmp_path / "payload") == [name]
    assert (tmp_path / "payload" / name).stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_not_written_again_but_its_folder_is_synced(tmp_path: Path) -> None:
    files = PayloadFiles(tmp_path)
    name = files.write(DIGEST, CONTENT)
    before = (tmp_path / name).stat().st_ino
    files.write(DIGEST, CONTENT)
    assert (tmp_path / name).stat().st_ino == before


def test_a_half_written_file_is_written_anew(tmp_path: Path) -> None:
    files = PayloadFiles(tmp_path)
    name = files.write(DIGEST, CONTENT)
    (tmp_path / name).write_bytes(CONTENT[:100])
    files.write(DIGEST, CONTENT)
    assert files.read(name) == CONTENT


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "store.full"), (errno.EACCES, "store.file")])
def test_a_file_that_cannot_be_written_fails_its_message_alone(
    path: Path, make: Make, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    store = open_store(path, inline_limit=1000)
    with monkeypatch.context() as patch:
        patch.setattr("engine.store.files._write_synced", _raises(number))
        large, small = store.accept(make(1, raw=CONTENT, sha256=DIGEST)), store.accept(make(2))
        with pytest.raises(StoreError) as caught:
            large.wait(10)
        assert caught.value.code == code
        assert isinstance(small.wait(10), Accepted)
    assert isinstance(store.accept(make(1, raw=CONTENT, sha256=DIGEST)).wait(10), Accepted)
    assert store.original("message-000001") == CONTENT
    store.close()


def test_an_input_output_error_at_a_file_stops_the_store(
    path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(path, inline_limit=1000)
    monkeypatch.setattr("engine.store.files._write_synced", _raises(errno.EIO))
    for number in (1, 2):
        with pytest.raises(StoreError, match="stopped"):
            store.accept(make(number, raw=CONTENT, sha256=DIGEST)).wait(10)
    store.close()


def _raises(number: int) -> Callable[..., None]:
    def write(path: Path, content: bytes) -> None:
        raise OSError(number, os.strerror(number))

    return write


def test_files_nobody_uses_are_removed_and_shared_ones_stay(path: Path, make: Make) -> None:
    store = open_store(path, inline_limit=1000)
    new = NewDelivery("journal", "fhir", CONTENT, "application/json", keys=(1,))
    ids = []
    for number in (1, 2):
        result = store.accept(make(number, deliveries=(new,))).wait(10)
        assert isinstance(result, Accepted)
        ids.append(result.deliveries[0])
    duplicate = make(3, identity=make(1).identity, raw=CONTENT[::-1], sha256=hashlib.sha256(CONTENT[::-1]).digest())
    store.accept(duplicate).wait(10)
    store.record(Attempt(ids[0], 1, 2, "delivered", "", Step(State.DELIVERED))).wait(10)
    assert store.payload(ids[1]) == CONTENT
    store.record(Attempt(ids[1], 1, 2, "delivered", "", Step(State.DELIVERED))).wait(10)
    store.close()
    assert files_in(path.parent / "payload") == []


def test_a_file_that_was_taken_away_is_a_store_error(path: Path, make: Make) -> None:
    store = open_store(path, inline_limit=1000)
    store.accept(make(1, raw=CONTENT, sha256=DIGEST)).wait(10)
    for name in files_in(path.parent / "payload"):
        (path.parent / "payload" / name).unlink()
    with pytest.raises(StoreError, match="payload file"):
        store.original("message-000001")
    store.close()


@pytest.mark.parametrize("turn", range(5))
def test_closing_ends_while_large_messages_are_on_their_way(path: Path, make: Make, turn: int) -> None:
    for life in range(10):
        store = open_store(path, inline_limit=100)
        contents = [b"%d.%d.%d|" % (turn, life, n) * 40 for n in range(turn * 3 + 1)]
        pending = [
            store.accept(make(life * 100 + n, raw=raw, sha256=hashlib.sha256(raw).digest()))
            for n, raw in enumerate(contents)
        ]
        store.close()
        assert all(isinstance(one.result(), Accepted) for one in pending)
        with pytest.raises(StoreError, match="closed"):
            store.accept(make(99, raw=contents[0])).wait(10)
