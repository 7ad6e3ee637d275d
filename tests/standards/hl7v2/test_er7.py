"""The ER7 reader: what a real sender may do to a message, and what must still be read. MAPPING 3."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import EngineError, InvalidMessage
from engine.standards import Charset
from engine.standards.hl7v2.er7 import Er7Document, Separators, read

HEADER = "MSH|^~\\&|EPJ|LEGEKONTOR|JOURNAL|KOMMUNE|20240115103000||ADT^A01^ADT_A01|M1|P|2.5.1"
PID = "PID|1||13815897247^^^&2.16.578.1.12.4.1.4.1&ISO^FNR~4711^^^HUS^MR||HANSEN^KARI"


def reading(*lines: str, end: str = "\r", codec: str = "utf-8", charset: Charset | None = None) -> Er7Document:
    return read((end.join(lines) + end).encode(codec), charset or Charset())


def codes(document: Er7Document) -> list[str]:
    return [issue.code for issue in document.issues]


def test_segments_are_indexed_by_name_number_and_position() -> None:
    document = reading(HEADER, PID, "OBX|1", "NTE|1", "OBX|2")

    assert [(s.name, s.number, s.position) for s in document.segments] == [
        ("MSH", 1, 0),
        ("PID", 1, 1),
        ("OBX", 1, 2),
        ("NTE", 1, 3),
        ("OBX", 2, 4),
    ]
    assert [s.fields[1] for s in document.named["OBX"]] == ["1", "2"]
    assert document.issues == []


def test_field_numbers_are_those_of_the_standard_also_in_the_header() -> None:
    document = reading(HEADER, PID)

    header = document.segments[0].fields
    assert header[:4] == ["MSH", "|", "^~\\&", "EPJ"]
    assert header[9] == "ADT^A01^ADT_A01"
    assert document.segments[1].fields[5] == "HANSEN^KARI"


def test_fields_keep_repetitions_components_and_null_as_written() -> None:
    document = reading(HEADER, 'PID|1||1^a&b~2^c||""|X^""')

    assert document.segments[1].fields == ["PID", "1", "", "1^a&b~2^c", "", '""', 'X^""']


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("MSH#!@%*#EPJ", Separators("#", "!", "@", "%", "*", ""), id="all other"),
        pytest.param("MSH|^~\\&#|EPJ", Separators("|", "^", "~", "\\", "&", "#"), id="truncation character of 2.7"),
        pytest.param("MSH|^~\\|EPJ", Separators("|", "^", "~", "\\", "", ""), id="three: no sub-components"),
        pytest.param("MSH|^~|EPJ", Separators("|", "^", "~", "", "", ""), id="two: no escape either"),
        pytest.param("MSH|^~\\&", Separators("|", "^", "~", "\\", "&", ""), id="header ends after them"),
    ],
)
def test_separators_are_taken_from_each_message(line: str, expected: Separators) -> None:
    assert reading(line).separators == expected


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("MSH|^^\\&|EPJ", id="the same twice"),
        pytest.param("MSH|A~\\&|EPJ", id="letter"),
        pytest.param("MSH|^~\\& |EPJ", id="blank"),
        pytest.param("MSHA^~\\&AEPJ", id="letter between fields"),
        pytest.param("MSH|^~\\&#%|EPJ", id="six"),
        pytest.param("MSH||EPJ", id="none"),
        pytest.param("MSH", id="nothing after the name"),
    ],
)
def test_separators_that_cannot_separate_are_rejected(line: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        reading(line)
    assert caught.value.reject


@pytest.mark.parametrize("codec", ["utf-8", "cp1252"])
def test_a_small_tilde_from_a_word_processor_is_repaired_and_told(codec: str) -> None:
    document = reading("MSH|^\u02dc\\&|EPJ", "PID|1||1\u02dc2~3", codec=codec)

    assert document.separators.repetition == "~"
    assert document.segments[1].fields[3] == "1~2~3"
    assert "hl7.small_tilde" in codes(document)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"], ids=["CR", "LF", "CRLF"])
def test_any_line_end_is_read_and_any_but_cr_is_noted(end: str) -> None:
    document = reading(HEADER, PID, "OBX|1|TX|||a", end=end)

    assert [s.name for s in document.segments] == ["MSH", "PID", "OBX"]
    assert document.segments[2].fields == ["OBX", "1", "TX", "", "", "a"]
    assert codes(document) == ([] if end == "\r" else ["hl7.line_end"])


def test_mixed_ends_blank_lines_and_a_missing_last_end_are_read() -> None:
    document = read(f"{HEADER}\r\n\r\n{PID}\nEVN|A01\r\r\nPV1|1".encode(), Charset())

    assert [s.name for s in document.segments] == ["MSH", "PID", "EVN", "PV1"]
    assert document.segments[3].fields == ["PV1", "1"]


def test_a_line_feed_in_pasted_text_stays_in_its_field_and_is_told() -> None:
    document = reading(HEADER, "OBX|1|TX|||first line\nsecond line\n\nfourth|F", "NTE|1")

    assert [s.name for s in document.segments] == ["MSH", "OBX", "NTE"]
    assert document.segments[1].fields[5:] == ["first line\nsecond line\n\nfourth", "F"]
    assert "hl7.broken_segment" in codes(document)


def test_a_pasted_line_of_three_capitals_is_text_and_an_empty_segment_is_a_segment() -> None:
    document = reading(HEADER, "OBX|1|TX|||Allergi?\nNEI", "EVN")

    assert [s.name for s in document.segments] == ["MSH", "OBX", "EVN"]
    assert document.segments[1].fields[5] == "Allergi?\nNEI"


def test_a_segment_broken_by_cr_is_joined() -> None:
    document = reading(HEADER, "NTE|1||one", "two words|L")

    assert document.segments[1].fields == ["NTE", "1", "", "one\ntwo words", "L"]


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(b"\xef\xbb\xbf", id="UTF-8 byte order mark"),
        pytest.param(b"\x0b", id="a second VT"),
        pytest.param(b"  \r\n\x00", id="blanks and NUL"),
    ],
)
def test_what_stands_before_the_header_is_skipped_and_noted(before: bytes) -> None:
    document = read(before + f"{HEADER}\rPID|1||||ÆØÅ\r".encode(), Charset())

    assert document.segments[1].fields[5] == "ÆØÅ"
    assert codes(document) in (["hl7.byte_order_mark"], ["hl7.leading_bytes"])


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_text_is_read_by_its_byte_order_mark(codec: str) -> None:
    document = read("\ufeff".encode(codec) + f"{HEADER}\rPID|1||||ÆØÅ\r".encode(codec), Charset())

    assert document.segments[1].fields[5] == "ÆØÅ"
    assert document.charset == codec


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="HTTP"),
        pytest.param(b"PID|1\rMSH|^~\\&|A\r", id="PID first"),
        pytest.param(b"<MsgHead/>", id="XML"),
    ],
)
def test_bytes_without_a_header_are_rejected(raw: bytes) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read(raw, Charset())
    assert (caught.value.code, caught.value.reject) == ("hl7.no_header", True)


def test_a_nul_inside_is_refused_and_padding_after_the_message_is_not() -> None:
    with pytest.raises(InvalidMessage) as caught:
        read(f"{HEADER}\rPID|1||\x00\r".encode(), Charset())
    assert caught.value.code == "hl7.nul"

    assert len(read(f"{HEADER}\rPID|1\r\x00\x00".encode(), Charset()).segments) == 2


def test_segment_names_in_lower_case_are_read_as_the_upper_ones() -> None:
    document = reading(HEADER, "pid|1||4711", "PID|2")

    assert [(s.name, s.number, s.fields[0]) for s in document.segments[1:]] == [("PID", 1, "PID"), ("PID", 2, "PID")]


def test_z_segments_unknown_and_repeated_ones_are_kept_in_order() -> None:
    document = reading(HEADER, "PD1|a", PID, "ZPI|1|x", "XYZ|1", "PV1|1", "PV1|2")

    assert [s.name for s in document.segments] == ["MSH", "PD1", "PID", "ZPI", "XYZ", "PV1", "PV1"]
    assert document.named["ZPI"][0].fields[2] == "x"


@pytest.mark.parametrize("version", ["", "2.3", "2.5.1^NOR", "2.9", "nonsense"])
def test_the_version_decides_nothing_about_reading(version: str) -> None:
    document = reading(f"MSH|^~\\&|||||||ADT^A01|1|P|{version}", PID, "PRT|1")

    assert [s.name for s in document.segments] == ["MSH", "PID", "PRT"]


@pytest.mark.parametrize(
    ("time_", "offset"),
    [
        ("20240115103000+0100", "+0100"),
        ("20240115103000.123-05", "-05"),
        ("20240115103000", ""),
        ("2024-01-15", ""),
        ("20240115103000+1", ""),
        ("", ""),
    ],
)
def test_the_offset_of_the_header_time_is_kept(time_: str, offset: str) -> None:
    assert reading(f"MSH|^~\\&|||||{time_}||ADT^A01").offset == offset


def test_sixty_four_megabytes_are_read_without_looking_at_them_twice() -> None:
    raw = f"{HEADER}\rOBX|1|ED|||^^^Base64^".encode() + b"QUJD" * (16 << 20) + b"\r"
    start = time.process_time()
    document = read(raw, Charset())
    seconds = time.process_time() - start

    assert len(document.segments[1].fields[5]) == (64 << 20) + len("^^^Base64^")
    assert seconds < 5


def test_a_flood_of_lines_or_fields_is_bounded() -> None:
    with pytest.raises(InvalidMessage) as caught:
        read(HEADER.encode() + b"\r" * 300_000, Charset())
    assert caught.value.code == "hl7.too_many_segments"

    flooded = reading(HEADER, "PID" + "|" * 100_000 + "x")
    assert len(flooded.segments[1].fields) < 1100
    assert flooded.segments[1].fields[-1].endswith("|x"), "what is not split is kept"


HEADS = st.sampled_from(
    [b"", b"MSH", b"MSH|^~\\&|", HEADER.encode() + b"\r", b"\xff\xfe", b"\xef\xbb\xbfMSH|", b"MSH#!@%*#"]
)


@given(HEADS, st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(head: bytes, tail: bytes) -> None:
    try:
        document = read(head + tail, Charset())
    except EngineError as error:
        assert isinstance(error, InvalidMessage)
        return
    for position, segment in enumerate(document.segments):
        assert segment.position == position
        assert segment.fields[0] == segment.name == segment.name.upper()
        assert document.named[segment.name][segment.number - 1] is segment


FIELD = st.text(st.characters(blacklist_characters="|\r\n\x00\u02dc", blacklist_categories=("Cs",)), max_size=30)


@given(st.lists(FIELD, max_size=8))
def test_field_text_comes_out_as_it_went_in(fields: list[str]) -> None:
    document = reading(HEADER, "|".join(["ZZZ", *fields]))

    assert document.segments[1].fields == ["ZZZ", *fields]
