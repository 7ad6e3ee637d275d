"""The shape of a segment says which places are populated, whoever sent it, however it is written, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engine.standards import Charset
from engine.standards.hl7v2.er7 import SEPARATED_NAMES, Er7Document, Segment, read
from engine.standards.hl7v2.shapes import UNSHAPED

HEADER = "MSH|^~\\&|A|B|||20260101||ADT^A01|1|P|2.5.1"


def shape(line: str, header: str = HEADER) -> str:
    return read(f"{header}\r{line}\r".encode(), Charset()).shapes[1].decode()


def defined(document: Er7Document, segment: Segment) -> str:
    """The definition, written out: separators as they stand, `X` for whatever else is between two of them."""
    separators = document.separators
    fields = []
    for field in [segment.raw[:3], *segment.raw[4:].split(separators.field)] if len(segment.raw) > 3 else [segment.raw]:
        repetitions = []
        for repetition in field.split(separators.repetition) if separators.repetition else [field]:
            repetitions.append("^".join("X" if text else "" for text in repetition.split(separators.component)))
        fields.append("~".join(repetitions))
    return "|".join(fields)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("PID|1||7^^^U~8||Li", "X|X||X^^^X~X||X"),
        ("PID|||", "X|||"),
        ("PID", "X"),
        ('PID|""', "X|X"),
        ("PID|a&b^&", "X|X^X"),
        ("PID| ^\\T\\^x\\F\\", "X|X^X^X"),
        ("PID|Åse^Ødegård~\u4e2d\u6587", "X|X^X~X"),
    ],
)
def test_populated_places_are_what_is_left(line: str, expected: str) -> None:
    assert shape(line) == expected


def test_it_is_told_in_the_usual_separators() -> None:
    assert shape("PID#1##7$$$U!8##a^b|c~d", "MSH#$!@%#A#B###20260101##ADT$A01#1#P#2.5.1") == "X|X||X^^^X~X||X"


def test_without_a_repetition_separator_nothing_repeats() -> None:
    assert shape("PID|1||7^8~9", "MSH|^|A|B|||20260101||ADT^A01|1|P|2.5.1") == "X|X||X^X"


PARTS = st.sampled_from(["", "", "A", "a b", '""', "&", "^", "^^", "~", "Ø", "\u20ac", "\\S\\", "x" * 30, "\t", "9.5"])
LINES = st.lists(st.lists(PARTS, max_size=12).map(lambda parts: "|".join(parts)), max_size=6)
NAMES = st.sampled_from(["PID", "pid", "OBX", "ZPI", "BHS"])
HEADERS = st.sampled_from([HEADER, HEADER.translate(str.maketrans("|^~\\&", "#!@%*")), HEADER.replace("^~\\&", "^")])


@given(
    header=HEADERS,
    lines=LINES,
    names=st.lists(NAMES, min_size=6, max_size=6),
    end=st.sampled_from(["\r", "\n", "\r\n", "\r\r", "\r\nand so on\r\n"]),
    last=st.sampled_from(["", "\x00\x00", "\r", "\x1c\r"]),
    before=st.sampled_from(["", "\ufeff", "\x0b"]),
    codec=st.sampled_from(["utf-8", "cp1252", "shift_jis"]),
)
def test_every_segment_has_the_shape_of_its_definition(
    header: str, lines: list[str], names: list[str], end: str, last: str, before: str, codec: str
) -> None:
    assume(not (before and "\x00" in last))
    separator = header[3]
    rest = [f"{name}{separator}{line.replace('|', separator)}" for name, line in zip(names, lines, strict=False)]
    raw = (before + end.join([header, *rest]) + end + last).encode(codec, "ignore")
    document = read(raw, Charset(default=codec, fallback="cp1252"))
    assert [one.decode() for one in document.shapes] == [defined(document, one) for one in document.segments]


def test_bytes_of_a_letter_are_no_separators() -> None:
    """In Shift JIS the second byte of this letter is that of `|`."""
    raw = f"{HEADER}\rPID|\u30dd\r".encode("shift_jis")
    document = read(raw, Charset(default="shift_jis"))
    assert raw.endswith(b"|\r")
    assert document.shapes[1] == b"X|X"


@pytest.mark.parametrize("end", ["\r", ""])
def test_padding_after_a_message_is_no_part_of_it(end: str) -> None:
    document = read(f"{HEADER}\rPID|1|{end}\x00\x00".encode(), Charset())
    assert document.shapes[1:] == [b"X|X|"]


def test_a_repaired_tilde_is_a_separator() -> None:
    document = read((HEADER.replace("~", "\u02dc") + "\rPID|1\u02dc2\r").encode(), Charset())
    assert document.shapes[1] == b"X|X~X"


def test_a_file_in_a_long_message_is_not_read_for_its_shape() -> None:
    document = read(f"{HEADER}\rOBX|1|ED|x||{'QUJD' * 40_000}\rNTE|1\r".encode(), Charset())
    assert document.shapes[1:] == [UNSHAPED, b"X|X"]


def test_it_holds_nothing_of_what_was_sent() -> None:
    document = read(f"{HEADER}\rPID|1||4711^^^HUS||HANSEN^KARI||19581218|F\r".encode(), Charset())
    assert set(b"".join(document.shapes)) <= set(b"X|^~")
    assert SEPARATED_NAMES[0].encode() not in document.shapes[0]
