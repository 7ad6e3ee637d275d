"""The HTTP source as senders meet it, over real sockets."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest

from engine.errors import StoreError
from engine.message import Answer, AnswerKind, Issue, Severity
from engine.sources import Acknowledgement, http_request
from engine.sources.http import HttpSettings, HttpSource
from engine.sources.http_answer import told
from engine.sources.http_connection import HEAD_MOST
from engine.sources.http_request import IN_HAND, Credentials
from engine.transport.listeners import Allowed

HL7 = "application/hl7-v2"
SETTINGS = HttpSettings("127.0.0.1", 0, "adt", "/in", (HL7, "x-application/hl7-v2+er7", "text/plain"))
MARK = "SECRETMARK"


@asynccontextmanager
async def listening(intake, **changes) -> AsyncIterator[HttpSource]:
    source = HttpSource(replace(SETTINGS, **changes))
    await source.start(intake)
    try:
        yield source
    finally:
        intake.gate.set()
        await source.stop(1.0)


class Heard:
    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def problem(self) -> dict[str, object]:
        assert self.headers["Content-Type"] == "application/problem+json"
        return json.loads(self.body)


async def post(
    source: HttpSource, body: object = b"MSH|1", path: str = "/in", method: str = "POST", **headers
) -> Heard:
    named = {"Content-Type": HL7} | {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://{source.address}{path}", data=body, headers=named) as response,
    ):
        return Heard(response.status, response.headers, await response.read())


@asynccontextmanager
async def raw(source: HttpSource):
    host, _, port = source.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def head(length: int, *more: str) -> bytes:
    lines = ["POST /in HTTP/1.1", "Host: x", f"Content-Type: {HL7}", f"Content-Length: {length}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def closed(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        return b""


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0)


# ---- what is told


async def test_an_accepted_message_gets_its_acknowledgement_with_200_in_the_type_it_came_in(intake):
    async with listening(intake) as source:
        for sent in (HL7, "x-application/hl7-v2+er7; charset=ISO-8859-1", 'Text/Plain;format=flowed;charset="utf-8"'):
            got = await post(source, Content_Type=sent)
            assert (got.status, got.body) == (200, b"ACK MSH|1")
            assert got.headers["Content-Type"].startswith(sent.partition(";")[0].lower())
            assert ("charset" in got.headers["Content-Type"]) is ("charset" in sent)


async def test_an_answer_that_spells_nothing_is_202_without_a_body(intake):
    intake.answers = [(b"",)]
    async with listening(intake) as source:
        got = await post(source)
        assert (got.status, got.body) == (202, b"")


def answer(kind: AnswerKind, code: str) -> Answer:
    return Answer(kind, (Issue(Severity.ERROR, code, "in words", place="PID[1]-3[1]", hint="mend it"),))


ERROR, REJECT = AnswerKind.ERROR, AnswerKind.REJECT
REFUSALS = [
    pytest.param(ERROR, "hl7.required", 422, id="content"),
    pytest.param(REJECT, "gate.type", 400, id="type"),
    pytest.param(ERROR, "id_reused", 409, id="same id, other content"),
    pytest.param(ERROR, "not_stored", 503, id="not stored"),
    pytest.param(ERROR, "deadline", 504, id="deadline"),
    pytest.param(ERROR, "not_delivered", 502, id="not delivered"),
    pytest.param(ERROR, "fault", 500, id="a fault of ours"),
]


@pytest.mark.parametrize("kind, code, status", REFUSALS)
async def test_a_refusal_has_its_status_and_the_acknowledgement_as_its_body(intake, kind, code, status):
    intake.answer = answer(kind, code)
    async with listening(intake) as source:
        got = await post(source)
        assert (got.status, got.body, got.headers["Content-Type"]) == (status, b"ACK MSH|1", HL7)
        assert ("Retry-After" in got.headers) is (status == 503)


@pytest.mark.parametrize("kind, code, status", REFUSALS)
async def test_a_refusal_that_spells_nothing_is_a_problem_with_code_and_place(intake, kind, code, status):
    intake.answer = answer(kind, code)
    intake.answers = [(b"",)]
    async with listening(intake) as source:
        got = await post(source)
        assert (got.status, "Retry-After" in got.headers) == (status, status == 503)
        assert got.problem["type"] == f"urn:x-budstikke:problem:{code}"
        issue = {
            "severity": "error",
            "code": code,
            "place": "PID[1]-3[1]",
            "text": "in words",
            "hint": "mend it",
        }
        assert (got.problem["status"], got.problem["code"], got.problem["issues"]) == (status, code, [issue])


async def test_a_batch_is_answered_in_order(intake):
    intake.answers = [(b"ACK 1\r", b"ACK 2\r")]
    async with listening(intake) as source:
        assert (await post(source)).body == b"ACK 1\rACK 2\r"


@pytest.mark.parametrize("worse, status", [("hl7.required", 422), ("id_reused", 409), ("not_stored", 503)])
async def test_a_batch_has_the_status_of_its_worst_message(worse, status):
    good = Acknowledgement(Answer(AnswerKind.ACCEPT), b"A")
    refused = Acknowledgement(answer(REJECT, "gate.type"), b"R")
    got = told([good, refused, Acknowledgement(answer(ERROR, worse), b"E"), good], HL7)
    assert (got.status, got.body) == (status, b"AREA")


async def test_what_could_not_be_stored_is_kept_by_the_sender(intake):
    async with listening(intake) as source:
        for error, status in ((StoreError("disk full"), 503), (RuntimeError(MARK), 500)):
            intake.error = error
            for _ in range(2):  # with a task and without
                got = await post(source)
                assert got.problem["status"] in (status, 503)
                assert MARK.encode() not in got.body
        intake.error = None
        assert (await post(source)).status == 200


# ---- what is not taken


async def test_another_path_or_method_is_refused(intake):
    async with listening(intake) as source:
        for path in ("/", "/in/", "/inn", "/in/x", "/%69n2"):
            assert (await post(source, path=path)).problem["status"] == 404
        for method in ("GET", "PUT", "DELETE", "OPTIONS"):
            got = await post(source, method=method)
            assert got.problem["status"] == 405 and got.headers["Allow"] == "POST"
        assert intake.received == []


@pytest.mark.parametrize("sent", ["application/json", "", "text/plain2", "text/plain, text/html", "hl7"])
async def test_another_content_type_is_refused_and_the_right_ones_are_named(intake, sent):
    async with listening(intake) as source:
        got = await post(source, Content_Type=sent)
        assert got.problem["status"] == 415 and HL7 in got.headers["Accept-Post"]
        assert intake.received == []


async def test_a_compressed_body_is_refused(intake):
    async with listening(intake) as source:
        assert (await post(source, Content_Encoding="gzip")).problem["code"] == "content_encoding"


async def in_chunks(size: int) -> AsyncIterator[bytes]:
    yield b"MSH|"
    for _ in range(size // 1000):
        yield b"x" * 1000


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "streamed"])
@pytest.mark.parametrize("size", [2_000, 400_000])
async def test_a_body_above_the_limit_is_refused_noted_and_answered_to_the_end(intake, chunked, size):
    async with listening(intake, max_message=1000) as source:
        got = await post(source, in_chunks(size) if chunked else b"MSH|" + b"x" * size)
        assert (got.status, got.body) == (413, b"NAK too_large")
        first, code = intake.refused[0]
        assert code == "too_large" and first.startswith(b"MSH|x") and len(first) <= 2048
        assert (await post(source)).status == 200
        assert intake.received == [b"MSH|1"]


async def test_a_sender_that_asks_first_is_not_made_to_send_what_is_too_large(intake):
    async with listening(intake, max_message=10) as source, raw(source) as (reader, writer):
        writer.write(head(11, "Expect: 100-continue"))
        assert (await closed(reader)).startswith(b"HTTP/1.1 413")


async def test_a_message_of_exactly_the_limit_is_taken(intake):
    async with listening(intake, max_message=1000) as source:
        assert (await post(source, b"x" * 1000)).status == 200


# ---- credentials


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


async def test_who_shows_the_credentials_is_heard(intake):
    async with listening(intake, credentials=Credentials("epj", "pæss:ord")) as source:
        assert (await post(source, Authorization=basic("epj:pæss:ord"))).status == 200


@pytest.mark.parametrize(
    "shown",
    ["", "Basic", "Basic !!", basic("epj:wrong"), basic("epj"), basic("EPJ:pass"), "Bearer pass", basic("epj:pass ")],
)
async def test_who_shows_other_credentials_is_not(intake, shown):
    async with listening(intake, credentials=Credentials("epj", "pass")) as source:
        got = await post(source, **({"Authorization": shown} if shown else {}))
        assert got.problem["status"] == 401
        assert got.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert intake.received == []


async def test_nobody_gets_in_with_the_network_of_one_sender_and_the_certificate_of_another(intake):
    allow = (Allowed(("127.0.0.1",), "CN=ehr-ward"), Allowed(("10.0.0.0/8",)))
    async with listening(intake, allow=allow) as source, raw(source) as (reader, writer):
        writer.write(head(5) + b"MSH|1")
        assert await closed(reader) == b""
        assert intake.received == []


# ---- crowds


async def test_a_crowded_intake_asks_the_sender_to_come_later_and_takes_it_then(intake):
    async with listening(intake) as source:
        intake.full = True
        got = await post(source)
        assert (got.problem["code"], got.status, got.headers["Retry-After"]) == ("crowded", 503, "1")
        assert intake.received == []
        intake.full = False
        assert (await post(source)).status == 200


async def test_more_than_fits_in_memory_is_asked_to_come_later(intake):
    async with listening(intake, max_message=IN_HAND) as source:
        async with raw(source) as (_, first), raw(source) as (_, second):
            for writer in (first, second):
                writer.write(head(IN_HAND // 2 + 1) + b"MSH|")
            async with asyncio.timeout(5):
                while (await post(source)).status != 503:  # noqa: ASYNC110
                    await asyncio.sleep(0)
        await until(lambda: len(intake.refused) == 2)
        assert (await post(source)).status == 200  # gone senders hold nothing


async def test_bodies_in_chunks_are_counted_as_they_come(intake, monkeypatch):
    monkeypatch.setattr(http_request, "IN_HAND", 10_000)
    async with listening(intake) as source:
        got = await post(source, in_chunks(100_000))
        assert (got.problem["code"], intake.received) == ("crowded", [])
        several = await asyncio.gather(*(post(source, in_chunks(1_000)) for _ in range(5)))
        assert [each.status for each in several] == [200] * 5


# ---- time


async def test_a_connection_that_says_nothing_is_closed(intake):
    async with listening(intake, idle_timeout=0.1) as source, raw(source) as (reader, _):
        assert await closed(reader) == b""


async def test_a_kept_connection_is_closed_when_it_falls_idle(intake):
    async with listening(intake, idle_timeout=0.1) as source, raw(source) as (reader, writer):
        writer.write(head(5) + b"MSH|1")
        assert (await closed(reader)).endswith(b"ACK MSH|1")


async def test_a_slow_answer_is_not_idleness(intake):
    intake.gate.clear()
    async with listening(intake, idle_timeout=0.05, header_timeout=0.05) as source, raw(source) as (reader, writer):
        writer.write(head(5) + b"MSH|1")
        await asyncio.sleep(0.2)
        intake.gate.set()
        assert (await closed(reader)).endswith(b"ACK MSH|1")


async def test_headers_that_trickle_do_not_outlive_their_time(intake):
    async with listening(intake, header_timeout=0.1) as source, raw(source) as (reader, writer):
        writer.write(b"POST /in HTTP/1.1\r\n")

        async def trickle() -> None:
            while not writer.is_closing():
                writer.write(b"X: y\r\n")
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        assert await closed(reader) == b""
        trickling.cancel()


async def test_headers_without_end_are_given_up(intake):
    async with listening(intake) as source, raw(source) as (reader, writer):
        writer.write(b"POST /in HTTP/1.1\r\n" + b"X: yyyyyyyyyyyyyyyyyy\r\n" * (HEAD_MOST // 20))
        assert await closed(reader) == b""


async def test_a_body_that_takes_too_long_is_refused_and_noted(intake):
    async with listening(intake, body_timeout=0.1) as source, raw(source) as (reader, writer):
        writer.write(head(100) + b"MSH|half")
        assert (await closed(reader)).startswith(b"HTTP/1.1 408")
        assert intake.refused == [(b"MSH|half", "framing")]


async def test_a_body_that_flows_may_take_longer(intake):
    async with listening(intake, body_timeout=0.2) as source, raw(source) as (reader, writer):
        writer.write(head(100_000))
        for _ in range(10):
            writer.write(b"x" * 10_000)
            await asyncio.sleep(0.04)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")


async def test_a_sender_that_vanishes_in_the_middle_of_a_body_is_noted(intake):
    async with listening(intake) as source:
        async with raw(source) as (_, writer):
            writer.write(head(100) + b"MSH|half")
            await writer.drain()
            await asyncio.sleep(0.05)
        await asyncio.wait_for(intake.noted.wait(), 5)
        assert intake.refused == [(b"MSH|half", "framing")] and intake.received == []


@pytest.mark.parametrize("nonsense", [b"\x0bMSH|1\x1c\r", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00"])
async def test_what_is_not_http_ends_its_connection_only(intake, nonsense):
    async with listening(intake) as source, raw(source) as (reader, writer):
        writer.write(nonsense)
        assert (await closed(reader))[:12] in (b"", b"HTTP/1.1 400")
        assert (await post(source)).status == 200


# ---- stopping


async def test_stop_answers_what_was_taken_and_closes_the_idle(intake):
    intake.gate.clear()
    async with listening(intake) as source, raw(source) as (reader, writer), raw(source) as (idle, _):
        writer.write(head(5) + b"MSH|1")
        await until(lambda: bool(intake.received))
        stopping = asyncio.create_task(source.stop(5.0))
        assert await closed(idle) == b""
        intake.gate.set()
        await stopping
        got = await closed(reader)
        assert got.startswith(b"HTTP/1.1 200") and b"connection: close" in got and got.endswith(b"ACK MSH|1")


async def test_stop_does_not_wait_longer_than_its_grace(intake):
    intake.gate.clear()
    async with listening(intake) as source, raw(source) as (reader, writer):
        writer.write(head(5) + b"MSH|1")
        await until(lambda: bool(intake.received))
        await asyncio.wait_for(source.stop(0.05), 1.0)
        assert await closed(reader) == b""


async def test_nothing_of_a_message_or_a_password_reaches_the_log(intake, caplog):
    caplog.set_level(logging.DEBUG)
    intake.error = RuntimeError(MARK)
    async with listening(intake, max_message=100, credentials=Credentials("epj", "pass")) as source:
        for body in (MARK, MARK * 20):
            for shown in (basic("epj:pass"), basic(MARK)):
                await post(source, body.encode(), path=f"/in?{MARK}", Authorization=shown)
                await post(source, body.encode(), path=f"/{MARK}", Authorization=shown)
    ours = [str(vars(record)) for record in caplog.records if not record.name.startswith(("asyncio", "aiohttp"))]
    assert ours and not any(MARK in line or "pass" in line.replace("passwd", "") for line in ours)
