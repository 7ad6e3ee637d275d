"""Who sent what to whom, from either family and from a receipt."""

from __future__ import annotations

import pytest
from kith_built import CHARSET, NAMES, attribute, document, drop, edited, into, sample, text

from engine.errors import InvalidMessage
from engine.message import Envelope, Party
from engine.standards.kith.envelope import envelope_of, peek
from engine.standards.kith.parties import Correspondent, Ident, Part, party_of, receivers_of, sender_of
from engine.standards.kith.patient import order_keys

OFFICE = Party("8999101", "HER", "Fjellbekken legesenter")
MUNICIPALITY = Party("8999201", "HER", "Granvik kommune")
BEGIN = "5b1f6c1e-0a52-4f0e-9f41-3a1f0c6d"

ENVELOPES = [
    Envelope(
        "kith", BEGIN + "1001", "DIALOG_NOTAT", "dialog/2006-10-11", OFFICE, MUNICIPALITY,
        "2026-01-15T08:12:33.25+01:00", BEGIN + "0999", "P", "utf-8",
    ),
    Envelope(
        "kith", BEGIN + "1002", "DIALOG_HELSEFAGLIG", "dialog/2013-01-23", OFFICE, MUNICIPALITY,
        "2026-01-15T09:00:00", "", "", "utf-8",
    ),
    Envelope(
        "kith", BEGIN + "1003", "SVAR_LAB", "labsvar/2012-02-15", Party("8999400", "HER", "Nordre laboratorium"),
        OFFICE, "2026-01-15T10:30:00", "", "", "utf-8",
    ),
    Envelope(
        "kith", BEGIN + "1004", "EPIKRISE", "epikrise/2012-02-15", Party("8999400", "HER", "Nordre sykehus"),
        OFFICE, "2026-01-15", "", "", "utf-8",
    ),
    Envelope(
        "kith", BEGIN + "1005", "HENVISNING", "henvisning/2012-02-15", OFFICE,
        Party("8999400", "HER", "Nordre laboratorium"), "2026-01-15T10:30:00", "", "", "utf-8",
    ),
    Envelope(
        "kith", BEGIN + "1006", "APPREC", "apprec/2004-11-21", MUNICIPALITY, OFFICE, "2026-01-15T11:00:00", "", "",
        "utf-8",
    ),
    Envelope(
        "kith", BEGIN + "1007", "APPREC", "apprec/2012-02-15", MUNICIPALITY, OFFICE, "2026-01-15T11:00:00", "", "",
        "utf-8",
    ),
]  # fmt: skip


@pytest.mark.parametrize("expected", ENVELOPES, ids=lambda one: f"{one.type} {one.version}")
def test_the_envelope_says_who_sent_what_to_whom_and_when(expected: Envelope) -> None:
    name = {envelope_of(document(name)).message_id: name for name in NAMES}[expected.message_id]
    assert envelope_of(document(name)) == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_peek_says_the_same(name: str) -> None:
    assert peek(sample(name), CHARSET) == envelope_of(document(name))


MISSING = [
    ("std_dialog_1_0", "MsgInfo/Type", "MsgHead/MsgInfo/Type"),
    ("std_dialog_1_0", "MsgInfo/MsgId", "MsgHead/MsgInfo/MsgId"),
    ("std_dialog_1_0", "MsgInfo", "MsgHead/MsgInfo/Type"),
    ("std_svarrapport_1_4", "Type", "Message/Type"),
    ("std_svarrapport_1_4", "MsgId", "Message/MsgId"),
    ("std_apprec_1_0", "Id", "AppRec/Id"),
]


@pytest.mark.parametrize(("name", "path", "place"), MISSING, ids=[f"{row[0]} without {row[1]}" for row in MISSING])
def test_a_message_without_type_or_id_is_refused_with_its_place_also_by_a_peek(
    name: str, path: str, place: str
) -> None:
    for attempt in (lambda raw: envelope_of(document(name, drop(path))), lambda raw: peek(raw, CHARSET)):
        with pytest.raises(InvalidMessage) as raised:
            attempt(edited(name, drop(path)))
        assert (raised.value.code, raised.value.place) == ("kith.required", place)


def test_an_id_that_is_no_uuid_is_in_the_envelope_as_it_was_written() -> None:
    assert envelope_of(document("std_dialog_1_0", text("MsgInfo/MsgId", " 4711 "))).message_id == "4711"


def test_a_type_written_in_s_counts_where_v_is_missing() -> None:
    changed = document("std_svarrapport_1_4", attribute("Type", "V", ""), attribute("Type", "S", "SVAR_MBIO"))
    assert envelope_of(changed).type == "SVAR_MBIO"


@pytest.mark.parametrize(("name", "type_"), [("std_epikrise_1_2", "EPIKRISE"), ("std_henvisning_1_1", "HENVISNING")])
def test_a_standard_with_one_type_alone_need_not_write_it(name: str, type_: str) -> None:
    assert envelope_of(document(name, drop("Type"))).type == type_


def test_a_message_for_test_is_of_processing_t() -> None:
    status = '<Status xmlns="http://www.kith.no/xmlstds/labsvar/2012-02-15" V="TEST"/>'
    assert envelope_of(document("std_svarrapport_1_4", into(".", status))).processing == "T"


def test_a_head_without_content_is_of_the_version_of_the_head() -> None:
    assert envelope_of(document("std_dialog_1_0", drop("Document"))).version == "msghead/2006-05-24"


def test_a_sender_keeps_every_identifier_and_every_person() -> None:
    assert sender_of(document("std_dialog_1_0")) == Correspondent(
        "Fjellbekken legesenter",
        (
            Ident("310091014", "ENH", "Organisasjonsnummeret i Enhetsregister"),
            Ident("8999101", "HER", "HER-id"),
        ),
        (),
        (Part("Torunn Sjø Øverås", (Ident("999999101", "HPR", "HPR-nummer"), Ident("8999102", "HER", "HER-id"))),),
    )


def test_a_receiver_keeps_its_departments_and_the_copy_receivers_follow() -> None:
    primary, copy = receivers_of(document("std_dialog_1_0"))
    assert [ident.value for ident in primary.every_ident()] == ["8999201", "310091022", "8999202", "4219999"]
    assert [part.name for part in primary.departments] == ["Hjemmesykepleien Granvik"]
    assert (copy.name, copy.role) == ("Granvik legevakt", "COP")


def test_a_copy_receiver_of_a_message_may_be_a_person_alone() -> None:
    primary, copy = receivers_of(document("std_svarrapport_1_4"))
    assert (primary.role, copy.role, copy.alone, copy.name) == ("REQ", "COP", True, "Terje Bakkeli")


def test_a_patient_who_gets_a_copy_is_no_receiver_that_owes_a_receipt() -> None:
    other = (
        '<OtherReceiver xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24"><RoleReceiver V="COP"/>'
        "<Patient><FamilyName>Solbakken</FamilyName></Patient></OtherReceiver>"
    )
    assert len(receivers_of(document("std_dialog_1_1", into("MsgInfo", other)))) == 1


def test_who_is_named_in_another_role_than_copy_receiver_is_none() -> None:
    assert (
        len(receivers_of(document("std_dialog_1_0", attribute("MsgInfo/OtherReceiver/RoleReceiver", "V", "OR")))) == 1
    )


def test_the_service_provider_sends_an_answer_and_the_requester_sends_a_referral() -> None:
    answer, referral = document("std_svarrapport_1_4"), document("std_henvisning_1_1")
    assert (sender_of(answer).role, sender_of(referral).role) == ("SPR", "REQ")
    assert sender_of(answer).name == receivers_of(referral)[0].name == "Nordre laboratorium"


CHOICES = [
    (("LOK", "1"), ("RSH", "2"), ("ENH", "3"), ("HER", "4"), Party("4", "HER")),
    (("LOK", "1"), ("RSH", "2"), ("ENH", "3"), Party("3", "ENH")),
    (("LOK", "1"), ("RSH", "2"), Party("2", "RSH")),
    (("LOK", "1"), ("LIN", "2"), Party("1", "LOK")),
    (Party(""),),
]


@pytest.mark.parametrize("row", CHOICES, ids=lambda row: row[-1].system or "none")
def test_her_is_chosen_before_organisation_number_before_resh_before_what_is_written_first(
    row: tuple[tuple[str, str] | Party, ...],
) -> None:
    idents = tuple(Ident(one[1], one[0]) for one in row if isinstance(one, tuple))
    assert party_of(Correspondent(idents=idents)) == row[-1]


def test_a_department_or_person_stands_for_an_organisation_without_identifiers() -> None:
    department, person = Part("avdeling", (Ident("7", "RSH"),)), Part("lege", (Ident("8", "HER"),))
    assert party_of(Correspondent("x", (), (department,), (person,))) == Party("7", "RSH", "x")
    assert party_of(Correspondent("x", (), (), (person,))) == Party("8", "HER", "x")


def test_order_keys_are_all_identifiers_of_the_patient_without_blanks_each_once() -> None:
    assert order_keys(document("std_dialog_1_0")) == ("14857140193",)
    assert order_keys(document("std_svarrapport_1_4")) == ("NL4711", "22924540153")
    again = (
        '<AdditionalId xmlns="http://www.kith.no/xmlstds/labsvar/2012-02-15"><Id>%s</Id><Type V="DNR"/></AdditionalId>'
    )
    patient = "ServReport/Patient"
    more = (into(patient, again % "62924540 153"), into(patient, again % "229245 40153"))
    assert order_keys(document("std_svarrapport_1_4", *more)) == ("NL4711", "22924540153", "62924540153")


def test_a_receipt_has_no_order_keys() -> None:
    assert order_keys(document("std_apprec_1_1")) == ()
