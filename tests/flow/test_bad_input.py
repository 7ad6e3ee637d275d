"""Bad input, over a real socket: each gets its negative answer, is seen in the list, and neighbours go through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flow.site import Flow, code, errors, flow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Flow]:
    async with flow(tmp_path) as running:
        yield running


def sample(name: str) -> bytes:
    return (ROOT / "samples" / "hl7v2" / f"{name}.hl7").read_bytes()


def good(number: int) -> bytes:
    """A good message with an id of its own."""
    return sample("adt_a28").replace(sample("adt_a28").split(b"|")[9], b"GOOD%d" % number, 1)


@pytest.mark.parametrize(
    ("file", "answer", "state", "place"),
    [
        pytest.param("bad/not_hl7", "AR", "invalid", "", id="a letter, not HL7"),
        pytest.param("bad/no_msh", "AR", "invalid", "", id="no MSH"),
        pytest.param("bad/unknown_type", "AR", "invalid", "MSH^1^9", id="unknown message type"),
        pytest.param("bad/missing_pid", "AE", "invalid", "PID", id="missing PID"),
        pytest.param("bad/no_identifier", "AE", "invalid", "PID^1^3", id="patient without any identifier"),
        pytest.param("bad/feb30", "AE", "invalid", "PID^1^7", id="30 February"),
    ],
)
async def test_what_cannot_be_taken_is_refused_with_its_place_and_the_next_goes_through(
    engine: Flow, file: str, answer: str, state: str, place: str
) -> None:
    first, second = await engine.send(sample(file), good(1))
    assert (code(first), code(second)) == (answer, "AA")
    assert not place or any(error[2].startswith(place) for error in errors(first)), first
    await engine.settle()
    rows = engine.rows()
    assert [row.state for row in rows] == [state, "delivered"]
    assert rows[0].reason


async def test_a_wrong_charset_claim_is_read_by_the_fallback_with_a_remark_and_accepted(engine: Flow) -> None:
    (answer,) = await engine.send(sample("bad/wrong_charset_claim"))
    await engine.settle()
    detail = engine.detail(engine.rows()[0])
    assert code(answer) == "AA"
    assert any("charset" in issue.code for issue in detail.verdicts[-1].issues)


async def test_nul_bytes_never_pass_into_the_journal(engine: Flow) -> None:
    first, second = await engine.send(sample("bad/nul_bytes"), good(1))
    await engine.settle()
    assert code(first) in ("AA", "AE", "AR")
    assert code(second) == "AA"
    assert b"\\u0000" not in str(await engine.get("Patient")).encode()


async def test_a_message_cut_in_the_middle_is_answered_and_seen(engine: Flow) -> None:
    first, second = await engine.send(sample("bad/truncated"), good(1))
    await engine.settle()
    assert code(first) in ("AA", "AE", "AR")
    assert code(second) == "AA"
    assert len(engine.rows()) == 2


async def test_half_a_frame_then_silence_ends_that_connection_only_and_is_seen(engine: Flow) -> None:
    async with engine.client() as slow, engine.client() as other:
        await slow.write(b"\x0b" + good(1)[:100])
        assert code(await other.send(good(2))) == "AA"
        with pytest.raises(ConnectionError):
            while True:
                await slow.answer()
    await asyncio.sleep(0.1)
    await engine.settle()
    assert sorted(row.state for row in engine.rows()) == ["delivered", "invalid"]


async def test_one_byte_now_and_then_does_not_hold_a_connection_for_ever(engine: Flow) -> None:
    async with engine.client() as slow:
        with pytest.raises((ConnectionError, OSError)):
            for byte in b"\x0b" + good(1):
                await slow.write(bytes([byte]))
                await asyncio.sleep(0.05)
            await slow.answer()


async def test_a_frame_above_the_limit_is_refused_and_the_connection_lives(engine: Flow) -> None:
    large = good(1) + b"NTE|1||" + b"x" * (2 << 20) + b"\r"
    first, second = await engine.send(large, good(2))
    await engine.settle()
    assert (code(first), code(second)) == ("AE", "AA")
    assert sorted(row.state for row in engine.rows()) == ["delivered", "invalid"]


async def test_two_messages_in_one_frame_are_two_messages(engine: Flow) -> None:
    async with engine.client() as client:
        await client.write(b"\x0b" + good(1) + good(2) + b"\x1c\r")
        answers = [await client.answer(), await client.answer()]
    await engine.settle()
    assert [code(answer) for answer in answers] == ["AA", "AA"]
    assert [row.state for row in engine.rows()] == ["delivered", "delivered"]


async def test_not_mllp_at_all_ends_without_harm_to_others(engine: Flow) -> None:
    async with engine.client() as browser, engine.client() as other:
        await browser.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 5000)
        assert code(await other.send(good(1))) == "AA"


async def test_a_sender_that_is_gone_before_its_answer_loses_nothing(engine: Flow) -> None:
    client = engine.client()
    await client.__aenter__()
    await client.write(b"\x0b" + good(1) + b"\x1c\r")
    await client.close()
    for _ in range(100):
        await asyncio.sleep(0.02)
        if engine.rows():
            break
    (repeat,) = await engine.send(good(1))
    await engine.settle()
    assert code(repeat) == "AA"
    assert [row.state for row in engine.rows()] == ["delivered"]
