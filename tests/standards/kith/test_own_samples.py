"""Our own samples are what their README says: one story, nobody's numbers, and attachments that are what they claim."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from kith_built import CHARSET
from kith_changes import SAMPLES

from engine.standards.kith.elements import code_of, local_name, step, text_of
from engine.standards.kith.reader import KithDocument
from engine.standards.kith.standard import Kith

KITH = Kith()
FILES = {path.stem: path for path in sorted(SAMPLES.glob("*.xml"))}
STORY = [name for name in FILES if name.startswith("dialog_")]
DIALOGS = {
    "1.0": {"DIALOG_FORESPORSEL", "DIALOG_SVAR", "DIALOG_NOTAT", "DIALOG_AVVIK"},
    "1.1": {"DIALOG_HELSEFAGLIG", "DIALOG_STATUS_HENVISNING", "DIALOG_TIL_ARKIVERING", "DIALOG_INNBYGGER_TIMEONSKE"},
}
BEGINNINGS = {"application/pdf": b"%PDF-", "image/png": b"\x89PNG\r\n", "image/jpeg": b"\xff\xd8\xff"}
REFERRAL = "6f1d1c5e-3b8a-4c0e-9a57-2d9b41c07e11"
"""A referral that the story tells of and no file holds."""


def read(name: str) -> KithDocument:
    return KITH.decode(FILES[name].read_bytes(), CHARSET)


def remainder(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11


def idents(document: KithDocument, *kinds: str) -> Iterator[str]:
    for element in document.message.iter("{*}Ident"):
        kind = element.find("{*}TypeId")
        if kind is not None and kind.get("V") in kinds:
            yield element.findtext("{*}Id") or ""


@pytest.mark.parametrize("name", FILES)
def test_a_sample_is_read_without_a_word_against_it(name: str) -> None:
    document = read(name)
    assert [issue.code for issue in (*document.issues, *KITH.conformance(document))] == []


@pytest.mark.parametrize("name", FILES)
def test_every_identity_number_is_synthetic_and_has_its_check_digits(name: str) -> None:
    for number in idents(read(name), "FNR", "DNR"):
        month = int(number[2:4])
        assert any(raised < month <= raised + 12 for raised in (40, 65, 80))
        assert remainder(number[:10], (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) == 0
        assert remainder(number, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) == 0


@pytest.mark.parametrize("name", STORY)
def test_every_organisation_number_of_the_story_has_its_check_digit(name: str) -> None:
    for number in idents(read(name), "ENH"):
        assert remainder(number, (3, 2, 7, 6, 5, 4, 3, 2, 1)) == 0


@pytest.mark.parametrize("name", STORY)
def test_a_birth_date_is_that_of_the_identity_number(name: str) -> None:
    patient = step(read(name).message, "MsgInfo", "Patient")
    number = text_of(patient, "Ident", "Id")
    if number:
        day = int(number[:2]) - (40 if code_of(patient, "Ident", "TypeId") == "DNR" else 0)
        month = next(int(number[2:4]) - raised for raised in (80, 65, 40) if int(number[2:4]) > raised)
        assert text_of(patient, "DateOfBirth")[2:] == f"{number[4:6]}-{month:02d}-{day:02d}"
        assert code_of(patient, "Sex") == ("1" if int(number[8]) % 2 else "2")


def test_every_message_id_is_used_once_and_every_conversation_leads_to_an_earlier_message() -> None:
    envelopes = [KITH.envelope(read(name)) for name in STORY]
    ids = Counter(envelope.message_id for envelope in envelopes)
    assert set(ids.values()) == {1}
    for name, envelope in zip(STORY, envelopes, strict=True):
        parent = text_of(read(name).message, "MsgInfo", "ConversationRef", "RefToParent")
        for reference in filter(None, (parent, envelope.conversation)):
            earlier = next((one for one in envelopes if one.message_id == reference), None)
            assert reference == REFERRAL or (earlier and earlier.sent[:16] < envelope.sent[:16]), name


@pytest.mark.parametrize("version", DIALOGS)
def test_there_is_one_dialog_of_every_type(version: str) -> None:
    end = {"1.0": "dialog/2006-10-11", "1.1": "dialog/2013-01-23"}[version]
    envelopes = [KITH.envelope(read(name)) for name in STORY]
    assert {one.type for one in envelopes if one.version == end} == DIALOGS[version]


@pytest.mark.parametrize("name", STORY)
def test_an_attachment_is_what_it_says(name: str) -> None:
    for attachment in read(name).attachments:
        assert attachment.container is not None and local_name(attachment.container) == "Base64Container"
        raw = base64.b64decode(attachment.container.text or "", validate=True)
        assert raw.startswith(BEGINNINGS[attachment.mime_type])


def test_the_readme_names_every_file_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)\.xml`", (SAMPLES / "README.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(rows) == [name for name in FILES if not name.startswith("std_")]
