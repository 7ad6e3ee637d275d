# ruff: noqa: E501 (one row of a table is one line)
"""Entries, identities, groups and references: who is made, how it is known again, who points to whom."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.mapping import Mapped
from engine.standards.fhir import Identity, Verb

TYPES = """
types:
  ID: {$target: Identifier, value: .1, system: ".4 | prefix 'urn:oid:'"}
  XCN: {$target: Practitioner, identifier: {value: .1, system: ".9 | prefix 'urn:oid:'"}, name: {family: .2}}
"""
PATIENT = """
  - {key: patient, resource: Patient, write: own, identity: ["PID-3[.5 = 'FNR'] as ID", PID-3 as ID], body: {gender: = unknown}}
"""
RESULTS = """
groups:
  order: {starts: [ORC, OBR], one_each: [OBR], holds: [NTE]}
  result: {in: order, starts: [OBX], takes: [OBX, NTE]}
"""
OBSERVATION = """
  - key: report
    resource: DiagnosticReport
    for_each: order
    identity: OBR-3 as ID
    write: own
    body:
      status: = final
      code: {text: = x}
      subject: ->patient
      result: all ->obs
      conclusion: "result / OBX[.2 = 'TX'] / OBX-5[*] | lines"
  - key: obs
    resource: Observation
    for_each: result
    when: OBX-3
    identity: derived(->report, OBX-3.1, OBX-4)
    write: own
    body:
      status: = final
      code: {text: OBR-4 else OBX-3, $required: true}
      partOf: []
      derivedFrom: all ->obs
      note: [{$for_each: NTE, text: NTE-3}]
"""


def referred(mapped: Mapped) -> Mapped:
    """References as keys with numbers."""
    counts: dict[str, int] = {}
    for number, entry in enumerate(mapped.entries):
        counts[entry.key] = counts.get(entry.key, 0) + 1
        for link in mapped.links:
            if link.entry == number:
                link.slot["reference"] = f"{entry.key}{counts[entry.key]}"
    return mapped


def test_the_first_identity_with_a_value_counts(run_on: Callable[..., Mapped]) -> None:
    text = f"{TYPES}entries:{PATIENT}"
    national = run_on(text, "PID|1||7^^^9~13815897247^^^2^FNR").entries[0]
    assert national.identity == Identity("urn:oid:2", "13815897247")
    local = run_on(text, "PID|1||7^^^9").entries[0]
    assert (local.identity, local.verb) == (Identity("urn:oid:9", "7"), Verb.OWN)


def test_an_identifier_without_an_owner_is_the_senders(run_on: Callable[..., Mapped]) -> None:
    entry = run_on(f"{TYPES}entries:{PATIENT}", "PID|1||7", namespace="urn:x-budstikke:UNN").entries[0]
    assert entry.identity == Identity("urn:x-budstikke:UNN", "7")


def test_an_owned_entry_without_identity_refuses_and_a_mentioned_one_is_left_out(run_on: Callable[..., Mapped]) -> None:
    text = f"{TYPES}entries:{PATIENT}  - {{key: gp, resource: Practitioner, when: PD1-4, write: mention, identity: PD1-4 as XCN.identifier, body: PD1-4 as XCN}}"
    refused = run_on(text, "PID|1||")
    assert [(i.severity, i.code, i.place, i.standard_code) for i in refused.issues] == [
        ("error", "map.unidentified", "PID[1]-3", "101")
    ]
    left = run_on(text, "PID|1||7", "PD1||||^Lege")
    assert [entry.key for entry in left.entries] == ["patient"]
    assert [(i.severity, i.code) for i in left.issues] == [("note", "map.unidentified")]


def test_a_required_entry_without_instance_refuses(run_on: Callable[..., Mapped]) -> None:
    text = f"groups: {{person: {{starts: [PID]}}}}\n{TYPES}entries:\n  - {{key: p, resource: Patient, for_each: person, required: true, write: own, identity: PID-3 as ID, body: {{active: = true}}}}"
    (issue,) = run_on(text, "PV1|1").issues
    assert (issue.severity, issue.code, issue.place, issue.standard_code) == ("error", "map.required", "PID", "100")


def test_two_of_one_identity_are_one_entry(run_on: Callable[..., Mapped]) -> None:
    text = f"{TYPES}entries:\n  - {{key: a, resource: Practitioner, for_each: PV1-7, write: mention, identity: . as XCN.identifier, body: . as XCN}}\n"
    text += "  - {key: b, resource: Practitioner, for_each: PV1-8, write: own, identity: . as XCN.identifier, body: {active: = true}}"
    same = run_on(text, "PV1|1||||||1^Li~2^Ås|1^Li")
    assert [(e.key, e.verb, e.identity.value) for e in same.entries] == [("a", Verb.OWN, "1"), ("a", Verb.MENTION, "2")]
    assert same.entries[0].resource == {
        "resourceType": "Practitioner",
        "identifier": [{"value": "1"}],
        "name": [{"family": "Li"}],
        "active": True,
    }
    assert same.issues == []
    assert same.made == {"a", "b"}


def test_two_that_contradict_are_told(run_on: Callable[..., Mapped]) -> None:
    text = f"{TYPES}entries:\n  - {{key: o, resource: Observation, for_each: OBX, write: own, identity: OBX-3 as ID, body: {{status: = final, code: {{text: = x}}, valueString: OBX-5}}}}"
    told = run_on(text, "OBX|1|ST|A||one", "OBX|2|ST|A||two")
    assert [entry.resource["valueString"] for entry in told.entries] == ["one"]
    assert [(i.severity, i.code) for i in told.issues] == [("error", "map.contradiction")]
    milder = run_on("strict: {contradictions: warn}\n" + text, "OBX|1|ST|A||one", "OBX|2|ST|A||two")
    assert [i.severity for i in milder.issues] == ["warning"]


DERIVED = f"{TYPES}entries:{PATIENT}  - {{key: a, resource: AllergyIntolerance, for_each: AL1, write: own, identity: 'derived(->patient, AL1-3.1, AL1-4)', body: {{patient: {{$value: ->patient, $required: true}}}}}}"


def test_a_derived_identity_holds_the_parents_and_the_parts(run_on: Callable[..., Mapped]) -> None:
    entry = run_on(DERIVED, "PID|1||7^^^9", "AL1|1||NUT|SV").entries[1]
    assert entry.identity == Identity("", "Patient|urn:oid:9|7|NUT|SV", derived=True)


def test_parts_of_a_derived_identity_cannot_run_together(run_on: Callable[..., Mapped]) -> None:
    def value(segment: str) -> str:
        return run_on(DERIVED, "PID|1||7^^^9", segment).entries[1].identity.value

    assert len({value("AL1|1||A\\F\\B|C"), value("AL1|1||A|B\\F\\C"), value("AL1|1||A\\E\\pB|C")}) == 3


def test_a_derived_identity_needs_a_parent_and_a_part(run_on: Callable[..., Mapped]) -> None:
    assert [i.place for i in run_on(DERIVED, "PID|1||7", "AL1|1|").issues] == ["AL1[1]-3.1"]
    assert {i.code for i in run_on(DERIVED, "AL1|1||NUT").issues} >= {"map.unidentified"}


def test_the_same_derived_identity_met_again_can_be_numbered(run_on: Callable[..., Mapped]) -> None:
    text = DERIVED.replace("AL1-4)", "repeat())")
    values = [e.identity.value for e in run_on(text, "PID|1||7", "AL1|1||A", "AL1|2||B", "AL1|3||A").entries[1:]]
    assert values == [f"Patient|urn:x-budstikke:UNN|7|{part}" for part in ("A", "B", "A#2")]


GROUPINGS = [
    ("one order of ORC and OBR", ["ORC", "OBR", "OBX"], [("R1", 1)]),
    ("a second OBR opens the next order", ["OBR", "OBX", "OBR", "OBX", "OBX"], [("R1", 1), ("R2", 2)]),
    ("a second ORC opens the next order", ["ORC", "OBR", "OBX", "ORC", "OBR", "OBX"], [("R1", 1), ("R2", 1)]),
    ("an order without results", ["OBR", "OBR", "OBX"], [("R1", 0), ("R2", 1)]),
    ("results before any order are nobody's", ["OBX", "OBR", "OBX"], [("R1", 1)]),
    ("an unknown segment ends a result, not the order", ["OBR", "OBX", "ZXX", "OBX"], [("R1", 2)]),
]


@pytest.mark.parametrize(("names", "orders"), [row[1:] for row in GROUPINGS], ids=[row[0] for row in GROUPINGS])
def test_segments_group_by_anchors(
    run_on: Callable[..., Mapped], names: list[str], orders: list[tuple[str, int]]
) -> None:
    text = f"{TYPES}{RESULTS}entries:{PATIENT}{OBSERVATION}".replace("      partOf: []\n", "").replace(
        "      derivedFrom: all ->obs\n", ""
    )
    text = text.replace("code: {text: OBR-4 else OBX-3, $required: true}", "code: {text: = x}")
    count = {"OBR": 0, "OBX": 0}
    segments = []
    for name in names:
        count[name] = count.get(name, 0) + 1
        number = count[name]
        segments.append(
            {"OBR": f"OBR|{number}||R{number}", "OBX": f"OBX|{number}|TX|C{number}||t{number}"}.get(name, f"{name}|1")
        )
    mapped = referred(run_on(text, "PID|1||7", *segments))
    made = [(e.identity.value, len(e.resource.get("result", ()))) for e in mapped.entries if e.key == "report"]
    assert made == orders


def test_references_find_the_nearest_instance_and_notes_their_result(run_on: Callable[..., Mapped]) -> None:
    text = f"{TYPES}{RESULTS}entries:{PATIENT}{OBSERVATION}".replace("      partOf: []\n", "").replace(
        "      derivedFrom: all ->obs\n", ""
    )
    text = text.replace("code: {text: OBR-4 else OBX-3, $required: true}", "code: {text: = x}")
    segments = [
        "OBR|1||R1",
        "NTE|1||of the order",
        "OBX|1|TX|A||first",
        "NTE|1||of the result",
        "OBX|2|TX|B||second",
        "OBR|2||R2",
        "OBX|1|ST|A||third",
    ]
    mapped = referred(run_on(text, "PID|1||7", *segments))
    reports = [e.resource for e in mapped.entries if e.key == "report"]
    assert [[r["reference"] for r in report["result"]] for report in reports] == [["obs1", "obs2"], ["obs3"]]
    assert [report.get("conclusion") for report in reports] == ["first\nsecond", None]
    assert {report["subject"]["reference"] for report in reports} == {"patient1"}
    notes = [e.resource.get("note") for e in mapped.entries if e.key == "obs"]
    assert notes == [[{"text": "of the result"}], None, None]


def test_a_merge_pairs_each_patient_with_the_one_given_up(run_on: Callable[..., Mapped]) -> None:
    text = f"""{TYPES}
groups: {{pair: {{starts: [PID], takes: [PID, MRG]}}}}
entries:
  - {{key: kept, resource: Patient, for_each: pair, write: own, identity: PID-3 as ID, body: {{link: [{{other: ->retired, type: = replaces}}]}}}}
  - {{key: retired, resource: Patient, for_each: pair, when: MRG-1, write: own, identity: MRG-1 as ID, body: {{active: = false, link: [{{other: ->kept, type: = replaced-by}}]}}}}
"""
    mapped = referred(run_on(text, "PID|1||A", "MRG|B", "PID|2||C", "PID|3||D", "MRG|E"))
    links = {e.identity.value: [x["other"]["reference"] for x in e.resource.get("link", ())] for e in mapped.entries}
    assert links == {"A": ["retired1"], "B": ["kept1"], "C": [], "D": ["retired2"], "E": ["kept3"]}


def test_a_loop_over_a_field_points_to_its_own_instance(run_on: Callable[..., Mapped]) -> None:
    text = f"""{TYPES}
entries:{PATIENT}
  - {{key: doctor, resource: Practitioner, for_each: PV1-7, write: mention, identity: . as XCN.identifier, body: . as XCN}}
  - key: visit
    resource: Encounter
    identity: PV1-19 as ID
    write: own
    body:
      status: = finished
      class: {{code: = IMP}}
      participant: [{{$for_each: "PV1-7[*]", individual: {{reference: ->doctor, display: .2}}}}]
"""
    mapped = referred(run_on(text, "PID|1||7", "PV1|1||||||1^Li~^Ukjent~2^Ås||||||||||||V1"))
    visit = mapped.entries[-1].resource
    assert [p["individual"] for p in visit["participant"]] == [
        {"reference": "doctor1", "display": "Li"},
        {"display": "Ukjent"},
        {"reference": "doctor2", "display": "Ås"},
    ]


def test_circles_of_references_are_fine(run_on: Callable[..., Mapped]) -> None:
    text = f"{TYPES}entries:\n  - {{key: a, resource: Patient, write: own, identity: PID-3 as ID, body: {{link: [{{other: ->b, type: = seealso}}]}}}}\n  - {{key: b, resource: Patient, write: own, identity: PID-2 as ID, body: {{link: [{{other: ->a, type: = seealso}}]}}}}"
    mapped = referred(run_on(text, "PID|1|8|7"))
    assert [e.resource["link"][0]["other"]["reference"] for e in mapped.entries] == ["b1", "a1"]


def test_an_entry_of_the_file_stands_for_the_included_one_and_can_amend_it(
    build: Callable[..., object], run_on: Callable[..., Mapped]
) -> None:
    part = f"{TYPES}entries:\n  - {{key: p, resource: Patient, write: mention, identity: PID-3 as ID, body: {{active: = true, gender: = male}}}}"
    replaced = build(
        "include: [m/part]\nentries: [{key: p, resource: Patient, write: own, identity: PID-2 as ID, body: {active: = false}}]",
        part=part,
    )
    entry = run_on(replaced, "PID|1|8|7").entries[0]
    assert (entry.identity.value, entry.verb, entry.resource) == (
        "8",
        Verb.OWN,
        {"resourceType": "Patient", "active": False},
    )
    amended = build(
        "include: [m/part]\nentries: [{key: p, amends: true, write: own, body: {gender: = female}}]", part=part
    )
    entry = run_on(amended, "PID|1|8|7").entries[0]
    assert (entry.identity.value, entry.verb) == ("7", Verb.OWN)
    assert entry.resource == {"resourceType": "Patient", "active": True, "gender": "female"}


def test_tables_are_searched_file_then_includes_then_site(
    build: Callable[..., object], run_on: Callable[..., Mapped]
) -> None:
    one = "tables: {t: {map: {A: a-one, B: b-one}}}"
    two = "tables: {t: {map: {B: b-two, C: c-two}, unmapped: ignore}}"
    text = f"include: [m/one, m/two]\ntables: {{t: {{map: {{A: a-file}}}}}}\n{TYPES}entries: [{{key: p, resource: Patient, write: own, identity: PID-3 as ID, body: {{name: {{text: PID-8 | table t}}}}}}]"
    site = {"t": {"A": "a-site", "D": "d-site"}}
    compiled = build(text, site, one=one, two=two)
    found = {}
    for code in "ABCDE":
        names = run_on(compiled, f"PID|1||7|||||{code}").entries[0].resource.get("name", [{}])
        found[code] = names[0].get("text")
    assert found == {"A": "a-file", "B": "b-two", "C": "c-two", "D": "d-site", "E": None}
    late = run_on(compiled, "PID|1||7|||||E", tables={"t": {"E": "e-channel"}}).entries[0].resource["name"]
    assert late == [{"text": "e-channel"}]
