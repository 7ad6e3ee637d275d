"""Failures of the HTTP client in neutral words."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from engine.transport.http import HttpClient, HttpFailure, HttpResponse, HttpSettings, basic, bearer, constant
from engine.transport.http_response import lost, not_connected


def alert(reason: str) -> Exception:
    error = ssl.SSLError(1, "[SSL] told by the peer")
    error.reason = reason
    outer = OSError(1, "told")
    outer.__cause__ = error
    return outer


UNTRUSTED = HttpFailure("http.certificate", False, True)
LOST = [
    pytest.param(alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"), UNTRUSTED, id="no cert"),
    pytest.param(alert("TLSV1_ALERT_UNKNOWN_CA"), UNTRUSTED, id="unknown CA"),
    pytest.param(alert("SSLV3_ALERT_CERTIFICATE_EXPIRED"), UNTRUSTED, id="expired"),
    pytest.param(alert("TLSV1_ALERT_INTERNAL_ERROR"), HttpFailure("http.reset", True), id="another alert"),
    pytest.param(None, HttpFailure("http.reset", True), id="closed"),
    pytest.param(ConnectionResetError(), HttpFailure("http.reset", True), id="reset"),
]


@pytest.mark.parametrize("error, expected", LOST)
def test_a_connection_lost_amid_a_request_leaves_it_open_what_happened_unless_the_peer_says(error, expected):
    assert lost(error, answering=False) == expected


NOT_MADE = [
    pytest.param(ssl.SSLCertVerificationError(1, "x"), "http.certificate", id="untrusted"),
    pytest.param(alert("TLSV1_ALERT_UNKNOWN_CA"), "http.certificate", id="not trusted by the peer"),
    pytest.param(ssl.SSLError(1, "x"), "http.tls", id="no TLS"),
    pytest.param(ConnectionResetError(), "http.tls", id="reset in the handshake"),
    pytest.param(ConnectionRefusedError(), "http.refused", id="refused"),
    pytest.param(OSError(113, "x"), "http.refused", id="no route"),
    pytest.param(TimeoutError(), "http.connect_timeout", id="time-out"),
    pytest.param(socket.gaierror(), "http.dns", id="no such name"),
]


@pytest.mark.parametrize("error, code", NOT_MADE)
def test_without_a_connection_nothing_is_unknown(error, code):
    got = not_connected(error, tls=True)
    assert (got.code, got.sent, got.fault) == (code, False, code == "http.certificate")


def test_a_circle_of_causes_ends():
    error = OSError("x")
    error.__cause__ = error
    assert lost(error, False) == HttpFailure("http.reset", True)


async def test_authorization_headers_are_as_the_standards_say():
    assert await basic("Aladdin", "åpne sesam")() == "Basic QWxhZGRpbjrDpXBuZSBzZXNhbQ=="
    assert await bearer("abc")() == "Bearer abc"


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/"])
async def test_an_address_that_is_none_is_a_failure_and_not_an_exception(url):
    client = HttpClient(HttpSettings(connect_timeout=0.5, response_timeout=0.5))
    client.open()
    got = await client.request("POST", url, {}, b"x")
    assert isinstance(got, HttpFailure) and not got.sent
    await client.close()


async def test_a_body_is_cut_at_the_limit():
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nX-Word: One\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = HttpClient(HttpSettings())
    client.open()
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    cut = await client.request("GET", url, {}, limit=999)
    whole = await client.request("GET", url, {}, limit=1000)
    assert isinstance(cut, HttpResponse) and cut.cut and cut.body == b"x" * 999
    assert isinstance(whole, HttpResponse) and not whole.cut and whole.headers["x-word"] == "One"
    await client.close()
    listening.close()


# ---- what a response can look like

OK = b"HTTP/1.1 200 OK\r\n"


def sized(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(line + b"\r\n" for line in headers)
    return OK + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Bytes:
    """A peer that answers each request with the next of these bytes; `None` closes, a tuple comes piece by piece."""

    def __init__(self, *answers: bytes | tuple[bytes, ...] | None) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                self.requests.append(head + await reader.readexactly(int(length or 0)))
                answer = self.answers.pop(0)
                for piece in answer if isinstance(answer, tuple) else (answer,):
                    if piece is None:
                        return
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def calling(peer: Bytes, settings: HttpSettings | None = None) -> AsyncIterator[tuple[HttpClient, str]]:
    listening = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    client = HttpClient(settings or HttpSettings(connect_timeout=2, response_timeout=2))
    client.open()
    yield client, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/fhir"
    await client.close()
    listening.close()


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
WHOLE = [
    pytest.param(sized(b"abcde"), id="length"),
    pytest.param(CHUNKED, id="chunked"),
    pytest.param(tuple(bytes([byte]) for byte in CHUNKED), id="chunked, byte by byte"),
    pytest.param((OK + b"\r\nabc", b"de", None), id="until the end"),
    pytest.param((b"HTTP/1.0 200 OK\r\n\r\nabc", b"de", None), id="until the end, 1.0"),
    pytest.param(b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + sized(b"abcde"), id="after an early hint"),
    pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED, id="after continue"),
    pytest.param(sized(gzip.compress(b"abcde"), b"Content-Encoding: gzip"), id="gzip, unasked"),
    pytest.param(sized(zlib.compress(b"abcde"), b"Content-Encoding: deflate"), id="deflate, unasked"),
    pytest.param(sized(b"abcde", b"Connection: close"), id="the last on its connection"),
]


@pytest.mark.parametrize("answer", WHOLE)
async def test_a_response_is_read_whole(answer):
    peer = Bytes(answer, answer)
    async with calling(peer) as (client, url):
        for _ in range(2):
            got = await client.request("POST", url, {}, b"x")
            assert isinstance(got, HttpResponse), got
            assert (got.status, got.body, got.cut) == (200, b"abcde", False)
            assert "link" not in got.headers


async def test_a_response_without_a_body_keeps_its_connection():
    peer = Bytes(b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\n\r\n", sized(b"x"))
    async with calling(peer) as (client, url):
        statuses = [(await client.request("GET", url, {})).status for _ in range(3)]
    assert statuses == [204, 304, 200] and peer.connections == 1


BROKEN = [
    pytest.param(sized(b"abc")[:-1], "http.broken", id="length not reached"),
    pytest.param(CHUNKED[:-30], "http.broken", id="chunks without an end"),
    pytest.param(OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "http.broken", id="two lengths"),
    pytest.param(OK + b"Content-Length: x\r\n\r\n", "http.broken", id="no number"),
    pytest.param(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "http.broken", id="upgrade"),
    pytest.param(sized(b"not gzip", b"Content-Encoding: gzip"), "http.broken", id="not compressed as told"),
    pytest.param(b"", "http.reset", id="nothing"),
    pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", "http.reset", id="only to go on"),
    pytest.param(OK + b"X: " + b"x" * 200_000, "http.broken", id="endless header"),
    pytest.param(OK + b"X: y\r\n" * 30_000, "http.broken", id="endless headers"),
]


@pytest.mark.parametrize("answer, code", BROKEN)
async def test_what_is_no_whole_response_leaves_it_open_what_happened(answer, code):
    async with calling(Bytes((answer, None))) as (client, url):
        assert await client.request("POST", url, {}, b"x") == HttpFailure(code, sent=True)


async def test_a_compressed_body_is_cut_at_the_limit_too():
    peer = Bytes(sized(gzip.compress(b"x" * 1_000_000), b"Content-Encoding: gzip"))
    async with calling(peer) as (client, url):
        got = await client.request("POST", url, {}, b"x", limit=5000)
    assert isinstance(got, HttpResponse) and got.cut and got.body == b"x" * 5000


async def test_a_request_is_as_the_standard_says():
    peer = Bytes(sized(b""), sized(b""), sized(b""))
    settings = HttpSettings(auth=constant("Bearer å"))
    async with calling(peer, settings) as (client, url):
        await client.request("POST", url, {"Accept": "a/b"}, b"body")
        await client.request("GET", url + "/Patient/1?x=a|b c&y=å", {})
        await client.request("POST", url, {})
    host = url.split("/")[2].encode()
    common = b"User-Agent: budstikke\r\nAccept-Encoding: identity\r\n"
    bearing = "Authorization: Bearer å\r\n".encode()
    assert peer.requests == [
        b"POST /fhir HTTP/1.1\r\nHost: " + host + b"\r\n" + common + b"Accept: a/b\r\n" + bearing
        + b"Content-Length: 4\r\n\r\nbody",
        b"GET /fhir/Patient/1?x=a|b%20c&y=%C3%A5 HTTP/1.1\r\nHost: " + host + b"\r\n" + common + bearing + b"\r\n",
        b"POST /fhir HTTP/1.1\r\nHost: " + host + b"\r\n" + common + bearing + b"Content-Length: 0\r\n\r\n",
    ]  # fmt: skip
    assert peer.connections == 1


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\0"])
async def test_no_header_ends_early(value):
    peer = Bytes()
    async with calling(peer) as (client, url):
        got = await client.request("POST", url, {"X-Word": value}, b"x")
        assert isinstance(got, HttpFailure) and not got.sent
    async with calling(peer, HttpSettings(auth=constant(value))) as (client, url):
        got = await client.request("POST", url, {}, b"x")
        assert isinstance(got, HttpFailure) and not got.sent
    assert peer.connections == 0


async def test_no_more_connections_than_told_are_made_at_once():
    peer = Bytes(*[sized(b"x")] * 30)
    async with calling(peer, HttpSettings(concurrency=3)) as (client, url):
        got = await asyncio.gather(*(client.request("POST", url, {}, b"x") for _ in range(30)))
    assert all(isinstance(each, HttpResponse) for each in got)
    assert peer.connections <= 3


async def test_a_request_that_is_given_up_takes_its_connection_with_it():
    hold = asyncio.Event()

    class Waits(Bytes):
        async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self.connections == 0:
                self.connections += 1
                await reader.readuntil(b"\r\n\r\n")
                hold.set()
                await reader.read()
                writer.close()
                return
            await super().serve(reader, writer)

    peer = Waits(sized(b"second"))
    async with calling(peer, HttpSettings(concurrency=1)) as (client, url):
        first = asyncio.create_task(client.request("POST", url, {}, b"x"))
        await hold.wait()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        second = await client.request("POST", url, {}, b"x")
    assert isinstance(second, HttpResponse) and second.body == b"second"
    assert peer.connections == 2


async def test_closing_ends_what_is_under_way():
    peer = Bytes((b"HTTP/1.1 200 OK\r\n", b""))
    async with calling(peer) as (client, url):
        under_way = asyncio.create_task(client.request("POST", url, {}, b"x"))
        while not peer.requests:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await client.close()
        assert await under_way == HttpFailure("http.reset", sent=True)


async def test_an_idle_connection_is_closed_before_the_peer_does(monkeypatch):
    monkeypatch.setattr("engine.transport.http._KEEP_ALIVE", 0.05)
    peer = Bytes(sized(b"1"), sized(b"2"))
    async with calling(peer) as (client, url):
        await client.request("POST", url, {}, b"x")
        closed = asyncio.get_running_loop().time() + 2
        while client._made and asyncio.get_running_loop().time() < closed:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not client._made
        await client.request("POST", url, {}, b"x")
    assert peer.connections == 2
