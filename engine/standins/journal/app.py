"""The journal over HTTP: R4's RESTful interface at the root, and beside it pages and switches of the stand-in's own.

Own addresses: `GET /` for people, `/$stats`, `/$log`, `/$faults` (changed from loopback only). All else is FHIR, and
faults meet FHIR only. FHIR R4, 3.1.0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from engine import log
from engine.standins.journal import Refused, Remark
from engine.standins.journal.answers import refusal, replied, respond
from engine.standins.journal.asked import Asked, parse_pairs, parse_target
from engine.standins.journal.capability import capability_statement
from engine.standins.journal.faults import Faults
from engine.standins.journal.journal import Journal
from engine.standins.journal.misbehaviour import misbehave
from engine.standins.journal.overview import overview
from engine.standins.journal.wire import dump, load
from engine.standins.listening import is_loopback

_KINDS = {"POST": "create", "PUT": "update", "DELETE": "delete"}


class Fhir:
    """The FHIR part, as an ASGI application."""

    def __init__(self, journal: Journal, faults: Faults, started: str) -> None:
        self.journal = journal
        self.faults = faults
        self.started = started

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        write = request.method in _KINDS and not request.url.path.endswith("/_search")
        await misbehave(self.faults.meet(write), request, lambda body: self.answer(request, body), _refused, send)

    def answer(self, request: Request, body: bytes) -> Response:
        """Answer a request that has come whole, in one step."""
        try:
            return self._interact(request, body)
        except Refused as refused:
            self.journal.refused[refused.status] += 1
            return refusal(refused)
        except Exception as bug:
            log.error("standin.journal.bug", type=type(bug).__name__)
            return refusal(Refused(500, Remark("exception", f"the stand-in failed: {type(bug).__name__}")))

    def _interact(self, request: Request, body: bytes) -> Response:
        path, method, headers = request.url.path, request.method, request.headers
        query = request.scope["query_string"].decode("latin-1")
        _check_accept(headers, query)
        if "identifier" in query:
            self.journal.identifiers_in_urls += 1
        method = "GET" if method == "HEAD" else method
        if path == "/metadata" and method == "GET":
            return respond(200, dump(capability_statement(self.journal.rules, self.journal.address, self.started)))
        if path == "/" and method == "POST":
            _check_content_type(headers)
            whole = "return=representation" in headers.get("prefer", "")
            return respond(200, self.journal.bundle(load(body), whole))
        if path.startswith("/_page/") and method == "GET":
            return self._page(path)
        if path.endswith("/_search") and method == "POST":
            return self._posted_search(path, query, headers, body)
        target = parse_target(path, query or None, self.journal.rules.types)
        if method not in ("GET", *_KINDS):
            raise Refused(405, Remark("not-supported", "a method that this journal does not have"))
        asked = Asked(
            method=method,
            target=target,
            if_match=headers.get("if-match", ""),
            if_none_match=headers.get("if-none-match", ""),
            if_modified_since=headers.get("if-modified-since", ""),
            if_none_exist=headers.get("if-none-exist", "") if method == "POST" else "",
        )
        if method in ("POST", "PUT"):
            _check_content_type(headers)
            asked.resource = load(body)
        return replied(asked, self.journal.one(asked, _KINDS.get(method, "read")), self.journal.address, headers)

    def _page(self, path: str) -> Response:
        token, _, start = path.removeprefix("/_page/").partition("/")
        if not start.isdecimal():
            raise Refused(404, Remark("not-found", "there is no such page"))
        return respond(200, self.journal.reader.page(token, int(start)).body)

    def _posted_search(self, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Search with the criteria in the body, where no log of addresses sees them. FHIR R4, 3.1.0.9."""
        if headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            raise Refused(415, Remark("not-supported", "a posted search is a form"))
        form = body.decode("ascii", "replace")
        joined = "&".join(part for part in (query, form) if part)
        target = parse_target(path.removesuffix("/_search"), joined, self.journal.rules.types)
        if target.id:
            raise Refused(404, Remark("not-supported", "a compartment search"))
        return respond(200, self.journal.reader.search(target.type, target.pairs, joined).body)


_CODES = {503: "transient", 429: "throttled", 401: "login", 400: "invalid"}


def _refused(status: int, text: str, headers: dict[str, str]) -> Response:
    """A fault on purpose, as an OperationOutcome."""
    return refusal(Refused(status, Remark(_CODES.get(status, "exception"), text)), headers)


def _check_accept(headers: Mapping[str, str], query: str) -> None:
    """Raises: Refused (406) when JSON is not wanted. FHIR R4, 3.1.0.1.8."""
    wanted = headers.get("accept", "*/*")
    if "_format=" in query:
        wanted = dict(parse_pairs(query)).get("_format", wanted)
    if not any(word in wanted for word in ("json", "*/*", "application/*")):
        raise Refused(406, Remark("not-supported", "this journal speaks JSON only"))


def _check_content_type(headers: Mapping[str, str]) -> None:
    written = headers.get("content-type", "").partition(";")[0].strip().lower()
    if written not in ("application/fhir+json", "application/json"):
        raise Refused(415, Remark("not-supported", "the body is sent as application/fhir+json"))


def build_app(journal: Journal, faults: Faults, started: str) -> Starlette:
    """Everything at its address."""

    async def page(request: Request) -> Response:
        return HTMLResponse(overview(journal, faults))

    async def stats(request: Request) -> Response:
        return JSONResponse({**journal.stats(), "faults": dict(faults.met)})

    async def transactions(request: Request) -> Response:
        since = request.query_params.get("since", "0")
        first = int(since) if since.isdecimal() else 0
        shown = [commit.shown() for commit in journal.ledger.commits[first:]]
        return Response(orjson.dumps({"transactions": shown}), media_type="application/json")

    async def switches(request: Request) -> Response:
        if request.method != "GET" and not is_loopback(request):
            return JSONResponse({"error": "faults are set from this machine only"}, 403)
        if request.method == "DELETE":
            faults.clear()
        elif request.method == "POST":
            try:
                written = json.loads(await request.body())
                for wanted in written if isinstance(written, list) else [written]:
                    faults.set_from(wanted)
            except (ValueError, TypeError) as wrong:
                return JSONResponse({"error": str(wrong)}, 400)
        return JSONResponse(faults.shown())

    return Starlette(
        routes=[
            Route("/", page, methods=["GET"]),
            Route("/$stats", stats, methods=["GET"]),
            Route("/$log", transactions, methods=["GET"]),
            Route("/$faults", switches, methods=["GET", "POST", "DELETE"]),
            Route("/{path:path}", Fhir(journal, faults, started)),
        ]
    )
