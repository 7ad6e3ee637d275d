"""The judge on a channel of KITH-XML: its standard, its schemas, its gates, and whether a receipt may be owed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.channels.build import plans_of
from engine.channels.files import SCHEMAS
from engine.channels.judge import judge, peek
from engine.channels.lint import sound_site
from engine.channels.revision import Plan, Receipting
from engine.channels.verdict import Verdict
from engine.delivery import Policy
from engine.errors import ConfigError
from engine.message import AnswerKind, Received, Reception
from engine.plugins.builtin import full_registry

ROOT = Path(__file__).resolve().parents[2]
SITE = """\
version: 1
site: {{name: judge, environment: {environment}}}
systems:
  archive: {{type: file, path: var/archive}}
channels:
  dialog:
    source: {{type: http, listen: "127.0.0.1:0"}}
    standard: {standard}
    {more}
    destinations: {{archive: {{system: archive}}}}
"""


def plan(folder: Path, more: str = "", standard: str = "kith", environment: str = "test") -> Plan:
    text = SITE.format(more=more, standard=standard, environment=environment)
    (folder / "channels.yaml").write_text(text, "utf-8")
    return plans_of(sound_site(folder, {}), full_registry())["dialog"]


def sample(name: str) -> bytes:
    return (ROOT / "samples" / "kith" / f"{name}.xml").read_bytes()


JUDGES: dict[str, Callable[[Received, Plan], Verdict]] = {"validated": judge, "stored": peek}
BACK = Receipting("back", Policy())
GOOD = sample("std_dialog_1_1")
ODD_FORM = GOOD.replace(b"<GenDate>", b"<GenDate>x", 1)
"""Readable, not as its schema says."""


def judged(raw: bytes, made: Plan) -> Verdict:
    return judge(Received("0190-test", raw, 1_768_460_400_000_000, Reception("dialog")), made)


def reason(verdict: Verdict) -> tuple[str, str]:
    assert verdict.row is not None
    return verdict.row.state, verdict.row.reason


@pytest.mark.parametrize("name", ["std_dialog_1_0", "std_dialog_1_1", "std_epikrise_1_2", "dialog_notat"])
def test_a_good_message_is_delivered_as_it_came_where_no_mapping_is_wanted(tmp_path: Path, name: str) -> None:
    verdict = judged(sample(name), plan(tmp_path))
    assert reason(verdict) == ("routed", "")
    (delivery,) = verdict.deliveries
    assert (delivery.payload, delivery.content_type) == (sample(name), "application/xml")


def test_what_is_not_as_its_schema_says_is_refused_with_t02_unless_the_channel_weighs_it_otherwise(
    tmp_path: Path,
) -> None:
    verdict = judged(ODD_FORM, plan(tmp_path))
    assert reason(verdict) == ("invalid", "conformance: kith.schema_value MsgHead/MsgInfo/GenDate")
    assert (verdict.answer.kind, verdict.answer.issues[0].standard_code) == (AnswerKind.ERROR, "T02")
    for weight in ("note", "warning", "off"):
        assert reason(judged(ODD_FORM, plan(tmp_path, f"validate: {{conformance: {weight}}}"))) == ("routed", "")
    assert reason(judged(ODD_FORM, plan(tmp_path, "validate: {conformance: error}")))[0] == "invalid"


def test_the_rules_of_receipts_hold_whatever_the_channel_says_of_conformance(tmp_path: Path) -> None:
    raw = GOOD.replace(b"<FamilyName>", b"<X>").replace(b"</FamilyName>", b"</X>")
    raw = raw.replace(b"<GivenName>", b"<X>").replace(b"</GivenName>", b"</X>")
    verdict = judged(raw, plan(tmp_path, "validate: {conformance: off}"))
    assert verdict.answer.issues[0].standard_code == "E36"


def test_a_message_is_judged_in_any_thread_with_schemas_of_its_own(tmp_path: Path) -> None:
    made = plan(tmp_path)
    found: list[tuple[str, str]] = []
    threads = [threading.Thread(target=lambda: found.append(reason(judged(ODD_FORM, made)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [reason(judged(ODD_FORM, made))] * 4


def test_a_test_message_is_not_taken_in_production_and_the_place_is_one_of_kith(tmp_path: Path) -> None:
    raw = GOOD.replace(b"<MIGversion>", b'<ProcessingStatus V="D" DN="Debug"/><MIGversion>', 1)
    verdict = judged(raw, plan(tmp_path, "validate: {conformance: off}", environment="production"))
    assert reason(verdict) == ("invalid", "gate.processing MsgHead/MsgInfo/ProcessingStatus")
    assert verdict.answer.issues[0].standard_code == "X99"


def test_a_site_s_own_schema_is_used_and_changes_the_revision(tmp_path: Path) -> None:
    shipped = plan(tmp_path)
    own = tmp_path / "xsd" / "kith" / "dialog-1.1.xsd"
    own.parent.mkdir(parents=True)
    text = (SCHEMAS / "kith" / "dialog-1.1.xsd").read_text("utf-8")
    own.write_text(text, "utf-8")
    assert plan(tmp_path).revision == shipped.revision
    own.write_text(text.replace("</xs:schema>", "<!-- ours --></xs:schema>"), "utf-8")
    assert plan(tmp_path).revision != shipped.revision
    own.write_text("<schema/>", "utf-8")
    with pytest.raises(ConfigError) as raised:
        plan(tmp_path)
    assert [(one.code, one.file) for one in raised.value.findings] == [("E221", "xsd/kith/dialog-1.1.xsd")]


def test_a_channel_of_hl7v2_does_not_change_with_the_schemas(tmp_path: Path) -> None:
    before = plan(tmp_path, standard="hl7v2").revision
    own = tmp_path / "xsd" / "kith" / "dialog-1.1.xsd"
    own.parent.mkdir(parents=True)
    own.write_text("<schema/>", "utf-8")
    assert plan(tmp_path, standard="hl7v2").revision == before


def test_an_unknown_standard_is_told_before_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        plan(tmp_path, standard="kiht")
    assert [one.code for one in raised.value.findings] == ["E216"]


UNREADABLE = [
    pytest.param(b"MSH|^~\\&|", "kith.not_xml line 1", id="not XML"),
    pytest.param(b"<?xml version='1.0'?><!DOCTYPE MsgHead>" + GOOD.partition(b"?>")[2], "kith.doctype", id="DOCTYPE"),
    pytest.param(b"<Letter/>", "kith.root", id="no MsgHead"),
    pytest.param(GOOD.replace(b"MsgId>", b"NoId>"), "kith.required MsgHead/MsgInfo/MsgId", id="no id"),
]


@pytest.mark.parametrize("after", ["validated", "stored"])
@pytest.mark.parametrize(("raw", "why"), UNREADABLE)
def test_what_cannot_be_read_is_told_on_the_connection_and_by_no_receipt(
    tmp_path: Path, after: str, raw: bytes, why: str
) -> None:
    made = replace(plan(tmp_path), receipt=BACK)
    verdict = JUDGES[after](Received("0190-test", raw, 0, Reception("dialog")), made)
    state, said = reason(verdict)
    assert (state, said.partition(": ")[2] or said) == ("invalid", why)
    assert (verdict.answer.kind, verdict.answer.receipted) == (AnswerKind.REJECT, False)


def test_a_refusal_of_a_message_that_can_be_read_is_receipted_where_the_channel_sends_receipts(tmp_path: Path) -> None:
    made = plan(tmp_path)
    assert not judged(ODD_FORM, made).answer.receipted
    assert judged(ODD_FORM, replace(made, receipt=BACK)).answer.receipted
    assert not judged(GOOD, replace(made, receipt=BACK)).answer.receipted


def test_a_receipt_is_never_answered_by_a_receipt_and_a_sender_that_cannot_be_told_gets_none(tmp_path: Path) -> None:
    made = replace(plan(tmp_path), receipt=BACK)
    broken = sample("std_apprec_1_1").replace(b"<GenDate>", b"<GenDate>x", 1)
    start, end = GOOD.index(b"<Sender>"), GOOD.index(b"</Sender>")
    nameless = GOOD[:start] + b"<Sender>" + GOOD[end:]
    for raw in (broken, nameless):
        verdict = judged(raw, made)
        assert (reason(verdict)[0], verdict.answer.receipted) == ("invalid", False)


@pytest.mark.parametrize("after", ["validated", "stored"])
def test_a_message_that_is_not_let_in_is_receipted_whenever_the_sender_is_told(tmp_path: Path, after: str) -> None:
    raw = GOOD.replace(b"<MIGversion>", b'<ProcessingStatus V="D" DN="Debug"/><MIGversion>', 1)
    made = replace(plan(tmp_path, "validate: {conformance: off}", environment="production"), receipt=BACK)
    verdict = JUDGES[after](Received("0190-test", raw, 0, Reception("dialog")), made)
    assert verdict.answer.receipted


def test_a_fault_of_ours_is_never_receipted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = replace(plan(tmp_path), receipt=BACK)

    def broken(document: object) -> list[object]:
        raise KeyError("secret content")

    monkeypatch.setattr(type(made.standard), "order_keys", lambda self, document: broken(document))
    verdict = judged(GOOD, made)
    assert (reason(verdict)[0], verdict.answer.receipted) == ("quarantined", False)
