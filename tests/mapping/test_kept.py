"""What a mapping keeps between messages, and what it makes once in a message: never seen in what comes out."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from engine.mapping import Context
from engine.mapping.shelf import LoadedMapping, load_mapping
from engine.mapping.values import Kept
from engine.standards import Charset
from engine.standards.hl7v2.envelope import envelope_of
from engine.standards.hl7v2.er7 import read
from tests.mapping.conftest import Build, RunOn

ROOT = Path(__file__).resolve().parents[2]
RESULTS = """
groups:
  person: {starts: [PID]}
  order: {in: person, starts: [OBR]}
  result: {in: order, starts: [OBX], takes: [OBX]}
tables:
  status: {map: {F: final, C: corrected}, unmapped: warn}
  flag: {system: "urn:flag", map: {H: high, L: low}, unmapped: warn}
types:
  CX:
    $target: Identifier
    system: namespace()
    value: .1
  CWE:
    $target: CodeableConcept
    coding:
      - {code: .1, display: .2, system: namespace(.3)}
    text: .2
  XON:
    $target: Organization
    identifier: {system: namespace(), value: .3}
    name: .1
entries:
  - {key: patient, resource: Patient, for_each: person, identity: PID-3 as CX, write: own, body: {active: = true}}
  - key: laboratory
    resource: Organization
    for_each: result
    when: OBX-23
    identity: OBX-23 as XON.identifier
    write: mention
    body: {$value: OBX-23 as XON, alias: OBX-24}
  - key: obs
    resource: Observation
    for_each: result
    identity: derived(->patient, OBX-3.1, repeat())
    write: own
    body:
      status: {$value: OBX-11 | table status, $default: unknown}
      code: {$value: OBX-3 as CWE, $required: true}
      interpretation:
        - $for_each: OBX-8[*]
          coding: [.1 | coding flag]
          text: .2
      subject: {$value: ->patient, $required: true}
      encounter: {display: OBR-2.2, identifier: {value: OBR-2}}
      issued: OBR-22 | instant
      valueString: OBX-5
"""
PID = "PID|1||4711"
OBR = "OBR|1|V1^Visitt||||||||||||||||||||20260101100000+0100"


def obx(number: int, code: str, flag: str = "", laboratory: str = "", value: str = "1") -> str:
    return f"OBX|{number}|ST|{code}||{value}|||{flag}|||F||||||||||||{laboratory}"


def kept(mapping: LoadedMapping, front: str = "M_portion") -> dict[str, Kept]:
    """What a mapping has kept, for all separators it has met."""
    found: dict[str, Kept] = {}
    for number, run in enumerate(mapping.program.bound.values()):
        scope: dict[str, Any] = run.__globals__  # type: ignore[attr-defined]
        named = ((name, value) for name, value in scope.items() if isinstance(value, Kept))
        found |= {f"{number} {name}": value for name, value in named if name.startswith(front)}
    return found


def observations(mapped: Any) -> list[dict[str, Any]]:
    return [entry.resource for entry in mapped.entries if entry.key == "obs"]


def test_elements_that_codes_settle_are_made_once_and_come_out_the_same(build: Build, run_on: RunOn) -> None:
    mapping = build(RESULTS)
    first, second = (
        observations(run_on(mapping, PID, OBR, obx(1, "K^Kalium^L", "H^Hoy", value=value)))[0] for value in "12"
    )
    assert first["code"] == {
        "coding": [{"code": "K", "display": "Kalium", "system": "urn:x-budstikke:UNN:L"}],
        "text": "Kalium",
    }
    assert first["interpretation"] == [{"coding": [{"system": "urn:flag", "code": "high"}], "text": "Hoy"}]
    assert second["interpretation"] is first["interpretation"]
    assert [first["valueString"], second["valueString"]] == ["1", "2"]
    assert list(first) == [
        "resourceType", "code", "interpretation", "subject", "encounter", "issued", "valueString", "status",
    ]  # fmt: skip


def test_two_senders_do_not_share_what_they_name_by_themselves(build: Build, run_on: RunOn) -> None:
    mapping = build(RESULTS)
    systems = [
        observations(run_on(mapping, PID, OBR, obx(1, "K^Kalium^L"), namespace=namespace))[0]["code"]["coding"][0]
        for namespace in ("urn:a", "urn:b", "urn:a")
    ]
    assert [coding["system"] for coding in systems] == ["urn:a:L", "urn:b:L", "urn:a:L"]


def test_a_code_without_a_rule_is_told_in_every_message(build: Build, run_on: RunOn) -> None:
    mapping = build(RESULTS)
    told = [run_on(mapping, PID, OBR, obx(1, "K^Kalium^L", "?")).issues for _ in range(3)]
    assert [[issue.place for issue in issues] for issues in told] == [["OBX[1]-8.1"]] * 3
    assert all("?" not in str(list(one)) for one in kept(mapping).values())


def test_a_table_of_the_site_is_seen_when_it_comes_and_when_it_goes(build: Build, run_on: RunOn) -> None:
    mapping = build(RESULTS)
    message = (PID, OBR, obx(1, "K^Kalium^L", "H"))
    unknown = (PID, OBR, obx(1, "K^Kalium^L", "X"))
    tables: dict[str, dict[str, str]] = {"flag": {"X": "extreme"}}

    def flags(segments: tuple[str, ...], **context: Any) -> list[str]:
        found = observations(run_on(mapping, *segments, **context))[0].get("interpretation", ())
        return [coding["code"] for one in found for coding in one["coding"]]

    assert flags(message) == ["high"]
    assert flags(unknown) == []
    assert flags(unknown, tables=tables) == ["extreme"]
    assert flags(unknown, tables={"flag": {"X": "other"}}) == ["other"]
    assert flags(unknown) == []
    assert flags(message, tables=tables) == ["high"]


def test_what_is_kept_is_bounded(build: Build, run_on: RunOn) -> None:
    mapping = build(RESULTS)
    for start in range(0, 3000, 100):
        results = [obx(number + 1, f"K{start + number}^Kalium^L", "H") for number in range(100)]
        assert len(observations(run_on(mapping, PID, OBR, *results))) == 100
    assert all(0 < len(one) <= 2048 for one in kept(mapping).values())


def test_an_escape_is_not_kept_for_another_character_set(build: Build, run_on: RunOn) -> None:
    mapping = build(RESULTS)
    run_on(mapping, PID, OBR, obx(1, "K^Kalium \\T\\ natrium^L", "H"))
    assert all("\\" not in str(list(one)) for one in kept(mapping).values())


def test_what_is_kept_stays_as_it_was_when_a_resource_is_stated_twice(build: Build, run_on: RunOn) -> None:
    mapping = build(RESULTS.replace(", repeat()", ""))
    run_on(mapping, PID, OBR, obx(1, "K^Kalium^L", "H"), obx(2, "K^Natrium^L", "L"))
    before = {name: copy.deepcopy(dict(one)) for name, one in kept(mapping).items()}
    twice = run_on(mapping, PID, OBR, obx(1, "K^Kalium^L", "H"), obx(2, "K^Natrium^L", "L"))
    assert len(observations(twice)[0]["interpretation"]) == 2
    assert any(before.values())
    assert {name: dict(one) for name, one in kept(mapping).items()} == before


def test_what_an_order_says_is_said_of_its_own_results_only(run_on: RunOn) -> None:
    other = OBR.replace("V1^Visitt", "V2^Annen").replace("20260101", "20260102")
    second = "PID|2||4712"
    mapped = run_on(
        RESULTS, PID, OBR, obx(1, "A"), obx(2, "B"), other, obx(1, "C"), second, "OBR|1", obx(1, "A"), obx(2, "B")
    )
    made = observations(mapped)
    assert [one.get("encounter", {}).get("display") for one in made] == ["Visitt", "Visitt", "Annen", None, None]
    assert [one.get("issued", "")[:10] for one in made] == ["2026-01-01"] * 2 + ["2026-01-02"] + [""] * 2
    patients = [link.entry for link in mapped.links]
    assert [mapped.entries[number].identity.value for number in patients] == ["4711", "4712"]
    assert [one["subject"] is made[0]["subject"] for one in made] == [True, True, True, False, False]


def test_a_fault_of_an_order_is_told_once_and_before_what_comes_after_it(run_on: RunOn) -> None:
    mapped = run_on(RESULTS, PID, "OBR|1|" + "|" * 20 + "20261301", obx(1, "A", "?"), obx(2, "B", "?"))
    assert [issue.place for issue in mapped.issues] == ["OBX[1]-8.1", "OBR[1]-22", "OBX[2]-8.1"]


def test_a_laboratory_named_by_every_result_is_one_and_what_differs_is_told(run_on: RunOn) -> None:
    same = [obx(number, f"A{number}", laboratory="Lab^L^1|Kjelleren") for number in (1, 2, 3)]
    other = obx(4, "A4", laboratory="Lab^L^1|Loftet")
    nameless = [obx(number, f"A{number}", laboratory="Lab") for number in (5, 6)]
    mapped = run_on(RESULTS, PID, OBR, *same, other, *nameless, same[0])
    found = [entry.resource for entry in mapped.entries if entry.key == "laboratory"]
    assert [(one["name"], one["alias"]) for one in found] == [("Lab", ["Kjelleren", "Loftet"])]
    assert [(issue.code, issue.place) for issue in mapped.issues] == [
        ("map.unidentified", "OBX[5]-23"),
        ("map.unidentified", "OBX[6]-23"),
    ]


def test_the_name_of_staff_is_kept_as_text_and_that_of_a_patient_is_not(build: Build, run_on: RunOn) -> None:
    mapping = build("""
    types:
      CX: {$target: Identifier, value: .1}
      XCN: {$target: Practitioner, identifier: {value: .1}}
      display: {$value: "join(' ', .3, .2)"}
    entries:
      - key: doctor
        resource: Practitioner
        for_each: PV1-7
        identity: . as XCN.identifier
        write: mention
        body: . as XCN
      - key: patient
        resource: Patient
        identity: PID-3 as CX
        write: own
        body:
          name:
            - {text: PID-5 as display}
          generalPractitioner:
            - {display: PV1-7 as display}
    """)
    segments = ("PID|1||4711||x^Moen^Siv", "PV1|1||||||9^Berg^Ola")
    made = [run_on(mapping, *segments).entries[1].resource for _ in range(2)]
    assert made[0]["name"] == [{"text": "Siv Moen"}]
    assert made[1] == made[0] | {"generalPractitioner": [{"display": "Ola Berg"}]}
    assert "Ola Berg" in str(kept(mapping, "M_"))
    assert "Moen" not in str(kept(mapping, "M_"))


@pytest.mark.parametrize(
    ("kind", "found"), [("ED", 1), (" ED", 1), ("ED^x", 1), ("ED~NM", 1), ("\\T\\ED", 0), ("NM", 0), ("", 0)]
)
def test_a_segment_chosen_by_its_text_is_found_however_that_is_written(run_on: RunOn, kind: str, found: int) -> None:
    text = """
    types:
      CX: {$target: Identifier, value: .1}
    entries:
      - key: patient
        resource: Patient
        identity: PID-3 as CX
        write: own
        body:
          identifier: PID-3 as CX
          name:
            - $for_each: "OBX[.2 = 'ED']"
              text: OBX-5
    """
    mapped = run_on(text, PID, "OBX|1|NM|A||0", f"OBX|2|{kind}|A||1", "OBX|3")
    assert mapped.entries[0].resource.get("name", []) == [{"text": "1"}] * found


OF_PERSONS = ("PID", "PD1", "NK1", "MRG", "NTE")
OF_PATIENTS = {
    "OBX": (5, 16, 21, 25), "OBR": (2, 3, 10, 16, 32, 34, 53), "ORC": (2, 3, 4, 12), "SPM": (2, 3, 30, 31, 32),
    "PV1": (5, 7, 8, 9, 17, 19, 50, 52), "PV2": (13,), "DG1": (16,),
}  # fmt: skip
"""Names, numbers and findings beside the segments that are all about persons."""


def marked(raw: bytes) -> bytes:
    """A message in which all that is of a person, a number of one, or found in one, is a mark."""
    lines: list[str] = []
    for line in raw.decode("utf-8", "replace").replace("\n", "\r").split("\r"):
        fields = line.split("|")
        numbers = range(1, len(fields)) if fields[0] in OF_PERSONS else OF_PATIENTS.get(fields[0], ())
        for number in numbers:
            if number < len(fields) and fields[number]:
                parts = fields[number].split("^")
                fields[number] = "^".join(f"mark{fields[0]}x{number}x{place}" for place in range(len(parts)))
        lines.append("|".join(fields))
    return "\r".join(lines).encode()


@pytest.mark.parametrize("path", sorted((ROOT / "samples" / "hl7v2").glob("*.hl7")), ids=lambda path: path.stem)
def test_nothing_of_a_person_or_a_finding_is_kept_with_the_codes(path: Path) -> None:
    mapping = load_mapping(
        "hl7v2/oru" if path.name.startswith("oru") else "hl7v2/adt",
        lambda id: (ROOT / "mappings" / f"{id}.yaml").read_text(encoding="utf-8"),
    )
    document = read(marked(path.read_bytes()), Charset())
    made = mapping.run(document, Context(envelope_of(document), 1_767_268_800_000_000, namespace="urn:x"))
    assert "mark" in str([entry.resource for entry in made.entries])
    found = [pair for one in kept(mapping).values() for pair in one.items()]
    assert found or not any(name in document.named for name in ("OBX", "PV2", "AL1"))
    assert "mark" not in str(found)
