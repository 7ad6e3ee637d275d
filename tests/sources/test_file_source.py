"""The file source as those who drop files meet it, on a real disk."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from engine.clock import ManualClock
from engine.errors import ConfigError, StoreError
from engine.message import Answer, AnswerKind, Issue, Severity
from engine.sources import Acknowledgement
from engine.sources.file import FileSettings, FileSource
from engine.sources.file_folder import Changed, Folder
from engine.sources.file_ready import Found, ReadyWhen, Watch
from engine.sources.file_report import Fate, children_of, fate_of

ANYONE = ReadyWhen()
MARK = "12835210020"


@asynccontextmanager
async def watching(folder: Path, intake, **changes) -> AsyncIterator[FileSource]:
    settings = FileSettings(str(folder), "adt", match="*.hl7", every=0.02, ready=ANYONE)
    source = FileSource(replace(settings, **changes))
    await source.start(intake)
    try:
        yield source
    finally:
        intake.gate.set()
        await source.stop(1.0)


def drop(folder: Path, name: str, content: bytes = b"MSH|1") -> Path:
    part = folder / (".part-" + name)
    part.write_bytes(content)
    return part.rename(folder / name)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def rounds() -> None:
    await asyncio.sleep(0.15)


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.is_file() or each.is_symlink())


def refusal(code: str) -> Answer:
    return Answer(AnswerKind.ERROR, (Issue(Severity.ERROR, code, "in words", "PID[1]-3[1]", "101", hint="mend it"),))


# ---- what becomes of a file


async def test_an_accepted_file_is_moved_byte_for_byte_after_its_answer(tmp_path, intake):
    intake.gate.clear()
    async with watching(tmp_path, intake):
        drop(tmp_path, "a.hl7", b"MSH|1\r\x00\xff")
        await until(lambda: bool(intake.received))
        await rounds()
        assert names(tmp_path) == ["a.hl7"]
        intake.gate.set()
        await until(lambda: names(tmp_path) == [])
        assert (tmp_path / "behandlet" / "a.hl7").read_bytes() == b"MSH|1\r\x00\xff" == intake.received[0]
        assert names(tmp_path / "avvist") == []


async def test_a_refused_file_is_moved_with_a_report_beside_it_that_holds_no_content(tmp_path, intake):
    intake.answer = refusal("hl7.required")
    async with watching(tmp_path, intake):
        drop(tmp_path, f"{MARK}.hl7", MARK.encode())
        await until(lambda: names(tmp_path) == [])
        assert names(tmp_path / "avvist") == [f"{MARK}.hl7", f"{MARK}.hl7.report.json"]
        text = (tmp_path / "avvist" / f"{MARK}.hl7.report.json").read_text()
        assert MARK not in text
        report = json.loads(text)
        assert (report["channel"], report["messages"], report["refused"][0]["code"]) == ("adt", 1, "hl7.required")
        assert report["refused"][0]["issues"][0]["place"] == "PID[1]-3[1]"


async def test_a_report_may_be_left_out(tmp_path, intake):
    intake.answer = refusal("hl7.required")
    async with watching(tmp_path, intake, write_report=False, refused="rejected"):
        drop(tmp_path, "a.hl7")
        await until(lambda: names(tmp_path) == [])
        assert names(tmp_path / "rejected") == ["a.hl7"]


YES = Acknowledgement(Answer(AnswerKind.ACCEPT))


@pytest.mark.parametrize(
    "codes, fate",
    [
        ([], Fate.REFUSED),
        (["", ""], Fate.ACCEPTED),
        (["", "hl7.required"], Fate.REFUSED),
        (["id_reused"], Fate.REFUSED),
        (["", "hl7.required", "not_stored"], Fate.STAYS),
        (["deadline", ""], Fate.ACCEPTED),
        (["not_delivered"], Fate.REFUSED),
    ],
)
def test_the_answers_to_its_messages_decide_where_a_file_goes(codes, fate):
    answers = [Acknowledgement(refusal(code)) if code else YES for code in codes]
    assert fate_of(children_of(answers, True)) is fate


async def test_what_could_not_be_stored_stays_and_is_tried_again(tmp_path, intake):
    intake.error = StoreError("disk full")
    async with watching(tmp_path, intake):
        drop(tmp_path, "a.hl7", b"MSH|a")
        drop(tmp_path, "b.hl7", b"MSH|b")
        await until(lambda: len(intake.received) > 3)
        assert names(tmp_path) == ["a.hl7", "b.hl7"] and set(intake.received) == {b"MSH|a"}
        intake.error = None
        await until(lambda: names(tmp_path) == [])
        assert names(tmp_path / "behandlet") == ["a.hl7", "b.hl7"]


async def test_a_fault_of_ours_at_one_file_does_not_keep_the_others(tmp_path, intake):
    drop(tmp_path, "a.hl7", b"MSH|a")
    intake.error = RuntimeError("a fault of ours")
    async with watching(tmp_path, intake):
        drop(tmp_path, "b.hl7", b"MSH|b")
        await until(lambda: b"MSH|b" in intake.received)
        assert names(tmp_path) == ["a.hl7", "b.hl7"]


async def test_a_crash_between_the_answer_and_the_move_moves_it_after_the_restart(tmp_path, intake):
    """Intake is asked again and gives the first answer; see the flow test for that."""
    drop(tmp_path, "a.hl7")
    (tmp_path / "behandlet").mkdir()
    async with watching(tmp_path, intake):
        await until(lambda: names(tmp_path / "behandlet") == ["a.hl7"])


async def test_a_file_that_cannot_be_moved_is_not_handed_on_twice(tmp_path, intake, monkeypatch):
    real, blocked = Folder.put_away, [True]

    def put_away(self, *rest):
        if blocked:
            raise PermissionError(13, f"denied {MARK}")
        real(self, *rest)

    monkeypatch.setattr(Folder, "put_away", put_away)
    async with watching(tmp_path, intake):
        drop(tmp_path, "a.hl7")
        await until(lambda: bool(intake.received))
        await rounds()
        blocked.clear()
        await until(lambda: names(tmp_path) == [])
    assert len(intake.received) == 1


async def test_a_name_that_is_taken_gets_a_number_and_nothing_is_written_over(tmp_path, intake):
    intake.answer = refusal("hl7.required")
    async with watching(tmp_path, intake):
        for content in (b"MSH|1", b"MSH|2", b"MSH|3"):
            drop(tmp_path, "a.hl7", content)
            await until(lambda: names(tmp_path) == [])
        kept = [each for each in names(tmp_path / "avvist") if each.endswith(".hl7")]
        assert kept == ["a-1.hl7", "a-2.hl7", "a.hl7"]
        assert len(names(tmp_path / "avvist")) == 6


# ---- when it goes: when all its messages are final


async def test_a_file_stays_until_the_last_of_its_messages_is_final_and_keeps_no_other_waiting(tmp_path, intake):
    intake.answers, intake.messages = [(b"", b"")], ["m1", "m2"]
    intake.outcomes["m1"] = YES.answer
    async with watching(tmp_path, intake):
        drop(tmp_path, "a.hl7", b"MSH|a")
        await until(lambda: bool(intake.received))
        intake.messages = []
        drop(tmp_path, "b.hl7", b"MSH|b")
        await until(lambda: names(tmp_path / "behandlet") == ["b.hl7"])
        await rounds()
        assert names(tmp_path) == ["a.hl7"]
        intake.outcomes["m2"] = YES.answer
        await until(lambda: names(tmp_path) == [])
        assert names(tmp_path / "behandlet") == ["a.hl7", "b.hl7"]
    assert intake.received == [b"MSH|a", b"MSH|b"]


async def test_what_is_given_up_after_the_answer_is_in_the_report(tmp_path, intake):
    intake.answers, intake.messages = [(b"", b"", b"")], ["m1", "m2", "m3"]
    async with watching(tmp_path, intake):
        drop(tmp_path, "a.hl7", b"MSH|a")
        await until(lambda: bool(intake.received))
        intake.outcomes |= {"m1": YES.answer, "m2": refusal("not_delivered"), "m3": YES.answer}
        await until(lambda: names(tmp_path) == [])
    report = json.loads((tmp_path / "avvist" / "a.hl7.report.json").read_text())
    (refused,) = report["refused"]
    assert (report["messages"], refused["message"], refused["stored_as"]) == (3, 2, "m2")
    assert refused["code"] == "not_delivered"


async def test_of_very_many_that_wait_each_has_its_turn_and_those_that_are_done_cost_none(
    tmp_path, intake, monkeypatch
):
    monkeypatch.setattr("engine.sources.file._LOOKS_MOST", 3)
    asked: list[str] = []
    done: set[str] = set()

    def outcome(message):
        asked.append(message)
        return YES.answer if message in done else None

    async def receive(raw, reception):
        return [Acknowledgement(YES.answer, b"", raw.decode())]

    monkeypatch.setattr(intake, "outcome", outcome)
    monkeypatch.setattr(intake, "receive", receive)
    real, before, vain = Folder.files, [0], []

    def files(self):
        vain.append(len(asked) - before[0])
        before[0] = len(asked)
        return real(self)

    monkeypatch.setattr(Folder, "files", files)
    names_of_all = [f"{number:02}" for number in range(20)]
    for name in names_of_all:
        (tmp_path / f"{name}.hl7").write_bytes(name.encode())
    async with watching(tmp_path, intake):
        await until(lambda: len(asked) > 20 + 40)
        assert all(name in asked[20:60] for name in names_of_all)
        assert set(vain[2:]) == {3}
        done.update(names_of_all[:17])
        await until(lambda: len(names(tmp_path / "behandlet")) == 17)
        assert names(tmp_path) == ["17.hl7", "18.hl7", "19.hl7"]


async def test_where_it_is_wanted_a_file_goes_when_it_is_answered(tmp_path, intake):
    intake.answers, intake.messages = [(b"",)], ["m1"]
    async with watching(tmp_path, intake, until_final=False):
        drop(tmp_path, "a.hl7")
        await until(lambda: names(tmp_path / "behandlet") == ["a.hl7"])


async def test_a_file_that_is_replaced_while_it_waits_is_taken_as_a_new_one(tmp_path, intake):
    intake.answers, intake.messages = [(b"",)], ["m1"]
    async with watching(tmp_path, intake):
        drop(tmp_path, "a.hl7", b"MSH|old")
        await until(lambda: bool(intake.received))
        await rounds()
        intake.messages = []
        drop(tmp_path, "a.hl7", b"MSH|new content")
        await until(lambda: names(tmp_path / "behandlet") == ["a.hl7"])
    assert intake.received == [b"MSH|old", b"MSH|new content"]
    assert (tmp_path / "behandlet" / "a.hl7").read_bytes() == b"MSH|new content"


async def test_a_store_that_cannot_say_what_became_of_a_message_is_asked_again(tmp_path, intake, monkeypatch):
    intake.answers, intake.messages = [(b"",)], ["m1"]
    broken = [True]

    def outcome(message):
        if broken:
            raise StoreError("locked")
        return YES.answer

    monkeypatch.setattr(intake, "outcome", outcome)
    async with watching(tmp_path, intake):
        drop(tmp_path, "a.hl7")
        await until(lambda: bool(intake.received))
        await rounds()
        assert names(tmp_path) == ["a.hl7"]
        broken.clear()
        await until(lambda: names(tmp_path) == [])
    assert len(intake.received) == 1


async def test_what_is_to_be_said_of_a_batch_stands_in_a_report_though_all_its_messages_are_good(tmp_path, intake):
    intake.said = (Issue(Severity.WARNING, "hl7.batch_count", "the trailer counts 3 messages, 2 came", "BTS[1]-1"),)
    async with watching(tmp_path, intake):
        drop(tmp_path, "a.hl7")
        await until(lambda: names(tmp_path) == [])
    assert names(tmp_path / "behandlet") == ["a.hl7", "a.hl7.report.json"]
    report = json.loads((tmp_path / "behandlet" / "a.hl7.report.json").read_text())
    assert (report["refused"], report["remarks"][0]["place"]) == ([], "BTS[1]-1")


# ---- which files


async def test_only_names_that_match_are_taken_and_hidden_ones_never(tmp_path, intake):
    async with watching(tmp_path, intake):
        for name in ("a.hl7.tmp", "b.txt", ".c.hl7", "d.HL7"):
            (tmp_path / name).write_bytes(b"MSH|no")
        drop(tmp_path, "e.hl7", b"MSH|yes")
        await until(lambda: bool(intake.received))
        await rounds()
        assert intake.received == [b"MSH|yes"]


@pytest.mark.parametrize(
    "name",
    [
        "two\nlines.hl7",
        "-rf.hl7",
        "æøå 'quoted' \"$(id)\" *.hl7",
        os.fsdecode(b"latin1-\xe6\xf8\xe5.hl7"),
        "a" * 251 + ".hl7",
        "a." + "b" * 249 + ".hl7",
        ("æ" * 125) + "x.hl7",
    ],
    ids=["newline", "dash", "signs", "no UTF-8", "longest", "longest after its dot", "longest of two bytes each"],
)
async def test_odd_names_go_like_any_other_twice_also_with_a_report(tmp_path, intake, name):
    intake.answer = refusal("hl7.required")
    async with watching(tmp_path, intake):
        for content in (b"MSH|1", b"MSH|2"):
            (tmp_path / ".part").write_bytes(content)
            (tmp_path / ".part").rename(tmp_path / name)
            await until(lambda: names(tmp_path) == [])
    kept = [each for each in (tmp_path / "avvist").iterdir() if not each.name.endswith(".json")]
    assert sorted(each.read_bytes() for each in kept) == [b"MSH|1", b"MSH|2"]
    assert all(each.name.startswith(name.partition(".")[0][:110]) for each in kept)
    assert len(names(tmp_path / "avvist")) == 4


async def test_links_folders_and_pipes_are_told_of_once_and_passed_over(tmp_path, intake, caplog):
    inbox, outside = tmp_path / "in", tmp_path / "outside.hl7"
    inbox.mkdir()
    outside.write_bytes(b"MSH|secret")
    (inbox / "link.hl7").symlink_to(outside)
    (inbox / "folder.hl7").mkdir()
    os.mkfifo(inbox / "pipe.hl7")
    async with watching(inbox, intake):
        drop(inbox, "real.hl7", b"MSH|real")
        await until(lambda: bool(intake.received))
        await rounds()
        assert intake.received == [b"MSH|real"]
        told = [record for record in caplog.records if record.getMessage() == "file_passed_over"]
        assert sorted(record.fields["code"] for record in told) == ["folder", "link", "pipe"]
        assert outside.exists() and (inbox / "link.hl7").is_symlink()


def test_a_file_that_became_a_link_after_it_was_listed_is_not_read(tmp_path):
    folder = Folder(tmp_path, "*", "", "behandlet", "avvist")
    file = drop(tmp_path, "a.hl7")
    (found,), _ = folder.files()
    file.unlink()
    file.symlink_to("/etc/hostname")
    with pytest.raises((Changed, OSError)):
        folder.read(found, 100)


async def test_files_go_by_name_or_by_time(tmp_path, intake):
    for name, age in (("a", 1), ("b", 3), ("c", 2)):
        file = drop(tmp_path, f"{name}.hl7", b"MSH|" + name.encode())
        os.utime(file, (1_700_000_000 - age, 1_700_000_000 - age))
    async with watching(tmp_path, intake, by_modified=True):
        await until(lambda: len(intake.received) == 3)
    assert intake.received == [b"MSH|b", b"MSH|c", b"MSH|a"]
    for name in "zxy":
        drop(tmp_path, f"{name}.hl7", b"MSH|" + name.encode())
    async with watching(tmp_path, intake):
        await until(lambda: len(intake.received) == 6)
    assert intake.received[3:] == [b"MSH|x", b"MSH|y", b"MSH|z"]
    assert intake.most_in_hand == 1


# ---- when a file is ready


def found(name: str, size: int = 1, modified: int = 0, marked: bool = False) -> Found:
    return Found(name, ord(name[0]), size, modified, marked)


def test_a_file_is_ready_when_it_has_not_changed_for_a_while():
    watch = Watch(ReadyWhen(size_stable_for=10.0), False)
    assert watch.ready([found("a")], 100.0) == ([], 10.0)
    assert watch.ready([found("a"), found("b")], 104.0) == ([], 6.0)
    assert watch.ready([found("a"), found("b", size=2)], 110.0) == ([found("a")], 10.0)
    assert watch.ready([found("b", size=2)], 119.0) == ([], 1.0)
    assert watch.ready([found("b", size=2, modified=1)], 120.0) == ([], 10.0)
    assert watch.ready([found("b", size=2, modified=1)], 130.0) == ([found("b", size=2, modified=1)], 0.0)


def test_an_old_time_is_no_sign_that_a_file_is_whole():
    watch = Watch(ReadyWhen(size_stable_for=10.0), False)
    assert watch.ready([found("a", modified=-1_000_000)], 0.0)[0] == []


def test_a_file_that_comes_again_under_its_name_is_watched_anew():
    watch = Watch(ReadyWhen(size_stable_for=10.0), False)
    watch.ready([found("a")], 0.0)
    watch.ready([], 9.0)
    assert watch.ready([found("a")], 11.0) == ([], 10.0)


def test_a_marked_file_is_ready_at_once_and_no_other():
    watch = Watch(ReadyWhen(marker=".ok"), False)
    assert watch.ready([found("a"), found("b", marked=True)], 0.0) == ([found("b", marked=True)], 0.0)


async def test_a_marker_is_moved_with_its_file_and_is_no_message(tmp_path, intake):
    async with watching(tmp_path, intake, match="*", ready=ReadyWhen(marker=".ok")):
        drop(tmp_path, "a.hl7")
        await rounds()
        assert intake.received == []
        (tmp_path / "a.hl7.ok").touch()
        await until(lambda: names(tmp_path) == [])
    assert names(tmp_path / "behandlet") == ["a.hl7", "a.hl7.ok"]
    assert intake.received == [b"MSH|1"]


async def test_a_file_that_grows_is_read_when_it_is_whole(tmp_path, intake):
    async with watching(tmp_path, intake, ready=ReadyWhen(size_stable_for=0.15)):
        with (tmp_path / "a.hl7").open("wb", buffering=0) as sink:
            for _ in range(10):
                sink.write(b"x" * 100)
                await asyncio.sleep(0.05)
        assert intake.received == []
        await until(lambda: bool(intake.received))
    assert intake.received == [b"x" * 1000]


def test_a_file_that_is_written_to_while_it_is_read_or_before_it_is_moved_waits_for_the_next_round(tmp_path):
    folder = Folder(tmp_path, "*", "", "behandlet", "avvist")
    folder.prepare()
    file = drop(tmp_path, "a.hl7")
    (seen,), _ = folder.files()
    assert folder.read(seen, 100).raw == b"MSH|1"
    with file.open("ab") as sink:
        sink.write(b"|more")
    for late in (lambda: folder.read(seen, 100), lambda: folder.put_away(seen, folder.accepted)):
        with pytest.raises(Changed):
            late()
    assert names(tmp_path) == ["a.hl7"]


# ---- bad files


async def test_a_file_that_vanishes_is_no_trouble(tmp_path, intake, monkeypatch):
    real = Folder.read

    def read(self, seen, most):
        if seen.name == "a.hl7":
            (tmp_path / "a.hl7").unlink(missing_ok=True)
        return real(self, seen, most)

    monkeypatch.setattr(Folder, "read", read)
    drop(tmp_path, "a.hl7", b"MSH|a")
    drop(tmp_path, "b.hl7", b"MSH|b")
    async with watching(tmp_path, intake):
        await until(lambda: names(tmp_path / "behandlet") == ["b.hl7"])
    assert intake.received == [b"MSH|b"] and intake.refused == []


async def test_a_file_that_is_too_large_is_refused_unread_and_its_neighbour_goes_through(tmp_path, intake):
    async with watching(tmp_path, intake, max_message=100):
        drop(tmp_path, "a.hl7", b"MSH|" + b"x" * 100_000)
        drop(tmp_path, "b.hl7", b"MSH|b")
        await until(lambda: names(tmp_path) == [])
    assert names(tmp_path / "avvist") == ["a.hl7", "a.hl7.report.json"]
    assert json.loads((tmp_path / "avvist" / "a.hl7.report.json").read_text())["code"] == "too_large"
    assert [code for _, code in intake.refused] == ["too_large"] and len(intake.refused[0][0]) <= 4096
    assert intake.received == [b"MSH|b"]


async def test_an_empty_file_is_handed_on_like_any_other(tmp_path, intake):
    async with watching(tmp_path, intake):
        drop(tmp_path, "a.hl7", b"")
        await until(lambda: names(tmp_path) == [])
    assert intake.received == [b""]


async def test_a_file_that_cannot_be_read_is_noted_once_stays_and_keeps_nobody(tmp_path, intake, monkeypatch):
    """By a fault of the disk, because root may read everything."""
    real, broken = Folder.read, [True]

    def read(self, seen, most):
        if seen.name == "a.hl7" and broken:
            raise PermissionError(13, f"denied {MARK}")
        return real(self, seen, most)

    monkeypatch.setattr(Folder, "read", read)
    drop(tmp_path, "a.hl7", b"MSH|a")
    drop(tmp_path, "b.hl7", b"MSH|b")
    async with watching(tmp_path, intake):
        await until(lambda: names(tmp_path / "behandlet") == ["b.hl7"])
        await rounds()
        assert intake.refused == [(b"", "unreadable")] and names(tmp_path) == ["a.hl7"]
        broken.clear()
        await until(lambda: names(tmp_path) == [])
    assert intake.received == [b"MSH|b", b"MSH|a"]


def locked(folder: Path) -> Path:
    """A file that nobody may read, where the machine lets us make one."""
    file = drop(folder, "a.hl7", b"MSH|a")
    file.chmod(0)
    if os.access(file, os.R_OK):
        pytest.skip("this user may read everything")
    return file


async def test_a_file_without_permission_goes_when_it_gets_it(tmp_path, intake):
    file = locked(tmp_path)
    drop(tmp_path, "b.hl7", b"MSH|b")
    async with watching(tmp_path, intake):
        await until(lambda: names(tmp_path / "behandlet") == ["b.hl7"])
        await rounds()
        assert intake.refused == [(b"", "unreadable")]
        file.chmod(0o600)
        await until(lambda: names(tmp_path) == [])


async def test_a_folder_that_goes_and_comes_back_is_watched_again(tmp_path, intake, caplog):
    inbox = tmp_path / "in"
    inbox.mkdir()
    async with watching(inbox, intake):
        inbox.rename(tmp_path / "away")
        await rounds()
        (tmp_path / "away").rename(inbox)
        drop(inbox, "a.hl7")
        await until(lambda: names(inbox) == [])
    assert [record.getMessage() for record in caplog.records].count("folder_unreadable") == 1


async def test_a_folder_that_is_not_there_is_found_at_start(tmp_path, intake):
    (tmp_path / "file").touch()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "behandlet").symlink_to("/tmp")
    for wrong in ("gone", "file", "in"):
        with pytest.raises(ConfigError, match="cannot use the folder"):
            await FileSource(FileSettings(str(tmp_path / wrong), "adt")).start(intake)


# ---- the rest


async def test_reception_names_the_inode_and_never_the_name(tmp_path, intake, caplog):
    caplog.set_level(logging.DEBUG)
    async with watching(tmp_path, intake) as source:
        inode = drop(tmp_path, f"{MARK}.hl7").stat().st_ino
        intake.answers = [(b"",)]
        await until(lambda: names(tmp_path) == [])
        (reception,) = intake.receptions
        assert (reception.channel, reception.listener) == ("adt", source.address)
        assert reception.peer == f"file inode {inode}"
        intake.answer = refusal("hl7.required")
        drop(tmp_path, f"{MARK}.hl7", b"x" * 10)
        await until(lambda: names(tmp_path) == [])
    assert MARK not in "\n".join(str(vars(record)) for record in caplog.records)
    assert (tmp_path / "behandlet" / f"{MARK}.hl7").stat().st_ino == inode


async def test_a_crowded_intake_is_waited_for(tmp_path, intake):
    intake.full = True
    async with watching(tmp_path, intake):
        drop(tmp_path, "a.hl7")
        await rounds()
        assert intake.received == []
        intake.full = False
        await until(lambda: names(tmp_path) == [])


async def test_stop_settles_the_file_in_hand_and_leaves_the_others(tmp_path, intake):
    intake.gate.clear()
    drop(tmp_path, "a.hl7", b"MSH|a")
    drop(tmp_path, "b.hl7", b"MSH|b")
    async with watching(tmp_path, intake) as source:
        await until(lambda: bool(intake.received))
        stopping = asyncio.create_task(source.stop(5.0))
        await asyncio.sleep(0)
        intake.gate.set()
        await stopping
        assert (names(tmp_path), names(tmp_path / "behandlet")) == (["b.hl7"], ["a.hl7"])


async def test_stop_does_not_wait_longer_than_its_grace(tmp_path, intake):
    intake.gate.clear()
    async with watching(tmp_path, intake) as source:
        drop(tmp_path, "a.hl7")
        await until(lambda: bool(intake.received))
        await asyncio.wait_for(source.stop(0.05), 1.0)
        assert names(tmp_path) == ["a.hl7"]


async def test_the_time_of_a_report_is_the_clocks(tmp_path, intake):
    intake.answer = refusal("hl7.required")
    source = FileSource(FileSettings(str(tmp_path), "adt", every=0.02, ready=ANYONE), ManualClock())
    await source.start(intake)
    drop(tmp_path, "a.hl7")
    await until(lambda: names(tmp_path) == [])
    await source.stop(1.0)
    report = json.loads((tmp_path / "avvist" / "a.hl7.report.json").read_text())
    assert report["at"] == "2026-01-15T07:00:00+00:00"
