"""A whole engine in this loop, with a stand-in journal, on ports of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from engine import app
from engine.channels.lint import sound_site
from engine.channels.runner import Runner
from engine.standins.journal.server import RunningJournal, serve
from engine.store import MessageDetail, MessageRow
from engine.transport.mllp_client import MllpClient

SITE = """\
version: 1
site: {{name: flow}}
systems:
  journal: {{type: fhir, url: "{journal}", writes: {writes}}}
policies:
  quick: {{retry: {{initial: 1s, factor: 1, max: 1s, jitter: 0%, give_up_after: {give_up}}}}}
channels:
  all:
    source: {{type: mllp, listen: "127.0.0.1:0", frame_timeout: 1s, max_message: {limit}}}
    ack: {{after: {after}}}
    mapping: [hl7v2/adt, hl7v2/oru]
    destinations:
      journal: {{system: journal, policy: quick}}
"""


@dataclass
class Flow:
    """The engine, its journal and its address."""

    runner: Runner
    journal: RunningJournal
    port: int

    def client(self, timeout: float = 20.0) -> MllpClient:
        return MllpClient("127.0.0.1", self.port, timeout=timeout)

    async def send(self, *messages: bytes) -> list[bytes]:
        """Over one connection, one after the other."""
        async with self.client() as client:
            return [await client.send(message) for message in messages]

    def rows(self) -> list[MessageRow]:
        """Oldest first."""
        return list(reversed(self.runner.store.messages(limit=10_000)))

    def detail(self, row: MessageRow) -> MessageDetail:
        detail = self.runner.store.message(row.id)
        assert detail is not None
        return detail

    async def settle(self, seconds: float = 30.0) -> None:
        """Until nothing is under way."""
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            counts = self.runner.store.counts()
            if not counts.get("waiting") and not counts.get("received"):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"still under way: {self.runner.store.counts()}")

    async def get(self, path: str) -> dict[str, object]:
        """What the journal says."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.journal.url}/{path}") as response:
            assert response.status == 200, path
            found: dict[str, object] = await response.json(content_type=None)
            return found

    async def stats(self) -> dict[str, dict[str, int]]:
        return await self.get("$stats")  # type: ignore[return-value]


@contextlib.asynccontextmanager
async def flow(
    folder: Path, *, after: str = "validated", writes: str = "by_id", limit: str = "1MB", give_up: str = "1h"
) -> AsyncIterator[Flow]:
    """Start all, hand it over, stop all."""
    journal = await serve()
    text = SITE.format(journal=journal.url, after=after, writes=writes, limit=limit, give_up=give_up)
    (folder / "channels.yaml").write_text(text, "utf-8")
    try:
        async with app.running(sound_site(folder, {})) as runner:
            yield Flow(runner, journal, int(runner.channels[0].source.address.rpartition(":")[2]))
    finally:
        await journal.stop()


def code(answer: bytes) -> str:
    """MSA-1."""
    for segment in answer.split(b"\r"):
        if segment.startswith(b"MSA"):
            return segment.split(answer[3:4])[1].decode()
    return ""


def errors(answer: bytes) -> list[list[str]]:
    """The ERR segments, split into fields."""
    return [segment.decode("utf-8", "replace").split("|") for segment in answer.split(b"\r") if segment[:3] == b"ERR"]
