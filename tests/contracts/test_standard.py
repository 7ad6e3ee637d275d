"""One suite for every registered message standard: what channels and mappings may rely on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import EngineError, InvalidMessage
from engine.message import Answer, AnswerKind, Issue, ReceiptStatus, Severity
from engine.plugins.builtin import full_registry
from engine.standards import Charset, Standard

ROOT = Path(__file__).resolve().parents[2]
REFUSAL = Answer(AnswerKind.ERROR, (Issue(Severity.ERROR, "map.required", "it is missing", "PID[1]-3"),))


@dataclass(frozen=True)
class Rig:
    """A standard with messages of its own: good ones, an acknowledgement, and what is none of it.

    `answers` is False for a standard whose transport answers by itself. `receipts`: receipts that arrive, each with the
    status that it says.
    """

    standard: Standard
    good: tuple[bytes, ...]
    acknowledgement: bytes
    alien: bytes
    answers: bool = True
    receipts: tuple[tuple[bytes, ReceiptStatus], ...] = ()


def hl7v2() -> Rig:
    files = sorted((ROOT / "samples" / "hl7v2").glob("*.hl7"))
    acknowledgement = b"MSH|^~\\&|A|B|C|D|2026||ACK^A01^ACK|X|P|2.5\rMSA|AA|M1\r"
    standard = full_registry().standards["hl7v2"]
    return Rig(standard, tuple(file.read_bytes() for file in files), acknowledgement, b"<MsgHead/>")


def kith() -> Rig:
    folder = ROOT / "samples" / "kith"
    receipts = {"std_apprec_1_0": ReceiptStatus.OK, "std_apprec_1_1": ReceiptStatus.REJECTED}
    good = tuple(file.read_bytes() for file in sorted(folder.glob("std_*.xml")) if file.stem not in receipts)
    known = tuple(((folder / f"{name}.xml").read_bytes(), status) for name, status in receipts.items())
    return Rig(
        full_registry().standards["kith"], good, known[0][0], b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|X|P|2.5\r", False, known
    )


RIGS = {"hl7v2": hl7v2(), "kith": kith()}
CHARSET = Charset()
MICROS = 1_768_460_400_000_000
OWN_ID = "0d9a3a52-8d4d-4f07-9a0c-0c5be5a30001"


EVERY = [pytest.param(rig, id=name) for name, rig in RIGS.items()]


def test_every_registered_standard_has_a_rig_here() -> None:
    assert full_registry().standards.keys() == RIGS.keys()


@pytest.mark.parametrize("rig", EVERY)
def test_a_good_message_is_one_message_with_an_envelope_and_keys(rig: Rig) -> None:
    for raw in rig.good:
        assert list(rig.standard.split(raw)) == [raw]
        document = rig.standard.decode(raw, CHARSET)
        envelope = rig.standard.envelope(document)
        assert envelope.standard == rig.standard.name
        assert envelope.message_id
        assert envelope.type
        assert rig.standard.receivers(document)[0] == envelope.receiver
        assert rig.standard.order_keys(document)
        assert list(rig.standard.populated(document))


@pytest.mark.parametrize("rig", EVERY)
def test_a_peek_says_the_same_as_the_envelope(rig: Rig) -> None:
    for raw in rig.good:
        assert rig.standard.peek(raw, CHARSET) == rig.standard.envelope(rig.standard.decode(raw, CHARSET))


@pytest.mark.parametrize("rig", EVERY)
def test_two_messages_in_one_reception_are_two(rig: Rig) -> None:
    first, second = rig.good[:2]
    assert list(rig.standard.split(first + second)) == [first, second]


@pytest.mark.parametrize("rig", EVERY)
@pytest.mark.parametrize("raw", [b"", b"\r\n", b"hello"], ids=["nothing", "blank", "no message"])
def test_bytes_without_a_message_are_one_part_that_is_refused(rig: Rig, raw: bytes) -> None:
    assert list(rig.standard.split(raw)) == [raw]
    with pytest.raises(InvalidMessage):
        rig.standard.envelope(rig.standard.decode(raw, CHARSET))


@pytest.mark.parametrize("rig", EVERY)
def test_what_is_none_of_it_is_refused_and_answered_all_the_same(rig: Rig) -> None:
    with pytest.raises(InvalidMessage):
        rig.standard.decode(rig.alien, CHARSET)
    assert bool(rig.standard.acknowledge(rig.alien, REFUSAL, "1", MICROS)) is rig.answers


@pytest.mark.parametrize("rig", EVERY)
def test_an_acknowledgement_is_never_acknowledged(rig: Rig) -> None:
    assert rig.standard.acknowledge(rig.acknowledgement, REFUSAL, "1", MICROS) == b""


@pytest.mark.parametrize("rig", EVERY)
@pytest.mark.parametrize("status", ReceiptStatus)
def test_each_receiver_s_receipt_names_the_message_and_says_the_status(rig: Rig, status: ReceiptStatus) -> None:
    for raw in rig.good:
        document = rig.standard.decode(raw, CHARSET)
        assert rig.standard.receipt_of(document) is None
        envelope = rig.standard.envelope(document)
        for place, party in enumerate(rig.standard.receivers(document)):
            made = rig.standard.receipt_for(document, status, REFUSAL.issues, OWN_ID, MICROS, place)
            assert (made is not None) is bool(rig.receipts)
            if made is not None:
                receipt = rig.standard.receipt_of(rig.standard.decode(made, CHARSET))
                assert receipt is not None
                assert (receipt.status, receipt.original) == (status, envelope.message_id)
                assert (receipt.sender, receipt.receiver) == (party, envelope.sender)
                assert bool(receipt.errors) is (status is not ReceiptStatus.OK)


@pytest.mark.parametrize("rig", EVERY)
def test_a_receipt_says_its_status_and_never_gets_a_receipt(rig: Rig) -> None:
    for raw, status in rig.receipts:
        document = rig.standard.decode(raw, CHARSET)
        receipt = rig.standard.receipt_of(document)
        assert receipt is not None
        assert (receipt.status, bool(receipt.original)) == (status, True)
        assert rig.standard.receipt_for(document, ReceiptStatus.OK, (), OWN_ID, MICROS) is None


@pytest.mark.parametrize("rig", EVERY)
@settings(max_examples=200, deadline=None)
@given(noise=st.binary(max_size=300), at=st.floats(0, 1), cut=st.floats(0, 1))
def test_whatever_the_bytes_only_our_errors_come_and_an_answer_is_always_formed(
    rig: Rig, noise: bytes, at: float, cut: float
) -> None:
    good = rig.good[0]
    place = int(len(good) * at)
    raw = (good[:place] + noise + good[place:])[: int((len(good) + len(noise)) * cut)]
    parts = rig.standard.split(raw)
    assert parts
    for part in parts:
        rig.standard.acknowledge(part, REFUSAL, "1", MICROS)
        try:
            document = rig.standard.decode(part, CHARSET)
            rig.standard.envelope(document)
            rig.standard.conformance(document)
            rig.standard.order_keys(document)
            list(rig.standard.populated(document))
            rig.standard.receipt_for(document, ReceiptStatus.REJECTED, REFUSAL.issues, OWN_ID, MICROS)
            rig.standard.receipt_of(document)
        except EngineError:
            continue


@pytest.mark.parametrize("rig", EVERY)
def test_a_mapping_may_name_what_takes_a_message(rig: Rig) -> None:
    standard = rig.standard
    for raw in rig.good:
        names = standard.matches(standard.envelope(standard.decode(raw, CHARSET)))
        assert names
        assert all(standard.is_match(name) for name in names)
    assert not standard.is_match("")
    assert not standard.is_match("anything at all")
