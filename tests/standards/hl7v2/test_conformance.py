"""Departures from the definition are notes with an exact place; none ever stops a message."""

from __future__ import annotations

import pytest

from engine.message import Issue, Severity
from engine.standards import Charset
from engine.standards.hl7v2.conformance import conformance
from engine.standards.hl7v2.er7 import read
from engine.standards.hl7v2.tables import nearest_version, structure_name

ADT = [
    "MSH|^~\\&|EPJ|KONTOR|JOURNAL|KOMMUNE|20240115103000||ADT^A01^ADT_A01|M1|P|2.5.1",
    "EVN||20240115103000",
    "PID|1||13815897247^^^&2.16.578.1.12.4.1.4.1&ISO^FNR~4711^^^HUS^MR||HANSEN^KARI||19581218|F",
    "NK1|1|HANSEN^OLA",
    "PV1|1|I|MED^101^1",
    "AL1|1|DA|PEN",
    "DG1|1||I10^Hypertensjon|||A",
]
ORU = [
    "MSH|^~\\&|LAB|HUS|JOURNAL|KOMMUNE|20240115103000||ORU^R01^ORU_R01|M2|P|2.5.1",
    "PID|1||4711^^^HUS^MR||HANSEN^KARI",
    "PV1|1|O",
    "ORC|RE",
    "OBR|1|4711|4712|CBC^Blood count^L|||20240115",
    "NTE|1||Fasting",
    "OBX|1|NM|718-7^Hb^LN||13.5|g/dL|||||F",
    "NTE|1||Checked",
    "OBX|2|TX|TXT^Text^L||free ^ text|||||" + "|F",
    "OBR|2|4711|4713|CRP^CRP^L",
    "OBX|1|NM|1988-5^CRP^LN||5|mg/L|||||F",
]


def issues_of(lines: list[str], end: str = "\r") -> list[Issue]:
    return list(conformance(read((end.join(lines) + end).encode(), Charset())))


def found(lines: list[str]) -> list[tuple[str, str]]:
    return [(issue.code, issue.place) for issue in issues_of(lines)]


def changed(lines: list[str], number: int, old: str, new: str) -> list[str]:
    assert old in lines[number]
    return [line.replace(old, new, 1) if at == number else line for at, line in enumerate(lines)]


@pytest.mark.parametrize("lines", [ADT, ORU], ids=["ADT", "ORU"])
def test_a_conforming_message_has_no_issues(lines: list[str]) -> None:
    assert issues_of(lines) == []


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            changed(ADT, 2, ADT[2].split("|")[3], ""), ("hl7.required", "PID[1]-3"), id="required field empty"
        ),
        pytest.param(changed(ADT, 2, "19581218", "19581318"), ("hl7.lexical", "PID[1]-7[1].1"), id="bad date"),
        pytest.param(changed(ADT, 2, "PID|1", "PID|A"), ("hl7.lexical", "PID[1]-1[1].1"), id="not a number"),
        pytest.param(changed(ADT, 2, "|19581218", "|19581218~19581219"), ("hl7.repetitions", "PID[1]-7"), id="repeats"),
        pytest.param(changed(ADT, 4, "PV1|1|I", "PV1|1|I^X"), ("hl7.components", "PV1[1]-2[1]"), id="components"),
        pytest.param([*ADT[:4], *ADT[5:]], ("hl7.sequence", "AL1[1]"), id="PV1 missing"),
        pytest.param([*ADT[:2], ADT[3], ADT[2], *ADT[4:]], ("hl7.sequence", "NK1[1]"), id="out of order"),
        pytest.param([*ADT, "XXX|1"], ("hl7.unknown_segment", "XXX[1]"), id="unknown segment"),
        pytest.param([*ADT[:3], ADT[2], *ADT[3:]], ("hl7.sequence", "PID[2]"), id="two PID"),
        pytest.param(ADT[:3], ("hl7.sequence", "PV1[1]"), id="ends too early"),
        pytest.param(changed(ORU, 6, "|F", "|Q"), ("hl7.table", "OBX[1]-11[1].1"), id="code not in its table"),
        pytest.param(
            changed(ADT, 1, "EVN|", "EVN|" + "|" * 20 + "x"), ("hl7.extra_field", "EVN[1]-22"), id="extra field"
        ),
        pytest.param(changed(ADT, 0, "|M1|", "||"), ("hl7.required", "MSH[1]-10"), id="header field empty"),
        pytest.param(changed(ADT, 0, "2.5.1", "2.9"), ("hl7.version", "MSH[1]-12"), id="unknown version"),
        pytest.param(
            changed(ADT, 0, "ADT^A01^ADT_A01", "XYZ^Q99"), ("hl7.structure_unknown", "MSH[1]-9"), id="unknown type"
        ),
    ],
)
def test_a_departure_is_found_at_its_place(lines: list[str], expected: tuple[str, str]) -> None:
    assert expected in found(lines)
    assert all(issue.severity is Severity.NOTE for issue in issues_of(lines))


def test_a_missing_segment_is_named() -> None:
    (issue,) = issues_of([*ADT[:4], *ADT[5:]])
    assert (issue.text, issue.standard_code) == ("PV1 is missing before it", "100")


def test_several_departures_are_all_found() -> None:
    lines = changed(changed(changed(ORU, 1, "PID|1", "PID|A"), 6, "|F", "|?"), 6, "OBX|1", "OBX|x^y")
    assert found(lines) == [
        ("hl7.lexical", "PID[1]-1[1].1"),
        ("hl7.components", "OBX[1]-1[1]"),
        ("hl7.lexical", "OBX[1]-1[1].1"),
        ("hl7.table", "OBX[1]-11[1].1"),
    ]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([*ADT[:3], "ZPI|1|x^y~z", *ADT[3:], "ZZZ"], id="Z segments anywhere"),
        pytest.param(changed(ADT, 2, "|19581218", '|""'), id="null date"),
        pytest.param([f"{line}||||||" for line in ADT], id="trailing separators"),
        pytest.param(changed(ADT, 0, "^ADT_A01", ""), id="structure derived"),
        pytest.param(
            changed(changed(ADT, 0, "A01^ADT_A01", "A08"), 1, "EVN", "EVN"), id="A08 shares the structure of A01"
        ),
        pytest.param(changed(ADT, 2, "HANSEN^KARI", "HANSEN^KARI^^^^^^"), id="trailing components"),
        pytest.param(changed(ORU, 6, "|NM|", "|CWE|"), id="value type of a later version"),
        pytest.param([line.replace("EVN", "evn") for line in ADT], id="lower case name"),
    ],
)
def test_what_the_standard_allows_is_no_departure(lines: list[str]) -> None:
    assert issues_of(lines) == []


def test_other_separators_are_checked_as_well() -> None:
    other = str.maketrans("|^~\\&", "#!@%*")
    assert issues_of([line.translate(other) for line in ADT]) == []
    broken = [line.translate(other) for line in changed(ADT, 2, "19581218", "19581318")]
    assert found(broken) == [("hl7.lexical", "PID[1]-7[1].1")]


@pytest.mark.parametrize(
    ("stated", "nearest"),
    [
        ("2.5.1", "2.5.1"),
        ("2.9", "2.8.2"),
        ("2.3.2", "2.3.1"),
        ("2.0", "2.1"),
        ("", "2.5.1"),
        ("3.0", "2.5.1"),
        ("x", "2.5.1"),
    ],
)
def test_an_unknown_version_is_checked_as_the_nearest(stated: str, nearest: str) -> None:
    assert nearest_version(stated) == nearest


@pytest.mark.parametrize("event", ["A02", "A03", "A04", "A08", "A11", "A13", "A28", "A31", "A40"])
@pytest.mark.parametrize("version", ["2.3", "2.4", "2.5.1", "2.8"])
def test_every_mapped_event_has_a_structure_in_every_version(version: str, event: str) -> None:
    assert structure_name(version, "ADT", event, "")


def test_importing_conformance_does_not_import_hl7apy() -> None:
    import subprocess
    import sys

    code = "import sys, engine.standards.hl7v2.standard; sys.exit('hl7apy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
