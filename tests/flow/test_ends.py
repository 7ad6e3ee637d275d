"""HL7 v2 by other ways than a record system's socket: over HTTP, from a dropped file, passed on to another engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from engine import app
from engine.channels.lint import sound_site
from engine.channels.runner import Runner
from engine.standins.journal.server import RunningJournal, serve
from tests.flow.site import Flow, code, errors

ROOT = Path(__file__).resolve().parents[2]
HTTP = '{type: http, listen: "127.0.0.1:0", path: /hl7/adt, max_message: 100KB, body_timeout: 1s, header_timeout: 1s}'
FILE = '{type: file, path: in, match: "*.hl7", every: 100ms, ready_when: {renamed: true}, max_message: 100KB}'
MLLP = '{type: mllp, listen: "127.0.0.1:0"}'
SITE = """\
version: 1
site: {{name: ends}}
systems:
  there: {system}
policies:
  quick: {{retry: {{initial: 100ms, factor: 1, max: 100ms, jitter: 0%, give_up_after: 1h}}}}
channels:
  adt:
    source: {source}
    mapping: [hl7v2/adt, hl7v2/oru]
    destinations: {{there: {{system: there, policy: quick}}}}
"""


def sample(name: str) -> bytes:
    return (ROOT / "samples" / "hl7v2" / f"{name}.hl7").read_bytes()


GOOD = sample("adt_a28")
ID = GOOD.split(b"|")[9]


def good(number: int) -> bytes:
    """A good message with an id of its own."""
    return GOOD.replace(ID, b"GOOD%d" % number, 1)


@contextlib.asynccontextmanager
async def engine(folder: Path, source: str, system: str, journal: RunningJournal) -> AsyncIterator[Flow]:
    (folder / "in").mkdir(parents=True, exist_ok=True)
    (folder / "channels.yaml").write_text(SITE.format(source=source, system=system), "utf-8")
    async with app.running(sound_site(folder, {})) as runner:
        yield Flow(runner, journal, port_of(runner))


def port_of(runner: Runner) -> int:
    port = runner.channels[0].source.address.rpartition(":")[2]
    return int(port) if port.isdigit() else 0


@pytest.fixture
async def journal() -> AsyncIterator[RunningJournal]:
    made = await serve()
    yield made
    await made.stop()


def to(journal: RunningJournal) -> str:
    return f'{{type: fhir, url: "{journal.url}"}}'


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


# ---- over HTTP


async def post(flow: Flow, body: bytes, content_type: str = "application/hl7-v2") -> tuple[int, bytes]:
    url = f"http://127.0.0.1:{flow.port}/hl7/adt"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers={"Content-Type": content_type}) as response,
    ):
        return response.status, await response.read()


async def test_a_message_over_http_reaches_the_journal_and_a_repeat_gets_the_same_answer(
    tmp_path: Path, journal: RunningJournal
) -> None:
    async with engine(tmp_path, HTTP, to(journal), journal) as flow:
        first, again = await post(flow, GOOD), await post(flow, GOOD)
        assert first == again and (first[0], code(first[1])) == (200, "AA")
        status, answer = await post(
            flow, GOOD.replace(b"|F|", b"|M|", 1).replace(b"NORDLYS", b"NORDLYS", 1) + b"NTE|1\r"
        )
        assert (status, code(answer)) == (409, "AE")
        await flow.settle()
        assert [row.state for row in flow.rows()] == ["delivered", "quarantined"]
        assert (await flow.stats())["resources"]


@pytest.mark.parametrize(
    ("file", "status", "answer"),
    [
        ("bad/feb30", 422, "AE"),
        ("bad/missing_pid", 422, "AE"),
        ("bad/not_hl7", 400, "AR"),
        ("bad/unknown_type", 400, "AR"),
    ],
)
async def test_what_is_refused_over_http_has_status_and_acknowledgement_and_the_next_goes_through(
    tmp_path: Path, journal: RunningJournal, file: str, status: int, answer: str
) -> None:
    async with engine(tmp_path, HTTP, to(journal), journal) as flow:
        got, body = await post(flow, sample(file))
        assert (got, code(body), bool(errors(body))) == (status, answer, True)
        assert (await post(flow, GOOD))[0] == 200
        await flow.settle()
        assert [row.state for row in flow.rows()] == ["invalid", "delivered"]


async def test_too_large_slow_and_foreign_requests_are_seen_or_refused_and_harm_nobody(
    tmp_path: Path, journal: RunningJournal
) -> None:
    async with engine(tmp_path, HTTP, to(journal), journal) as flow:
        status, body = await post(flow, GOOD + b"NTE|1||" + b"x" * 200_000)
        assert (status, code(body)) == (413, "AE")
        assert (await post(flow, b"{}", "application/json"))[0] == 415
        _, writer = await asyncio.open_connection("127.0.0.1", flow.port)
        writer.write(
            b"POST /hl7/adt HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 900\r\n\r\n" + GOOD[:50]
        )
        assert (await post(flow, GOOD, "text/plain"))[0] == 200
        await until(lambda: len(flow.rows()) == 3)
        writer.close()
        await flow.settle()
        assert sorted(row.state for row in flow.rows()) == ["delivered", "invalid", "invalid"]


async def test_when_the_disk_is_full_http_says_come_later(tmp_path: Path, journal: RunningJournal) -> None:
    async with engine(tmp_path, HTTP, to(journal), journal) as flow:
        flow.runner.floor = 1 << 60
        flow.runner._look_at_space()
        status, body = await post(flow, GOOD)
        assert (status, code(body), flow.rows()) == (503, "AE", [])
        flow.runner.floor = 0
        flow.runner._look_at_space()
        assert (await post(flow, GOOD))[0] == 200


# ---- from a dropped file


def drop(folder: Path, name: str, content: bytes) -> None:
    part = folder / "in" / f".{name}"
    part.write_bytes(content)
    part.rename(folder / "in" / name)


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if each.is_file())


async def test_a_dropped_file_and_a_batch_reach_the_journal_and_are_put_away(
    tmp_path: Path, journal: RunningJournal
) -> None:
    batch = b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + good(1) + good(2) + b"BTS|2\rFTS|1\r"
    async with engine(tmp_path, FILE, to(journal), journal) as flow:
        drop(tmp_path, "1.hl7", GOOD)
        drop(tmp_path, "2.hl7", batch)
        drop(tmp_path, "3.hl7", good(3).replace(b"\r", b"\r\n"))
        await until(lambda: names(tmp_path / "in") == [])
        await flow.settle()
        assert names(tmp_path / "in" / "behandlet") == ["1.hl7", "2.hl7", "3.hl7"]
        assert [row.state for row in flow.rows()] == ["delivered"] * 4
        assert [row.message_id for row in flow.rows()] == [ID.decode(), "GOOD1", "GOOD2", "GOOD3"]
        assert flow.detail(flow.rows()[0]).peer.startswith("file inode ")
    assert names(tmp_path / "in" / "avvist") == []


async def test_bad_files_are_put_away_with_their_reasons_and_their_neighbours_go_through(
    tmp_path: Path, journal: RunningJournal
) -> None:
    async with engine(tmp_path, FILE, to(journal), journal) as flow:
        drop(tmp_path, "1-empty.hl7", b"")
        drop(tmp_path, "2-letter.hl7", sample("bad/not_hl7"))
        drop(tmp_path, "3-huge.hl7", GOOD + b"x" * 200_000)
        drop(tmp_path, "4-half.hl7", good(1) + sample("bad/feb30"))
        drop(tmp_path, "5-good.hl7", good(2))
        await until(lambda: names(tmp_path / "in") == [])
        await flow.settle()
        refused = tmp_path / "in" / "avvist"
        assert names(tmp_path / "in" / "behandlet") == ["5-good.hl7"]
        assert len(names(refused)) == 8
        reports = {path.name[0]: json.loads(path.read_text()) for path in refused.glob("*.report.json")}
        assert reports["3"]["code"] == "too_large"
        assert (reports["4"]["messages"], [each["message"] for each in reports["4"]["refused"]]) == (2, [2])
        assert any(issue["place"].startswith("PID[1]-7") for issue in reports["4"]["refused"][0]["issues"])
        states = [row.state for row in flow.rows()]
        assert sorted(states) == ["delivered", "delivered", "invalid", "invalid", "invalid", "invalid"]


async def test_a_crash_between_commit_and_move_loses_nothing_and_doubles_nothing(
    tmp_path: Path, journal: RunningJournal
) -> None:
    """The file lies there again, as after a crash; so do files that were not read before it."""
    async with engine(tmp_path, FILE, to(journal), journal) as flow:
        drop(tmp_path, "1.hl7", good(1) + good(2))
        await until(lambda: names(tmp_path / "in") == [])
        await flow.settle()
    (tmp_path / "in" / "behandlet" / "1.hl7").rename(tmp_path / "in" / "1.hl7")
    drop(tmp_path, "2.hl7", good(3))
    async with engine(tmp_path, FILE, to(journal), journal) as flow:
        await until(lambda: names(tmp_path / "in") == [])
        await flow.settle()
        assert [row.message_id for row in flow.rows()] == ["GOOD1", "GOOD2", "GOOD3"]
        assert [row.state for row in flow.rows()] == ["delivered"] * 3
        assert names(tmp_path / "in" / "behandlet") == ["1.hl7", "2.hl7"]


async def test_a_file_waits_for_the_last_delivery_of_its_batch_while_later_files_go(
    tmp_path: Path, journal: RunningJournal
) -> None:
    """The second receiver is down: what goes there waits. It comes up, and the file goes."""
    async with engine(tmp_path / "second", MLLP, to(journal), journal) as second:
        port = second.port
    system = f'{{type: mllp, address: "127.0.0.1:{port}"}}'
    async with engine(tmp_path / "first", FILE, system, journal) as flow:
        first = tmp_path / "first"
        drop(first, "1.hl7", good(1) + good(2))
        drop(first, "2.hl7", sample("bad/not_hl7")[:0])
        await until(lambda: names(first / "in" / "avvist") == ["2.hl7", "2.hl7.report.json"])
        await until(lambda: bool(flow.detail(flow.rows()[0]).attempts))
        assert names(first / "in") == ["1.hl7"]
        there = MLLP.replace("127.0.0.1:0", f"127.0.0.1:{port}")
        async with engine(tmp_path / "second", there, to(journal), journal) as second:
            await until(lambda: names(first / "in") == [])
            await second.settle()
        assert names(first / "in" / "behandlet") == ["1.hl7"]


async def test_a_crash_while_a_file_waits_takes_it_once(tmp_path: Path, journal: RunningJournal) -> None:
    system = '{type: mllp, address: "127.0.0.1:9"}'
    async with engine(tmp_path, FILE, system, journal) as flow:
        drop(tmp_path, "1.hl7", good(1) + good(2))
        await until(lambda: len(flow.rows()) == 2)
        assert names(tmp_path / "in") == ["1.hl7"]
    async with engine(tmp_path, FILE, system, journal) as flow:
        await asyncio.sleep(0.5)
        assert (len(flow.rows()), names(tmp_path / "in")) == (2, ["1.hl7"])


async def test_what_the_receiver_refuses_for_good_puts_the_file_among_the_refused_with_the_child_that_it_was(
    tmp_path: Path, journal: RunningJournal
) -> None:
    async with engine(tmp_path / "second", MLLP, to(journal), journal) as second:
        system = f'{{type: mllp, address: "127.0.0.1:{second.port}"}}'
        async with engine(tmp_path / "first", FILE, system, journal) as flow:
            first = tmp_path / "first"
            wrong = sample("bad/unknown_type")
            drop(first, "1.hl7", b"BHS|^~\\&|A\r" + good(1) + wrong + good(2) + b"BTS|4\r")
            await until(lambda: names(first / "in") == [])
            report = json.loads((first / "in" / "avvist" / "1.hl7.report.json").read_text())
            (refused,) = report["refused"]
            assert (report["messages"], refused["message"], refused["code"]) == (3, 2, "not_delivered")
            assert refused["message_id"] == wrong.split(b"|")[9].decode()
            assert refused["issues"][0]["place"] == "destination there"
            assert report["remarks"][0]["text"] == "the trailer counts 4 messages, 3 came"
            await second.settle()
            assert len(second.rows()) == 3
            assert len(flow.rows()) == 3


async def test_the_same_name_again_with_other_content_is_a_new_file_and_the_same_file_again_is_a_repeat(
    tmp_path: Path, journal: RunningJournal
) -> None:
    async with engine(tmp_path, FILE, to(journal), journal) as flow:
        for content in (good(1), good(2), good(1)):
            drop(tmp_path, "a.hl7", content)
            await until(lambda: names(tmp_path / "in") == [])
        await flow.settle()
        assert [row.message_id for row in flow.rows()] == ["GOOD1", "GOOD2"]
        assert names(tmp_path / "in" / "behandlet") == ["a-1.hl7", "a-2.hl7", "a.hl7"]


STORED = SITE.replace("    mapping:", "    ack: {{after: stored}}\n    mapping:")


async def test_a_message_that_is_refused_after_it_was_stored_is_in_the_report_too(
    tmp_path: Path, journal: RunningJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "SITE", STORED)
    async with engine(tmp_path, FILE, to(journal), journal) as flow:
        drop(tmp_path, "1.hl7", good(1) + sample("bad/feb30"))
        await until(lambda: names(tmp_path / "in") == [])
        report = json.loads((tmp_path / "in" / "avvist" / "1.hl7.report.json").read_text())
        (refused,) = report["refused"]
        assert refused["message"] == 2
        assert any(issue["place"].startswith("PID[1]-7") for issue in refused["issues"])
        await flow.settle()
        assert [row.state for row in flow.rows()] == ["delivered", "invalid"]


# ---- passed on


@pytest.mark.parametrize("way", ["mllp", "http"])
async def test_a_message_is_passed_on_byte_for_byte_to_a_second_engine_and_from_there_to_the_journal(
    tmp_path: Path, journal: RunningJournal, way: str
) -> None:
    source = MLLP if way == "mllp" else HTTP
    async with engine(tmp_path / "second", source, to(journal), journal) as second:
        system = f'{{type: mllp, address: "127.0.0.1:{second.port}"}}'
        if way == "http":
            system = f'{{type: http, url: "http://127.0.0.1:{second.port}/hl7/adt"}}'
        async with engine(tmp_path / "first", MLLP, system, journal) as first:
            sent = [good(number) for number in range(20)]
            assert {code(answer) for answer in await first.send(*sent)} == {"AA"}
            await first.settle()
            await second.settle()
            assert [row.state for row in first.rows()] == ["delivered"] * 20
            assert [row.state for row in second.rows()] == ["delivered"] * 20
            originals = [second.runner.store.original(row.id) for row in second.rows()]
            assert originals == sent  # all of one patient: the order is kept too


@pytest.mark.parametrize(
    ("file", "state", "attempts"),
    [("bad/feb30", "parked", ["hl7.AE"] * 3), ("bad/unknown_type", "dead_letter", ["hl7.AR"])],
)
async def test_what_the_second_engine_refuses_is_parked_or_given_up_at_the_first(
    tmp_path: Path, journal: RunningJournal, file: str, state: str, attempts: list[str]
) -> None:
    async with engine(tmp_path / "second", MLLP, to(journal), journal) as second:
        system = f'{{type: mllp, address: "127.0.0.1:{second.port}"}}'
        async with engine(tmp_path / "first", MLLP, system, journal) as first:
            answers = await first.send(sample(file))
            assert [code(answer) for answer in answers] == ["AA"]  # passed on unmapped, so not judged by a mapping
            await until(lambda: [row.state for row in first.rows()] == [state])
            assert [each.code for each in first.detail(first.rows()[0]).attempts] == attempts


async def test_while_the_second_engine_is_down_the_first_keeps_the_message(
    tmp_path: Path, journal: RunningJournal
) -> None:
    async with engine(tmp_path / "second", MLLP, to(journal), journal) as second:
        port = second.port
    system = f'{{type: mllp, address: "127.0.0.1:{port}"}}'
    async with engine(tmp_path / "first", MLLP, system, journal) as first:
        assert [code(answer) for answer in await first.send(GOOD)] == ["AA"]
        await until(lambda: bool(first.detail(first.rows()[0]).attempts))
        there = MLLP.replace("127.0.0.1:0", f"127.0.0.1:{port}")
        async with engine(tmp_path / "second", there, to(journal), journal) as second:
            await first.settle()
            await second.settle()
            assert [row.state for row in second.rows()] == ["delivered"]
