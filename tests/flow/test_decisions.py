"""What a person decides in another process, the running engine does: retry sends the same bytes, replay maps anew."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.standins.journal.faults import Fault
from tests.flow.site import Flow, code, flow

ROOT = Path(__file__).resolve().parents[2]


def sample(name: str) -> bytes:
    return (ROOT / "samples" / "hl7v2" / f"{name}.hl7").read_bytes()


async def budstikke(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, in a process of its own beside the engine."""
    command = [sys.executable, "-m", "engine.cli.main", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, env=environment)


async def until(engine: Flow, state: str, seconds: float = 15.0) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while engine.rows()[0].state != state:
        assert asyncio.get_running_loop().time() < deadline, engine.rows()[0]
        await asyncio.sleep(0.05)


async def test_a_message_given_up_is_retried_by_a_person_and_arrives(tmp_path: Path) -> None:
    async with flow(tmp_path, give_up="1s") as engine:
        engine.journal.faults.set(Fault("unavailable", seconds=600, retry_after=0))
        assert code((await engine.send(sample("adt_a28")))[0]) == "AA"
        await until(engine, "dead_letter")
        engine.journal.faults.clear()
        row = engine.rows()[0]
        listed = await budstikke("messages", "list", "--site", str(tmp_path), "--state", "dead_letter", "--json")
        assert [each["id"] for each in json.loads(listed.stdout)] == [row.id]
        done = await budstikke("messages", "retry", row.id[:13], "--site", str(tmp_path), "--reason", "journal mended")
        assert done.returncode == 0, done.stderr
        await until(engine, "delivered")
        trail = engine.runner.store.audit_trail()
        assert [(entry.action, entry.subject, entry.reason) for entry in trail] == [("retry", row.id, "journal mended")]
        assert engine.runner.store.audit_intact()


async def test_a_refused_message_is_replayed_when_the_table_is_mended(tmp_path: Path) -> None:
    raw = sample("oru_r01_chemistry").replace(b"||||||F|", b"||||||Q|")
    async with flow(tmp_path) as engine:
        assert code((await engine.send(raw))[0]) == "AE"
        row = engine.rows()[0]
        assert row.state == "invalid"
        site = (tmp_path / "channels.yaml").read_text("utf-8")
        mended = site.replace("    mapping: [", "    tables: {observation-status: ours}\n    mapping: [")
        (tmp_path / "channels.yaml").write_text(mended + "tables:\n  ours: {map: {Q: final}}\n", "utf-8")
        shown = await budstikke("messages", "replay", row.id, "--site", str(tmp_path), "--preview")
        assert shown.returncode == 0, shown.stderr
        assert json.loads(shown.stdout)["resourceType"] == "Bundle"
        assert engine.rows()[0].state == "invalid", "a preview changes nothing"
        done = await budstikke("messages", "replay", row.id, "--site", str(tmp_path), "--reason", "table mended")
        assert done.returncode == 0, done.stderr
        await until(engine, "delivered")
        detail = engine.detail(engine.rows()[0])
        assert [verdict.state for verdict in detail.verdicts] == ["invalid", "routed"]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        pytest.param(("messages", "show", "00000000"), 1, "no message with that id", id="unknown message"),
        pytest.param(("messages", "retry", "00000000"), 1, "no message with that id", id="retry of nothing"),
        pytest.param(("messages", "list", "--sate", "x"), 2, "--state", id="an option misspelt"),
        pytest.param(("mesages",), 2, "messages", id="a command misspelt"),
    ],
)
async def test_wrong_use_is_told_with_the_way_out(
    tmp_path: Path, arguments: tuple[str, ...], exit_code: int, words: str
) -> None:
    async with flow(tmp_path):
        site = ("--site", str(tmp_path)) if arguments[0] == "messages" and "--sate" not in arguments else ()
        done = await budstikke(*arguments, *site)
    assert (done.returncode, words in done.stderr + done.stdout) == (exit_code, True), done.stderr
    assert "Traceback" not in done.stderr
