"""A folder that takes files: whole or not at all, once, and under names that say nothing of a patient."""

from __future__ import annotations

import asyncio
import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from engine.delivery import Delivered, Permanent, Transient
from engine.destinations import Shipment
from engine.destinations.file import FileDestination, FileSettings, file_name

SHIPMENT = Shipment(7, "018f2c1e-7d00-7000-8000-000000000001", "adt", b"content", "application/json", "ref-1", 1, 0)


@pytest.fixture
def folder(tmp_path) -> FileDestination:
    return FileDestination(FileSettings(str(tmp_path), ".json"))


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir())


async def test_the_name_is_the_reference_or_else_the_messages_id(folder, tmp_path):
    assert await folder.deliver(SHIPMENT) == Delivered("created=1")
    assert await folder.deliver(replace(SHIPMENT, reference="")) == Delivered("created=1")
    assert names(tmp_path) == ["018f2c1e-7d00-7000-8000-000000000001.json", "ref-1.json"]


REFERENCES = ["../escape", "a/b", "", ".hidden", "x" * 200, "with blank", "æøå", "nul\0"]


@pytest.mark.parametrize("reference", REFERENCES, ids=ascii)
def test_a_reference_that_is_no_plain_name_becomes_a_hash(reference):
    name = file_name(reference)
    assert len(name) == 64 and name.isalnum()


def test_two_references_never_share_a_name_by_accident():
    assert len({file_name(each) for each in REFERENCES}) == len(REFERENCES)


async def test_the_same_content_again_is_delivered_and_changes_nothing(folder, tmp_path):
    await folder.deliver(SHIPMENT)
    before = (tmp_path / "ref-1.json").stat()
    assert await folder.deliver(replace(SHIPMENT, attempt=2)) == Delivered("unchanged=1")
    after = (tmp_path / "ref-1.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("other", [b"other!!", b"", b"content and more"], ids=["same length", "empty", "longer"])
async def test_other_content_under_the_name_waits_for_a_person(folder, tmp_path, other):
    (tmp_path / "ref-1.json").write_bytes(other)
    got = await folder.deliver(SHIPMENT)
    assert isinstance(got, Permanent) and got.park and got.hint and got.code == "file.other_content"
    assert (tmp_path / "ref-1.json").read_bytes() == other
    assert names(tmp_path) == ["ref-1.json"]


async def test_of_many_at_once_under_one_name_one_content_stays_and_the_others_wait(folder, tmp_path):
    many = [replace(SHIPMENT, delivery=number, payload=b"content %d" % number) for number in range(20)]
    outcomes = await asyncio.gather(*(folder.deliver(each) for each in many))
    assert [type(each) for each in outcomes].count(Delivered) == 1
    assert names(tmp_path) == ["ref-1.json"]


async def test_what_a_crash_left_half_written_is_written_over(folder, tmp_path):
    (tmp_path / ".7.ref-1.json.part").write_bytes(b"cont")
    assert await folder.deliver(SHIPMENT) == Delivered("created=1")
    assert names(tmp_path) == ["ref-1.json"]
    assert (tmp_path / "ref-1.json").read_bytes() == b"content"


async def test_the_file_is_synced_before_it_has_its_name_and_the_folder_after(folder, tmp_path, monkeypatch):
    seen: list[tuple[str, list[str]]] = []

    def fsync(descriptor: int) -> None:
        seen.append((os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")), names(tmp_path)))

    monkeypatch.setattr(os, "fsync", fsync)
    await folder.deliver(SHIPMENT)
    part = ".7.ref-1.json.part"
    assert seen == [(part, [part]), (tmp_path.name, ["ref-1.json"])]


FAULTS = [
    (errno.ENOSPC, Transient("file.full")),
    (errno.EDQUOT, Transient("file.full")),
    (errno.EACCES, Transient("file.permission", system_fault=True)),
    (errno.EROFS, Transient("file.permission", system_fault=True)),
    (errno.EIO, Transient("file.io", "EIO")),
]


@pytest.mark.parametrize("number, expected", FAULTS, ids=[errno.errorcode[number] for number, _ in FAULTS])
async def test_a_fault_of_the_disk_leaves_nothing_behind(folder, tmp_path, monkeypatch, number, expected):
    def fails(descriptor: int) -> None:
        raise OSError(number, "told to")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        assert await folder.deliver(SHIPMENT) == expected
    assert names(tmp_path) == []
    assert await folder.deliver(SHIPMENT) == Delivered("created=1")


async def test_a_folder_that_is_not_there_is_a_fault_of_the_system(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for gone in (tmp_path / "gone", tmp_path / "file"):
        got = await FileDestination(FileSettings(str(gone))).deliver(SHIPMENT)
        assert isinstance(got, Transient) and got.code == "file.folder" and got.system_fault


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_without_rights_is_a_fault_of_the_system(folder, tmp_path):
    tmp_path.chmod(0o500)
    assert await folder.deliver(SHIPMENT) == Transient("file.permission", system_fault=True)
