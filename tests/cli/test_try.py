"""The sandbox as a vendor meets it: what is right and wrong with a file, its answer, its receipt, its FHIR."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.channels.revision import Plan, Receipting, Target
from engine.cli import trying_structure, words
from engine.cli.main import app
from engine.cli.trying import try_message
from engine.cli.trying_answer import back
from engine.cli.trying_channel import chosen
from engine.cli.trying_sections import Section, Standing, section_of, sections_of
from engine.cli.trying_show import as_json, show
from engine.cli.trying_structure import structure_report
from engine.cli.trying_words import heading, phrase, standing
from engine.delivery import Policy
from engine.errors import EngineError
from engine.standards.hl7v2.standard import Hl7v2
from engine.standards.kith.standard import Kith

ROOT = Path(__file__).resolve().parents[2]
HL7 = ROOT / "samples" / "hl7v2"
KITH = ROOT / "samples" / "kith"
DIALOG = (KITH / "std_dialog_1_1.xml").read_bytes()


def tried(file: Path | str, *options: str) -> Result:
    path = HL7 / f"{file}.hl7" if isinstance(file, str) else file
    return CliRunner().invoke(app, ["try", str(path), "--site", str(ROOT), *options])


def documents(result: Result) -> list[dict]:  # type: ignore[type-arg]
    return json.loads(result.stdout)["messages"]  # type: ignore[no-any-return]


def plan_of(standard: Hl7v2 | Kith, name: str = "raw") -> Plan:
    """A channel that passes everything on as it came."""
    return Plan(name, "r", standard, {}, (Target("there", "there", Policy()),), b"k" * 32)


def as_shown(raw: bytes, plan: Plan, capsys: pytest.CaptureFixture[str], *, fhir: bool = False) -> str:
    show(try_message(raw, plan), 1, 1, fhir, "en")
    return capsys.readouterr().out


# ---- HL7 v2


def test_a_good_message_is_accepted_with_its_answer_and_a_summary_of_its_fhir() -> None:
    result = tried("adt_a01")
    assert result.exit_code == 0
    assert "hl7v2 ADT^A01 2.5.1, channel adt: would be accepted" in result.stdout
    assert "MSA|AA|TRO-ADT-000001" in result.stdout
    assert "Patient 1" in result.stdout and '"resourceType"' not in result.stdout


def test_the_whole_bundle_is_shown_where_it_is_asked_for() -> None:
    assert '"resourceType": "Bundle"' in tried("adt_a01", "--fhir").stdout


@pytest.mark.parametrize(
    ("file", "section", "code", "answer"),
    [
        ("bad/not_hl7", "well_formed", "hl7.no_header", "AR"),
        ("bad/feb30", "mapping", "map.invalid_value", "AE"),
        ("bad/missing_pid", "mapping", "map.required", "AE"),
    ],
)
def test_what_is_wrong_stands_under_its_question_with_code_place_and_answer(
    file: str, section: str, code: str, answer: str
) -> None:
    result = tried(file, "--json")
    (document,) = documents(result)
    assert (result.exit_code, document["accepted"]) == (1, False)
    found = document["sections"][section]
    assert (found["standing"], found["issues"][0]["code"]) == ("wrong", code)
    assert f"MSA|{answer}|" in document["answer"]["text"]


def test_a_rule_of_a_mapping_is_named_with_file_and_line() -> None:
    (issue,) = documents(tried("bad/feb30", "--json"))[0]["sections"]["mapping"]["issues"]
    file, _, line = issue["rule"].rpartition(":")
    assert (ROOT / file).is_file() and int(line) > 0


def test_questions_after_a_refusal_are_said_not_to_be_looked_at() -> None:
    sections = documents(tried("bad/not_hl7", "--json"))[0]["sections"]
    assert sections["mapping"]["standing"] == sections["schema"]["standing"] == "not_reached"
    assert sections["receipt_rules"]["standing"] == "not_asked"
    assert "not looked at: it was refused before" in tried("bad/not_hl7").stdout


def test_unread_content_and_departures_from_the_standard_are_listed() -> None:
    (document,) = documents(tried("adt_a01", "--json"))
    assert {issue["code"] for issue in document["sections"]["unread"]["issues"]} == {"map.unread"}
    assert document["sections"]["unread"]["standing"] == "remarks"


def test_a_code_that_is_in_no_table_stands_under_codes(tmp_path: Path) -> None:
    odd = tmp_path / "odd.hl7"
    raw = (HL7 / "adt_a28.hl7").read_bytes()
    sex = raw.index(b"|M|", raw.index(b"\rPID|"))
    odd.write_bytes(raw[:sex] + b"|Q|" + raw[sex + 3 :])
    (document,) = documents(tried(odd, "--json"))
    assert "PID[1]-8" in str([issue["place"] for issue in document["sections"]["codes"]["issues"]])


def test_each_message_of_a_batch_is_tried_and_the_trailer_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "batch.hl7"
    good, bad = (HL7 / "adt_a28.hl7").read_bytes(), (HL7 / "bad" / "feb30.hl7").read_bytes()
    file.write_bytes(b"BHS|^~\\&|A\r" + good + bad + b"BTS|3\r")
    result = tried(file, "--json", "--channel", "adt")
    assert [each["accepted"] for each in documents(result)] == [True, False]
    assert json.loads(result.stdout)["remarks"][0]["code"] == "hl7.batch_count"
    plain = tried(file, "--channel", "adt").stdout
    assert "Message 2 of 2" in plain and "The batch as a whole" in plain


def test_a_file_channel_says_where_the_file_would_go() -> None:
    (document,) = documents(tried("oru_r01_chemistry", "--json", "--channel", "dropped"))
    assert document["answer"] == {"status": 0, "text": "", "moved": "behandlet"}


@pytest.mark.parametrize(("file", "status"), [("adt_a28", 200), ("bad/not_hl7", 400)])
def test_an_http_channel_answers_with_its_status(file: str, status: int) -> None:
    plan = plan_of(Hl7v2())
    seen = try_message((HL7 / f"{file}.hl7").read_bytes(), plan)
    from engine.message import Received, Reception

    received = Received("m", (HL7 / f"{file}.hl7").read_bytes(), 0, Reception("raw"))
    returned = back(received, seen.verdict, plan, "http", ("", ""))
    assert returned.status == status and "MSA|" in returned.text


# ---- hl7apy's opinion


def test_hl7apy_tells_of_a_missing_segment() -> None:
    assert any(
        line.startswith("Error") and "PID" in line
        for line in structure_report((HL7 / "bad" / "missing_pid.hl7").read_bytes())
    )


@pytest.mark.parametrize("raw", [b"", b"MSH", b"\x00\xff" * 50, b"MSH|^~\\&|" * 500, b"<xml/>"])
def test_whatever_it_is_given_hl7apy_gives_lines_and_never_a_traceback(raw: bytes) -> None:
    lines = structure_report(raw)
    assert lines and not any("Traceback" in line for line in lines)


def test_hl7apy_gets_so_much_time_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = time.monotonic()
    (line,) = structure_report((HL7 / "adt_a01.hl7").read_bytes(), 0.001)
    assert "stopped" in line and time.monotonic() - begun < 5
    monkeypatch.setattr(trying_structure, "LARGEST", 10)
    assert "larger" in structure_report(b"MSH" * 10)[0]


# ---- KITH, in a channel that passes it on


def test_a_kith_message_is_recognised_and_its_receipt_is_shown_as_xml(capsys: pytest.CaptureFixture[str]) -> None:
    shown = as_shown(DIALOG, plan_of(Kith()), capsys)
    assert "would be accepted" in shown and "kith DIALOG" in shown
    assert "5. Mapping to FHIR: does not apply here" in shown
    assert "<AppRec" in shown and '\n  <Status V="1"' in shown
    assert f"What would be sent to there: {len(DIALOG)} bytes" in shown


def test_a_kith_message_without_patient_is_refused_by_a_rule_and_the_receipt_says_so() -> None:
    start, end = DIALOG.index(b"<Patient>"), DIALOG.index(b"</Patient>") + len(b"</Patient>")
    document = as_json(try_message(DIALOG[:start] + DIALOG[end:], plan_of(Kith())))
    rules = document["sections"]["receipt_rules"]  # type: ignore[index]
    assert (document["accepted"], rules["standing"], rules["issues"][0]["standard_code"]) == (False, "wrong", "E36")
    assert 'Status V="2"' in str(document["receipt"]) and 'V="E36"' in str(document["receipt"])


def test_whether_the_channel_sends_the_receipt_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "if this channel sent receipts" in as_shown(DIALOG, plan_of(Kith()), capsys)
    owing = replace(plan_of(Kith()), receipt=Receipting("back", Policy()))
    assert "that would be owed" in as_shown(DIALOG, owing, capsys)
    assert as_json(try_message(DIALOG, owing))["receipt_owed"] is True


def test_xml_that_breaks_off_is_not_well_formed_and_owes_no_receipt() -> None:
    document = as_json(try_message(DIALOG[:-40], plan_of(Kith())))
    assert document["sections"]["well_formed"]["standing"] == "wrong"  # type: ignore[index]
    assert document["receipt"] == ""


SITE = """\
version: 1
site: {name: kith}
systems:
  there: {type: file, path: out, suffix: .xml}
channels:
  dialog:
    source: {type: http, listen: "127.0.0.1:0", path: /kith}
    standard: kith
    destinations: {there: {system: there}}
"""


def tried_as_kith(folder: Path, raw: bytes, *options: str) -> Result:
    (folder / "channels.yaml").write_text(SITE, "utf-8")
    (folder / "message.xml").write_bytes(raw)
    return CliRunner().invoke(app, ["try", str(folder / "message.xml"), "--site", str(folder), *options])


def test_a_kith_channel_of_a_site_accepts_over_http_and_shows_the_receipt(tmp_path: Path) -> None:
    result = tried_as_kith(tmp_path, DIALOG)
    assert result.exit_code == 0
    assert "The answer it would get: HTTP 202" in result.stdout and "<AppRec" in result.stdout


def test_departures_from_a_schema_are_told_with_path_line_and_what_was_expected(tmp_path: Path) -> None:
    wrong = DIALOG.replace(b"<Sender>", b"<Sende>", 1).replace(b"</Sender>", b"</Sende>", 1)
    (document,) = documents(tried_as_kith(tmp_path, wrong, "--json"))
    schema = document["sections"]["schema"]
    assert schema["standing"] == "wrong"
    (issue,) = schema["issues"]
    line = wrong[: wrong.index(b"<Sende>")].count(b"\n") + 1
    assert (issue["place"], issue["standard_code"]) == ("MsgHead/MsgInfo/Sende", "T02")
    assert "Sender" in issue["text"] and f"(line {line})" in issue["text"]
    assert document["receipt"] == ""
    assert "none: its sender cannot be read" in tried_as_kith(tmp_path, wrong).stdout


def test_a_schema_that_is_not_met_gives_a_negative_receipt(tmp_path: Path) -> None:
    wrong = DIALOG.replace(b"<GenDate>2026", b"<GenDate>yesterday 2026", 1)
    result = tried_as_kith(tmp_path, wrong, "--json")
    assert result.exit_code == 1
    receipt = documents(result)[0]["receipt"]
    assert 'Status V="2"' in receipt and 'V="T02"' in receipt and "yesterday" not in receipt


# ---- which channel


PLANS = {"adt": plan_of(Hl7v2(), "adt"), "kith": plan_of(Kith(), "kith")}


@pytest.mark.parametrize(
    ("raw", "channel"),
    [
        ((HL7 / "adt_a01.hl7").read_bytes(), "adt"),
        (DIALOG, "kith"),
        (b"\xef\xbb\xbf <MsgHead", "kith"),
        (b"no message", "adt"),
    ],
    ids=["hl7v2", "kith", "broken xml", "nothing at all"],
)
def test_the_channel_is_found_by_what_the_file_is(raw: bytes, channel: str) -> None:
    assert chosen(PLANS, "", raw).name == channel


def test_where_no_channel_takes_it_those_there_are_are_told_with_what_they_take() -> None:
    result = tried("bad/unknown_type")
    assert isinstance(result.exception, EngineError) and result.exception.code == "try.no_channel"
    assert "of type ADT^Q99" in str(result.exception) and "adt (hl7v2: ADT^A01" in str(result.exception)
    assert tried("bad/unknown_type", "--channel", "adt").exit_code == 1
    with pytest.raises(EngineError, match="no channel takes a message; there are: adt"):
        chosen({"adt": PLANS["adt"]}, "", DIALOG)


def test_a_channel_that_is_not_there_is_told_with_those_that_are() -> None:
    result = tried("adt_a01", "--channel", "ad")
    assert isinstance(result.exception, EngineError) and "there are: adt" in str(result.exception)


@pytest.mark.parametrize("name", ["absent.hl7", "empty.hl7", "folder"])
def test_a_file_that_is_none_is_wrong_use(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.hl7").touch()
    (tmp_path / "folder").mkdir()
    assert tried(tmp_path / name).exit_code == 2


# ---- words


def test_headings_are_norwegian_where_it_is_asked_for() -> None:
    shown = tried("bad/feb30", "--language", "nb").stdout
    assert "ville blitt AVVIST" in shown and "5. Mapping til FHIR: FEIL (1)" in shown and "\nfeil\t" in shown


def test_every_word_stands_in_both_languages() -> None:
    for one in Section:
        assert heading(one, "en") != heading(one, "nb")
    for word in Standing:
        assert standing(word, "en") != standing(word, "nb")
    with pytest.raises(KeyError):
        phrase("no such word", "en")


def test_on_a_terminal_the_words_stand_there_too_and_brackets_of_places_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(words, "terminal", lambda: True)
    shown = tried("bad/feb30").stdout
    assert "error" in shown and "PID[1]-7" in shown and "WRONG" in shown


def test_every_issue_of_a_verdict_stands_in_exactly_one_section() -> None:
    for file in sorted(HL7.glob("**/*.hl7")):
        seen = try_message(file.read_bytes(), plan_of(Hl7v2()))
        assert seen.verdict.row is not None
        told = [issue for found in sections_of(seen.verdict, True, True) for issue in found.issues]
        assert sorted(map(str, told)) == sorted(map(str, seen.verdict.row.issues))
    assert section_of("a.code.of.a.plugin") is Section.MAPPING


def test_nothing_is_left_behind_by_trying(tmp_path: Path) -> None:
    text = (ROOT / "channels.yaml").read_text("utf-8")
    (tmp_path / "channels.yaml").write_text(text, "utf-8")
    for folder in ("mappings", "tables"):
        if (ROOT / folder).is_dir():
            (tmp_path / folder).symlink_to(ROOT / folder)
    before = sorted(path.name for path in tmp_path.iterdir())
    assert CliRunner().invoke(app, ["try", str(HL7 / "adt_a01.hl7"), "--site", str(tmp_path)]).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == before
