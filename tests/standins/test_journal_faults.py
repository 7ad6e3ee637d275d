"""The journal misbehaves as it is told, and counts it."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from engine.clock import ManualClock
from engine.standins.journal import Options
from engine.standins.journal.app import build_app
from engine.standins.journal.faults import AFTER_COMMIT, KINDS, Fault, Faults
from engine.standins.journal.journal import Journal


@pytest.mark.parametrize(
    ("fault", "status", "headers", "kept"),
    [
        pytest.param({"fault": "unavailable", "retry_after": 7}, 503, {"Retry-After": "7"}, 0, id="503"),
        pytest.param({"fault": "too_many", "retry_after": 2}, 429, {"Retry-After": "2"}, 0, id="429"),
        pytest.param({"fault": "unauthorized"}, 401, {"WWW-Authenticate": "Bearer"}, 0, id="401"),
        pytest.param({"fault": "bad_request"}, 400, {}, 0, id="400"),
        pytest.param({"fault": "error"}, 500, {}, 0, id="500"),
        pytest.param({"fault": "error_after_commit"}, 500, {}, 1, id="500 after the commit"),
        pytest.param({"fault": "garbage"}, 200, {"Content-Type": "text/html; charset=utf-8"}, 0, id="HTML 200"),
        pytest.param({"fault": "bad_gateway"}, 502, {"Content-Type": "text/html; charset=utf-8"}, 0, id="HTML 502"),
    ],
)
async def test_a_fault_answers_so_once_and_then_all_is_well(
    journal: Any, fault: dict[str, Any], status: int, headers: dict[str, str], kept: int
) -> None:
    await journal.break_it(**fault, requests=1)
    got = await journal.post("/Patient", journal.patient())
    assert got.status == status
    assert {name: got.headers[name] for name in headers} == headers
    assert await journal.count("Patient") == kept
    assert (await journal.post("/Patient", journal.patient())).status == 201
    assert (await journal.stats())["faults"] == {fault["fault"]: 1}


@pytest.mark.parametrize(("kind", "kept"), [("lose_response", 1), ("break", 0)])
async def test_a_connection_ends_without_an_answer(journal: Any, kind: str, kept: int) -> None:
    await journal.break_it(fault=kind, requests=1)
    one = journal.entry("PUT", "Patient/a1", journal.patient(id="a1"))  # in a POST: the client repeats a PUT by itself
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await journal.transaction(one)
    assert await journal.count("Patient") == kept
    assert (await journal.transaction(one)).statuses == ["200" if kept else "201"]
    assert (await journal.stats())["versions"] == 1, "the second try makes nothing twice"


async def test_a_lost_response_of_a_transaction_leaves_it_whole(journal: Any) -> None:
    await journal.break_it(fault="lose_response", requests=1)
    urn = "urn:uuid:0b1c2d3e-0000-4000-8000-000000000001"
    entries = (
        journal.entry("PUT", "Patient/p", journal.patient(id="p"), urn),
        journal.entry("PUT", "Observation/o", journal.observation(urn, id="o")),
    )
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await journal.transaction(*entries)
    assert (await journal.stats())["resources"] == 2
    assert (await journal.transaction(*entries)).statuses == ["200", "200"]
    assert (await journal.stats())["versions"] == 2


async def test_a_slow_journal_commits_also_what_the_client_has_given_up(journal: Any) -> None:
    await journal.break_it(fault="slow", delay=0.2, requests=1)
    short = aiohttp.ClientTimeout(total=0.05)
    with pytest.raises(asyncio.TimeoutError):
        async with journal.session.put(
            journal.running.url + "/Patient/a1",
            json=journal.patient(id="a1"),
            headers={"Content-Type": "application/fhir+json"},
            timeout=short,
        ):
            pass
    assert await journal.count("Patient") == 0
    deadline = asyncio.get_running_loop().time() + 10
    while not await journal.count("Patient"):
        assert asyncio.get_running_loop().time() < deadline
    assert await journal.count("Patient") == 1


async def test_a_request_that_never_comes_whole_is_not_acted_upon(journal: Any) -> None:
    host, port = journal.running.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = b"POST /Patient HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\nContent-Length: 99\r\n\r\n"
    writer.write(head + b'{"resourceType":"Patient"}')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await journal.stats())["commits"] == 0


async def test_a_dripping_answer_is_whole_in_the_end(journal: Any) -> None:
    await journal.break_it(fault="drip", delay=0.001, requests=1)
    got = await journal.post("/Patient", journal.patient())
    assert (got.status, got.tree["resourceType"]) == (201, "Patient")


async def test_faults_after_the_commit_leave_reads_alone(journal: Any) -> None:
    await journal.put("/Patient/a1", journal.patient(id="a1"))
    await journal.break_it(fault="lose_response", requests=1)
    assert (await journal.get("/Patient/a1")).status == 200
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert (await journal.post("/Patient/_search", b"_id=a1", **form)).status == 200
    assert (await journal.stats())["faults"] == {}


async def test_pages_of_its_own_are_never_met_by_faults(journal: Any) -> None:
    await journal.break_it(fault="unavailable")
    assert (await journal.get("/metadata")).status == 503
    for path in ("/", "/$stats", "/$log", "/$faults"):
        assert (await journal.get(path)).status == 200


async def test_faults_can_be_cleared_and_their_counts_stay(journal: Any) -> None:
    await journal.break_it(fault="unavailable")
    await journal.get("/metadata")
    shown = (await journal.send("DELETE", "/$faults")).tree
    assert (shown["active"], shown["met"]) == ([], {"unavailable": 1})
    assert (await journal.get("/metadata")).status == 200


async def test_faults_can_be_set_at_start(start: Any) -> None:
    journal = await start(faults=({"fault": "unavailable", "requests": 2},))
    assert [(await journal.get("/metadata")).status for _ in range(3)] == [503, 503, 200]


async def test_several_faults_are_met_in_the_order_they_were_set(journal: Any) -> None:
    body = [{"fault": "unavailable", "requests": 1}, {"fault": "too_many", "requests": 1, "skip": 1}]
    assert (await journal.post("/$faults", body, Content_Type="application/json")).status == 200
    assert [(await journal.get("/metadata")).status for _ in range(4)] == [503, 200, 429, 200]


@pytest.mark.parametrize(
    "body",
    [
        {"fault": "earthquake"},
        {},
        [],
        [3],
        {"fault": "slow", "delay": "long"},
        {"fault": "slow", "delay": -1},
        {"fault": "slow", "requests": 1.5},
        {"fault": "slow", "requests": True},
        {"fault": "slow", "how": 1},
        b"{",
    ],
)
async def test_a_fault_that_does_not_exist_is_refused(journal: Any, body: Any) -> None:
    got = await journal.post("/$faults", body, Content_Type="application/json")
    assert got.status == (400 if body != [] else 200)
    assert (await journal.get("/$faults")).tree["active"] == []


@pytest.mark.parametrize(
    ("peer", "status"),
    [("127.0.0.1", 200), ("127.8.0.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200), ("10.1.2.3", 403), ("::12", 403)],
)
async def test_faults_are_set_from_this_machine_only(peer: str, status: int) -> None:
    faults, sent = Faults(ManualClock()), []
    app = build_app(Journal(Options()), faults, "2026-01-15T08:00:00Z")
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/$faults",
        "headers": [],
        "query_string": b"",
        "client": (peer, 1),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b'{"fault": "unavailable"}', "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    assert sent[0]["status"] == status
    assert len(faults.active) == (1 if status == 200 else 0)


def test_a_fault_ends_when_its_seconds_are_over() -> None:
    clock = ManualClock()
    faults = Faults(clock)
    faults.set(Fault("unavailable", seconds=5))
    assert faults.meet(write=True) is not None
    clock.advance(4.9)
    assert faults.meet(write=False) is not None
    clock.advance(0.2)
    assert faults.meet(write=True) is None
    assert faults.shown()["active"] == []
    assert faults.met == {"unavailable": 2}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_fault_can_leave_reads_alone(kind: str) -> None:
    faults = Faults(ManualClock())
    faults.set(Fault(kind, requests=1, writes_only=kind not in AFTER_COMMIT))
    assert faults.meet(write=False) is None
    assert faults.meet(write=True) is not None
    assert faults.meet(write=True) is None
