"""The plant around the oracle: engine, journal and sink as processes, senders that repeat until they are answered."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from engine.transport.mllp_client import MllpClient
from tests.faults.oracle import Issued, Oracle, synthetic_number

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

SITE = """\
version: 1
site: {{name: faults}}
store: {{path: var/budstikke.sqlite}}
systems:
  journal: {{type: fhir, url: "{journal}"}}
  sink: {{type: fhir, url: "{sink}"}}
policies:
  quick: {{retry: {{initial: 1s, factor: 1, max: 1s, jitter: 50%, give_up_after: 1h}}, blocked_key: hold}}
channels:
  adt:
    source: {source}
    ack: {{after: {after}}}
    mapping: [hl7v2/adt]
    route: {{unmatched: quarantine}}
    destinations:
      journal: {{system: journal, policy: quick}}
      sink: {{system: sink, policy: quick}}
"""


SOURCES = {
    "mllp": '{{type: mllp, listen: "127.0.0.1:{port}"}}',
    "http": '{{type: http, listen: "127.0.0.1:{port}", path: /hl7}}',
    "file": '{{type: file, path: in, match: "*.hl7", every: 100ms, ready_when: {{renamed: true}}}}',
}


def free_port() -> int:
    """A port that is free now; the engine takes it again after every kill."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Plant:
    """One engine with a journal and a sink that live through its deaths."""

    folder: Path
    after: str = "validated"
    ack_early: bool = False
    way: str = "mllp"
    port: int = field(default_factory=free_port)
    journal: str = ""
    sink: str = ""
    engine: Process | None = None
    kills: int = 0
    _others: list[Process] = field(default_factory=list)

    async def start(self) -> None:
        state, record = self.folder / "journal.jsonl", self.folder / "sink.bin"
        self.journal = await self._other(
            "-m", "engine.cli.main", "standin", "journal", "--port", "0", "--state", str(state)
        )
        self.sink = await self._other(str(HERE / "run_sink.py"), str(record))
        source = SOURCES[self.way].format(port=self.port)
        text = SITE.format(journal=self.journal, sink=self.sink, source=source, after=self.after)
        (self.folder / "in").mkdir(exist_ok=True)
        (self.folder / "channels.yaml").write_text(text, "utf-8")
        await self.start_engine()

    async def _other(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE, cwd=ROOT)
        self._others.append(process)
        assert process.stdout is not None
        return (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()

    async def start_engine(self) -> None:
        more = ["--ack-early"] if self.ack_early else []
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.engine = await asyncio.create_subprocess_exec(
            sys.executable, str(HERE / "run_engine.py"), str(self.folder), *more, stdout=PIPE, env=environment
        )
        assert self.engine.stdout is not None
        line = await asyncio.wait_for(self.engine.stdout.readline(), 30)
        assert line.strip() == b"ready", "the engine does not start"

    async def kill(self) -> None:
        """SIGKILL: no warning, no clean-up."""
        assert self.engine is not None
        self.engine.send_signal(signal.SIGKILL)
        await self.engine.wait()
        self.kills += 1

    async def stop(self) -> int:
        """SIGTERM to the engine; its exit code. The others go too."""
        code = 0
        if self.engine is not None and self.engine.returncode is None:
            self.engine.terminate()
            code = await asyncio.wait_for(self.engine.wait(), 60)
        for process in self._others:
            if process.returncode is None:
                process.terminate()
                await process.wait()
        return code


class Sender:
    """One record system: a patient, one connection, one message in flight, repeated until it is answered."""

    def __init__(self, plant: Plant, oracle: Oracle, patient: int) -> None:
        self.plant, self.oracle, self.patient = plant, oracle, patient
        self.identity = synthetic_number(patient)
        self.stopping = False

    async def run(self, pause: float) -> None:
        number = 0
        while not self.stopping:
            number += 1
            message = Issued(self.patient, number)
            self.oracle.issue(message)
            await self._until_answered(message)
            await asyncio.sleep(pause * random.random())

    _client: MllpClient | None = None

    async def _until_answered(self, message: Issued) -> None:
        raw = message.raw(self.identity)
        while True:
            try:
                if self._client is None:
                    client = MllpClient("127.0.0.1", self.plant.port, timeout=20)
                    self._client = await client.__aenter__()
                answer = await self._client.send(raw)
            except (OSError, TimeoutError):
                if self._client is not None:
                    await self._client.close()
                self._client = None
                await asyncio.sleep(0.05)
                continue
            if f"MSA|AA|{message.id}".encode() in answer:
                self.oracle.acknowledged(message)
                return
            late = self.plant.after == "delivered" and f"MSA|AE|{message.id}".encode() in answer
            assert late, answer.decode("utf-8", "replace")  # stored, not delivered in time: ask again
            await asyncio.sleep(0.05)


class HttpSender(Sender):
    """The same over HTTP."""

    async def _until_answered(self, message: Issued) -> None:
        url, kind = f"http://127.0.0.1:{self.plant.port}/hl7", {"Content-Type": "application/hl7-v2"}
        while True:
            try:
                async with (
                    aiohttp.ClientSession() as session,
                    session.post(url, data=message.raw(self.identity), headers=kind) as response,
                ):
                    status, answer = response.status, await response.read()
            except (aiohttp.ClientError, OSError):
                await asyncio.sleep(0.05)
                continue
            if status == 200:
                assert f"MSA|AA|{message.id}".encode() in answer
                self.oracle.acknowledged(message)
                return
            assert status == 503, answer


class FileSender(Sender):
    """The same as files: one dropped, and the next when it is put away."""

    async def _until_answered(self, message: Issued) -> None:
        folder = self.plant.folder / "in"
        part = folder / f".{message.id}"
        part.write_bytes(message.raw(self.identity))
        part.rename(folder / f"{message.id}.hl7")
        while not (folder / "behandlet" / f"{message.id}.hl7").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        self.oracle.acknowledged(message)


SENDERS: dict[str, type[Sender]] = {"mllp": Sender, "http": HttpSender, "file": FileSender}


async def journal_facts(journal: str) -> tuple[list[str], dict[str, list[str]]]:
    """Message ids in Provenance, and the address lines of every version of every Patient."""
    async with aiohttp.ClientSession() as session:
        ids = []
        async for resource in _all(session, f"{journal}/Provenance?_count=500"):
            ids += [e["what"]["identifier"]["value"] for e in resource["entity"] if "reference" in e["what"]]
        lines: dict[str, list[str]] = {}
        async for resource in _all(session, f"{journal}/Patient?_count=500"):
            number = resource["identifier"][0]["value"]
            key = number if number not in lines else number + "#2"
            history = [v async for v in _all(session, f"{journal}/Patient/{resource['id']}/_history?_count=500")]
            history.sort(key=lambda version: int(version["meta"]["versionId"]))
            lines[key] = [version["address"][0]["line"][0] for version in history]
        return ids, lines


async def _all(session: aiohttp.ClientSession, url: str):  # type: ignore[no-untyped-def]
    while url:
        async with session.get(url) as response:
            assert response.status == 200, url
            bundle = await response.json(content_type=None)
        for entry in bundle.get("entry", []):
            yield entry["resource"]
        url = next((link["url"] for link in bundle.get("link", []) if link["relation"] == "next"), "")
