"""`budstikke map`: what a person sees, and what a script can rely on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli.map import app

ROOT = Path(__file__).resolve().parents[2]
ADT = str(ROOT / "samples" / "hl7v2" / "adt_a01.hl7")
DIALOG = str(ROOT / "samples" / "kith" / "dialog_foresporsel.xml")


def budstikke(*arguments: str, text: bytes | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=text)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mappings").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


MAPPING = """\
mapping: own
standard: hl7v2
match: [ADT^A28]
types: {ID: {$target: Identifier, value: .1}}
entries:
  - {key: p, resource: Patient, write: own, identity: PID-3 as ID, body: {birthDate: PID-7 | date}}
cases:
  - name: a birth date
    input: |
      MSH|^~\\&|A|B|C|D|20260101||ADT^A28|1|P|2.5
      PID|1||7||||19580113
    expect: {Patient: {birthDate: 1958-01-13}}
"""
MESSAGE = b"MSH|^~\\&|A|B|C|D|20260101||ADT^A28|1|P|2.5\rPID|1||7||||19580113|F\r"


def test_run_prints_a_bundle_and_exits_0() -> None:
    result = budstikke("run", ADT)
    assert result.exit_code == 0
    bundle = json.loads(result.stdout)
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "transaction")
    assert {"Patient", "Encounter", "Provenance"} <= {e["resource"]["resourceType"] for e in bundle["entry"]}


def test_run_of_a_refused_message_exits_1_with_issues_and_no_bundle(tmp_path: Path) -> None:
    bad = tmp_path / "bad.hl7"
    bad.write_bytes(b"MSH|^~\\&|A|B|C|D|20260101||ADT^A28|1|P|2.5\rPID|1||7||||20240230\r")
    result = budstikke("run", str(bad))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error map.invalid_value PID[1]-7" in result.stderr
    assert "20240230" not in result.stderr


def test_what_is_no_message_exits_1() -> None:
    result = budstikke("run", "-", text=b"hello")
    assert (result.exit_code, "hl7.no_header" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    "arguments", [["run", "no-such-file"], ["show", "hl7v2/none"], ["run", ADT, "--mapping", "none"], ["fly"]]
)
def test_wrong_use_exits_2(arguments: list[str]) -> None:
    assert budstikke(*arguments).exit_code == 2


def test_the_site_folder_comes_before_what_is_shipped(site: Path) -> None:
    (site / "mappings" / "own.yaml").write_text(MAPPING)
    result = budstikke("run", "-", "--mapping", "own", text=MESSAGE)
    patient = json.loads(result.stdout)["entry"][0]["resource"]
    assert patient["birthDate"] == "1958-01-13"
    assert "gender" not in patient


def test_explain_names_rule_and_place(site: Path) -> None:
    (site / "mappings" / "own.yaml").write_text(MAPPING)
    result = budstikke("explain", "-", "--mapping", "own", "--element", "Patient.birthDate", "--json", text=MESSAGE)
    assert json.loads(result.stdout) == [
        {
            "entry": "p",
            "path": "Patient.birthDate",
            "value": "1958-01-13",
            "rule": "mappings/own.yaml:6",
            "places": ["PID[1]-7"],
        }
    ]
    assert budstikke("explain", "-", "--mapping", "own", "--element", "Patient.name", text=MESSAGE).exit_code == 1


def test_unread_lists_places_and_exits_1_where_there_are_some(site: Path) -> None:
    (site / "mappings" / "own.yaml").write_text(MAPPING)
    result = budstikke("unread", "-", "--mapping", "own", text=MESSAGE)
    assert (result.exit_code, result.stdout.split()) == (1, ["PID[1]-8"])
    assert budstikke("unread", "-", "--mapping", "own", text=MESSAGE.replace(b"|F", b"")).exit_code == 0


def test_test_runs_cases_and_fails_with_the_line_of_a_fault(site: Path) -> None:
    (site / "mappings" / "own.yaml").write_text(MAPPING)
    good = budstikke("test", "own")
    assert (good.exit_code, good.stdout) == (0, "1 cases passed, 0 failed\n")
    (site / "mappings" / "own.yaml").write_text(MAPPING.replace("birthDate: 1958", "birthDate: 1959"))
    bad = budstikke("test", "own")
    assert bad.exit_code == 1
    assert "mappings/own.yaml:8 failed: a birth date" in bad.stdout
    assert "line 12: Patient.birthDate is '1958-01-13', '1959-01-13' expected" in bad.stdout
    assert json.loads(budstikke("test", "own", "--json").stdout)["failed"] == 1


def test_test_of_a_mapping_that_does_not_load_shows_its_findings(site: Path) -> None:
    (site / "mappings" / "own.yaml").write_text(MAPPING.replace("birthDate: PID-7", "brithDate: PID-7"))
    result = budstikke("test", "own")
    assert result.exit_code == 1
    assert "mappings/own.yaml:6:75 M401" in result.stderr
    assert "did you mean 'birthDate'?" in result.stderr


def test_show_tells_what_a_mapping_is_and_prints_its_source() -> None:
    facts = json.loads(budstikke("show", "hl7v2/adt", "--json").stdout)
    assert facts["standard"] == "hl7v2"
    assert "ADT^A01" in facts["types"]
    assert len(facts["revision"]) == 64
    source = budstikke("show", "hl7v2/adt", "--source").stdout
    compile(source, "adt", "exec")
    assert "def run(r):" in source


OWN_KITH = """\
mapping: own
standard: kith
match: [dialog/2006-10-11]
namespaces: {mh: "http://www.kith.no/xmlstds/msghead/2006-05-24"}
alias: {patient: mh:MsgInfo/mh:Patient}
ignore: {mh:MsgInfo/mh:Sender: known, mh:MsgInfo/mh:Receiver: known, mh:Document: not here, "@DN": shown}
types: {Ident: {$target: Identifier, value: xp(mh:Id)}}
entries:
  - key: p
    resource: Patient
    write: own
    identity: xp(patient/mh:Ident) as Ident
    body: {birthDate: xp(patient/mh:DateOfBirth) | date, name: [{family: xp(patient/mh:FamilyName)}]}
"""


def test_a_kith_message_is_mapped_by_the_mapping_that_takes_its_type() -> None:
    result = budstikke("run", DIALOG)
    assert result.exit_code == 0, result.stderr
    kinds = [entry["resource"]["resourceType"] for entry in json.loads(result.stdout)["entry"]]
    assert {"Communication", "Patient", "Organization", "Provenance"} <= set(kinds)
    receipt = budstikke("run", str(ROOT / "samples" / "kith" / "apprec_rejected.xml"))
    assert receipt.exit_code == 0, receipt.stderr
    assert "Communication" in receipt.stdout


@pytest.mark.parametrize(
    ("raw", "code"),
    [(b"<MsgHead", "kith.not_xml"), (b"<Letter/>", "kith.root"), (b"\xef\xbb\xbf\n <Letter/>", "kith.root")],
)
def test_what_looks_like_xml_is_told_as_xml(raw: bytes, code: str) -> None:
    result = budstikke("run", "-", text=raw)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"error {code} " in result.stderr


@pytest.mark.parametrize(
    ("element", "value", "places"),
    [
        ("Patient.name.family", "Sørbø", ["MsgHead/MsgInfo/Patient/FamilyName"]),
        ("Patient.gender", "female", ["MsgHead/MsgInfo/Patient/Sex/@V"]),
        ("Patient.birthDate", "1952-03-12", ["MsgHead/MsgInfo/Patient/DateOfBirth"]),
        ("Communication.sent", "2026-11-24T09:12:40+01:00", ["MsgHead/MsgInfo/GenDate"]),
        (
            "Communication.topic.coding.code",
            "4",
            ["MsgHead/Document/RefDoc/Content/Dialogmelding/Foresporsel/TypeForesp/@V"],
        ),
    ],
)
def test_explain_names_the_places_of_a_kith_message(element: str, value: str, places: list[str]) -> None:
    (found,) = json.loads(budstikke("explain", DIALOG, "--element", element, "--json").stdout)
    assert (found["value"], found["places"]) == (value, places)
    assert found["rule"].startswith("mappings/")


def test_unread_lists_the_places_of_a_kith_message(site: Path) -> None:
    assert budstikke("unread", DIALOG).exit_code == 0
    (site / "mappings" / "own.yaml").write_text(OWN_KITH)
    result = budstikke("unread", DIALOG, "--mapping", "own")
    assert result.exit_code == 1
    told = result.stdout.split()
    assert "MsgHead/MsgInfo/Patient/GivenName" in told
    assert "MsgHead/MsgInfo/Patient/Sex/@V" in told
    assert not [place for place in told if place.endswith("@DN") or "Sender" in place or "FamilyName" in place]


def test_the_cases_of_a_kith_mapping_are_run_and_its_source_is_shown() -> None:
    tested = json.loads(budstikke("test", "kith/apprec", "--json").stdout)
    assert (tested["failed"], tested["passed"] > 20) == (0, True)
    facts = json.loads(budstikke("show", "kith/dialogmelding", "--json").stdout)
    assert (facts["standard"], facts["types"]) == ("kith", ["dialog/2006-10-11", "dialog/2013-01-23"])
    assert {"message", "patient", "attachment"} <= set(facts["entries"])
    source = budstikke("show", "kith/dialogmelding", "--source").stdout
    compile(source, "dialogmelding", "exec")
    assert "def run(r):" in source


@pytest.mark.parametrize("command", ["run", "explain", "unread", "show", "test"])
def test_every_command_has_a_help_with_an_example(command: str) -> None:
    assert "Example: budstikke map" in budstikke(command, "--help").stdout
