"""Senders that we did not write, and a plain socket: each can send and read the right answer."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from tests.flow.site import flow

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "samples" / "hl7v2" / "adt_a28.hl7"
NODE = """
import { Hl7Client } from '@medplum/hl7'
import { Hl7Message } from '@medplum/core'
import { readFileSync } from 'node:fs'
const client = new Hl7Client({ host: '127.0.0.1', port: Number(process.argv[2]), encoding: 'utf-8' })
const text = readFileSync(process.argv[3], 'utf8')
const answer = await client.sendAndWait(Hl7Message.parse(text))
const msa = answer.getSegment('MSA')
console.log(msa.getField(1).toString(), msa.getField(2).toString())
await client.close()
process.exit(0)
"""


async def run(*command: str, cwd: Path | None = None) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT, cwd=cwd)
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return out.decode("utf-8", "replace")


async def test_mllp_send_of_python_hl7(tmp_path: Path) -> None:
    program = shutil.which("mllp_send", path=str(Path(sys.executable).parent))
    assert program, "python-hl7 is a test dependency"
    async with flow(tmp_path) as engine:
        out = await run(program, "--port", str(engine.port), "--file", str(SAMPLE), "--loose", "127.0.0.1")
        await engine.settle()
        assert [row.state for row in engine.rows()] == ["delivered"], out
    assert "MSA|AA|" in out


async def test_the_asyncio_client_of_python_hl7(tmp_path: Path) -> None:
    from hl7.mllp import open_hl7_connection

    async with flow(tmp_path) as engine:
        reader, writer = await open_hl7_connection("127.0.0.1", engine.port, encoding="utf-8")
        import hl7

        writer.writemessage(hl7.parse(SAMPLE.read_bytes().decode()))
        await writer.drain()
        answer = await asyncio.wait_for(reader.readmessage(), 20)
        writer.close()
    assert str(answer.segment("MSA")[1]) == "AA"


async def test_a_plain_socket(tmp_path: Path) -> None:
    async with flow(tmp_path) as engine:
        reader, writer = await asyncio.open_connection("127.0.0.1", engine.port)
        writer.write(b"\x0b" + SAMPLE.read_bytes() + b"\x1c\r")
        answer = await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 20)
        writer.close()
    assert answer.startswith(b"\x0bMSH|^~\\&|")
    assert b"\rMSA|AA|" + SAMPLE.read_bytes().split(b"|")[9] in answer


@pytest.fixture(scope="session")
def node_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with npm's @medplum/hl7. Skipped without Node.js or without a registry."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("Node.js is not installed")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"type": "module"}')
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "@medplum/hl7@5.0.10", "@medplum/core@5.0.10"]
    done = subprocess.run(install, cwd=folder, capture_output=True, timeout=100)
    if done.returncode != 0:
        pytest.skip("@medplum/hl7 cannot be installed here")
    (folder / "send.js").write_text(NODE)
    return folder


async def test_the_client_of_medplum(tmp_path: Path, node_client: Path) -> None:
    async with flow(tmp_path) as engine:
        out = await run("node", "send.js", str(engine.port), str(SAMPLE), cwd=node_client)
        await engine.settle()
        assert [row.state for row in engine.rows()] == ["delivered"], out
    assert out.startswith("AA " + SAMPLE.read_bytes().split(b"|")[9].decode()), out
