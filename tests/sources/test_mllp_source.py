"""The MLLP source as senders meet it, over real sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from engine.errors import ConfigError, StoreError
from engine.sources.mllp import MllpSettings, MllpSource
from engine.sources.mllp_pace import JUNK_MOST
from engine.sources.mllp_turns import BYTES_IN_HAND
from engine.transport.listeners import Allowed

SETTINGS = MllpSettings(host="127.0.0.1", port=0, channel="adt")


def framed(message: bytes) -> bytes:
    return b"\x0b" + message + b"\x1c\r"


@asynccontextmanager
async def listening(intake, **changes) -> AsyncIterator[MllpSource]:
    source = MllpSource(replace(SETTINGS, **changes))
    await source.start(intake)
    try:
        yield source
    finally:
        intake.gate.set()
        await source.stop(1.0)


@asynccontextmanager
async def sender(source: MllpSource, **more):
    host, _, port = source.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port), **more)
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> bytes:
    got = await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 5)
    assert got.startswith(b"\x0b")
    return got[1:-2]


async def closed(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        return b""


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_message_is_answered_on_its_connection(intake):
    async with listening(intake) as source, sender(source) as (reader, writer):
        writer.write(framed(b"MSH|one"))
        assert await answer(reader) == b"ACK MSH|one"
        own = writer.get_extra_info("sockname")
        assert intake.receptions[0].channel == "adt"
        assert intake.receptions[0].listener == source.address
        assert intake.receptions[0].peer == f"127.0.0.1:{own[1]}"


async def test_frames_in_one_read_are_answered_in_order_and_one_at_a_time(intake):
    async with listening(intake) as source, sender(source) as (reader, writer):
        writer.write(b"".join(framed(b"MSH|%d" % number) for number in range(50)))
        assert [await answer(reader) for _ in range(50)] == [b"ACK MSH|%d" % number for number in range(50)]
        assert intake.most_in_hand == 1


async def test_several_messages_in_one_frame_are_answered_each_in_a_frame_of_its_own(intake):
    intake.answers = [(b"ACK 1", b"", b"ACK 3")]
    async with listening(intake) as source, sender(source) as (reader, writer):
        writer.write(framed(b"MSH|1\rMSH|2\rMSH|3"))
        assert [await answer(reader), await answer(reader)] == [b"ACK 1", b"ACK 3"]


async def test_an_empty_answer_writes_nothing(intake):
    intake.answers = [(b"",)]
    async with listening(intake) as source, sender(source) as (reader, writer):
        writer.write(framed(b"MSH|ack") + framed(b"MSH|next"))
        assert await answer(reader) == b"ACK MSH|next"


async def test_a_frame_may_come_byte_by_byte(intake):
    async with listening(intake) as source, sender(source) as (reader, writer):
        for byte in framed(b"MSH|slow but steady"):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        assert await answer(reader) == b"ACK MSH|slow but steady"


async def test_an_end_block_without_cr_ends_its_frame_when_the_line_falls_idle(intake):
    async with listening(intake, frame_timeout=0.2) as source, sender(source) as (reader, writer):
        writer.write(b"\x0bMSH|no cr\x1c")
        assert await answer(reader) == b"ACK MSH|no cr"
        assert intake.refused == []


@pytest.mark.parametrize("beginning", [b"\x0bMSH|half", b"\x0b", b"GET / HTTP/1.1\r\n\r\n"], ids=["half", "vt", "http"])
async def test_half_a_frame_then_silence_is_refused_and_closes_that_connection_only(intake, beginning):
    async with listening(intake, frame_timeout=0.1) as source, sender(source) as (other, writes):
        async with sender(source) as (reader, writer):
            writer.write(beginning)
            assert await answer(reader) == b"NAK framing"
            assert await closed(reader) == b""
        assert [code for _, code in intake.refused] == ["framing"]
        writes.write(framed(b"MSH|other"))
        assert await answer(other) == b"ACK MSH|other"


async def test_a_frame_that_trickles_does_not_outlive_its_time(intake):
    async with listening(intake, frame_timeout=0.2) as source, sender(source) as (reader, writer):

        async def trickle() -> None:
            writer.write(b"\x0b")
            while not writer.is_closing():
                writer.write(b"M")
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        assert await answer(reader) == b"NAK framing"
        trickling.cancel()


async def test_a_refusal_waits_for_the_answers_that_are_owed_before_it(intake):
    intake.gate.clear()
    async with listening(intake, frame_timeout=0.05) as source, sender(source) as (reader, writer):
        writer.write(framed(b"MSH|first") + b"\x0bMSH|half")
        await until(lambda: bool(intake.received))
        await asyncio.sleep(0.2)
        intake.gate.set()
        assert await answer(reader) == b"ACK MSH|first"
        assert await answer(reader) == b"NAK framing"


@pytest.mark.parametrize("size", [101, 5_000, 60_000])
async def test_a_frame_too_large_is_refused_and_the_connection_lives(intake, size):
    async with listening(intake, max_message=100) as source, sender(source) as (reader, writer):
        writer.write(framed(b"MSH|" + b"x" * size) + framed(b"MSH|next"))
        assert await answer(reader) == b"NAK too_large"
        assert await answer(reader) == b"ACK MSH|next"
        first, code = intake.refused[0]
        assert code == "too_large" and first.startswith(b"MSH|")
        assert intake.received == [b"MSH|next"]


async def test_a_frame_without_end_is_given_up(intake):
    async with listening(intake, max_message=100) as source, sender(source) as (reader, writer):
        writer.write(b"\x0b" + b"x" * 1_000_000)
        assert await answer(reader) == b"NAK too_large"
        assert await closed(reader) == framed(b"NAK framing")


async def test_what_is_not_mllp_is_skipped_and_closed_after_a_bounded_amount(intake):
    async with listening(intake) as source, sender(source) as (reader, writer):
        writer.write(b"x" * (JUNK_MOST + 1))
        assert await answer(reader) == b"NAK framing"
        assert await closed(reader) == b""
        assert intake.received == [] and intake.refused[0][1] == "framing"


async def test_junk_between_frames_is_skipped(intake):
    async with listening(intake) as source, sender(source) as (reader, writer):
        writer.write(b"junk" + framed(b"MSH|1") + b"\r\n\x00more" + framed(b"MSH|2"))
        assert [await answer(reader), await answer(reader)] == [b"ACK MSH|1", b"ACK MSH|2"]


@pytest.mark.parametrize("tail", [b"\n", b"\x00", b"\x1c\r", b" \r\n"], ids=["lf", "nul", "second end", "blank"])
async def test_harmless_bytes_after_a_frame_start_no_clock(intake, tail):
    async with listening(intake, frame_timeout=0.05) as source, sender(source) as (reader, writer):
        writer.write(framed(b"MSH|1") + tail)
        assert await answer(reader) == b"ACK MSH|1"
        await asyncio.sleep(0.2)
        writer.write(framed(b"MSH|2"))
        assert await answer(reader) == b"ACK MSH|2"
        assert intake.refused == []


async def test_an_idle_connection_is_closed_without_a_word(intake):
    async with listening(intake, idle_timeout=0.1) as source, sender(source) as (reader, writer):
        writer.write(framed(b"MSH|1"))
        await answer(reader)
        assert await closed(reader) == b""
        assert intake.refused == []


async def test_a_sender_that_waits_for_a_slow_answer_is_not_idle(intake):
    intake.gate.clear()
    async with listening(intake, idle_timeout=0.05, frame_timeout=0.05) as source, sender(source) as (reader, writer):
        writer.write(framed(b"MSH|1"))
        await asyncio.sleep(0.2)
        intake.gate.set()
        assert await answer(reader) == b"ACK MSH|1"


async def test_a_sender_that_vanishes_before_its_answer_loses_nothing(intake):
    intake.gate.clear()
    async with listening(intake) as source:
        async with sender(source) as (_, writer):
            writer.write(framed(b"MSH|1") + framed(b"MSH|2"))
            await until(lambda: bool(intake.received))
            writer.transport.abort()
        intake.gate.set()
        await until(lambda: len(intake.received) == 2)
        assert intake.received == [b"MSH|1", b"MSH|2"]


async def test_a_sender_that_vanishes_in_the_middle_of_a_frame_is_noted(intake):
    async with listening(intake) as source:
        async with sender(source) as (_, writer):
            writer.write(b"\x0bMSH|half")
            await writer.drain()
        await asyncio.wait_for(intake.noted.wait(), 5)
        assert intake.refused == [(b"MSH|half", "framing")]


async def test_a_sender_that_ends_its_side_still_gets_its_answers(intake):
    intake.gate.clear()
    async with listening(intake) as source, sender(source) as (reader, writer):
        writer.write(framed(b"MSH|1") + framed(b"MSH|2"))
        writer.write_eof()
        await until(lambda: bool(intake.received))
        intake.gate.set()
        assert await closed(reader) == framed(b"ACK MSH|1") + framed(b"ACK MSH|2")


async def test_a_crowded_intake_stops_the_reading_and_it_goes_on_afterwards(intake):
    async with listening(intake) as source, sender(source) as (reader, writer):
        intake.full = True
        writer.write(framed(b"MSH|1"))
        assert await answer(reader) == b"ACK MSH|1"
        writer.write(framed(b"MSH|2"))
        await asyncio.sleep(0.05)
        assert intake.received == [b"MSH|1"]
        intake.full = False
        assert await answer(reader) == b"ACK MSH|2"


async def test_a_sender_far_ahead_of_its_answers_is_not_read(intake):
    intake.gate.clear()
    big = framed(b"MSH|" + b"x" * BYTES_IN_HAND)
    async with listening(intake) as source, sender(source) as (reader, writer):
        for _ in range(20):
            writer.write(big)
        await until(lambda: bool(intake.received))
        await asyncio.sleep(0.1)
        assert writer.transport.get_write_buffer_size() > 10 * BYTES_IN_HAND  # it stays with the sender
        intake.gate.set()
        for _ in range(20):
            await answer(reader)


async def test_a_sender_that_does_not_take_its_answers_is_not_served_further_and_closed(intake):
    intake.answers = [(b"A" * 4_000_000,) for _ in range(100)]
    async with listening(intake, frame_timeout=0.3) as source, sender(source, limit=1024) as (reader, writer):
        writer.write(b"".join(framed(b"MSH|%d" % number) for number in range(100)))
        await until(lambda: bool(intake.received))
        await asyncio.sleep(0.1)
        assert len(intake.received) < 10
        await until(lambda: len(intake.received) == 100)  # given up: what was taken is stored all the same
        assert len(await closed(reader)) < 100 * 4_000_000


@pytest.mark.parametrize(
    "error", [StoreError("disk full"), RuntimeError("a fault of ours")], ids=["store", "programming"]
)
async def test_what_could_not_be_stored_is_never_answered(intake, error):
    intake.error = error
    async with listening(intake) as source, sender(source) as (reader, writer):
        writer.write(framed(b"MSH|1") + framed(b"MSH|2"))
        assert await closed(reader) == b""
        assert intake.received == [b"MSH|1"]


async def test_who_is_not_on_the_allow_list_is_turned_away(intake):
    async with listening(intake, allow=(Allowed(("10.0.0.0/8",)),)) as source, sender(source) as (reader, writer):
        writer.write(framed(b"MSH|1"))
        assert await closed(reader) == b""
        assert intake.received == []


async def test_who_is_on_the_allow_list_is_let_in(intake):
    async with (
        listening(intake, allow=(Allowed(("10.0.0.0/8", "127.0.0.1")),)) as source,
        sender(source) as (reader, writer),
    ):
        writer.write(framed(b"MSH|1"))
        assert await answer(reader) == b"ACK MSH|1"


async def test_nobody_gets_in_with_the_network_of_one_sender_and_the_certificate_of_another(intake):
    ward = Allowed(("127.0.0.1",), "CN=ehr-ward")
    laboratory = Allowed(("10.0.0.0/8",))
    async with listening(intake, allow=(ward, laboratory)) as source, sender(source) as (reader, writer):
        writer.write(framed(b"MSH|1"))
        assert await closed(reader) == b""
        assert intake.received == []


async def test_a_sender_without_a_certificate_of_its_own_is_let_in_beside_one_that_has_one(intake):
    allow = (Allowed(("10.0.0.0/8",), "CN=ehr-ward"), Allowed(("127.0.0.1",)))
    async with listening(intake, allow=allow) as source, sender(source) as (reader, writer):
        writer.write(framed(b"MSH|1"))
        assert await answer(reader) == b"ACK MSH|1"


def test_an_allow_list_of_nonsense_is_found_before_start():
    with pytest.raises(ConfigError, match="no network"):
        MllpSource(replace(SETTINGS, allow=(Allowed(("the ward",)),)))


async def test_an_address_that_is_taken_is_a_config_error(intake):
    async with listening(intake) as source:
        port = int(source.address.rpartition(":")[2])
        with pytest.raises(ConfigError, match="cannot listen"):
            await MllpSource(replace(SETTINGS, port=port)).start(intake)


async def test_stop_lets_what_was_taken_be_answered(intake):
    intake.gate.clear()
    async with listening(intake) as source, sender(source) as (reader, writer), sender(source) as (idle, _):
        writer.write(framed(b"MSH|1"))
        await until(lambda: bool(intake.received))
        stopping = asyncio.create_task(source.stop(5.0))
        assert await closed(idle) == b""
        intake.gate.set()
        await stopping
        assert await closed(reader) == framed(b"ACK MSH|1")
        with pytest.raises(OSError):
            async with sender(source):
                pass


async def test_stop_does_not_wait_longer_than_its_grace(intake):
    intake.gate.clear()
    async with listening(intake) as source, sender(source) as (reader, writer):
        writer.write(framed(b"MSH|1"))
        await until(lambda: bool(intake.received))
        await asyncio.wait_for(source.stop(0.05), 1.0)
        assert await closed(reader) == b""


async def test_nothing_of_a_message_reaches_the_log(intake, caplog):
    caplog.set_level(logging.DEBUG)
    mark = b"MSH|SECRETMARK"
    async with listening(intake, max_message=100, frame_timeout=0.05) as source:
        for raw in (framed(mark + b"x" * 200), b"SECRETMARK" * 3, b"\x0b" + mark, framed(mark)):
            async with sender(source) as (reader, writer):
                writer.write(raw)
                await answer(reader)
    text = "\n".join(str(vars(record)) for record in caplog.records)
    assert "mllp_too_large" in text and "mllp_junk" in text and "mllp_frame_timeout" in text
    assert "SECRETMARK" not in text
