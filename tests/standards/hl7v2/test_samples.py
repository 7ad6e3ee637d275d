"""Every public sample file is read or refused with a reason, in bounded time; nothing else is ever raised."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from engine.errors import InvalidMessage
from engine.message import Answer, AnswerKind
from engine.standards import Charset
from engine.standards.hl7v2.mllp import Frame, FrameReader
from engine.standards.hl7v2.standard import Hl7v2

ROOT = Path(__file__).resolve().parents[3]
PUBLIC = ROOT.parent / "shared" / "reference" / "hl7v2-samples"
OURS = ROOT / "samples"
REASONS = {"hl7.no_header", "hl7.separators", "hl7.charset", "hl7.nul", "hl7.required", "hl7.too_many_segments"}


def sample_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    skipped = {".json", ".md", ".csv", ".xml", ".py"}
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix not in skipped and ".git" not in p.name)


def messages_of(raw: bytes) -> list[bytes]:
    hl7 = Hl7v2()
    if raw.startswith(b"\x0b"):
        return [part for f in FrameReader(1 << 26).feed(raw) if isinstance(f, Frame) for part in hl7.split(f.message)]
    return list(hl7.split(raw))


def outcome(raw: bytes) -> str:
    """`read`, or the code of the refusal; every door of the standard is gone through."""
    hl7 = Hl7v2()
    hl7.acknowledge(raw, Answer(AnswerKind.ACCEPT), "1", 0)
    try:
        document = hl7.decode(raw, Charset())
        hl7.envelope(document)
    except InvalidMessage as error:
        assert not error.text or len(error.text) < 100
        return error.code
    hl7.order_keys(document)
    hl7.conformance(document)
    for unit in hl7.populated(document):
        assert unit.place
    for segment in document.segments:
        for field in segment.fields:
            document.unescape(field, formatted=True)
    return "read"


@pytest.mark.skipif(not PUBLIC.is_dir(), reason="public samples are not beside the repository")
def test_every_public_sample_is_read_or_refused_with_a_reason_in_bounded_time() -> None:
    outcomes: dict[str, int] = {}
    slowest = 0.0
    for path in sample_files(PUBLIC):
        for raw in messages_of(path.read_bytes()):
            start = time.process_time()
            found = outcome(raw)
            slowest = max(slowest, time.process_time() - start)
            outcomes[found] = outcomes.get(found, 0) + 1
            assert found in REASONS | {"read"}, path
    assert outcomes["read"] > 800
    assert slowest < 2


@pytest.mark.skipif(not OURS.is_dir() or not sample_files(OURS / "hl7v2"), reason="no samples of ours yet")
def test_our_own_samples_are_read_without_issues() -> None:
    hl7 = Hl7v2()
    for path in sample_files(OURS / "hl7v2"):
        if path.suffix == ".hl7":
            for raw in messages_of(path.read_bytes()):
                outcome(raw)
                assert hl7.acknowledge(raw, Answer(AnswerKind.ACCEPT), "1", 0), path
