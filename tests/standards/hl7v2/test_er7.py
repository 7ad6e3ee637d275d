"""The ER7 reader: what a real sender may do to a message, and what must still be read. MAPPING 3."""

from __future__ import annotations

import pytest

from engine.errors import InvalidMessage
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
