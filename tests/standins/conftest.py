"""A running journal and a real HTTP client that speaks to it. What stands beside the tests is importable by name."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from engine.standins.journal import Options
from engine.standins.journal.server import RunningJournal, serve

sys.path.append(str(Path(__file__).parent))

FNR = "urn:oid:2.16.578.1.12.4.1.4.1"


@dataclass
class Got:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def tree(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The code of the first issue of an OperationOutcome."""
        assert self.tree["resourceType"] == "OperationOutcome"
        return str(self.tree["issue"][0]["code"])

    @property
    def expression(self) -> str:
        return str(self.tree["issue"][0]["expression"][0])

    @property
    def statuses(self) -> list[str]:
        return [entry["response"]["status"][:3] for entry in self.tree["entry"]]


class Client:
    """An ordinary HTTP client with a FHIR accent."""

    def __init__(self, session: aiohttp.ClientSession, journal: RunningJournal) -> None:
        self.session = session
        self.running = journal

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> Got:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if sent is not None:
            named.setdefault("Content-Type", "application/fhir+json")
        async with self.session.request(method, self.running.url + path, data=sent, headers=named) as response:
            return Got(response.status, response.headers, await response.text())

    async def get(self, path: str, **headers: str) -> Got:
        return await self.send("GET", path, **headers)

    async def post(self, path: str, body: Any, **headers: str) -> Got:
        return await self.send("POST", path, body, **headers)

    async def put(self, path: str, body: Any, **headers: str) -> Got:
        return await self.send("PUT", path, body, **headers)

    async def transaction(self, *entries: dict[str, Any], kind: str = "transaction", **headers: str) -> Got:
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": kind}
        if entries:
            bundle["entry"] = list(entries)
        return await self.post("/", bundle, **headers)

    async def stats(self) -> Any:
        return (await self.get("/$stats")).tree

    async def count(self, kind: str) -> int:
        return int((await self.stats())["types"].get(kind, {}).get("resources", 0))

    async def break_it(self, **fault: Any) -> Got:
        return await self.post("/$faults", fault, Content_Type="application/json")

    @staticmethod
    def patient(value: str = "13815897247", **more: Any) -> dict[str, Any]:
        return {"resourceType": "Patient", "identifier": [{"system": FNR, "value": value}], **more}

    @staticmethod
    def observation(subject: str, **more: Any) -> dict[str, Any]:
        return {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "Hemoglobin"},
            "subject": {"reference": subject},
            **more,
        }

    @staticmethod
    def entry(method: str, url: str, resource: Any = None, full_url: str = "", **request: str) -> dict[str, Any]:
        made: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
        if resource is not None:
            made["resource"] = resource
        if full_url:
            made["fullUrl"] = full_url
        return made

    def mark(self) -> str:
        """A new id that FHIR would take."""
        return str(uuid.uuid4())


Start = Callable[..., Awaitable[Client]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts journals with options of the test's choice; all are stopped at its end."""
    running: list[RunningJournal] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:

        async def begin(**options: Any) -> Client:
            journal = await serve(options=Options(**options))
            running.append(journal)
            return Client(session, journal)

        yield begin
        for journal in running:
            await journal.stop()


@pytest.fixture
async def journal(start: Start) -> Client:
    """A journal with the usual rules, and nothing in it."""
    return await start()
