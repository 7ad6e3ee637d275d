"""MLLP: the same frames come out, however the stream was cut. MAPPING 3, items 11 to 13."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.standards.hl7v2.mllp import Frame, FrameReader, Junk, Received, TooLarge, frame

A, B = b"MSH|^~\\&|A\rPID|1\r", b"MSH|^~\\&|B\rPID|2\r"


def fed(*pieces: bytes, limit: int = 1000, tolerate: frozenset[str] = frozenset()) -> list[Received]:
    reader = FrameReader(limit, tolerate)
    return [found for piece in pieces for found in reader.feed(piece)]


def bytewise(stream: bytes, limit: int = 1000, tolerate: frozenset[str] = frozenset()) -> list[Received]:
    return fed(*(stream[i : i + 1] for i in range(len(stream))), limit=limit, tolerate=tolerate)


STREAMS = [
    pytest.param(frame(A), [Frame(A)], id="one frame"),
    pytest.param(frame(A) + frame(B), [Frame(A), Frame(B)], id="two frames in one read"),
    pytest.param(frame(b""), [Frame(b"")], id="empty message"),
    pytest.param(b"junk" + frame(A), [Junk(4, b"junk"), Frame(A)], id="junk before VT"),
    pytest.param(frame(A) + b"more junk here" + frame(B), [Frame(A), Junk(14, b"more jun"), Frame(B)], id="between"),
    pytest.param(frame(A) + b"\r\n" + frame(B), [Frame(A), Frame(B)], id="line ends between frames are no junk"),
    pytest.param(b"\x0b" + A + b"\x1c" + frame(B), [Frame(A), Frame(B)], id="FS without CR, then VT"),
    pytest.param(frame(b"a\x1cb\x1c\x1cc"), [Frame(b"a\x1cb\x1c\x1cc")], id="FS inside data"),
    pytest.param(frame(b"a\x1c"), [Frame(b"a\x1c")], id="FS before the end block"),
    pytest.param(frame(b"a\x0bb"), [Frame(b"a\x0bb")], id="VT inside data"),
    pytest.param(A + b"\x1c\r" + frame(B), [Junk(16, A[:8]), Frame(B)], id="MSH without VT is junk"),
    pytest.param(frame(b"x" * 1001) + frame(A), [TooLarge(b"x" * 1001), Frame(A)], id="above the limit"),
    pytest.param(frame(b"x" * 1000), [Frame(b"x" * 1000)], id="exactly the limit"),
    pytest.param(frame(b"x" * 999 + b"\x1c"), [Frame(b"x" * 999 + b"\x1c")], id="exactly the limit, ending in FS"),
    pytest.param(b"\x0b" + A, [], id="half a frame"),
    pytest.param(b"GET / HTTP/1.1\r\n\r\n", [], id="not MLLP at all"),
]


@pytest.mark.parametrize(("stream", "expected"), STREAMS)
def test_a_stream_in_one_piece(stream: bytes, expected: list[Received]) -> None:
    assert first_bytes_cut(fed(stream)) == first_bytes_cut(expected)


@pytest.mark.parametrize(("stream", "expected"), STREAMS)
def test_a_stream_byte_by_byte(stream: bytes, expected: list[Received]) -> None:
    assert first_bytes_cut(bytewise(stream)) == first_bytes_cut(expected)


@pytest.mark.parametrize(("stream", "expected"), STREAMS)
def test_a_stream_cut_in_two_at_every_byte(stream: bytes, expected: list[Received]) -> None:
    for cut in range(len(stream) + 1):
        assert first_bytes_cut(fed(stream[:cut], stream[cut:])) == first_bytes_cut(expected), cut


def first_bytes_cut(found: list[Received]) -> list[Received]:
    """How much of a too large frame, or of junk, was seen when it was told depends on the cut, and may."""
    return [
        TooLarge(b"") if isinstance(one, TooLarge) else Junk(one.count) if isinstance(one, Junk) else one
        for one in found
    ]


PIECES = st.lists(
    st.sampled_from([b"\x0b", b"\x1c", b"\r", b"\x1c\r", b"MSH", b"MS", b"M", b"|", b"xxxxxxxxxxxx", b"\n"]),
    max_size=30,
)


@given(PIECES, st.integers(1, 40), st.booleans(), st.data())
def test_any_bytes_cut_anywhere_give_the_same_frames(
    pieces: list[bytes], limit: int, tolerant: bool, data: st.DataObject
) -> None:
    stream = b"".join(pieces)
    tolerate = frozenset({"no_start_block"}) if tolerant else frozenset()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    parts = [stream[i:j] for i, j in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert first_bytes_cut(fed(*parts, limit=limit, tolerate=tolerate)) == first_bytes_cut(
        fed(stream, limit=limit, tolerate=tolerate)
    )


def test_a_header_without_start_block_begins_a_frame_where_the_channel_allows_it() -> None:
    tolerate = frozenset({"no_start_block"})
    stream = A + b"\x1c\r" + B + b"\x1c\r" + frame(A)

    assert fed(stream, tolerate=tolerate) == [Frame(A), Frame(B), Frame(A)]
    assert bytewise(stream, tolerate=tolerate) == [Frame(A), Frame(B), Frame(A)]


def test_an_end_block_without_cr_ends_the_frame_when_the_line_is_idle() -> None:
    reader = FrameReader(1000)
    assert reader.feed(b"\x0b" + A + b"\x1c") == []
    assert reader.partial == len(A) + 2

    assert reader.idle() == [Frame(A)]
    assert reader.partial == 0
    assert reader.feed(b"\r" + frame(B)) == [Frame(B)], "the late CR is no junk"


def test_idle_does_not_end_half_a_frame() -> None:
    reader = FrameReader(1000)
    reader.feed(b"\x0b" + A)

    assert reader.idle() == []
    assert reader.inside
    assert reader.feed(b"\x1c\r") == [Frame(A)]


def test_idle_tells_of_bytes_that_belong_to_no_frame() -> None:
    reader = FrameReader(1000)
    reader.feed(b"GET / HTTP/1.1\r\n")

    assert reader.idle() == [Junk(14, b"GET / HT")]
    assert reader.idle() == []


def test_an_unfinished_frame_can_be_given_up_and_the_next_one_is_read() -> None:
    reader = FrameReader(1000)
    reader.feed(b"\x0b" + A)

    assert reader.give_up() == A
    assert reader.partial == 0
    assert reader.feed(frame(B)) == [Frame(B)]


def test_a_frame_above_the_limit_is_told_before_it_ends_and_holds_no_memory() -> None:
    reader = FrameReader(100)
    assert reader.feed(b"\x0b" + A * 10) == [TooLarge(A * 10)]
    for _ in range(100):
        assert reader.feed(b"x" * 1000 + b"\x1c") == []
        assert reader.partial <= 2
    assert reader.feed(b"\r" + frame(A)) == [Frame(A)]


@pytest.mark.parametrize("octet", [b"x", b"\x1c", b"\x0b"], ids=["text", "end blocks", "start blocks"])
def test_a_long_frame_in_small_pieces_takes_linear_time(octet: bytes) -> None:
    def seconds(pieces: int) -> float:
        reader = FrameReader(1 << 30)
        reader.feed(b"\x0b")
        piece = octet * 65536
        start = time.process_time()
        for _ in range(pieces):
            reader.feed(piece)
        assert len(reader.feed(b"\r\x1c\r")) >= 1
        return time.process_time() - start

    short = min(seconds(32) for _ in range(3))
    assert min(seconds(256) for _ in range(2)) < 24 * short + 0.05
