"""AppRec 1.0 and 1.1, written by the rules of HITS 1168 and read back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kith_built import CHARSET, NAMES, Edit, attribute, document, drop, found, into, text
from kith_schemas import receipt_schemas
from lxml import etree

from engine.errors import InvalidMessage
from engine.message import Issue, Party, Receipt, ReceiptError, ReceiptStatus, Severity
from engine.standards.kith.apprec_read import receipt_of
from engine.standards.kith.apprec_write import moment, receipt_for
from engine.standards.kith.elements import code_of, text_of
from engine.standards.kith.reader import KithDocument, read
from engine.standards.kith.receipt_rules import receipt_findings
from engine.standards.kith.words import LIST_8221, WORDS, issue_of

LIST = "2.16.578.1.12.4.1.1.8221"
OWN_ID = "0d9a3a52-8d4d-4f07-9a0c-0c5be5a30001"
MICROS = 1_768_460_400_000_000
SCHEMAS = receipt_schemas()
ANSWERED = [name for name in NAMES if "apprec" not in name]


def written(
    source: KithDocument, status: ReceiptStatus = ReceiptStatus.OK, issues: tuple[Issue, ...] = (), receiver: int = 0
) -> KithDocument:
    """The receipt for `source`, valid by the national schema where it is at hand, as read back."""
    raw = receipt_for(source, status, issues, OWN_ID, MICROS, receiver)
    assert raw is not None
    assert raw.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
    back = read(raw, CHARSET)
    if SCHEMAS:
        SCHEMAS[back.namespace].assertValid(back.root)
    return back


def shown(element: etree._Element) -> list[str]:
    """Names in document order, each with its code or text."""
    return [
        " ".join(filter(None, (etree.QName(one).localname, one.get("V", ""), (one.text or "").strip())))
        for one in element.iter()
    ]


def identifiers(party: etree._Element) -> set[tuple[str, str]]:
    pairs = set()
    for one in party.iter():
        name = etree.QName(one).localname
        if name in ("Inst", "Dept", "HCPerson", "HCProf") and text_of(one, "Id"):
            pairs.add((code_of(one, "TypeId"), text_of(one, "Id")))
        if name == "AdditionalId":
            pairs.add((code_of(one, "Type"), text_of(one, "Id")))
    return pairs


@pytest.mark.skipif(not SCHEMAS, reason="the national schemas are not beside the repository")
def test_the_national_schemas_are_checked_against_here() -> None:
    assert len(SCHEMAS) == 2


VERSIONS = {
    "std_dialog_1_0": ("2004-11-21", "1.0 2004-11-21"),
    "std_dialog_1_1": ("2012-02-15", "v1.1 2012-02-15"),
    "std_svarrapport_1_4": ("2012-02-15", "v1.1 2012-02-15"),
    "std_epikrise_1_2": ("2012-02-15", "v1.1 2012-02-15"),
    "std_henvisning_1_1": ("2012-02-15", "v1.1 2012-02-15"),
}


@pytest.mark.parametrize("name", ANSWERED)
def test_the_version_is_the_one_that_the_message_standard_demands(name: str) -> None:
    receipt = written(document(name))
    date, guide = VERSIONS[name]
    assert receipt.namespace == f"http://www.kith.no/xmlstds/apprec/{date}"
    assert text_of(receipt.message, "MIGversion") == guide


def test_a_positive_receipt_has_its_own_id_and_time_and_quotes_the_original() -> None:
    receipt = written(document("std_dialog_1_0")).message
    assert (code_of(receipt, "MsgType"), text_of(receipt, "Id")) == ("APPREC", OWN_ID)
    assert text_of(receipt, "GenDate") == "2026-01-15T07:00:00Z"
    assert (code_of(receipt, "Status"), code_of(receipt, "Status", attribute="DN")) == ("1", "OK")
    assert text_of(receipt, "OriginalMsgId", "Id") == "5b1f6c1e-0a52-4f0e-9f41-3a1f0c6d1001"
    assert text_of(receipt, "OriginalMsgId", "IssueDate") == "2026-01-15T08:12:33.25+01:00"
    assert code_of(receipt, "OriginalMsgId", "MsgType") == "DIALOG_NOTAT"
    assert code_of(receipt, "OriginalMsgId", "MsgType", attribute="DN") == "Notat"
    assert not receipt.findall("{*}Error")


def test_addresses_are_mirrored_with_every_identifier_department_and_person() -> None:
    receipt = written(document("std_dialog_1_0")).message
    assert shown(found(receipt, "Sender")) == [
        "Sender",
        "HCP",
        "Inst",
        "Name Granvik kommune",
        "Id 8999201",
        "TypeId HER",
        "Dept",
        "Name Hjemmesykepleien Granvik",
        "Id 8999202",
        "TypeId HER",
        "AdditionalId",
        "Id 4219999",
        "Type RSH",
        "AdditionalId",
        "Id 310091022",
        "Type ENH",
    ]
    assert identifiers(found(receipt, "Receiver")) == {
        ("ENH", "310091014"), ("HER", "8999101"), ("HPR", "999999101"), ("HER", "8999102"),
    }  # fmt: skip
    assert text_of(receipt, "Receiver", "HCP", "Inst", "HCPerson", "Name") == "Torunn Sjø Øverås"
    assert text_of(receipt, "Receiver", "HCP", "Inst", "Id") == "310091014", "the first as written stays the first"


def test_family_b_is_mirrored_too_with_a_professional_alone_as_one() -> None:
    source = document("std_svarrapport_1_4")
    receipt = written(source, receiver=1).message
    assert identifiers(found(receipt, "Sender/HCP/HCProf")) == {("HPR", "999999102")}
    assert identifiers(found(receipt, "Receiver")) == {
        ("ENH", "310091030"), ("HER", "8999400"), ("HER", "8999401"), ("RSH", "4219998"),
    }  # fmt: skip


ROLES = [
    ("std_dialog_1_0", 0, "", ""),
    ("std_dialog_1_0", 1, "COP", ""),
    ("std_dialog_1_1", 0, "PRIM", "AVS"),
    ("std_svarrapport_1_4", 0, "PRIM", "AVS"),
    ("std_svarrapport_1_4", 1, "COP", "AVS"),
    ("std_henvisning_1_1", 0, "PRIM", "AVS"),
]


@pytest.mark.parametrize(("name", "receiver", "ours", "theirs"), ROLES, ids=[f"{row[0]} {row[1]}" for row in ROLES])
def test_each_receiver_answers_in_its_role(name: str, receiver: int, ours: str, theirs: str) -> None:
    receipt = written(document(name), receiver=receiver).message
    assert (code_of(receipt, "Sender", "Role"), code_of(receipt, "Receiver", "Role")) == (ours, theirs)


OLDER = [
    ("labsvar/2008-12-01", "std_svarrapport_1_4", "REQ", "SPR"),
    ("henvisning/2005-07-08", "std_henvisning_1_1", "SPR", "REQ"),
]


@pytest.mark.parametrize(("older", "name", "ours", "theirs"), OLDER, ids=["answer", "referral"])
def test_the_first_version_has_the_roles_of_requester_and_provider(
    older: str, name: str, ours: str, theirs: str
) -> None:
    newer = document(name)
    raw = newer.raw.replace(newer.namespace.encode(), f"http://www.kith.no/xmlstds/{older}".encode())
    receipt = written(read(raw, CHARSET)).message
    assert (code_of(receipt, "Sender", "Role"), code_of(receipt, "Receiver", "Role")) == (ours, theirs)


def errors_in(receipt: KithDocument) -> list[tuple[str, str, str, str]]:
    return [
        tuple(code_of(one, attribute=name) for name in ("S", "V", "DN", "OT"))  # type: ignore[misc]
        for one in receipt.message.findall("{*}Error")
    ]


def test_a_rejection_says_each_reason_once_in_norwegian_with_its_place() -> None:
    source = document("std_dialog_1_1", text("MsgInfo/MsgId", "4711"), drop("MsgInfo/Patient"))
    found_ = (*receipt_findings(source), issue_of("kith.charset", "line 1", Severity.WARNING))
    receipt = written(source, ReceiptStatus.REJECTED, (*found_, *found_))
    assert (code_of(receipt.message, "Status"), code_of(receipt.message, "Status", attribute="DN")) == ("2", "Avvist")
    assert errors_in(receipt) == [
        (LIST, "E10", LIST_8221["E10"], "Meldings-id er ikke en UUID (MsgHead/MsgInfo/MsgId)"),
        (LIST, "E36", LIST_8221["E36"], WORDS["kith.patient"][2] + " (MsgHead/MsgInfo)"),
    ]


def test_a_reason_of_another_standard_s_list_is_x99_with_its_text() -> None:
    issue = Issue(Severity.ERROR, "map.required", "it is missing", "Patient.name", "101")
    assert errors_in(written(document("std_dialog_1_0"), ReceiptStatus.REJECTED, (issue,))) == [
        (LIST, "X99", "Annen feil", "it is missing (Patient.name)")
    ]


def test_a_rejection_without_a_reason_still_has_one_error() -> None:
    assert errors_in(written(document("std_dialog_1_0"), ReceiptStatus.REJECTED)) == [(LIST, "X99", "Annen feil", "")]


def test_a_positive_receipt_has_no_error_whatever_was_found() -> None:
    issue = issue_of("kith.patient", "MsgHead/MsgInfo/Patient")
    assert errors_in(written(document("std_dialog_1_0"), ReceiptStatus.OK, (issue,))) == []


def test_a_thousand_reasons_make_a_receipt_of_readable_length() -> None:
    issues = tuple(issue_of("kith.schema_value", "x" * 1000 + str(n)) for n in range(1000))
    reasons = errors_in(written(document("std_dialog_1_0"), ReceiptStatus.REJECTED, issues))
    assert 1 <= len(reasons) <= 20 and all(len(one[3]) <= 250 for one in reasons)


NONE_OWED: dict[str, tuple[str, tuple[Edit, ...]]] = {
    "a receipt, version 1.0": ("std_apprec_1_0", ()),
    "a receipt, version 1.1": ("std_apprec_1_1", ()),
    "a sender without identifiers": (
        "std_dialog_1_0",
        (*(drop("MsgInfo/Sender/Organisation/Ident"),) * 2, drop("MsgInfo/Sender/Organisation/HealthcareProfessional")),
    ),
    "no sender": ("std_dialog_1_0", (drop("MsgInfo/Sender"),)),
    "no report to have a sender": ("std_svarrapport_1_4", (drop("ServReport"),)),
    "no message id": ("std_dialog_1_0", (drop("MsgInfo/MsgId"),)),
    "a standard that knows no receipt": (
        "std_dialog_1_0",
        (
            drop("Document/RefDoc/Content/Dialogmelding"),
            into(
                "Document/RefDoc/Content",
                '<SokRequest xmlns="http://www.kith.no/xmlstds/sysvak/sokrequest/2008-01-01"/>',
            ),
        ),
    ),
}


@pytest.mark.parametrize(("name", "edits"), NONE_OWED.values(), ids=NONE_OWED.keys())
def test_no_receipt_is_owed(name: str, edits: tuple[Edit, ...]) -> None:
    for status in ReceiptStatus:
        assert receipt_for(document(name, *edits), status, (), OWN_ID, MICROS, 0) is None


def test_a_receipt_of_a_version_that_is_not_known_gets_no_receipt_either() -> None:
    raw = document("std_apprec_1_1").raw.replace(b"apprec/2012-02-15", b"apprec/2030-01-01")
    assert receipt_for(read(raw, CHARSET), ReceiptStatus.REJECTED, (), OWN_ID, MICROS, 0) is None


def test_a_sender_without_identifiers_of_its_own_is_reached_by_its_person() -> None:
    source = document("std_dialog_1_0", *(drop("MsgInfo/Sender/Organisation/Ident"),) * 2)
    assert identifiers(found(written(source).message, "Receiver")) == {("HPR", "999999101"), ("HER", "8999102")}


def test_a_message_without_type_or_payload_can_still_be_rejected() -> None:
    source = document("std_dialog_1_0", drop("MsgInfo/Type"), drop("Document"))
    receipt = written(source, ReceiptStatus.REJECTED, (issue_of("kith.payload_missing", "MsgHead"),))
    assert [one[1] for one in errors_in(receipt)] == ["T02"]


MOMENTS = {
    "2026-01-15T08:12:33.25+01:00": "2026-01-15T08:12:33.25+01:00",
    "2026-01-15T08:12:33.5833859Z": "2026-01-15T08:12:33.5833859Z",
    " 2026-01-15T08:12:33 ": "2026-01-15T08:12:33",
    "2026-01-15T08:12": "2026-01-15T08:12:00",
    "2026-01-15": "2026-01-15T00:00:00",
    "2026-01-15+01:00": "2026-01-15T00:00:00+01:00",
    "2026-01": "2026-01-01T00:00:00",
    "2026": "2026-01-01T00:00:00",
    "08:12:33": "",
    "2026-02-30": "",
    "2026-1-5": "",
    "2026-01-15T25:00:00": "",
    "2026-01-15T08:12:33+15:00": "",
    "0000-01-01": "",
    "２０２６-01-15": "",
    "i går": "",
    "": "",
}


@pytest.mark.parametrize(("stated", "expected"), MOMENTS.items(), ids=repr)
def test_the_time_of_the_original_is_quoted_as_the_schema_wants_it(stated: str, expected: str) -> None:
    assert moment(stated) == expected
    receipt = written(document("std_epikrise_1_2", attribute("GenDate", "V", stated))).message
    assert text_of(receipt, "OriginalMsgId", "IssueDate") == (expected or "2026-01-15T07:00:00Z")


@settings(max_examples=60, deadline=None)
@given(
    value=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), max_size=30),
    path=st.sampled_from(
        [
            "MsgInfo/GenDate",
            "MsgInfo/MsgId",
            "MsgInfo/Sender/Organisation/OrganisationName",
            "MsgInfo/Sender/Organisation/Ident/Id",
            "MsgInfo/Receiver/Organisation/Organisation/OrganisationName",
            "MsgInfo/Sender/Organisation/HealthcareProfessional/FamilyName",
        ]
    ),
    status=st.sampled_from(ReceiptStatus),
)
def test_whatever_a_sender_wrote_the_receipt_is_valid(value: str, path: str, status: ReceiptStatus) -> None:
    source = document("std_dialog_1_1", text(path, value))
    if text_of(source.message, "MsgInfo", "MsgId"):
        written(source, status)


def test_what_a_receipt_says_is_read() -> None:
    assert receipt_of(document("std_apprec_1_1")) == Receipt(
        ReceiptStatus.REJECTED,
        "5b1f6c1e-0a52-4f0e-9f41-3a1f0c6d1002",
        (
            ReceiptError("E36", LIST, LIST_8221["E36"], "Navn mangler"),
            ReceiptError("T99", LIST, LIST_8221["T99"]),
        ),
        Party("8999201", "HER", "Granvik kommune"),
        Party("8999101", "HER", "Fjellbekken legesenter"),
        "DIALOG_HELSEFAGLIG",
        "2026-01-15T09:00:00",
    )


def test_any_other_message_is_no_receipt() -> None:
    assert [receipt_of(document(name)) for name in ANSWERED] == [None] * len(ANSWERED)


@pytest.mark.parametrize("name", ANSWERED)
@pytest.mark.parametrize("status", ReceiptStatus)
def test_a_receipt_that_we_write_says_the_same_when_read(name: str, status: ReceiptStatus) -> None:
    source = document(name)
    issue = issue_of("kith.schema_order", "MsgHead/Document")
    said = receipt_of(written(source, status, (issue,)))
    assert said is not None
    assert (said.status, said.original) == (status, source.message.xpath("string(.//*[local-name()='MsgId'])"))
    assert [one.code for one in said.errors] == ([] if status is ReceiptStatus.OK else ["T02"])


BROKEN = {
    "no original": (drop("OriginalMsgId"), "kith.required", "AppRec/OriginalMsgId/Id"),
    "an original without an id": (drop("OriginalMsgId/Id"), "kith.required", "AppRec/OriginalMsgId/Id"),
    "no status": (drop("Status"), "kith.receipt_status", "AppRec/Status"),
    "a status of no list": (attribute("Status", "V", "4"), "kith.receipt_status", "AppRec/Status"),
}


@pytest.mark.parametrize(("edit", "code", "place"), BROKEN.values(), ids=BROKEN.keys())
def test_a_receipt_that_says_nothing_is_refused_with_its_place(edit: Edit, code: str, place: str) -> None:
    with pytest.raises(InvalidMessage) as raised:
        receipt_of(document("std_apprec_1_0", edit))
    assert (raised.value.code, raised.value.place) == (code, place)


def test_a_receiver_that_the_message_does_not_have_is_our_own_mistake() -> None:
    with pytest.raises(IndexError):
        receipt_for(document("std_dialog_1_1"), ReceiptStatus.OK, (), OWN_ID, MICROS, 1)
