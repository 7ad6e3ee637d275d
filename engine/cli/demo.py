"""`budstikke demo`: the whole way of a message, for real: sockets, store, mapping, a FHIR server, retries.

Starts the demo site on a new SQLite store and a stand-in journal that answers 503 for its first seconds, sends the
samples as their senders would, waits until nothing is under way, and shows what became of each.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import aiohttp
import orjson
import typer
from rich.progress import BarColumn, Progress, TextColumn

from engine import app as engine_app
from engine import log
from engine.channels.lint import sound_site
from engine.channels.replay import preview
from engine.channels.runner import Runner
from engine.channels.site import Site
from engine.cli import words
from engine.cli.demo_receipts import free_port, receipts_in, receipts_of
from engine.cli.demo_senders import by_file, over_http, over_mllp
from engine.cli.demo_steps import STEPS
from engine.cli.demo_told import Told, show
from engine.standins.inbox import Options
from engine.standins.inbox.server import Inbox
from engine.standins.journal.faults import Fault
from engine.standins.journal.server import RunningJournal, serve

DOWN_FOR = 3.0
PATIENCE = 90.0
_SENDERS = {"mllp": over_mllp, "http": over_http, "file": by_file}


def demo(
    keep_running: Annotated[bool, typer.Option("--keep-running", help="stay up until Ctrl-C")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document on stdout")] = False,
) -> None:
    """Start everything, send the samples, show what became of each message.

    Exit code 0 only when every outcome is the expected one. Example: budstikke demo
    """
    log.configure("ERROR" if words.terminal() or as_json else "CRITICAL")
    root = engine_app.project_root()
    with tempfile.TemporaryDirectory(prefix="budstikke-demo-") as folder:
        good = engine_app.run_loop(_demo(root, Path(folder), keep_running, as_json))
    raise typer.Exit(0 if good else 1)


async def _demo(root: Path, folder: Path, keep_running: bool, as_json: bool) -> bool:
    journal = await serve("127.0.0.1", 8090 if keep_running else 0)
    adt, lab, dialog = (f"127.0.0.1:{port if keep_running else 0}" for port in (2575, 2576, 8080))
    # The hospital must know beforehand where its receipts go.
    outbound = f"127.0.0.1:{8081 if keep_running else free_port()}"
    others = Inbox(Options(f"http://{outbound}/", xsd=root / "xsd"), port=8091 if keep_running else 0)
    dropped = folder / "inn"
    dropped.mkdir()
    env = {
        **os.environ,
        "BUDSTIKKE_DROPPED": str(dropped),
        "BUDSTIKKE_JOURNAL": journal.url,
        "BUDSTIKKE_ADT": adt,
        "BUDSTIKKE_LAB": lab,
        "BUDSTIKKE_DIALOG": dialog,
        "BUDSTIKKE_OUTBOUND": outbound,
        "BUDSTIKKE_FOLDER": str(folder),
    }
    try:
        async with others:
            env |= {"BUDSTIKKE_GP": others.url, "BUDSTIKKE_HOSPITAL": others.url}
            return await _run(root, sound_site(root, env), journal, others, keep_running, as_json)
    finally:
        await journal.stop()


async def _run(
    root: Path, site: Site, journal: RunningJournal, others: Inbox, keep_running: bool, as_json: bool
) -> bool:
    async with engine_app.running(site) as runner:
        journal.faults.set(Fault("unavailable", seconds=DOWN_FOR, retry_after=1))
        stream = sys.stderr if as_json else sys.stdout
        print(f"journal at {journal.url}, answering 503 for its first {DOWN_FOR:g} seconds", file=stream)
        print(f"GP and hospital at {others.url}, taking receipts and sending their own", file=stream)
        kinds = {name: channel.source.type for name, channel in site.config.channels.items()}
        told = await _tell_story(root / "samples", runner, others, kinds, as_json)
        await _look_up(runner, told, journal.url)
        for each in told:
            each.receipts = receipts_of(others, runner, each.message)
        good = show(told, as_json)
        if keep_running:
            await _stay(runner, journal.url, others.url)
        return good


async def _tell_story(
    samples: Path, runner: Runner, others: Inbox, kinds: Mapping[str, str], as_json: bool
) -> list[Told]:
    told = [Told(step) for step in STEPS]
    looking = words.terminal() and not as_json
    shape = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    if not looking:
        print("sending, then waiting for the last delivery ...", file=sys.stderr)
    with Progress(*shape, disable=not looking) as progress:
        sending = progress.add_task("sent and answered", total=len(told))
        await asyncio.gather(
            *(
                _SENDERS[kinds[channel.name]](
                    samples,
                    channel.source.address,
                    [each for each in told if each.step.channel == channel.name],
                    lambda: progress.advance(sending),
                )
                for channel in runner.channels
            )
        )
        await _settled(runner, others, progress)
    return told


async def _settled(runner: Runner, others: Inbox, progress: Progress) -> None:
    """Wait until nothing is under way, and every receipt has come, ours there and theirs here."""
    owed = sum(bool(step.receipt) for step in STEPS)
    expected = sum(step.state == "confirmed" for step in STEPS)
    task = progress.add_task("delivered", total=None)
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while asyncio.get_running_loop().time() < deadline:
        counts = runner.store.counts()
        total = sum(counts.values())
        waiting = counts.get("waiting", 0) + counts.get("received", 0)
        progress.update(task, total=total, completed=total - waiting)
        if not waiting and len(receipts_in(others)) >= owed and counts.get("confirmed", 0) >= expected:
            return
        await asyncio.sleep(0.1)


async def _look_up(runner: Runner, told: list[Told], journal: str) -> None:
    """State and attempts from the store; links to what stands in the journal, each really read there."""
    rows = list(reversed(runner.store.messages(limit=1000)))
    plans = {channel.name: channel.intake.plan for channel in runner.channels}
    by_channel = {name: [row for row in rows if row.channel == name] for name in plans}
    async with aiohttp.ClientSession() as session:
        for each in told:
            if each.step.repeats:
                each.state = "duplicate, answered as the first time" if each.same_answer else "duplicate"
                continue
            row = by_channel[each.step.channel].pop(0)
            each.message, each.state = row.id, row.state
            detail, _, payloads = preview(runner.store, plans, row.id)
            mine = [delivery for delivery in detail.deliveries if delivery.destination == "journal"]
            each.attempts = sum(delivery.attempts for delivery in mine)
            if each.state == "delivered":
                each.links = [link for link in _links(payloads[0], journal) if await _exists(session, link)]


def _links(payload: bytes, journal: str) -> list[str]:
    entries = orjson.loads(payload)["entry"]
    return [f"{journal}/{entry['request']['url']}" for entry in entries if entry["request"]["method"] == "PUT"]


async def _exists(session: aiohttp.ClientSession, link: str) -> bool:
    async with session.get(link) as response:
        return response.status == 200


async def _stay(runner: Runner, journal: str, others: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    for channel in runner.channels:
        print(f"channel {channel.name} listens at {channel.source.address}")
    print(f"journal at {journal}, GP and hospital at {others}; Ctrl-C ends it", flush=True)
    await stop.wait()
