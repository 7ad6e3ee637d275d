"""A web address: what goes along with a message, and what an acknowledgement in the response means."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiohttp import web

from engine.delivery import Ambiguous, Delivered, Permanent, Transient
from engine.destinations import Shipment
from engine.destinations.http import HttpDestination, HttpTarget
from engine.transport.http import basic

SENT = b"MSH|^~\\&|A|B|C|D|2026||ADT^A08|M1|P|2.5\rPID|1\r"
SHIPMENT = Shipment(7, "018f2c1e-7d00-7000-8000-000000000001", "adt", SENT, "application/hl7-v2", "ref-1", 1, 0)
ACK = b"MSH|^~\\&|C|D|A|B|2026||ACK|X|P|2.5\rMSA|%b|%b\r"


class Receiver:
    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: dict[str, object] = {"status": 200}

    async def post(self, request: web.Request) -> web.Response:
        self.requests.append((request.method, dict(request.headers), await request.read()))
        return web.Response(**self.answer)  # type: ignore[arg-type]


@pytest.fixture
async def receiver():
    made = Receiver()
    app = web.Application()
    app.router.add_route("*", "/in/", made.post)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/in/"
    yield made
    await runner.cleanup()


async def deliver(receiver: Receiver, shipment: Shipment = SHIPMENT, **more):
    destination = HttpDestination(HttpTarget(receiver.url, **more))
    await destination.start()
    try:
        return await destination.deliver(shipment)
    finally:
        await destination.stop()


async def test_the_bytes_go_with_their_type_an_id_and_what_the_config_says(receiver):
    got = await deliver(receiver, headers={"X-Tenant": "4601"}, auth=basic("engine", "secret"))
    method, headers, body = receiver.requests[0]
    assert (got, method, body) == (Delivered("200"), "POST", SENT)
    assert headers["Content-Type"] == "application/hl7-v2"
    assert (headers["X-Message-Id"], headers["X-Tenant"]) == ("ref-1", "4601")
    assert headers["Authorization"].startswith("Basic ")


async def test_type_and_id_header_may_be_others(receiver):
    without = replace(SHIPMENT, reference="")
    await deliver(receiver, without, content_type="text/plain", message_id_header="Idempotency-Key")
    headers = receiver.requests[0][1]
    assert (headers["Content-Type"], headers["Idempotency-Key"]) == ("text/plain", SHIPMENT.message)
    assert "X-Message-Id" not in headers


async def test_the_id_is_the_same_over_retries(receiver):
    await deliver(receiver)
    await deliver(receiver, replace(SHIPMENT, attempt=2))
    assert len({headers["X-Message-Id"] for _, headers, _ in receiver.requests}) == 1


def test_a_repeat_is_harmless_only_where_the_config_says_so():
    assert not HttpDestination(HttpTarget("http://x")).idempotent
    assert HttpDestination(HttpTarget("http://x", idempotent=True)).idempotent


def ack(code: bytes, id: bytes = b"M1") -> bytes:
    return ACK % (code, id)


ANSWERS = [
    pytest.param(200, ack(b"AA"), Delivered("AA"), id="accepted"),
    pytest.param(202, b"", Delivered("202"), id="accepted without a word"),
    pytest.param(200, b"<html>OK</html>", Delivered("200"), id="something else"),
    pytest.param(200, ack(b"AE"), Transient("hl7.AE", tries=3), id="200 and yet an error"),
    pytest.param(500, ack(b"AE"), Transient("hl7.AE", tries=3), id="an error in both words"),
    pytest.param(200, ack(b"AA", b"M2"), Ambiguous("hl7.wrong_id", "the answer is to another message"), id="other"),
    pytest.param(502, b"<html>", Ambiguous("http.502"), id="a page of a proxy"),
    pytest.param(422, ack(b"AE"), Permanent("http.422"), id="4xx is final, whatever the body says"),
]


@pytest.mark.parametrize("status, body, outcome", ANSWERS)
async def test_an_acknowledgement_of_its_own_id_is_the_answer(receiver, status, body, outcome):
    receiver.answer = {"status": status, "body": body}
    assert await deliver(receiver) == outcome


@pytest.mark.parametrize("code", [b"AR", b"CR"])
async def test_200_and_yet_a_reject_is_final(receiver, code):
    receiver.answer = {"body": ack(code)}
    got = await deliver(receiver)
    assert isinstance(got, Permanent) and got.code == "hl7." + code.decode() and got.hint


async def test_where_no_hl7_was_sent_nothing_is_read_from_the_response(receiver):
    receiver.answer = {"body": ack(b"AE")}
    assert await deliver(receiver, replace(SHIPMENT, payload=b"<xml/>")) == Delivered("200")


@pytest.mark.parametrize(
    "body, told",
    [
        (b'{"code":"id_reused","detail":"Kari"}', "id_reused"),
        (b'{"code":"pid 12835210020"}', ""),
        (b'{"code":"x12835210020"}', ""),
        (b"[]", ""),
        (b"{", ""),
    ],
)
async def test_of_a_problem_only_a_plain_code_is_kept(receiver, body, told):
    receiver.answer = {"status": 400, "body": body, "content_type": "application/problem+json"}
    assert await deliver(receiver) == Permanent("http.400", told)
