"""The inbox takes messages, keeps them as they came and says what is wrong with them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest
from inbox_client import ROOT, XSD, again, call, listed, post, sample

from engine.errors import ConfigError
from engine.standins.inbox import Options
from engine.standins.inbox.server import Inbox


async def test_a_message_is_taken_with_202_at_any_address_and_kept_byte_for_byte() -> None:
    async with Inbox(Options(xsd=XSD)) as inbox:
        raw = sample()
        assert await post(inbox.url + "/", raw) == 202
        assert await post(inbox.url + "/edi/in", again(raw)) == 202
        async with aiohttp.ClientSession() as session, session.get(inbox.url + "/messages/1") as response:
            assert await response.read() == raw
            assert response.content_type == "application/xml"
        assert (await call("GET", inbox.url + "/messages/3"))[0] == 404


@pytest.mark.parametrize(
    ("name", "kind", "by_schema"),
    [
        ("dialog_foresporsel", "DIALOG_FORESPORSEL", True),
        ("dialog_helsefaglig", "DIALOG_HELSEFAGLIG", True),
        ("std_epikrise_1_2", "EPIKRISE", False),
    ],
)
async def test_a_valid_message_is_listed_with_its_envelope_and_nothing_against_it(
    name: str, kind: str, by_schema: bool
) -> None:
    async with Inbox(Options(xsd=XSD)) as inbox:
        await post(inbox.url, sample(name))
        (one,) = await listed(inbox.url)
        assert (one["type"], one["valid"], one["by_schema"], one["issues"]) == (kind, True, by_schema, [])
        assert one["message_id"] and one["sender"]["identifier"] and one["receipt"] is None


@pytest.mark.parametrize(
    ("before", "after", "code", "reason", "place"),
    [
        pytest.param("</MsgHead>", "", "kith.not_xml", "T01", "line", id="not well-formed"),
        pytest.param("<MsgHead", "<Post", "kith.not_xml", "T01", "line", id="another root"),
        pytest.param('<Sex V="2"', '<Sex W="2"', "kith.schema_attribute", "T02", "Patient/Sex/@W", id="schema"),
        pytest.param("<MsgId>", "<MsgId>x", "kith.message_id", "E10", "MsgHead/MsgInfo/MsgId", id="no UUID"),
    ],
)
async def test_what_is_wrong_with_a_message_is_told_by_code_and_place_and_it_is_kept_all_the_same(
    before: str, after: str, code: str, reason: str, place: str
) -> None:
    raw = sample().decode()
    assert before in raw
    async with Inbox(Options(xsd=XSD)) as inbox:
        assert await post(inbox.url, raw.replace(before, after, 1).encode()) == 202
        (one,) = await listed(inbox.url)
        assert not one["valid"]
        issue = one["issues"][0]
        assert (issue["code"], issue["list_8221"]) == (code, reason)
        assert place in issue["place"]


async def test_a_receipt_is_known_as_one_and_listed_with_its_status_and_codes() -> None:
    async with Inbox(Options(xsd=XSD)) as inbox:
        await post(inbox.url, sample("apprec_ok"))
        await post(inbox.url, sample("apprec_rejected"))
        ok, rejected = await listed(inbox.url)
        assert (ok["type"], ok["valid"], ok["receipt"]["status"], ok["receipt"]["errors"]) == ("APPREC", True, "1", [])
        assert rejected["receipt"]["status"] == "2"
        assert len(rejected["receipt"]["errors"]) == 2
        assert set(rejected["receipt"]["errors"][0]) == {"code", "system"}


async def test_a_second_message_with_the_same_id_from_the_same_sender_is_known_as_a_duplicate() -> None:
    async with Inbox(Options(xsd=XSD)) as inbox:
        raw = sample()
        for each in (raw, again(raw), raw):
            assert await post(inbox.url, each) == 202
        assert [one["duplicate_of"] for one in await listed(inbox.url)] == [None, None, 1]


async def test_what_is_not_sent_as_xml_is_refused_and_not_kept() -> None:
    async with Inbox() as inbox:
        assert await post(inbox.url, sample(), {"Content-Type": "text/plain"}) == 415
        assert (await call("PUT", inbox.url + "/x", {}))[0] == 405
        assert await listed(inbox.url) == []


async def test_no_list_and_no_page_and_no_log_holds_content(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with Inbox(Options(xsd=XSD, reply_to="http://127.0.0.1:9/")) as inbox:
        raw = sample().decode().replace("DN=", 'V2="27864120070" DN=')
        await post(inbox.url, raw.encode())
        await post(inbox.url, sample("apprec_rejected"))
        await inbox.settled()
        shown = [(await call("GET", inbox.url + path))[1] for path in ("/", "/messages", "/plan")]
        for secret in ("27864120070", "Mikalsen", "Elise"):
            assert secret in raw
            assert secret not in f"{shown}{caplog.text}"
        assert "DIALOG_HELSEFAGLIG" in shown[0] and "kith.schema" in shown[0]
        assert "receipt_lost" in caplog.text


async def test_a_folder_keeps_messages_for_their_reader_only_and_gives_them_back_after_a_restart(
    tmp_path: Path,
) -> None:
    folder, raw = tmp_path / "kept", sample()
    async with Inbox(Options(xsd=XSD, folder=folder)) as inbox:
        await post(inbox.url, raw)
        await post(inbox.url, b"no message")
    assert (folder / "000001.xml").read_bytes() == raw
    assert (folder / "000001.xml").stat().st_mode & 0o077 == 0
    async with Inbox(Options(xsd=XSD, folder=folder)) as inbox:
        await post(inbox.url, raw)
        assert [one["duplicate_of"] for one in await listed(inbox.url)] == [None, None, 1]
    assert sorted(path.name for path in folder.iterdir()) == ["000001.xml", "000002.xml", "000003.xml"]


async def test_messages_that_are_dropped_into_a_folder_are_taken_once_in_order_and_moved(tmp_path: Path) -> None:
    first, second = sample(), sample("dialog_notat")
    async with Inbox(Options(xsd=XSD, dropped=tmp_path)) as inbox:
        for age, (name, raw) in enumerate([("b.xml", first), ("a.xml", second)]):
            unfinished = tmp_path / f".{name}"
            unfinished.write_bytes(raw)
            os.utime(unfinished, (1_000 + age, 1_000 + age))
        for name in ("b.xml", "a.xml"):
            (tmp_path / f".{name}").replace(tmp_path / name)
        arrivals = await inbox.arrived(2)
        assert [one.raw for one in arrivals] == [first, second]
        await asyncio.sleep(0.5)
        assert len(await listed(inbox.url)) == 2
    assert sorted(path.name for path in (tmp_path / "taken").iterdir()) == ["a.xml", "b.xml"]


async def test_what_cannot_be_kept_is_not_taken_and_is_taken_when_it_can(tmp_path: Path) -> None:
    kept, dropped = tmp_path / "kept", tmp_path / "dropped"
    async with Inbox(Options(xsd=XSD, folder=kept, dropped=dropped)) as inbox:
        kept.rmdir()
        assert await post(inbox.url, sample()) == 507
        (dropped / "a.xml").write_bytes(sample("dialog_notat"))
        await asyncio.sleep(0.5)
        assert (dropped / "a.xml").exists() and await listed(inbox.url) == []
        kept.mkdir()
        (one,) = await inbox.arrived(1)
        assert one.raw == sample("dialog_notat")
        assert not (dropped / "a.xml").exists()


async def test_a_schema_that_is_missing_is_told_before_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="E220"):
        async with Inbox(Options(xsd=tmp_path)):
            pass


async def test_the_command_prints_its_address_first_and_takes_messages(tmp_path: Path) -> None:
    command = ("-m", "engine.cli.main", "standin", "inbox", "--port", "0", "--folder", str(tmp_path))
    process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
        assert await post(url, sample()) == 202
        assert len(await listed(url)) == 1
    finally:
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
    assert (tmp_path / "000001.xml").read_bytes() == sample()


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--receipts", "maybe"), "receipts is one of positive"), (("--after", "soon"), "after is a duration")],
)
async def test_the_command_refuses_a_plan_that_is_none(words: tuple[str, str], said: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engine.cli.main", "standin", "inbox", *words),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert said in errors.decode()
