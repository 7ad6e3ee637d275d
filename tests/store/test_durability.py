"""What was reported durable is there after the process was killed, at whatever moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.store.sqlite import open_store

CHILD = """
import hashlib, sys
from pathlib import Path
from engine.store import Acceptance, NewDelivery, VerdictRow
from engine.store.sqlite import open_store

store = open_store(Path(sys.argv[1]), inline_limit=50_000)
number = int(sys.argv[2])
while True:
    group = []
    for number in range(number, number + 7):
        raw = b"MSH|%d|" % number + b"x" * (number % 3 * 40_000)
        group.append((number, store.accept(Acceptance(
            f"message-{number:08d}", "adt", "hl7v2", raw, hashlib.sha256(raw).digest(), 1, "", None, b"AA",
            VerdictRow("r", "routed", ""), (NewDelivery("journal", "fhir", raw, "text/plain", keys=(1,)),),
            number.to_bytes(16, "big")))))
    number += 1
    for told, pending in group:
        pending.wait()
        sys.stdout.write(f"{told}\\n")
        sys.stdout.flush()
"""


@pytest.mark.parametrize("answers", [1, 5, 60])
def test_a_process_killed_right_after_an_answer_has_kept_it(path: Path, answers: int) -> None:
    told: list[int] = []
    for life in range(2):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), str(1 + life * 100_000)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert child.stdout is not None
        told += [int(child.stdout.readline()) for _ in range(answers)]
        child.send_signal(signal.SIGKILL)
        rest, _ = child.communicate()
        told += [int(line) for line in rest.splitlines(keepends=True) if line.endswith(b"\n")]
    store = open_store(path)
    rows = {row.message: row for row in store.waiting("adt", "journal", 0, 1_000_000)}
    for number in told:
        name = f"message-{number:08d}"
        raw = b"MSH|%d|" % number + b"x" * (number % 3 * 40_000)
        assert store.original(name) == raw == store.payload(rows[name].id)
    seqs = [row.seq for row in rows.values()]
    assert len(told) >= 2 * answers
    assert seqs == sorted(set(seqs))
    assert store._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert store._connection.execute("PRAGMA foreign_key_check").fetchall() == []
    store.close()
