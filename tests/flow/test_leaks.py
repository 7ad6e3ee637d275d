"""Patient data stays in: a marked message goes through good and bad days, and the mark is nowhere it must not be."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from engine.cli.messages import detail_document
from engine.standins.journal.faults import Fault
from tests.flow.site import Flow, flow

ROOT = Path(__file__).resolve().parents[2]
MARK = "Zqmrk"
KEPT = {"MSH", "EVN"}


def marked(name: str) -> bytes:
    """The sample with the mark in every text of letters of every segment that is not header, types kept valid.

    Codes, numbers and dates stay, so that the message goes its whole way.
    """
    segments = (ROOT / "samples" / "hl7v2" / f"{name}.hl7").read_bytes().decode().split("\r")
    done = []
    for segment in segments:
        if segment[:3] in KEPT or not segment:
            done.append(segment)
            continue
        fields = segment.split("|")
        done.append("|".join([fields[0], *(re.sub(r"[A-ZÆØÅ][a-zæøåäö]{3,}", f"\\g<0>{MARK}", f) for f in fields[1:])]))
    return "\r".join(done).encode()


def spoken(engine: Flow, logged: str) -> str:
    """All that the engine says about messages without being asked for their content."""
    told = [logged]
    for row in engine.rows():
        told.append(repr(row))
        detail = engine.detail(row)
        told.append(repr(detail_document(detail)))
        told.append(repr(detail.verdicts))
        told.append(repr(detail.attempts))
    return "\n".join(told)


@pytest.mark.parametrize("name", ["adt_a01", "adt_a40", "oru_r01_chemistry", "bad/feb30", "bad/no_identifier"])
async def test_a_marked_patient_is_in_no_log_reason_issue_attempt_or_address(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    raw = marked(name)
    numbers = set(re.findall(rb"\b\d{11}\b", raw))
    assert MARK.encode() in raw
    logging.getLogger("budstikke").propagate = True
    with caplog.at_level(logging.DEBUG):
        async with flow(tmp_path, writes="conditional") as engine:
            engine.journal.faults.set(Fault("unavailable", requests=1, retry_after=0))
            engine.journal.faults.set(Fault("lose_response", requests=1, skip=1, writes_only=True))
            answers = await engine.send(raw, raw.replace(b"|P|2", b"|T|2", 1), raw + b"ZZZ|1\r", raw[: len(raw) // 2])
            await engine.settle()
            logged = caplog.text + "".join(repr(vars(record)) for record in caplog.records)
            said = spoken(engine, logged) + b"".join(answers).decode()
            assert engine.journal.journal.stats()["identifiers_in_urls"] == 0
    assert MARK not in said
    for number in numbers:
        assert number.decode() not in said
