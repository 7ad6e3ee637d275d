"""Failures of the HTTP client in neutral words."""

from __future__ import annotations

import asyncio
import ssl

import aiohttp
import pytest

from engine.transport.http import HttpClient, HttpFailure, HttpResponse, HttpSettings, basic, bearer, failure


def alert(reason: str) -> Exception:
    error = ssl.SSLError(1, "[SSL] told by the peer")
    error.reason = reason
    outer = aiohttp.ClientOSError(1, "told")
    outer.__cause__ = error
    return outer


FAILURES = [
    pytest.param(
        alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"), HttpFailure("http.certificate", False, True), id="no cert"
    ),
    pytest.param(alert("TLSV1_ALERT_UNKNOWN_CA"), HttpFailure("http.certificate", False, True), id="unknown CA"),
    pytest.param(alert("SSLV3_ALERT_CERTIFICATE_EXPIRED"), HttpFailure("http.certificate", False, True), id="expired"),
    pytest.param(alert("TLSV1_ALERT_INTERNAL_ERROR"), HttpFailure("http.reset", True), id="another alert"),
    pytest.param(aiohttp.ServerDisconnectedError(), HttpFailure("http.reset", True), id="disconnected"),
    pytest.param(ConnectionResetError(), HttpFailure("http.reset", True), id="reset"),
    pytest.param(aiohttp.ClientPayloadError(), HttpFailure("http.broken", True), id="payload"),
    pytest.param(aiohttp.ConnectionTimeoutError(), HttpFailure("http.connect_timeout", False), id="connecting"),
    pytest.param(TimeoutError(), HttpFailure("http.timeout", True), id="time-out"),
]


@pytest.mark.parametrize("error, expected", FAILURES)
def test_a_failure_after_bytes_went_out_is_told_from_one_before(error, expected):
    assert failure(error, sent=True) == expected


@pytest.mark.parametrize(
    "error", [aiohttp.ServerDisconnectedError(), ConnectionResetError(), TimeoutError()], ids=lambda e: type(e).__name__
)
def test_before_any_byte_went_out_nothing_is_unknown(error):
    assert failure(error, sent=False).sent is False


def test_a_circle_of_causes_ends():
    error = OSError("x")
    error.__cause__ = error
    assert failure(error, sent=True) == HttpFailure("http.reset", True)


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
