"""Which message it is: payload namespace and type, never the channel's setting (decision 14)."""

from __future__ import annotations

import pytest
from kith_built import MSGHEAD, Edit, document, drop, into, sample

from engine.standards.kith.catalogue import STANDARDS, receipt_version, standard_of
from engine.standards.kith.reader import MOST_STRAYS, Family
from engine.standards.kith.selection import selection_findings
from engine.standards.kith.standard import Kith

NATIONAL = "http://www.kith.no/xmlstds/"
DIALOG = f'<Dialogmelding xmlns="{NATIONAL}dialog/2006-10-11"/>'
MESSAGE = sample("std_epikrise_1_2").partition(b"?>")[2].decode()
APPREC = sample("std_apprec_1_0").partition(b"?>")[2].decode()
CONTENT = "Document/RefDoc/Content"


@pytest.mark.parametrize(
    ("name", "edits", "names"),
    [
        ("std_dialog_1_0", (), ("dialog/2006-10-11 DIALOG_NOTAT", "dialog/2006-10-11")),
        ("std_svarrapport_1_4", (), ("labsvar/2012-02-15 SVAR_LAB", "labsvar/2012-02-15")),
        ("std_apprec_1_1", (), ("apprec/2012-02-15 APPREC", "apprec/2012-02-15")),
        ("std_dialog_1_0", (drop("Document"),), ("msghead/2006-05-24 DIALOG_NOTAT", "msghead/2006-05-24")),
    ],
)
def test_a_mapping_takes_it_by_the_payload_s_namespace_and_the_type(
    name: str, edits: tuple[Edit, ...], names: tuple[str, ...]
) -> None:
    kith = Kith()
    assert tuple(kith.matches(kith.envelope(document(name, *edits)))) == names


def only(xml: str) -> Edit:
    """The first content replaced by `xml`."""

    def edit(root: object) -> None:
        drop(CONTENT + "/Dialogmelding")(root)  # type: ignore[arg-type]
        into(CONTENT, xml)(root)  # type: ignore[arg-type]

    return edit


FOUND = {
    "nothing is wrong": ((), []),
    "a payload of a namespace that is not known": (
        (only('<Ukjent xmlns="http://www.kith.no/xmlstds/ukjent/2030-01-01"/>'),),
        [("kith.payload_unknown", "T10", "MsgHead/Document/RefDoc/Content/Ukjent")],
    ),
    "no content at all": ((drop("Document"),), [("kith.payload_missing", "T02", "MsgHead")]),
    "a discharge letter inside MsgHead": (
        (only(MESSAGE),),
        [("kith.payload_misplaced", "T02", "MsgHead/Document/RefDoc/Content/Message")],
    ),
    "a receipt inside MsgHead": (
        (only(APPREC),),
        [("kith.payload_misplaced", "T02", "MsgHead/Document/RefDoc/Content/AppRec")],
    ),
    "MsgHead inside MsgHead": (
        (only(f'<MsgHead xmlns="{MSGHEAD}"/>'),),
        [("kith.payload_misplaced", "T02", "MsgHead/Document/RefDoc/Content/MsgHead")],
    ),
    "a part of a payload without its root": (
        (only(f'<Notat xmlns="{NATIONAL}dialog/2006-10-11"/>'),),
        [("kith.payload_misplaced", "T02", "MsgHead/Document/RefDoc/Content/Notat")],
    ),
    "a payload under MsgHead itself": (
        (drop("Document"), into(".", DIALOG)),
        [("kith.payload_misplaced", "T02", "MsgHead/Dialogmelding")],
    ),
    "a payload under Document": (
        (drop("Document/RefDoc"), into("Document", DIALOG)),
        [("kith.payload_misplaced", "T02", "MsgHead/Document/Dialogmelding")],
    ),
    "a payload beside Content": (
        (drop(CONTENT), into("Document/RefDoc", DIALOG)),
        [("kith.payload_misplaced", "T02", "MsgHead/Document/RefDoc/Dialogmelding")],
    ),
    "a stray beside a payload in its place": (
        (into("Document", DIALOG),),
        [("kith.payload_misplaced", "T02", "MsgHead/Document/Dialogmelding")],
    ),
    "a signature": ((into(".", '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>'),), []),
    "a calendar beside the payload": (
        (into(CONTENT, '<icalendar xmlns="urn:ietf:params:xml:ns:icalendar-2.0"/>'),),
        [],
    ),
}


@pytest.mark.parametrize(("edits", "expected"), FOUND.values(), ids=FOUND.keys())
def test_unknown_and_misplaced_payloads_are_found_with_their_receipt_code(
    edits: tuple[Edit, ...], expected: list[tuple[str, str, str]]
) -> None:
    found = selection_findings(document("std_dialog_1_0", *edits))
    assert [(one.code, one.standard_code, one.place) for one in found] == expected


def test_twenty_strays_are_told_at_most() -> None:
    found = selection_findings(document("std_dialog_1_0", *[into("Document/RefDoc", DIALOG)] * 50))
    assert len(found) == MOST_STRAYS
    assert found[-1].place == f"MsgHead/Document/RefDoc/Dialogmelding[{MOST_STRAYS}]"


@pytest.mark.parametrize("name", ["std_svarrapport_1_4", "std_epikrise_1_2", "std_henvisning_1_1", "std_apprec_1_0"])
def test_a_root_of_a_known_standard_is_in_its_place(name: str) -> None:
    assert selection_findings(document(name)) == []


VERSIONS = [
    ("dialog/2006-10-11", "1.0"), ("dialog/2013-01-23", "1.1"), ("epikrise/2006-09-23", "1.0"),
    ("epikrise/2012-02-15", "1.1"), ("henvisning/2005-07-08", "1.0"), ("henvisning/2012-02-15", "1.1"),
    ("labsvar/2005-03-14", ""), ("labsvar/2008-12-01", "1.0"), ("labsvar/2012-02-15", "1.1"),
    ("rekvisisjon/2008-12-01", "1.0"), ("rekvisisjon/2012-02-15", "1.1"), ("po/Pasientlogistikk/2009-06-30", "1.0"),
    ("po/Pasientlogistikk/2012-04-01", "1.1"), ("po/MeldingFravar/2009-06-30", "1.0"),
    ("eresept/m1/2013-10-08", "1.0"), ("HelseOpplysningerArbeidsuforhet/2013-10-01", "1.0"),
    ("legeerklaring/2008-06-06", "1.0"), ("sysvak/sokrequest/2008-01-01", ""), ("epj/EPJEkstrakt/2008-02-20", ""),
    ("apprec/2012-02-15", ""), ("ukjent/2011-12-31", "1.0"), ("ukjent/2012-01-01", "1.1"), ("ukjent", "1.0"),
]  # fmt: skip


@pytest.mark.parametrize(("end", "version"), VERSIONS, ids=[row[0] for row in VERSIONS])
def test_the_receipt_version_follows_the_message_standard(end: str, version: str) -> None:
    assert receipt_version(NATIONAL + end) == version


def test_the_second_version_of_the_referral_is_in_another_national_namespace() -> None:
    assert receipt_version("http://ehelse.no/xmlstds/henvisning/2017-11-30") == "1.1"
    assert standard_of("http://ehelse.no/xmlstds/henvisning/2017-11-30") is not None


def test_family_b_and_nothing_else_has_the_root_message() -> None:
    assert all((row.root == "Message") == (row.family is Family.MESSAGE) for row in STANDARDS.values())
