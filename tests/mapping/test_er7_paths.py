# ruff: noqa: E501 (one row of a table is one line)
"""What a path reads of an ER7 message: repetitions, components, null and empty, other separators, escapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.mapping import Mapped

HL7 = "MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5"
ODD = "MSH#!@%*#A#B#C#D#20260101##ADT!A01#1#P#2.5"
SHORT = "MSH|^~|A|B|C|D|20260101||ADT^A01|1|P|2.5"

READS = [
    ("no bracket is the first repetition", "PID-5.1", "PID|||7||Ås^K~Li^K", "Ås"),
    ("a number picks a repetition", "PID-5[2].1", "PID|||7||Ås^K~Li^K", "Li"),
    ("a number beyond the last is absent", "PID-5[3].1", "PID|||7||Ås^K~Li^K", None),
    ("a condition picks by content", "PID-5[.7 = 'L'].1", "PID|||7||Ås^K~Li^K^^^^^L", "Li"),
    ("a condition on a list of values", "PID-5[.7 in ('L','M')].1", "PID|||7||Ås^^^^^^D~Li^^^^^^M", "Li"),
    ("no repetition matches", "PID-5[.7 = 'X'].1", "PID|||7||Ås^K~Li^K", None),
    ("a component gives its first sub-component", "PID-5.1", "PID|||7||van der Ås&van der&Ås^K", "van der Ås"),
    ("a sub-component", "PID-5.1.3", "PID|||7||van der Ås&van der&Ås^K", "Ås"),
    ("the field's text is its first component", "PID-5", "PID|||7||Ås&x^K", "Ås"),
    ("null is absent", "PID-5.1", 'PID|||7||""^K', None),
    ("a null field is absent", "PID-5", 'PID|||7||""', None),
    ("null passes on to else", "PID-5.1 else PID-9.1", 'PID|||7||""||||Li', "Li"),
    ("empty passes on to else", "PID-5.1 else PID-9.1", "PID|||7||||||Li", "Li"),
    ("blanks around a value do not count", "PID-5.1", "PID|||7||  Ås  ^K", "Ås"),
    ("blanks alone are absent", "PID-5.1", "PID|||7||  ^K", None),
    ("an escaped separator is text", "PID-5.1", "PID|||7||A\\T\\B\\S\\C\\R\\D^K", "A&B^C~D"),
    ("what is no escape stays", "PID-5.1", "PID|||7||4\\5 re.^K", "4\\5 re."),
    ("control characters are left out", "PID-5.1", "PID|||7||A\\X07\\B^K", "AB"),
    ("a segment that is not there is absent", "PV1-3", "PID|||7", None),
    ("a field beyond the last is absent", "PID-30", "PID|||7", None),
    ("the field separator and the others of MSH", "MSH-1 else 'x'", "PID|||7", "|"),
    ("the header counts its own fields", "MSH-9.2", "PID|||7", "A01"),
]


def text_of(run_on: Callable[..., Mapped], path: str, *segments: str) -> str | None:
    rules = f"""
types: {{ID: {{$target: Identifier, value: .1}}}}
entries:
  - {{key: p, resource: Patient, write: own, identity: PID-3 as ID, body: {{name: {{text: "{path}"}}}}}}
"""
    resource = run_on(rules, *segments).entries[0].resource
    names = resource.get("name", [{}])
    return names[0].get("text")


@pytest.mark.parametrize(("path", "pid", "text"), [row[1:] for row in READS], ids=[row[0] for row in READS])
def test_a_path_reads(run_on: Callable[..., Mapped], path: str, pid: str, text: str | None) -> None:
    assert text_of(run_on, path, HL7, pid) == text


@pytest.mark.parametrize("path", ["PID-5.1", "PID-5.1.2", "PID-5[2].1", "PID-5[.2 = 'K'].1", "MSH-9.2"])
def test_other_separators_read_the_same(run_on: Callable[..., Mapped], path: str) -> None:
    usual = text_of(run_on, path, HL7, "PID|||7||Ås&van^A~Li^K")
    odd = text_of(run_on, path, ODD, "PID###7##Ås*van!A@Li!K")
    assert usual == odd is not None


def test_a_message_without_sub_components_reads(run_on: Callable[..., Mapped]) -> None:
    assert text_of(run_on, "PID-5.1", SHORT, "PID|||7||A&B^K") == "A&B"
    assert text_of(run_on, "PID-5.1.2", SHORT, "PID|||7||A&B^K") is None


@pytest.mark.parametrize(
    ("field", "holds"),
    [
        ("Ås", True),
        ("^K", True),
        ("&van^", True),
        ("~Li", True),
        ('""', False),
        ("^^", False),
        (" ", False),
        ("", False),
    ],
)
def test_a_bare_field_holds_when_anything_is_in_it(run_on: Callable[..., Mapped], field: str, holds: bool) -> None:
    rules = """
    types: {ID: {$target: Identifier, value: .1}}
    entries: [{key: p, resource: Patient, write: own, identity: PID-3 as ID, body: {active: {$when: PID-5, $value: = true}}}]
    """
    assert ("active" in run_on(rules, f"PID|||7||{field}").entries[0].resource) is holds


def test_all_repetitions_are_read_in_order(run_on: Callable[..., Mapped]) -> None:
    rules = """
    types: {ID: {$target: Identifier, value: .1}, XPN: {$target: HumanName, family: .1, given: [.2, .3 | words]}}
    entries:
      - {key: p, resource: Patient, write: own, identity: PID-3 as ID, body: {name: "PID-5[*] as XPN"}}
    """
    name = run_on(rules, "PID|||7||Ås^Kari^Anne Marie~~Li").entries[0].resource["name"]
    assert name == [{"family": "Ås", "given": ["Kari", "Anne", "Marie"]}, {"family": "Li"}]


def test_one_template_serves_a_field_and_a_component(run_on: Callable[..., Mapped]) -> None:
    rules = """
    types:
      HD: {$value: ".2 | prefix 'urn:oid:'"}
      ID: {$target: Identifier, value: .1, system: .4 as HD}
    entries:
      - {key: p, resource: Patient, write: own, identity: PID-3 as ID,
         body: {identifier: [PID-3 as ID, {value: = x, system: PID-21 as HD}]}}
    """
    made = run_on(rules, "PID|||7^^^N&1.2&ISO||||||||||||||||||N^3.4^ISO").entries[0].resource["identifier"]
    assert made == [{"value": "7", "system": "urn:oid:1.2"}, {"system": "urn:oid:3.4", "value": "x"}]


def test_a_field_of_many_repetitions_is_read_in_linear_time(run_on: Callable[..., Mapped]) -> None:
    rules: Any = """
    types: {ID: {$target: Identifier, value: .1}}
    entries: [{key: p, resource: Patient, write: own, identity: PID-3 as ID, body: {identifier: "PID-3[*] as ID"}}]
    """
    assert (
        len(run_on(rules, "PID|||" + "~".join(map(str, range(1, 20_001)))).entries[0].resource["identifier"]) == 20_000
    )
