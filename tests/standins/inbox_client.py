"""What the tests of the inbox share: samples made new, a place that receipts are posted to, and plain HTTP."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web

from engine.message import Receipt
from engine.standards import Charset
from engine.standards.kith.standard import Kith

ROOT = Path(__file__).resolve().parents[2]
XSD = ROOT / "xsd"
XML = {"Content-Type": "application/xml"}


def sample(name: str = "dialog_helsefaglig") -> bytes:
    """One of our own samples."""
    return (ROOT / "samples" / "kith" / f"{name}.xml").read_bytes()


def again(raw: bytes) -> bytes:
    """The same message with an id of its own, as a corrected one has."""
    before = Kith().envelope(Kith().decode(raw, Charset())).message_id
    return raw.replace(before.encode(), str(uuid.uuid4()).encode())


@dataclass
class Desk:
    """Where receipts are posted to: a real server that keeps each and answers `status`."""

    status: int = 202
    posted: list[bytes] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> Self:
        async def take(request: web.Request) -> web.Response:
            assert request.content_type == "application/xml"
            self.posted.append(await request.read())
            return web.Response(status=self.status)

        application = web.Application()
        application.router.add_post("/apprec", take)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/apprec"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def receipts(self) -> list[Receipt]:
        """What was posted, read."""
        found = [Kith().receipt_of(Kith().decode(raw, Charset())) for raw in self.posted]
        return [one for one in found if one is not None]


class Gate:
    """A sleep that ends when it is told, and remembers how long it should have been."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.open = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self.open.wait()


async def post(url: str, raw: bytes, headers: dict[str, str] | None = None) -> int:
    """Post one message; the status."""
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
        session.post(url, data=raw, headers=XML if headers is None else headers) as response,
    ):
        return response.status


async def call(method: str, url: str, body: Any = None) -> tuple[int, Any]:
    """Status and JSON (or text) of one call."""
    async with aiohttp.ClientSession() as session, session.request(method, url, json=body) as response:
        is_json = response.content_type == "application/json"
        return response.status, await response.json() if is_json else await response.text()


async def listed(url: str) -> list[dict[str, Any]]:
    """`GET /messages`."""
    _, tree = await call("GET", url + "/messages")
    found: list[dict[str, Any]] = tree["messages"]
    return found
