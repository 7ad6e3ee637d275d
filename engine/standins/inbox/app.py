"""The inbox over HTTP. `POST` to any other address takes a message; faults meet these alone.

Own addresses: `GET /` for people, `GET /messages`, `GET /messages/{id}` (the exact bytes), `/plan` (GET; POST changes
it; DELETE brings back what the inbox was started with), changed from loopback only.
"""

from __future__ import annotations

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from engine.standins.inbox.overview import overview
from engine.standins.inbox.record import Record
from engine.standins.journal.misbehaviour import misbehave
from engine.standins.listening import is_loopback

_XML = ("application/xml", "text/xml")


class Taking:
    """Where messages arrive, as an ASGI application: 202 when one is kept, 415 for what is not sent as XML."""

    def __init__(self, record: Record) -> None:
        self.record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        fault = self.record.faults.meet(write=True) if request.method == "POST" else None
        await misbehave(fault, request, lambda body: self.answer(request, body), _refused, send)

    def answer(self, request: Request, body: bytes) -> Response:
        """Take one message in one step, then answer."""
        if request.method != "POST":
            return PlainTextResponse("a message is posted", 405, {"Allow": "POST"})
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _XML:
            return PlainTextResponse("a message is sent as application/xml", 415)
        try:
            self.record.take(body)
        except OSError:
            return PlainTextResponse("the folder takes nothing more", 507)
        return Response(status_code=202)


def _refused(status: int, text: str, headers: dict[str, str]) -> Response:
    return PlainTextResponse(text, status, headers)


def build_app(record: Record) -> Starlette:
    """Everything at its address."""

    async def page(request: Request) -> Response:
        return HTMLResponse(overview(record.arrivals, record.plan, record.faults_met()))

    async def messages(request: Request) -> Response:
        return JSONResponse({"messages": [arrival.shown() for arrival in record.arrivals]})

    async def message(request: Request) -> Response:
        arrival = record.arrivals.numbered(request.path_params["number"])
        if arrival is None:
            return PlainTextResponse("there is no such message", 404)
        return Response(arrival.raw, media_type="application/xml")

    async def plan(request: Request) -> Response:
        if request.method != "GET" and not is_loopback(request):
            return JSONResponse({"error": "the plan is changed from this machine only"}, 403)
        try:
            if request.method == "DELETE":
                record.begin_again()
            elif request.method == "POST":
                record.follow(json.loads(await request.body()))
        except ValueError as wrong:
            return JSONResponse({"error": str(wrong)}, 400)
        return JSONResponse(record.planned())

    return Starlette(
        routes=[
            Route("/", page, methods=["GET"]),
            Route("/messages", messages, methods=["GET"]),
            Route("/messages/{number:int}", message, methods=["GET"]),
            Route("/plan", plan, methods=["GET", "POST", "DELETE"]),
            Route("/{path:path}", Taking(record)),
        ]
    )
