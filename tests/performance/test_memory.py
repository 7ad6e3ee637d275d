"""A 64 MB message: peak memory at most six times its size, other connections answered meanwhile."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import re
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from engine.app import project_root
from engine.transport.mllp_client import MllpClient
from tests.faults.oracle import Issued, synthetic_number
from tests.faults.plant import free_port
from tests.performance.measure import gate

pytestmark = pytest.mark.performance
SIZE = 63 << 20
SITE = """\
version: 1
site: {{name: memory}}
systems:
  sink: {{type: fhir, url: "{sink}"}}
channels:
  lab:
    source: {{type: mllp, listen: "127.0.0.1:{port}", max_message: 64MB}}
    mapping: [hl7v2/oru, hl7v2/adt]
    destinations:
      sink: {{system: sink, policy: results}}
"""


def large() -> bytes:
    """An ORU whose one OBX is a PDF of about 63 MB in base64."""
    head = (Path(project_root()) / "samples" / "hl7v2" / "oru_r01_pdf.hl7").read_bytes()
    data = base64.b64encode(b"%PDF-1.4\n" + random.Random(1).randbytes(SIZE * 3 // 4))
    found = re.search(rb"\^Base64\^([A-Za-z0-9+/=]+)", head)
    assert found is not None
    return head[: found.start(1)] + data + head[found.end(1) :]


def peak(pid: int | str) -> int:
    """Bytes: the most resident memory of a process so far (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]


async def test_a_message_of_64_megabytes(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(project_root())}

    async def start(*arguments: str) -> tuple[asyncio.subprocess.Process, str]:
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE, env=environment)
        assert process.stdout is not None
        return process, (await process.stdout.readline()).decode().strip()

    sink, url = await start(str(Path(__file__).with_name("fast_sink.py")))
    port = free_port()
    (tmp_path / "channels.yaml").write_text(SITE.format(sink=url, port=port), "utf-8")
    engine, _ = await start(str(project_root() / "tests" / "faults" / "run_engine.py"), str(tmp_path))
    try:
        waits: list[float] = []
        before = peak(engine.pid)
        async with MllpClient("127.0.0.1", port, timeout=120) as big, MllpClient("127.0.0.1", port) as small:
            raw = large()
            sending = asyncio.create_task(big.send(raw))
            number = 0
            while not sending.done():
                number += 1
                begun = time.perf_counter()
                answer = await small.send(Issued(1, number).raw(synthetic_number(1)))
                waits.append(time.perf_counter() - begun)
                assert b"MSA|AA" in answer
                await asyncio.sleep(0.01)
            assert b"MSA|AA" in await sending
        await asyncio.sleep(3)
        print(f"\n{len(raw) / 1e6:.0f} MB; {len(waits)} small messages answered meanwhile, slowest {max(waits):.2f} s")
        print(f"peak {peak(engine.pid) / 1e6:.0f} MB, {before / 1e6:.0f} MB before the first message")
        gate("peak memory over the message's size", (peak(engine.pid) - before) / len(raw), 6, at_most=True)
        gate("slowest other answer, seconds", max(waits), 5, at_most=True)
    finally:
        for process in (engine, sink):
            process.terminate()
            await process.wait()
