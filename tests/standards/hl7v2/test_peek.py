"""Peeking at a message gives the envelope that reading it gives, or the same error."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import InvalidMessage
from engine.message import Envelope
from engine.standards import Charset
from engine.standards.hl7v2.standard import Hl7v2

HL7V2 = Hl7v2()
HEADER = rb"MSH|^~\&|EPJ^1.2.3&x^ISO|Sykehus B\xc3\xb8^2.16|LAB|&LAB^\S\9|202601150800||ADT^A01^ADT_A01|id\T\1|P|2.5.1"
HEADER = HEADER.replace(rb"\xc3\xb8", "ø".encode())
PIECES = st.sampled_from(
    [
        b"\r", b"\n", b"\r\n", b"\rPID|1||5", b"\rPID", b"\rpid|", b"\rX1|", b"\r12A|", b"\rfritekst her", b"|", b"^",
        b"~", b"&", b"\\", b"\\F\\", b"\\XC3B8\\", b'""', b" ", b"\x00", b"\x1c", b"|||||UNICODE UTF-8", b"|AL|NE",
        b"|||||8859/1", b"|||||8859/15", b"|||||ISO IR87", b"|||||GB 18030-2000", b"|||||ISO IR14", b"|||||?",
        "ø".encode(), "ø".encode("latin-1"), "漢|字".encode("shift_jis"), b"\x81\x7c", b"\x1b$B", b"ACK", b"MSH|",
    ]
)  # fmt: skip
STARTS = st.sampled_from(
    [HEADER, HEADER + b"|||AL|NE", HEADER.upper(), b"\xef\xbb\xbf" + HEADER, b"\n" + HEADER, HEADER[:30], b"MSH|^~\\&|",
     HEADER.replace(b"|", b"#"), HEADER.replace(b"^~\\&", b"^~\\&#"), HEADER.replace(b"ADT", b""), b"", b"PID|"]
)  # fmt: skip


def outcome(read: object) -> Envelope | tuple[object, ...]:
    try:
        return read()  # type: ignore[operator,no-any-return]
    except InvalidMessage as error:
        return (error.code, error.text, error.place, error.reject, error.standard_code)


@given(STARTS, st.lists(PIECES, max_size=6), st.sampled_from([Charset(), Charset("8859/1"), Charset("", "")]))
@example(HEADER, [b"\rPID|1||5", "ø".encode("latin-1")], Charset())
@example(HEADER, [b"\r", b"\rfritekst her"], Charset())
def test_peeking_and_reading_agree(start: bytes, pieces: list[bytes], charset: Charset) -> None:
    raw = start + b"".join(pieces)
    assert outcome(lambda: HL7V2.peek(raw, charset)) == outcome(lambda: HL7V2.envelope(HL7V2.decode(raw, charset)))


@given(st.binary(max_size=60))
def test_peeking_and_reading_agree_on_any_header(tail: bytes) -> None:
    raw = b"MSH|^~\\&|" + tail
    assert outcome(lambda: HL7V2.peek(raw, Charset())) == outcome(lambda: HL7V2.envelope(HL7V2.decode(raw, Charset())))


@pytest.mark.parametrize("size", [1 << 10, 1 << 18], ids=["short", "long"])
def test_what_stands_after_the_header_decides_the_charset_all_the_same(size: int) -> None:
    raw = HEADER + b"\rNTE|1||" + b"x" * size + "Å".encode("latin-1") + b"\r"
    found = HL7V2.peek(raw, Charset())
    assert found.charset == "cp1252"
    assert found == HL7V2.envelope(HL7V2.decode(raw, Charset()))


def test_what_two_senders_wrote_alike_stays_apart_by_charset() -> None:
    one = HL7V2.peek(HEADER + b"\rPID|1\r", Charset())
    two = HL7V2.peek(HEADER + b"|||||8859/1\rNTE|1||" + b"\xf8\r", Charset())
    assert (one.sender.identifier, two.sender.identifier) == ("Sykehus Bø", "Sykehus BÃ¸")
