"""Every public HL7 v2 sample of the mapped types, over a real socket: delivered, or refused with a known reason.

Skipped where the shared reference folder does not lie beside the checkout.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import csv
import dataclasses
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.standards.hl7v2.standard import Hl7v2
from tests.flow.site import Flow, code, flow

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "reference" / "hl7v2-samples"
TYPES = {f"ADT^A{number:02d}" for number in (1, 2, 3, 4, 8, 11, 13, 28, 31, 40)} | {"ORU^R01"}

REASONS = {
    "hl7.no_header": "no MSH, or no message at all",
    "hl7.separators": "MSH-1 and MSH-2 cannot be used",
    "hl7.required": "no message type or no message id",
    "hl7.nul": "a NUL byte in the message",
    "gate.type": "a type that the channel does not take",
    "gate.processing": "a processing id that the channel does not take",
    "map.unidentified": "a patient, report or result that cannot be known again",
    "map.required": "something that R4 or patient safety demands is missing",
    "map.invalid_value": "a date, number or encoded value that is none",
    "map.stated": "the mapping itself says that it may not pass, such as a visit without PV1",
    "fhir.invariant": "content that R4 forbids, such as a period that ends before it begins",
    "map.unknown_code": "a code without a meaning where R4 demands one",
}
"""The closed list: why a message may be refused."""

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the shared reference folder is not beside the checkout")


def files() -> Iterator[tuple[str, str, bytes]]:
    """Type, file and bytes of each message of the mapped types."""
    split = Hl7v2().split
    with (SAMPLES / "catalogue.csv").open(encoding="utf-8") as catalogue:
        for row in csv.DictReader(catalogue):
            types = set(row["types"].split("/"))
            if types & TYPES and row["file"].endswith((".hl7", ".txt", ".mllp", ".bin")):
                raw = (SAMPLES / row["file"]).read_bytes()
                for part in split(raw.replace(b"\x0b", b"").replace(b"\x1c\r", b"").replace(b"\x1c", b"")):
                    yield row["types"], row["file"], part


def wants_none(raw: bytes) -> bool:
    """MSH-15 and MSH-16 say that this sender may want no answer, to success or at all (HL7 table 0155)."""
    fields = [*raw.split(b"\r")[0].split(raw[3:4]), *[b""] * 20]
    wishes = {fields[14].strip(), fields[15].strip()}
    return wishes != {b""} and b"AL" not in wishes and wishes != {b"ER", b"SU"}


def reasons(engine: Flow) -> tuple[collections.Counter[tuple[str, str, str]], list[str]]:
    """What became of all, by type; and what does not fit the closed list."""
    found: collections.Counter[tuple[str, str, str]] = collections.Counter()
    wrong = []
    for row in engine.rows():
        detail = engine.detail(row)
        errors = sorted({i.code for v in detail.verdicts[-1:] for i in v.issues if i.severity == "error"})
        why = "+".join(errors) or row.reason
        found[row.type, row.state, why] += 1
        if row.state == "delivered":
            continue
        if row.state != "invalid" or not errors or set(errors) - REASONS.keys():
            dead = "; ".join(each.reason for each in detail.deliveries)
            places = [(i.code, i.place) for v in detail.verdicts[-1:] for i in v.issues if i.severity == "error"]
            wrong.append(f"{row.type} {row.message_id[:20]}: {row.state} {row.reason} {places[:3]} {dead[:200]}")
    return found, wrong


@pytest.mark.timeout(600)
async def test_every_sample_of_the_mapped_types_ends_delivered_or_refused_with_a_known_reason(tmp_path: Path) -> None:
    seconds: list[tuple[float, str]] = []
    sent = 0
    async with flow(tmp_path, limit="25MB") as engine:
        intake = engine.runner.channels[0].intake
        intake.plan = dataclasses.replace(intake.plan, dedup_window=0.0)  # different samples share message ids
        async with engine.client(timeout=10) as client:
            for _, file, raw in files():
                start = time.perf_counter()
                sent += 1
                if wants_none(raw):
                    await client.write(b"\x0b" + raw + b"\x1c\r")
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(client.answer(), 0.5)
                    continue
                try:
                    answer = await client.send(raw)
                except TimeoutError:
                    raise AssertionError(f"{file}: no answer; MSH is {raw[:200]!r}") from None
                seconds.append((time.perf_counter() - start, file))
                assert code(answer) in ("AA", "AE", "AR", "CA", "CE", "CR"), file
                assert b"Traceback" not in answer, file
                assert b"Error'" not in answer, file
        await engine.settle(120)
        found, wrong = reasons(engine)
    for (type_, state, why), count in sorted(found.items()):
        print(f"{type_:<10} {state:<12} {count:>4}  {why}")
    median = statistics.median(figure for figure, _ in seconds)
    slow = [(figure, file) for figure, file in seconds if figure > max(1.0, 50 * median)]
    print(f"{sent} messages, median {median * 1e3:.2f} ms, slowest {max(seconds)[0] * 1e3:.1f} ms")
    assert sent > 300
    assert sum(found.values()) == sent, "every message is visible"
    assert not slow
    assert not wrong, "\n".join(wrong[:40])
