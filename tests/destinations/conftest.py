"""A small FHIR system in memory, whose peculiarities can be switched."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import orjson
import pytest
from aiohttp import web


@dataclass
class Ward:
    """Creates and updates by id. `heeds_marker`: honours ifNoneMatch on PUT; `takes_batches`: or answers 400."""

    heeds_marker: bool = False
    takes_batches: bool = True
    refuse: list[int] = field(default_factory=list)
    """Status codes that the next transactions get."""
    refuse_reads: list[int] = field(default_factory=list)
    unresolved: int = 422
    resources: dict[str, dict] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    batches: int = 0
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""
    hold: asyncio.Event | None = None
    lose: bool = False
    """Commit the next transaction and break the connection instead of an answer."""

    async def post(self, request: web.Request) -> web.Response:
        raw = await request.read()
        bundle = orjson.loads(raw)
        if bundle["type"] == "batch":
            return self._batch(bundle)
        self.bodies.append(raw)
        if self.hold is not None:
            await self.hold.wait()
        if self.refuse:
            return web.Response(status=self.refuse.pop(0))
        return self._transaction(request, bundle)

    def _transaction(self, request: web.Request, bundle: dict) -> web.Response:
        here = {entry["fullUrl"]: entry["request"]["url"] for entry in bundle["entry"]}
        answers = []
        for entry in bundle["entry"]:
            url = entry["request"]["url"]
            if entry["request"].get("ifNoneMatch") == "*" and url in self.resources and self.heeds_marker:
                return web.Response(status=412)
            subject = entry["resource"].get("subject", {}).get("reference")
            if subject and here.get(subject, subject) not in {*self.resources, *here.values()}:
                return web.Response(status=self.unresolved)
        for entry in bundle["entry"]:
            url = entry["request"]["url"]
            answers.append({"response": {"status": "200 OK" if url in self.resources else "201 Created"}})
            self.resources[url] = entry["resource"]
            self.writes.append(url)
        if self.lose:
            self.lose = False
            assert request.transport is not None
            request.transport.abort()
        return self._says({"resourceType": "Bundle", "type": "transaction-response", "entry": answers})

    def _batch(self, bundle: dict) -> web.Response:
        self.batches += 1
        if self.refuse_reads:
            return web.Response(status=self.refuse_reads.pop(0))
        if not self.takes_batches:
            return web.Response(status=400)
        answers = []
        for entry in bundle["entry"]:
            url = entry["request"]["url"].partition("?")[0]
            self.reads.append(url)
            answers.append({"response": {"status": "200" if url in self.resources else "404"}})
        return self._says({"resourceType": "Bundle", "type": "batch-response", "entry": answers})

    async def get(self, request: web.Request) -> web.Response:
        url = f"{request.match_info['kind']}/{request.match_info['id']}"
        self.reads.append(url)
        if self.refuse_reads:
            return web.Response(status=self.refuse_reads.pop(0))
        if url not in self.resources:
            return web.Response(status=404)
        return self._says(self.resources[url])

    def _says(self, tree: dict) -> web.Response:
        return web.Response(body=orjson.dumps(tree), content_type="application/fhir+json")


@pytest.fixture
async def ward():
    made = Ward()
    app = web.Application()
    app.router.add_post("/fhir", made.post)
    app.router.add_get("/fhir/{kind}/{id}", made.get)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/fhir"
    yield made
    await runner.cleanup()
