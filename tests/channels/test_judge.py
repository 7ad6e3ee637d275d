"""The one pure judge: bytes and a plan in, a verdict out (decision 1), with the shipped mappings."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from engine.channels import judge as module
from engine.channels.build import plans_of
from engine.channels.identity import order_keys_of
from engine.channels.judge import judge
from engine.channels.lint import sound_site
from engine.channels.revision import Plan
from engine.channels.verdict import Verdict
from engine.message import AnswerKind, Issue, Received, Reception, Severity
from engine.plugins.builtin import full_registry

ROOT = Path(__file__).resolve().parents[2]
SITE = """\
version: 1
site: {{name: judge}}
systems:
  journal: {{type: fhir, url: "http://127.0.0.1:1"}}
  other: {{type: fhir, url: "http://127.0.0.1:2", writes: conditional}}
  archive: {{type: file, path: var/archive}}
channels:
  adt:
    source: {{type: mllp, listen: "127.0.0.1:0"}}
    mapping: [hl7v2/adt, hl7v2/oru]
    {more}
    destinations:
      journal: {{system: journal{when}}}
      other: {{system: other, required: false}}
      archive: {{system: archive, required: false}}
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("judge")


def plan(folder: Path, more: str = "", when: str = "") -> Plan:
    (folder / "channels.yaml").write_text(SITE.format(more=more, when=when), "utf-8")
    return plans_of(sound_site(folder, {}), full_registry())["adt"]


def sample(name: str) -> bytes:
    return (ROOT / "samples" / "hl7v2" / f"{name}.hl7").read_bytes()


def judged(raw: bytes, made: Plan) -> Verdict:
    return judge(Received("0190-test", raw, 1_768_460_400_000_000, Reception("adt")), made)


def codes(verdict: Verdict, severity: Severity) -> set[str]:
    assert verdict.row is not None
    return {issue.code for issue in verdict.row.issues if issue.severity is severity}


def test_one_message_becomes_a_delivery_to_each_destination_in_its_own_way(folder: Path) -> None:
    verdict = judged(sample("adt_a01"), plan(folder))
    assert verdict.row is not None
    assert verdict.row.state == "routed"
    journal, other, archive = verdict.deliveries
    methods = [{e["request"]["method"] for e in orjson.loads(d.payload)["entry"]} for d in (journal, other)]
    assert methods == [{"PUT"}, {"PUT", "POST"}]
    assert archive.payload == sample("adt_a01")
    assert (journal.identities, bool(other.identities)) == ((), True)
    assert journal.keys == other.keys == archive.keys
    assert len({delivery.reference for delivery in verdict.deliveries}) == 3


def test_judging_twice_gives_the_same_bytes(folder: Path) -> None:
    made = plan(folder)
    first, second = judged(sample("oru_r01_chemistry"), made), judged(sample("oru_r01_chemistry"), made)
    assert [d.payload for d in first.deliveries] == [d.payload for d in second.deliveries]
    assert first.identity == second.identity


def test_a_merge_has_the_keys_of_both_patients(folder: Path) -> None:
    made = plan(folder)
    merge = judged(sample("adt_a40"), made).deliveries[0].keys
    assert len(merge) >= 2


def test_a_message_without_any_patient_is_kept_in_order_with_its_sender(folder: Path) -> None:
    made = plan(folder, when=", when: \"MSH-9.2 = 'A08'\"")
    raw = sample("adt_a08")
    one = judged(raw, made).deliveries
    none = order_keys_of(*_read(raw.replace(b"\rPID|", b"\rZID|"), made))
    assert len(none) == 1
    assert none != one[0].keys


def _read(raw: bytes, made: Plan) -> tuple[object, object, Plan]:
    document = made.standard.decode(raw, made.charset)
    return document, made.standard.envelope(document), made


def test_what_no_rule_reads_is_told_as_a_note_or_louder_or_not_at_all(folder: Path) -> None:
    raw = sample("adt_a01") + b"ZZZ|1|local\r"
    assert "map.unread" in codes(judged(raw, plan(folder)), Severity.NOTE)
    assert "map.unread" in codes(judged(raw, plan(folder, "unread: warning")), Severity.WARNING)
    off = judged(raw, plan(folder, "unread: off"))
    assert "map.unread" not in codes(off, Severity.NOTE) | codes(off, Severity.WARNING)


def test_warnings_ride_with_the_positive_answer_and_notes_do_not(folder: Path) -> None:
    verdict = judged(sample("adt_a01") + b"ZZZ|1\r", plan(folder, "unread: warning"))
    assert verdict.answer.kind is AnswerKind.ACCEPT
    assert {issue.severity for issue in verdict.answer.issues} == {Severity.WARNING}
    assert judged(sample("adt_a01") + b"ZZZ|1\r", plan(folder)).answer.issues == ()


def test_departures_from_the_standard_refuse_only_where_the_channel_says_so(folder: Path) -> None:
    raw = sample("adt_a01").replace(b"PID|1|", b"PID|x|", 1)
    note = judged(raw, plan(folder))
    error = judged(raw, plan(folder, "validate: {conformance: error}"))
    assert note.answer.kind is AnswerKind.ACCEPT
    assert error.answer.kind is AnswerKind.ERROR
    assert error.row is not None
    assert error.row.reason.startswith("conformance: ")
    assert error.identity is None


def test_a_bundle_that_is_not_r4_is_never_stored_for_sending(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Issue(Severity.ERROR, "fhir.required", "it is missing", "Bundle.entry[0].resource.Patient.x")
    monkeypatch.setattr(module, "validate", lambda bundle: [wrong])
    verdict = judged(sample("adt_a01"), plan(folder))
    assert (verdict.deliveries, verdict.answer.kind) == ((), AnswerKind.ERROR)
    assert verdict.row is not None
    assert verdict.row.reason == "validate: fhir.required Bundle.entry[0].resource.Patient.x"


def test_a_fault_of_ours_keeps_the_message_for_a_person(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(bundle: object) -> list[Issue]:
        raise KeyError("secret content")

    monkeypatch.setattr(module, "validate", broken)
    verdict = judged(sample("adt_a01"), plan(folder))
    assert verdict.row is not None
    assert (verdict.row.state, verdict.row.reason) == ("quarantined", "fault.KeyError")
    assert verdict.answer.kind is AnswerKind.ERROR
    assert "secret" not in repr(verdict)


def test_when_chooses_destinations_and_first_match_takes_only_one(folder: Path) -> None:
    when = ", when: \"MSH-9.2 = 'A08'\""
    assert [d.destination for d in judged(sample("adt_a01"), plan(folder, "", when)).deliveries] == ["other", "archive"]
    assert len(judged(sample("adt_a08"), plan(folder, "", when)).deliveries) == 3
    first = plan(folder, "route: {mode: first_match, unmatched: quarantine}", when)
    assert [d.destination for d in judged(sample("adt_a08"), first).deliveries] == ["journal"]
    assert [d.destination for d in judged(sample("adt_a01"), first).deliveries] == ["other"]


def test_a_type_that_no_mapping_takes_is_rejected_with_its_place(folder: Path) -> None:
    verdict = judged(sample("bad/unknown_type"), plan(folder))
    assert verdict.answer.kind is AnswerKind.REJECT
    assert [(issue.code, issue.place, issue.standard_code) for issue in verdict.answer.issues] == [
        ("gate.type", "MSH[1]-9[1].2", "201")
    ]


def test_a_channel_may_refuse_with_one_code(folder: Path) -> None:
    assert judged(sample("bad/feb30"), plan(folder, "ack: {refused: AR}")).answer.kind is AnswerKind.REJECT
    assert judged(sample("bad/unknown_type"), plan(folder, "ack: {refused: AE}")).answer.kind is AnswerKind.ERROR


def test_the_original_goes_along_unless_the_channel_says_no(folder: Path) -> None:
    def types(made: Plan) -> set[str]:
        bundle = orjson.loads(judged(sample("adt_a28"), made).deliveries[0].payload)
        return {entry["resource"]["resourceType"] for entry in bundle["entry"]}

    assert "DocumentReference" in types(plan(folder))
    assert "DocumentReference" not in types(plan(folder, "keep_original: false"))
