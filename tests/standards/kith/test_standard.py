"""KITH as channels and mappings see it: what the contract suite cannot say for every standard."""

from __future__ import annotations

from pathlib import Path

import pytest
from kith_built import CHARSET, NAMES, document, drop, edited, into, sample, text

from engine.errors import ConfigError
from engine.message import Answer, AnswerKind, ReceiptStatus, Severity
from engine.standards import Gate
from engine.standards.kith.standard import Kith

KITH = Kith()
XSD = Path(__file__).resolve().parents[3] / "xsd"
CHECKED = KITH.with_files(lambda name: (XSD / name).read_bytes())


def test_a_message_that_must_be_rejected_carries_its_errors_from_the_moment_it_is_read() -> None:
    read = KITH.decode(edited("std_dialog_1_0", text("MsgInfo/MsgId", "4711"), drop("MsgInfo/Patient")), CHARSET)
    assert [(one.severity, one.standard_code) for one in read.issues] == [
        (Severity.ERROR, "E10"),
        (Severity.ERROR, "E36"),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_our_own_samples_are_read_without_issues(name: str) -> None:
    read = KITH.decode(sample(name), CHARSET)
    assert [*read.issues, *CHECKED.conformance(read)] == []


def test_with_its_files_a_departure_from_the_schema_is_an_error_of_list_8221() -> None:
    read = KITH.decode(edited("std_dialog_1_0", text("MsgInfo/GenDate", "today")), CHARSET)
    assert KITH.conformance(read) == []
    assert [(one.severity, one.code, one.standard_code) for one in CHECKED.conformance(read)] == [
        (Severity.ERROR, "kith.schema_value", "T02")
    ]


def test_a_standard_that_is_not_known_is_told_by_that_alone() -> None:
    raw = sample("std_dialog_1_0").replace(b"/xmlstds/dialog/2006-10-11", b"/xmlstds/dialog/2001-01-01")
    read = KITH.decode(raw, CHARSET)
    assert [(one.code, one.standard_code) for one in CHECKED.conformance(read)] == [("kith.payload_unknown", "T10")]


def test_an_emergency_referral_is_taken_though_it_is_not_as_its_schema_says() -> None:
    namespace = "http://ehelse.no/xmlstds/henvisning/2017-11-30"
    referral = f'<Henvisning xmlns="{namespace}"><ReqServ><Priority V="{{}}"/></ReqServ></Henvisning>'
    content = "Document/RefDoc/Content"
    for priority, severity in (("0", Severity.WARNING), ("3", Severity.ERROR)):
        edits = (drop(content + "/Dialogmelding"), into(content, referral.format(priority)))
        read = KITH.decode(edited("std_dialog_1_0", *edits, text("MsgInfo/GenDate", "today")), CHARSET)
        assert [(one.severity, one.standard_code) for one in CHECKED.conformance(read)] == [(severity, "T02")]


def test_a_site_whose_schema_does_not_hold_is_told_before_a_message_comes() -> None:
    def broken(name: str) -> bytes:
        return b"<schema/>" if name == "kith/dialog-1.1.xsd" else (XSD / name).read_bytes()

    with pytest.raises(ConfigError) as raised:
        KITH.with_files(broken)
    assert [(one.code, one.file) for one in raised.value.findings] == [("E221", "xsd/kith/dialog-1.1.xsd")]


@pytest.mark.parametrize(
    ("gate", "name", "code", "place"),
    [
        (Gate.TYPE, "std_dialog_1_1", "T10", "MsgHead/MsgInfo/Type"),
        (Gate.TYPE, "std_epikrise_1_2", "T10", "Message/Type"),
        (Gate.TYPE, "std_apprec_1_1", "T10", "AppRec/MsgType"),
        (Gate.PROCESSING, "std_dialog_1_1", "X99", "MsgHead/MsgInfo/ProcessingStatus"),
        (Gate.PROCESSING, "std_epikrise_1_2", "X99", "Message/Status"),
        (Gate.SENDER, "std_dialog_1_1", "X99", "MsgHead/MsgInfo/Sender"),
        (Gate.SENDER, "std_epikrise_1_2", "X99", "Message"),
    ],
)
def test_what_a_channel_does_not_take_is_said_in_places_of_kith_and_codes_of_list_8221(
    gate: Gate, name: str, code: str, place: str
) -> None:
    issue = KITH.turned_away(gate, KITH.envelope(document(name)))
    assert (issue.severity, issue.code, issue.standard_code, issue.place) == (Severity.ERROR, gate.value, code, place)


@pytest.mark.parametrize("name", NAMES)
def test_kith_gives_no_answer_on_the_connection(name: str) -> None:
    assert KITH.acknowledge(sample(name), Answer(AnswerKind.ACCEPT), "1", 0) == b""


def test_a_receipt_owed_is_written_from_the_issues_of_the_message_itself() -> None:
    read = KITH.decode(edited("std_dialog_1_0", drop("MsgInfo/Patient")), CHARSET)
    raw = KITH.receipt_for(read, ReceiptStatus.REJECTED, read.issues, "0d9a3a52-8d4d-4f07-9a0c-0c5be5a30001", 0)
    assert raw is not None
    receipt = KITH.receipt_of(KITH.decode(raw, CHARSET))
    assert receipt is not None
    assert [one.code for one in receipt.errors] == ["E36"]


def test_documents_written_one_after_the_other_are_told_apart_and_no_byte_is_lost() -> None:
    parts = [
        sample("std_dialog_1_0"),
        b"\xef\xbb\xbf" + sample("std_apprec_1_0") + b"\r\n \n",
        sample("std_epikrise_1_2"),
    ]
    assert list(KITH.split(b"".join(parts))) == parts
    assert list(KITH.split(b"what?<?xml")) == [b"what?<?xml"]


def test_every_text_and_attribute_with_content_is_a_unit_with_a_place_of_its_own() -> None:
    places = [unit.place for unit in KITH.populated(document("std_dialog_1_0"))]
    assert len(places) == len(set(places))
    assert places[:4] == [
        "MsgHead/MsgInfo/Type/@V",
        "MsgHead/MsgInfo/Type/@DN",
        "MsgHead/MsgInfo/MIGversion",
        "MsgHead/MsgInfo/GenDate",
    ]
    assert "MsgHead/MsgInfo/Sender/Organisation/Ident[2]/TypeId/@V" in places
    assert "MsgHead/Document/RefDoc/Content/Dialogmelding/Notat/TekstNotatInnhold" in places


def test_a_unit_of_mixed_text_counts_once_and_a_schema_hint_not_at_all() -> None:
    hint = b'<MsgHead xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b" '
    raw = sample("std_dialog_1_0").replace(b"<MsgHead ", hint).replace(b"Dosen er", b"<br/>Dosen er")
    places = [unit.place for unit in KITH.populated(KITH.decode(raw, CHARSET))]
    assert sum(place.endswith("TekstNotatInnhold") for place in places) == 1
    assert not any("schemaLocation" in place for place in places)


def test_a_document_of_another_standard_is_our_own_mistake() -> None:
    class Other:
        issues = ()

    with pytest.raises(TypeError):
        KITH.envelope(Other())
