"""The contract of every destination (engine/destinations/__init__.py), against real peers that misbehave.

A new destination gets a rig in `RIGS` (and in `OVER_HTTP` where it speaks HTTP) and passes this suite.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
import time
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import orjson
import pytest

import engine.destinations
from engine.delivery import Ambiguous, Delivered, Permanent, Transient
from engine.destinations import Destination, Shipment
from engine.destinations.fhir import FhirDestination, FhirSettings
from engine.destinations.file import FileDestination, FileSettings
from engine.destinations.http import HttpDestination, HttpTarget
from engine.destinations.mllp import MllpDestination, MllpTarget
from engine.standards.hl7v2.acknowledged import message_id
from engine.standards.hl7v2.mllp import Frame, FrameReader, frame
from engine.transport.http import bearer
from engine.transport.tls import ClientTls, ServerTls, client_context, server_context

MARK = "SECRETMARK"
PAYLOAD = orjson.dumps(
    {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:8b1d3f8e-8c5e-5d0b-9a59-0f7f6a1c2d3e",
                "resource": {"resourceType": "Patient", "name": [{"family": MARK}]},
                "request": {"method": "PUT", "url": "Patient/8b1d3f8e-8c5e-5d0b-9a59-0f7f6a1c2d3e"},
            }
        ],
    }
)
SHIPMENT = Shipment(1, "018f2c1e-7d00-7000-8000-000000000001", "adt", PAYLOAD, "application/fhir+json", "ref-1", 1, 0)
ANSWER = orjson.dumps(
    {"resourceType": "Bundle", "type": "transaction-response", "entry": [{"response": {"status": "201 Created"}}]}
)
FHIR = "application/fhir+json"


def outcome(code: str, expression: str = "", **more: object) -> bytes:
    issue = {"severity": "error", "code": code, "diagnostics": f"{MARK} 13815897247", **more}
    if expression:
        issue["expression"] = [expression]
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]})


# ---- what a peer can do


def says(status: int, body: bytes = b"", content_type: str = FHIR, **headers: str):
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    whole = "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    async def reply(reader, writer):
        writer.write(whole)
        await writer.drain()

    return reply


async def nothing(reader, writer):
    await reader.read()


async def closes(reader, writer):
    writer.close()
    await writer.wait_closed()
    raise ConnectionError


async def resets(reader, writer):
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    raise ConnectionError


async def half(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: 5000\r\n\r\n" + ANSWER)
    await closes(reader, writer)


async def half_a_header(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Ty")
    await closes(reader, writer)


async def garbage(reader, writer):
    writer.write(b"220 mail.example ESMTP\r\n")
    await closes(reader, writer)


async def huge(reader, writer):
    size = 1 << 30
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n" % size)
    for _ in range(size >> 16):
        writer.write(b" " * 65536)
        await writer.drain()


async def drips(reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: 5000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def answers_then_closes(reader, writer):
    await says(200, ANSWER)(reader, writer)
    await closes(reader, writer)


# ---- every destination


class FhirRig:
    """A FHIR destination and a peer that takes everything."""

    payload = PAYLOAD

    async def make(self, peer, folder: Path) -> Destination:
        self.peer = await peer(says(200, ANSWER))
        return FhirDestination(FhirSettings(url=f"http://127.0.0.1:{self.peer.port}/fhir"))

    async def broken(self, folder: Path) -> Destination:
        return FhirDestination(FhirSettings(url=f"http://127.0.0.1:{unused_port()}/fhir"))

    def bodies(self) -> list[bytes]:
        return [request.body for request in self.peer.requests]


class HttpRig:
    """A web address that takes everything."""

    payload = PAYLOAD

    async def make(self, peer, folder: Path) -> Destination:
        self.peer = await peer(says(202))
        return HttpDestination(HttpTarget(f"http://127.0.0.1:{self.peer.port}/in"))

    async def broken(self, folder: Path) -> Destination:
        return HttpDestination(HttpTarget(f"http://127.0.0.1:{unused_port()}/in"))

    def bodies(self) -> list[bytes]:
        return [request.body for request in self.peer.requests]


class MllpRig:
    """A receiver of HL7 v2 that accepts everything."""

    payload = b"MSH|^~\\&|A|B|C|D|2026||ADT^A08|M1|P|2.5\rPID|1||1||" + MARK.encode() + b"\r"

    async def make(self, peer, folder: Path) -> Destination:
        self.taken: list[bytes] = []
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return MllpDestination(MllpTarget("127.0.0.1", server.sockets[0].getsockname()[1]))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = FrameReader(2**26)
        while piece := await reader.read(65536):
            for found in frames.feed(piece):
                assert isinstance(found, Frame)
                self.taken.append(found.message)
                answer = b"MSH|^~\\&|C|D|A|B|2026||ACK|X|P|2.5\rMSA|AA|" + message_id(found.message) + b"\r"
                writer.write(frame(answer))
        writer.close()

    async def broken(self, folder: Path) -> Destination:
        return MllpDestination(MllpTarget("127.0.0.1", unused_port()))

    def bodies(self) -> list[bytes]:
        return self.taken


class FileRig:
    """A file destination and its folder."""

    payload = PAYLOAD

    async def make(self, peer, folder: Path) -> Destination:
        self.folder = folder
        return FileDestination(FileSettings(str(folder)))

    async def broken(self, folder: Path) -> Destination:
        return FileDestination(FileSettings(str(folder / "gone")))

    def bodies(self) -> list[bytes]:
        return [path.read_bytes() for path in self.folder.iterdir()]


RIGS = {"fhir": FhirRig, "file": FileRig, "http": HttpRig, "mllp": MllpRig}


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(params=RIGS.values(), ids=RIGS.keys())
def rig(request):
    return request.param()


def test_every_kind_that_ships_has_a_rig():
    folder = Path(engine.destinations.__file__).parent
    assert {path.stem for path in folder.glob("*.py") if "_" not in path.stem} == RIGS.keys()


async def test_a_delivery_arrives_byte_for_byte(rig, peer, tmp_path):
    destination = await rig.make(peer, tmp_path)
    await destination.start()
    assert isinstance(await destination.deliver(replace(SHIPMENT, payload=rig.payload)), Delivered)
    assert rig.bodies() == [rig.payload]
    await destination.stop()


async def test_a_repeated_delivery_is_delivered_again_where_that_is_harmless(rig, peer, tmp_path):
    destination = await rig.make(peer, tmp_path)
    await destination.start()
    for attempt in (1, 2, 3):
        repeated = await destination.deliver(replace(SHIPMENT, payload=rig.payload, attempt=attempt))
        assert isinstance(repeated, Delivered) or not destination.idempotent
    assert set(rig.bodies()) == {rig.payload}
    await destination.stop()


async def test_deliveries_go_on_beside_each_other(rig, peer, tmp_path):
    destination = await rig.make(peer, tmp_path)
    await destination.start()
    many = [replace(SHIPMENT, delivery=n, reference=f"ref-{n}", payload=rig.payload + b" " * n) for n in range(40)]
    outcomes = await asyncio.gather(*(destination.deliver(each) for each in many))
    assert all(isinstance(each, Delivered) for each in outcomes)
    assert sorted(rig.bodies(), key=len) == [each.payload for each in many]
    await destination.stop()


async def test_start_does_not_mind_that_the_other_side_is_down_and_the_delivery_says_so(rig, tmp_path):
    destination = await rig.broken(tmp_path)
    await destination.start()
    assert isinstance(await destination.deliver(replace(SHIPMENT, payload=rig.payload)), Transient)
    await destination.stop()


async def test_stop_may_be_called_twice_and_before_start(rig, peer, tmp_path):
    destination = await rig.make(peer, tmp_path)
    await destination.stop()
    await destination.start()
    await destination.stop()
    await destination.stop()


async def test_nothing_of_a_payload_is_logged(rig, peer, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    for destination in (await rig.make(peer, tmp_path), await rig.broken(tmp_path)):
        await destination.start()
        await destination.deliver(replace(SHIPMENT, payload=rig.payload))
        await destination.stop()
    assert MARK not in "\n".join(str(vars(record)) for record in caplog.records)


# ---- destinations over HTTP: the class table (RELIABILITY 2, decision 18)

OVER_HTTP = {
    "fhir": lambda url, **more: FhirDestination(FhirSettings(url=url, response_timeout=0.8, **more)),
    "http": lambda url, **more: HttpDestination(HttpTarget(url=url, response_timeout=0.8, **more)),
}
fhir_only = pytest.mark.parametrize("make", [OVER_HTTP["fhir"]], ids=["fhir"])


@pytest.fixture(params=OVER_HTTP.values(), ids=OVER_HTTP.keys())
def make(request):
    return request.param


@pytest.fixture
async def deliver(make, peer):
    """Deliver to a peer that gives one reply; the outcome."""

    async def once(reply) -> object:
        listening = await peer(reply)
        destination = make(f"http://127.0.0.1:{listening.port}/fhir")
        await destination.start()
        try:
            return await destination.deliver(SHIPMENT)
        finally:
            await destination.stop()

    return once


PAGE = b"<html><title>Sign in</title>"
HTML = "text/html"
several = outcome("multiple-matches")
CLASS_TABLE = [
    pytest.param(says(201, ANSWER), Delivered, "", {}, id="201"),
    pytest.param(says(301, Location="/x"), Permanent, "http.301", {"park": False}, id="301"),
    pytest.param(says(302, Location="http://127.0.0.1/"), Permanent, "http.302", {}, id="302"),
    pytest.param(says(307, Location="/fhir"), Permanent, "http.307", {}, id="307"),
    pytest.param(says(400, outcome("structure")), Permanent, "http.400", {"park": False}, id="400"),
    pytest.param(says(401), Transient, "http.401", {"system_fault": True}, id="401"),
    pytest.param(says(403), Transient, "http.403", {"system_fault": True}, id="403"),
    pytest.param(says(404), Transient, "http.404", {"system_fault": True}, id="404 on the base"),
    pytest.param(says(405), Permanent, "http.405", {}, id="405"),
    pytest.param(says(408), Transient, "http.408", {"system_fault": False}, id="408"),
    pytest.param(says(409, outcome("conflict")), Transient, "http.409", {"tries": 3}, id="409"),
    pytest.param(says(410), Permanent, "http.410", {"park": False}, id="410"),
    pytest.param(says(412), Transient, "http.412", {"tries": 3}, id="412"),
    pytest.param(says(413), Permanent, "http.413", {"park": False}, id="413"),
    pytest.param(says(418), Permanent, "http.418", {}, id="418"),
    pytest.param(says(422, outcome("invariant")), Permanent, "http.422", {"park": False}, id="422"),
    pytest.param(says(429, Retry_After="7"), Transient, "http.429", {"after": 7.0}, id="429 after 7 s"),
    pytest.param(says(500), Ambiguous, "http.500", {}, id="500"),
    pytest.param(says(501), Ambiguous, "http.501", {}, id="501"),
    pytest.param(says(502, PAGE, HTML), Ambiguous, "http.502", {"detail": ""}, id="502"),
    pytest.param(says(503), Transient, "http.503", {"after": None}, id="503"),
    pytest.param(says(503, Retry_After="120"), Transient, "http.503", {"after": 120.0}, id="503 after 120 s"),
    pytest.param(says(503, Retry_After="soon"), Transient, "http.503", {"after": None}, id="503 unreadable time"),
    pytest.param(says(504), Ambiguous, "http.504", {}, id="504"),
    pytest.param(nothing, Ambiguous, "http.timeout", {}, id="no answer"),
    pytest.param(drips, Ambiguous, "http.timeout", {}, id="slow drip"),
    pytest.param(closes, Ambiguous, "http.reset", {}, id="closed after the request"),
    pytest.param(resets, Ambiguous, "http.reset", {}, id="reset after the request"),
    pytest.param(half, Ambiguous, "http.broken", {}, id="half a response"),
    pytest.param(half_a_header, Ambiguous, "http.reset", {}, id="half a header"),
    pytest.param(garbage, Ambiguous, "http.broken", {}, id="not HTTP"),
    pytest.param(huge, Ambiguous, "http.too_long", {}, id="huge response"),
]
CLASS_TABLE_OF_FHIR = [
    pytest.param(says(200, ANSWER), Delivered, "", {"detail": "200 created=1"}, id="200"),
    pytest.param(says(200, PAGE, HTML), Ambiguous, "http.not_fhir", {}, id="200 page of a proxy"),
    pytest.param(says(200), Ambiguous, "http.not_fhir", {}, id="200 empty"),
    pytest.param(says(200, b"[1]"), Ambiguous, "http.not_fhir", {}, id="200 not a resource"),
    pytest.param(says(200, b'{"resourceType":"Patient"}'), Ambiguous, "http.no_transaction", {}, id="200 no bundle"),
    pytest.param(says(412, several), Permanent, "http.412", {"park": True}, id="412 several match"),
    pytest.param(
        says(412, outcome("conflict", details={"text": "Multiple resources match"})),
        *(Permanent, "http.412", {"park": True}),
        id="412 says several match in words",
    ),
    pytest.param(says(422, several), Permanent, "http.422", {"park": True}, id="422 several match"),
]


@pytest.mark.parametrize("reply, kind, code, facts", CLASS_TABLE)
async def test_a_response_has_its_class(deliver, reply, kind, code, facts):
    got = await deliver(reply)
    assert type(got) is kind
    assert getattr(got, "code", "") == code
    assert {name: getattr(got, name) for name in facts} == facts


@fhir_only
@pytest.mark.parametrize("reply, kind, code, facts", CLASS_TABLE_OF_FHIR)
async def test_a_response_of_a_fhir_system_has_its_class(deliver, reply, kind, code, facts):
    await test_a_response_has_its_class(deliver, reply, kind, code, facts)


async def test_a_time_to_wait_may_be_a_date(deliver):
    got = await deliver(says(503, Retry_After=formatdate(time.time() + 90, usegmt=True)))
    assert isinstance(got, Transient) and got.after is not None and 80 < got.after <= 90


@pytest.mark.parametrize("reply", [says(301, Location="/x"), says(413)], ids=["301", "413"])
async def test_what_a_person_must_mend_comes_with_a_hint(deliver, reply):
    got = await deliver(reply)
    assert isinstance(got, Permanent) and len(got.hint) > 20


@fhir_only
async def test_several_matches_come_with_their_remedy(deliver):
    got = await deliver(says(412, several))
    assert isinstance(got, Permanent) and got.park and len(got.hint) > 20


@fhir_only
@pytest.mark.parametrize("status", [400, 409, 412, 422, 500, 503])
async def test_an_outcome_is_told_by_code_and_path_and_never_by_content(deliver, status):
    body = outcome("value", f"Bundle.entry[2].resource.where(name = '{MARK}').birthDate")
    got = await deliver(says(status, body))
    assert got.detail == "value Bundle.entry[2].resource.where"
    assert MARK not in repr(got) and "13815897247" not in repr(got)


async def test_a_refused_connection_is_transient(make):
    destination = make(f"http://127.0.0.1:{unused_port()}/fhir")
    await destination.start()
    assert await destination.deliver(SHIPMENT) == Transient("http.refused")
    await destination.stop()


async def test_a_name_that_does_not_resolve_is_transient(make):
    destination = make("http://journal.invalid/fhir")
    await destination.start()
    assert await destination.deliver(SHIPMENT) == Transient("http.dns")
    await destination.stop()


async def test_a_connection_that_is_never_made_is_transient(make):
    with socket.socket() as full:  # its queue of one is filled, so that the next connection hangs
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        destination = make(f"http://127.0.0.1:{full.getsockname()[1]}/fhir", connect_timeout=0.2)
        await destination.start()
        assert await destination.deliver(SHIPMENT) == Transient("http.connect_timeout")
        await destination.stop()
        for sock in waiting:
            sock.close()


async def test_connections_are_kept(make, peer):
    listening = await peer(says(200, ANSWER))
    destination = make(f"http://127.0.0.1:{listening.port}/fhir")
    await destination.start()
    for _ in range(10):
        assert isinstance(await destination.deliver(SHIPMENT), Delivered)
    assert listening.connections == 1
    await destination.stop()


async def test_a_peer_that_closes_kept_connections_costs_nothing(make, peer):
    listening = await peer(answers_then_closes)
    destination = make(f"http://127.0.0.1:{listening.port}/fhir")
    await destination.start()
    for _ in range(5):
        assert isinstance(await destination.deliver(SHIPMENT), Delivered)
        await asyncio.sleep(0.1)  # the close arrives
    assert listening.connections == 5
    await destination.stop()


async def test_an_answer_that_comes_late_belongs_to_no_other_shipment(make, peer):
    """The first shipment's answer, 422, comes after its time-out and while the second one is under way."""
    release = asyncio.Event()

    async def late(reader, writer):
        await release.wait()
        await says(422, outcome("invalid"))(reader, writer)

    async def second(reader, writer):
        release.set()
        await asyncio.sleep(0.05)
        await says(200, ANSWER)(reader, writer)

    listening = await peer(says(500))
    listening.script = [late, second]
    destination = make(f"http://127.0.0.1:{listening.port}/fhir")
    await destination.start()
    assert await destination.deliver(SHIPMENT) == Ambiguous("http.timeout")
    assert isinstance(await destination.deliver(replace(SHIPMENT, delivery=2)), Delivered)
    assert [request.connection for request in listening.requests] == [1, 2]
    await destination.stop()


async def test_an_answer_given_twice_belongs_to_no_other_shipment(make, peer):
    async def twice(reader, writer):
        await says(200, ANSWER)(reader, writer)
        await says(422, outcome("invalid"))(reader, writer)

    listening = await peer(says(200, ANSWER))
    listening.script = [twice]
    destination = make(f"http://127.0.0.1:{listening.port}/fhir")
    await destination.start()
    assert isinstance(await destination.deliver(SHIPMENT), Delivered)
    await asyncio.sleep(0.05)
    assert isinstance(await destination.deliver(SHIPMENT), Delivered)
    await destination.stop()


async def test_after_each_fault_the_next_delivery_goes_through(make, peer):
    listening = await peer(says(200, ANSWER))
    faults = [nothing, closes, resets, half, half_a_header, garbage, huge, drips, says(500)]
    listening.script = [each for fault in faults for each in (fault, says(200, ANSWER))]
    destination = make(f"http://127.0.0.1:{listening.port}/fhir", concurrency=1)
    await destination.start()
    for fault in faults:
        assert isinstance(await destination.deliver(SHIPMENT), Ambiguous), fault
        assert isinstance(await destination.deliver(SHIPMENT), Delivered), fault
    await destination.stop()


async def test_credentials_go_along(make, peer):
    listening = await peer(says(200, ANSWER))
    destination = make(f"http://127.0.0.1:{listening.port}/fhir", auth=bearer("token"))
    await destination.start()
    await destination.deliver(SHIPMENT)
    assert listening.requests[0].headers["authorization"] == "Bearer token"
    await destination.stop()


async def test_proxies_of_the_environment_are_not_used(make, peer, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    listening = await peer(says(200, ANSWER))
    destination = make(f"http://127.0.0.1:{listening.port}/fhir")
    await destination.start()
    assert isinstance(await destination.deliver(SHIPMENT), Delivered)
    await destination.stop()


async def test_cookies_are_not_kept(make, peer):
    listening = await peer(says(200, ANSWER, Set_Cookie="session=1"))
    destination = make(f"http://localhost:{listening.port}/fhir")
    await destination.start()
    await destination.deliver(SHIPMENT)
    await destination.deliver(SHIPMENT)
    assert all("cookie" not in request.headers for request in listening.requests)
    await destination.stop()


async def test_a_large_payload_goes_in_pieces_and_whole(make, peer):
    listening = await peer(says(200, ANSWER))
    destination = make(f"http://127.0.0.1:{listening.port}/fhir")
    await destination.start()
    large = b'{"a":"' + b"x" * 20_000_000 + b'"}'
    assert isinstance(await destination.deliver(replace(SHIPMENT, payload=large)), Delivered)
    assert listening.requests[0].body == large
    await destination.stop()


# ---- TLS


@pytest.fixture
async def over_tls(make, peer, authority):
    async def once(client: ClientTls, required: bool = False, expired: bool = False, most: str = "TLSv1_3"):
        pair = authority.issue("journal", expired=expired)
        tls = server_context(ServerTls(pair.cert, pair.key, authority.file if required else "", required))
        tls.maximum_version = ssl.TLSVersion[most]
        listening = await peer(says(200, ANSWER), tls)
        destination = make(f"https://127.0.0.1:{listening.port}/fhir", tls=client_context(client))
        await destination.start()
        try:
            return await destination.deliver(SHIPMENT), listening.requests
        finally:
            await destination.stop()

    return once


async def test_tls_with_a_trusted_authority_delivers(over_tls, authority):
    got, _ = await over_tls(ClientTls(ca=authority.file))
    assert isinstance(got, Delivered)


@pytest.mark.parametrize("expired", [False, True], ids=["stranger", "expired"])
async def test_a_server_that_cannot_be_trusted_gets_nothing(over_tls, authority, stranger, expired):
    trusted = authority if expired else stranger
    got, requests = await over_tls(ClientTls(ca=trusted.file), expired=expired)
    assert got == Transient("http.certificate", system_fault=True)
    assert requests == []


async def test_a_client_certificate_is_presented(over_tls, authority):
    pair = authority.issue("engine")
    got, _ = await over_tls(ClientTls(authority.file, pair.cert, pair.key), required=True)
    assert isinstance(got, Delivered)


@pytest.mark.parametrize("most", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("own", [False, True], ids=["none", "a stranger's"])
async def test_a_client_certificate_that_is_not_taken_ends_before_the_peer_reads(
    over_tls, authority, stranger, own, most
):
    pair = stranger.issue("engine")
    client = ClientTls(authority.file, pair.cert, pair.key) if own else ClientTls(authority.file)
    got, requests = await over_tls(client, required=True, most=most)
    assert requests == []
    if most == "TLSv1_2":
        assert got in (Transient("http.certificate", system_fault=True), Transient("http.tls"))
    else:  # told after the handshake: a server that resets at once may take its own words back, then it is unknown
        assert got in (Transient("http.certificate", system_fault=True), Ambiguous("http.reset"))
