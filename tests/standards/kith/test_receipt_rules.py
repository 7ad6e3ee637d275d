"""What must be rejected with a negative receipt, and what must not (HITS 1168)."""

from __future__ import annotations

import time

import pytest
from kith_built import CHARSET, Edit, attribute, document, drop, edited, into, text

from engine.message import Severity
from engine.standards.kith.reader import read
from engine.standards.kith.receipt_rules import KnownHere, emergency_referral, receipt_findings

LAB = 'xmlns="http://www.kith.no/xmlstds/labsvar/2012-02-15"'
HEAD = 'xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24"'
ID, PATIENT, REPORT = "MsgInfo/MsgId", "MsgInfo/Patient", "ServReport/Patient"
NO_NUMBER = (drop(PATIENT + "/Ident"),)
NO_OFFICIAL = (drop(REPORT + "/OffId"), drop(REPORT + "/TypeOffId"))
HEAD_PATIENT, REPORT_PATIENT = "MsgHead/MsgInfo/Patient", "Message/ServReport/Patient"
NOT_URGENT = attribute("ServReq/ReqServ/Priority", "V", "N")


def kind(code: str) -> Edit:
    return attribute(PATIENT + "/Ident/TypeId", "V", code)


MUST: dict[str, tuple[str, tuple[Edit, ...], str, str]] = {
    "the message id is a number": ("std_dialog_1_0", (text(ID, "4711"),), "E10", "MsgHead/MsgInfo/MsgId"),
    "the message id lacks its hyphens": (
        "std_dialog_1_0", (text(ID, "5b1f6c1e0a524f0e9f413a1f0c6d1001"),), "E10", "MsgHead/MsgInfo/MsgId",
    ),
    "the message id has a letter too many": (
        "std_svarrapport_1_4", (text("MsgId", "5b1f6c1e-0a52-4f0e-9f41-3a1f0c6d10033"),), "E10", "Message/MsgId",
    ),
    "there is no patient": ("std_dialog_1_0", (drop(PATIENT),), "E36", "MsgHead/MsgInfo"),
    "the patient has no name": (
        "std_dialog_1_0", (drop(PATIENT + "/FamilyName"), drop(PATIENT + "/GivenName")), "E36", HEAD_PATIENT,
    ),
    "the patient has a blank name": ("std_svarrapport_1_4", (text(REPORT + "/Name", "  "),), "E36", REPORT_PATIENT),
    "no number, and no sex": ("std_dialog_1_0", (*NO_NUMBER, drop(PATIENT + "/Sex")), "E36", HEAD_PATIENT),
    "no number, and no birth date": (
        "std_dialog_1_0", (*NO_NUMBER, drop(PATIENT + "/DateOfBirth")), "E36", HEAD_PATIENT,
    ),
    "no number, and no name": (
        "std_dialog_1_0", (*NO_NUMBER, drop(PATIENT + "/FamilyName"), drop(PATIENT + "/GivenName")), "E36",
        HEAD_PATIENT,
    ),
    "a local help number is no national one": (
        "std_dialog_1_0", (kind("HNR"), drop(PATIENT + "/DateOfBirth")), "E36", HEAD_PATIENT,
    ),
    "the number of a lab patient is missing, and the sex": (
        "std_svarrapport_1_4", (*NO_OFFICIAL, drop(REPORT + "/Sex")), "E36", REPORT_PATIENT,
    ),
    "an answer about nothing and nobody": ("std_svarrapport_1_4", (drop(REPORT),), "E36", "Message/ServReport"),
    "a referral that is not urgent, of a patient without a name": (
        "std_henvisning_1_1", (NOT_URGENT, drop("ServReq/Patient/Name")), "E36", "Message/ServReq/Patient",
    ),
    "a spreadsheet in a dialogue between professionals": (
        "std_dialog_1_1", (text("Document/RefDoc/MimeType", "application/vnd.ms-excel"),), "T99",
        "MsgHead/Document[2]/RefDoc",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "edits", "code", "place"), MUST.values(), ids=MUST.keys())
def test_must_be_rejected(name: str, edits: tuple[Edit, ...], code: str, place: str) -> None:
    found = receipt_findings(document(name, *edits))
    assert [(one.severity, one.standard_code, one.place) for one in found] == [(Severity.ERROR, code, place)]


KNOWN = {
    "the signature does not hold": (KnownHere(signature="kith.signature"), "S01", "Message/Signature"),
    "the certificate is not valid": (KnownHere(signature="kith.certificate"), "S02", "Message/Signature"),
    "the certificate is revoked": (KnownHere(signature="kith.certificate_revoked"), "S03", "Message/Signature"),
    "another fault of signature": (KnownHere(signature="kith.signature_other"), "S99", "Message/Signature"),
    "the patient has no journal": (KnownHere(journal=False), "E35", REPORT_PATIENT),
    "the receiver is not ours": (KnownHere(receiver=False), "E21", "Message"),
}


@pytest.mark.parametrize(("known", "code", "place"), KNOWN.values(), ids=KNOWN.keys())
def test_is_rejected_for_what_only_the_receiver_knows(known: KnownHere, code: str, place: str) -> None:
    found = receipt_findings(document("std_svarrapport_1_4"), known)
    assert [(one.severity, one.standard_code, one.place) for one in found] == [(Severity.ERROR, code, place)]


MUST_NOT: dict[str, tuple[str, tuple[Edit, ...]]] = {
    "a message as it should be": ("std_dialog_1_0", ()),
    "a lab answer as it should be": ("std_svarrapport_1_4", ()),
    "a UUID in capitals": ("std_dialog_1_0", (text(ID, "5B1F6C1E-0A52-4F0E-9F41-3A1F0C6D1001"),)),
    "blanks around the message id": ("std_dialog_1_0", (text(ID, "\n 5b1f6c1e-0a52-4f0e-9f41-3a1f0c6d1001 "),)),
    "a D-number": ("std_dialog_1_0", (kind("DNR"), drop(PATIENT + "/Sex"))),
    "a common help number": ("std_dialog_1_0", (kind("FHN"), drop(PATIENT + "/Sex"))),
    "a kind of number in small letters": ("std_dialog_1_0", (kind("fnr"), drop(PATIENT + "/Sex"))),
    "a wrong code system for the kind of number": (
        "std_dialog_1_0", (attribute(PATIENT + "/Ident/TypeId", "S", "1.2.3"), drop(PATIENT + "/Sex")),
    ),
    "a wrong check digit": ("std_dialog_1_0", (text(PATIENT + "/Ident/Id", "14857140194"),)),
    "birth date and sex in place of a number": ("std_dialog_1_0", NO_NUMBER),
    "birth date and sex in a lab answer": ("std_svarrapport_1_4", NO_OFFICIAL),
    "a number alone, without birth date and sex": (
        "std_dialog_1_0", (drop(PATIENT + "/DateOfBirth"), drop(PATIENT + "/Sex")),
    ),
    "a family name alone": ("std_dialog_1_0", (drop(PATIENT + "/GivenName"),)),
    "a birth date that is none": ("std_dialog_1_0", (*NO_NUMBER, text(PATIENT + "/DateOfBirth", "19xx-xx-xx"))),
    "an unknown code for sex": ("std_dialog_1_0", (*NO_NUMBER, attribute(PATIENT + "/Sex", "V", "Q"))),
    "an unknown message type": ("std_dialog_1_0", (attribute("MsgInfo/Type", "V", "DIALOG_HELT_NY"),)),
    "an unknown code in the content": (
        "std_dialog_1_0", (attribute("Document/RefDoc/Content/Dialogmelding/Notat/TemaKodet", "V", "4711"),),
    ),
    "an unknown code for the kind of content": ("std_dialog_1_0", (attribute("Document/RefDoc/MsgType", "V", "X"),)),
    "no text in the note": (
        "std_dialog_1_0", (drop("Document/RefDoc/Content/Dialogmelding/Notat/TekstNotatInnhold"),),
    ),
    "an unknown unit and status in a lab answer": (
        "std_svarrapport_1_4",
        (
            attribute(REPORT + "/ResultItem/NumResult/NumResultValue", "U", "tønner"),
            attribute("ServReport/Status", "V", "Q"),
        ),
    ),
    "a sent time that is none": ("std_dialog_1_0", (text("MsgInfo/GenDate", "i går"),)),
    "no conversation": ("std_dialog_1_0", (drop("MsgInfo/ConversationRef"),)),
    "a picture in a dialogue between professionals": (
        "std_dialog_1_1", (text("Document/RefDoc/MimeType", "IMAGE/PJPEG"),),
    ),
    "an attachment without a type": ("std_dialog_1_1", (drop("Document/RefDoc/MimeType"),)),
    "a spreadsheet in a message whose rules allow any": (
        "std_dialog_1_1",
        (
            attribute("MsgInfo/Type", "V", "DIALOG_TIL_ARKIVERING"),
            text("Document/RefDoc/MimeType", "application/vnd.ms-excel"),
        ),
    ),
    "an answer about material": (
        "std_svarrapport_1_4", (drop(REPORT), into("ServReport", f"<Material {LAB}/>")),
    ),
    "an answer about an animal": ("std_svarrapport_1_4", (drop(REPORT), into("ServReport", f"<Animal {LAB}/>"))),
    "a test of the citizen's line, which concerns nobody": (
        "std_dialog_1_1", (attribute("MsgInfo/Type", "V", "DIALOG_INNBYGGER_TEST"), drop(PATIENT)),
    ),
    "a standard that is not known, of nobody": (
        "std_dialog_1_0",
        (
            drop(PATIENT),
            drop("Document"),
            into(".", f'<Document {HEAD}><RefDoc><Content><Ny xmlns="urn:x"/></Content></RefDoc></Document>'),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "edits"), MUST_NOT.values(), ids=MUST_NOT.keys())
def test_must_not_be_rejected(name: str, edits: tuple[Edit, ...]) -> None:
    assert receipt_findings(document(name, *edits)) == []


def test_a_hundred_thousand_unnamed_patients_are_told_of_by_a_few_in_bounded_time() -> None:
    reports = b"<PatientReport><Patient/></PatientReport>" * 100_000
    raw = edited("std_dialog_1_0").replace(b"</MsgHead>", reports + b"</MsgHead>")
    read_back = read(raw, CHARSET)
    start = time.process_time()
    assert 1 <= len(receipt_findings(read_back)) <= 20
    assert time.process_time() - start < 3


def test_an_emergency_referral_is_accepted_whatever_it_lacks_and_that_is_said() -> None:
    lacking = document("std_henvisning_1_1", drop("ServReq/Patient/Name"), text("MsgId", "4711"))
    assert emergency_referral(lacking)
    found = receipt_findings(lacking, KnownHere(signature="kith.signature"))
    assert [(one.standard_code, one.severity) for one in found] == [
        (code, Severity.WARNING) for code in ("E10", "E36", "S01")
    ]


def test_an_emergency_is_known_in_the_newer_referral_too_and_in_nothing_else() -> None:
    namespace = "http://ehelse.no/xmlstds/henvisning/2017-11-30"
    newer = f'<Henvisning xmlns="{namespace}"><ReqServ><Priority V="{{}}"/></ReqServ></Henvisning>'
    content = "Document/RefDoc/Content"
    for priority, urgent in (("0", True), ("3", False)):
        edits = (drop(content + "/Dialogmelding"), into(content, newer.format(priority)))
        assert emergency_referral(document("std_dialog_1_0", *edits)) is urgent
    assert not emergency_referral(document("std_epikrise_1_2"))


def test_a_journal_is_asked_for_by_answers_and_discharge_letters_alone() -> None:
    assert [one.standard_code for one in receipt_findings(document("std_epikrise_1_2"), KnownHere(journal=False))] == [
        "E35"
    ]
    assert receipt_findings(document("std_dialog_1_0"), KnownHere(journal=False)) == []
    assert receipt_findings(document("std_epikrise_1_2"), KnownHere(journal=True)) == []


@pytest.mark.parametrize("name", ["std_apprec_1_0", "std_apprec_1_1"])
def test_a_receipt_is_never_rejected(name: str) -> None:
    known = KnownHere("kith.signature", journal=False, receiver=False)
    assert receipt_findings(document(name, text("Id", "4711")), known) == []
