"""Every public sample file is read with a sensible envelope, or refused with a reason, in bounded time."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from kith_built import CHARSET
from kith_schemas import PUBLIC, receipt_schemas
from lxml import etree

from engine.errors import InvalidMessage
from engine.message import ReceiptStatus
from engine.standards.kith.catalogue import receipt_version
from engine.standards.kith.parties import receivers_of
from engine.standards.kith.reader import Family, KithDocument
from engine.standards.kith.standard import Kith

KITH = Kith()
FILES = sorted(path for path in PUBLIC.rglob("*") if path.suffix.lower() == ".xml") if PUBLIC.is_dir() else []
NOT_OURS = {
    "Acknowledgment.xml": "kith.root",
    "ebxml-eksempel.xml": "kith.root",
    "generated_sm.xml": "kith.root",
    "helseopplysninger-UTF-8.xml": "kith.root",
    "missing-migversion.xml": "kith.required",
    "invalid-version.xml": "kith.required",
}
"""Transport envelopes, payloads without a head, heads without an id."""
REJECTED = {"SVAR_CLIN eks_SW (1).xml": "E10", "SVAR_CYTO_eks (1).xml": "E36"}
"""An id that is a file name; an unknown woman with a local help number and no birth date."""
UNKNOWN = {"payload.xml"}
"""A report to the tax collector."""
TIME = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}.*)?")

pytestmark = pytest.mark.skipif(not FILES, reason="public samples are not beside the repository")


def read(path: Path) -> KithDocument:
    return KITH.decode(path.read_bytes(), CHARSET)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_public_sample_has_a_sensible_envelope_or_a_reason(path: Path) -> None:
    start = time.process_time()
    try:
        document = read(path)
        envelope = KITH.envelope(document)
    except InvalidMessage as error:
        assert NOT_OURS.get(path.name) == error.code
        return
    assert path.name not in NOT_OURS
    assert envelope == KITH.peek(path.read_bytes(), CHARSET)
    assert (envelope.message_id and envelope.type.isascii()) or envelope.type == "Legerklæring ved arbeidsuførhet"
    assert TIME.fullmatch(envelope.sent)
    assert envelope.sender.identifier and envelope.sender.system
    assert envelope.receiver.identifier or path.name == "apprec-eksempel.xml"
    codes = [issue.standard_code for issue in document.issues]
    assert codes == ([REJECTED[path.name]] if path.name in REJECTED else [])
    assert bool(KITH.conformance(document)) == (path.name in UNKNOWN)
    places = [unit.place for unit in KITH.populated(document)]
    assert places and len(places) == len(set(places))
    assert time.process_time() - start < 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
@pytest.mark.parametrize("status", ReceiptStatus)
def test_every_receiver_of_a_public_sample_has_its_valid_receipt_where_one_is_owed(
    path: Path, status: ReceiptStatus
) -> None:
    if path.name in NOT_OURS:
        pytest.skip("cannot be read")
    document = read(path)
    schemas = receipt_schemas()
    owed = document.family is not Family.APPREC and receipt_version(document.payloads[0].namespace)
    for receiver in range(len(receivers_of(document))):
        raw = KITH.receipt_for(
            document, status, document.issues, "0d9a3a52-8d4d-4f07-9a0c-0c5be5a30001", 1_768_460_400_000_000, receiver
        )
        assert (raw is not None) == bool(owed)
        if raw is not None:
            root = etree.fromstring(raw)
            schemas[root.tag[1:].partition("}")[0]].assertValid(root)
            receipt = KITH.receipt_of(KITH.decode(raw, CHARSET))
            assert receipt is not None
            assert receipt.original == KITH.envelope(document).message_id


def test_every_public_receipt_is_understood() -> None:
    said = [KITH.receipt_of(read(path)) for path in FILES if "apprec" in path.parts and path.name not in NOT_OURS]
    assert [one.status for one in said if one].count(ReceiptStatus.OK) == 4
    assert [one.status for one in said if one].count(ReceiptStatus.REJECTED) == 2
    assert [one.status for one in said if one].count(ReceiptStatus.PART_REJECTED) == 2
