"""The dumb sink keeps every body that it has said yes to."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from engine.standins.sink import RunningSink, read_record, serve_sink


@pytest.fixture
async def sink(tmp_path: Path) -> AsyncIterator[RunningSink]:
    running = await serve_sink(record=tmp_path / "record")
    yield running
    await running.stop()


async def test_each_body_is_kept_exactly_and_in_order(sink: RunningSink, tmp_path: Path) -> None:
    bodies = [b"", b"one", b"two\x00\xff", b"x" * 300_000]
    async with aiohttp.ClientSession() as session:
        for body in bodies:
            async with session.post(sink.url + "/fhir", data=body) as answer:
                assert answer.status == 200
                assert await answer.json(content_type=None) == {
                    "resourceType": "Bundle",
                    "type": "transaction-response",
                }
    assert [body for _, body in read_record(tmp_path / "record")] == bodies
    assert [digest for digest, _ in read_record(tmp_path / "record")] == [hashlib.sha256(b).digest() for b in bodies]
    assert (sink.tally.requests, sink.tally.bytes) == (4, sum(map(len, bodies)))


async def test_a_read_finds_nothing_and_is_not_kept(sink: RunningSink, tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as session, session.get(sink.url + "/Patient/1") as answer:
        assert answer.status == 404
    assert list(read_record(tmp_path / "record")) == []


async def test_requests_may_come_in_pieces_and_several_at_once(sink: RunningSink, tmp_path: Path) -> None:
    host, port = sink.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    for byte in request:
        writer.write(bytes([byte]))
        await writer.drain()
    writer.write(request * 3)
    for _ in range(4):
        await asyncio.wait_for(reader.readuntil(b'response"}'), 10)
    writer.close()
    assert [body for _, body in read_record(tmp_path / "record")] == [b"hello"] * 4


async def test_a_connection_that_is_to_be_closed_is_closed(sink: RunningSink) -> None:
    host, port = sink.url.removeprefix("http://").split(":")
    for request in (b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi", b"\x0bMSH|^~\\&|\x1c\r"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request)
        await asyncio.wait_for(reader.read(), 10)
        writer.close()


async def test_half_a_body_is_never_kept(sink: RunningSink, tmp_path: Path) -> None:
    host, port = sink.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf")
    await writer.drain()
    writer.close()
    async with aiohttp.ClientSession() as session, session.post(sink.url, data=b"whole"):
        pass
    assert [body for _, body in read_record(tmp_path / "record")] == [b"whole"]


async def test_a_record_goes_on_after_a_torn_end(tmp_path: Path) -> None:
    record = tmp_path / "record"
    for body, torn in ((b"first", b"\x00\x00\x00"), (b"second", b"")):
        running = await serve_sink(record=record)
        async with aiohttp.ClientSession() as session, session.post(running.url, data=body):
            pass
        await running.stop()
        with record.open("ab") as end:
            end.write(torn)
    assert [body for _, body in read_record(record)] == [b"first", b"second"]


async def test_a_damaged_record_is_found(tmp_path: Path) -> None:
    record = tmp_path / "record"
    running = await serve_sink(record=record)
    async with aiohttp.ClientSession() as session, session.post(running.url, data=b"whole"):
        pass
    await running.stop()
    record.write_bytes(record.read_bytes()[:-1] + b"E")
    with pytest.raises(ValueError, match="damaged"):
        list(read_record(record))
