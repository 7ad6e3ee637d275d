"""What the journal tells people and oracles: the log, the counts, the page, the file that outlives it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from engine.standins.journal.ledger import read_state
from engine.standins.journal.server import serve


async def test_the_log_has_every_commit_in_order_with_ids_only(journal: Any) -> None:
    await journal.put("/Patient/p", journal.patient(id="p"))
    await journal.transaction(
        journal.entry("PUT", "Patient/p", journal.patient(id="p", gender="male")),
        journal.entry("PUT", "Observation/o", journal.observation("Patient/p", id="o")),
    )
    await journal.put("/Patient/p", journal.patient(id="p", gender="man"))
    await journal.send("DELETE", "/Observation/o")
    got = await journal.get("/$log")
    log = got.tree["transactions"]
    assert [commit["number"] for commit in log] == [1, 2, 3]
    assert [commit["kind"] for commit in log] == ["update", "transaction", "delete"]
    assert log[1]["changes"] == [
        {"resource": "Patient/p", "version": 2, "what": "updated"},
        {"resource": "Observation/o", "version": 1, "what": "created"},
    ]
    assert "13815897247" not in got.text
    assert [commit["number"] for commit in (await journal.get("/$log?since=2")).tree["transactions"]] == [3]


async def test_the_counts_say_how_many_resources_have_several_versions(journal: Any) -> None:
    for gender in ("male", "female", "female"):
        await journal.put("/Patient/p", journal.patient(id="p", gender=gender))
    await journal.put("/Patient/q", journal.patient("03882049433", id="q"))
    await journal.put("/Patient/q", journal.patient(id="q", gender="?"))
    stats = await journal.stats()
    assert stats["types"]["Patient"] == {
        "resources": 2,
        "deleted": 0,
        "versions": 3,
        "with_several_versions": 1,
        "with_equal_neighbours": 0,
    }
    assert (stats["commits"], stats["transactions"], stats["refused"]) == (4, 0, {"422": 1})


async def test_the_page_for_people_links_by_id_and_names_nobody(journal: Any) -> None:
    await journal.put("/Patient/p", journal.patient(id="p", name=[{"family": "Testesen"}]))
    got = await journal.get("/")
    assert got.headers["Content-Type"].startswith("text/html")
    assert "13815897247" not in got.text
    assert "Testesen" not in got.text
    for link in re.findall(r"href='([^']+)'", got.text):
        assert (await journal.get(link)).status == 200, link


async def test_what_was_committed_is_there_after_a_restart(start: Any, tmp_path: Path) -> None:
    state = tmp_path / "state" / "journal.jsonl"
    first = await start(state=state)
    made = await first.post("/Patient", first.patient())
    await first.put("/Patient/p", first.patient("03882049433", id="p"))
    body = first.observation("Patient/p", id="o", valueQuantity={"value": 0})
    await first.put("/Observation/o", str(body).replace("'", '"').replace('"value": 0', '"value": 1.50').encode())
    await first.put("/Patient/p", first.patient("03882049433", id="p", gender="male"))
    await first.send("DELETE", "/Observation/o")
    before, log = await first.stats(), (await first.get("/$log")).tree
    await first.running.stop()
    second = await start(state=state)
    after = await second.stats()
    assert (after["types"], after["commits"]) == (before["types"], before["commits"])
    assert (await second.get("/$log")).tree == log
    assert (await second.get(f"/Patient/{made.tree['id']}")).text == made.text
    assert '"value":1.50' in (await second.get("/Observation/o/_history/1")).text
    assert (await second.get("/Patient?identifier=03882049433")).tree["total"] == 1
    assert (await second.put("/Patient/p", second.patient("03882049433", id="p", gender="male"))).status == 200
    assert [number for number, _ in enumerate(read_state(state), 1)] == [1, 2, 3, 4, 5, 6]
    assert [len(versions) for _, versions in read_state(state)] == [1, 1, 1, 1, 1, 0]
    first.running.journal.close()


@pytest.mark.parametrize("torn", [b'{"number":2,"at"', b'{"number":2}'])
async def test_a_torn_last_line_is_cut_off_and_written_anew(start: Any, tmp_path: Path, torn: bytes) -> None:
    state = tmp_path / "journal.jsonl"
    first = await start(state=state)
    await first.put("/Patient/p", first.patient(id="p"))
    await first.running.stop()
    with state.open("ab") as end:
        end.write(torn)
    second = await start(state=state)
    assert (await second.stats())["commits"] == 1
    await second.put("/Patient/q", second.patient("03882049433", id="q"))
    assert [commit.number for commit, _ in read_state(state)] == [1, 2]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
async def test_a_full_disk_refuses_the_write_and_keeps_nothing(start: Any, tmp_path: Path) -> None:
    journal = await start(state=tmp_path / "journal.jsonl")
    ledger = journal.running.journal.ledger
    real, ledger._descriptor = ledger._descriptor, os.open("/dev/full", os.O_WRONLY)
    got = await journal.put("/Patient/p", journal.patient(id="p"))
    assert (got.status, got.code) == (500, "no-store")
    assert (await journal.get("/Patient/p")).status == 404
    assert (await journal.get("/Patient?identifier=13815897247")).tree["total"] == 0
    os.close(ledger._descriptor)
    ledger._descriptor = real
    assert (await journal.put("/Patient/p", journal.patient(id="p"))).status == 201


async def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await serve("127.0.0.1", taken.getsockname()[1])


async def test_as_a_process_it_says_its_address_and_survives_kill_9(tmp_path: Path, start: Any) -> None:
    state = tmp_path / "journal.jsonl"
    code = f"from pathlib import Path; from engine.standins.journal.server import run; run(state=Path({str(state)!r}))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    try:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
        body = {"resourceType": "Patient", "id": "p"}
        headers = {"Content-Type": "application/fhir+json"}
        async with aiohttp.ClientSession() as session, session.put(url + "/Patient/p", json=body, headers=headers) as r:
            assert r.status == 201
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()
    again = await start(state=state)
    assert (await again.get("/Patient/p")).status == 200
