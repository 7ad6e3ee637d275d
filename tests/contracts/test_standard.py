"""One suite for every registered message standard: what channels and mappings may rely on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import EngineError, InvalidMessage
from engine.message import Answer, AnswerKind, Issue, Severity
from engine.plugins.builtin import full_registry
from engine.standards import Charset, Standard

ROOT = Path(__file__).resolve().parents[2]
REFUSAL = Answer(AnswerKind.ERROR, (Issue(Severity.ERROR, "map.required", "it is missing", "PID[1]-3"),))


@dataclass(frozen=True)
class Rig:
    """A standard with messages of its own: good ones, an acknowledgement, and what is none of it."""

    standard: Standard
    good: tuple[bytes, ...]
    acknowledgement: bytes
    alien: bytes


def hl7v2() -> Rig:
    files = sorted((ROOT / "samples" / "hl7v2").glob("*.hl7"))
    acknowledgement = b"MSH|^~\\&|A|B|C|D|2026||ACK^A01^ACK|X|P|2.5\rMSA|AA|M1\r"
    standard = full_registry().standards["hl7v2"]
    return Rig(standard, tuple(file.read_bytes() for file in files), acknowledgement, b"<MsgHead/>")


RIGS = {"hl7v2": hl7v2()}
CHARSET = Charset()


EVERY = [pytest.param(rig, id=name) for name, rig in RIGS.items()]


def test_every_registered_standard_has_a_rig_here() -> None:
    assert RIGS.keys() == full_registry().standards.keys()


@pytest.mark.parametrize("rig", EVERY)
def test_a_good_message_is_one_message_with_an_envelope_and_keys(rig: Rig) -> None:
    for raw in rig.good:
        assert list(rig.standard.split(raw)) == [raw]
        document = rig.standard.decode(raw, CHARSET)
        envelope = rig.standard.envelope(document)
        assert envelope.standard == rig.standard.name
        assert envelope.message_id
        assert envelope.type
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
def test_what_is_none_of_it_is_refused_and_answered_all_the_same(rig: Rig) -> None:
    with pytest.raises(InvalidMessage):
        rig.standard.decode(rig.alien, CHARSET)
    assert rig.standard.acknowledge(rig.alien, REFUSAL, "1", 1_768_460_400_000_000)


@pytest.mark.parametrize("rig", EVERY)
def test_an_acknowledgement_is_never_acknowledged(rig: Rig) -> None:
    assert rig.standard.acknowledge(rig.acknowledgement, REFUSAL, "1", 1_768_460_400_000_000) == b""


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
    assert parts or not raw
    for part in parts:
        rig.standard.acknowledge(part, REFUSAL, "1", 1_768_460_400_000_000)
        try:
            document = rig.standard.decode(part, CHARSET)
            rig.standard.envelope(document)
            rig.standard.conformance(document)
            rig.standard.order_keys(document)
            list(rig.standard.populated(document))
        except EngineError:
            continue
