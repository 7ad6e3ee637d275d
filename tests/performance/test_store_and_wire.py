"""Durable answers and the whole way, against bare group commits of the same SQLite on the same disk."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import statistics
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from engine import app
from engine.app import project_root
from engine.channels.lint import sound_site
from engine.channels.runner import Runner
from tests.performance.measure import ROUNDS, gate

pytestmark = pytest.mark.performance
CONNECTIONS = 64
SITE = """\
version: 1
site: {{name: bench}}
store: {{path: var/budstikke.sqlite}}
systems:
  sink: {{type: fhir, url: "{sink}", limits: {{concurrency: 32}}}}
channels:
  adt:
    source: {{type: mllp, listen: "127.0.0.1:0"}}
    ack: {{after: {after}}}
    mapping: [hl7v2/adt]
    {narrow}
    destinations:
      sink: {{system: sink, policy: results}}
"""


def bare(folder: Path, group: int, seconds: float = 0.7) -> tuple[float, list[float]]:
    """Messages a second into one pair of tables (2 KB, and a small outbox row), FULL, WAL, `group` a commit; and each
    commit's seconds. Nothing else: no index, no thread, no other row."""
    connection = sqlite3.connect(folder / f"bare{group}{time.time_ns()}.sqlite", isolation_level=None)
    connection.execute("PRAGMA page_size = 8192")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE msg (id INTEGER PRIMARY KEY, body BLOB)")
    connection.execute("CREATE TABLE outbox (id INTEGER PRIMARY KEY, destination TEXT, due INTEGER, attempts INTEGER)")
    rows, times, body = 0, [], b"x" * 2048
    start = time.perf_counter()
    while (now := time.perf_counter()) - start < seconds:
        connection.execute("BEGIN IMMEDIATE")
        ids = range(rows, rows + group)
        connection.executemany("INSERT INTO msg VALUES (?, ?)", [(number, body) for number in ids])
        connection.executemany("INSERT INTO outbox VALUES (?, 'sink', ?, 0)", [(number, rows) for number in ids])
        connection.execute("COMMIT")
        times.append(time.perf_counter() - now)
        rows += group
    connection.close()
    return rows / (time.perf_counter() - start), times


async def process(*arguments: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, "PYTHONPATH": str(project_root())}
    return await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE, env=environment)


async def blast(port: int, round_: int, count: int, at: float = 0.0) -> tuple[float, list[float]]:
    """Answers a second and each answer's seconds, from a generator in a process of its own."""
    script = str(Path(__file__).with_name("generator.py"))
    generator = await process(script, str(port), str(CONNECTIONS), str(count), str(round_), str(at))
    out, _ = await generator.communicate()
    assert generator.returncode == 0
    found = json.loads(out)
    return found["rate"], found["waits"]


def port_of(runner: Runner) -> int:
    return int(runner.channels[0].source.address.rpartition(":")[2])


async def quiet(runner: Runner) -> None:
    """All that was stored is judged and delivered: what is measured next has the machine to itself."""
    while runner.store.unrouted(1) or runner.dispatcher.waiting():  # noqa: ASYNC110  no event says so
        await asyncio.sleep(0.01)


def in_engine(folder: Path, after: str, narrow: str, work: Callable[[Runner], Awaitable[None]]) -> None:
    """Run `work` beside a whole engine on this loop, delivering to a fast local sink."""

    async def run() -> None:
        sink = await process(str(Path(__file__).with_name("fast_sink.py")))
        assert sink.stdout is not None
        url = (await sink.stdout.readline()).decode().strip()
        text = SITE.format(sink=url, after=after, narrow=narrow)
        (folder / "channels.yaml").write_text(text, "utf-8")
        async with app.running(sound_site(folder, {})) as runner:
            await work(runner)
        sink.terminate()
        await sink.wait()

    uvloop.run(run())


def test_durable_answers_against_bare_group_commits(tmp_path: Path) -> None:
    ratios: list[float] = []
    nothing_to_deliver = "accept_only: \"MSH-9.2 = 'A99'\"\n    otherwise: {action: store_only, reason: bench}"

    async def work(runner: Runner) -> None:
        for round_ in range(ROUNDS):
            await quiet(runner)
            base, _ = await asyncio.to_thread(bare, tmp_path, 64)
            rate, _ = await blast(port_of(runner), round_, 150)
            ratios.append(rate / base)
            print(f"bare {base:,.0f} rows/s, durable answers {rate:,.0f}/s, ratio {rate / base:.3f}")

    in_engine(tmp_path, "stored", nothing_to_deliver, work)
    gate("durable answers against bare group commits of 64", statistics.median(ratios), 0.3)


def test_the_whole_way_against_bare_group_commits(tmp_path: Path) -> None:
    ratios: list[float] = []

    async def work(runner: Runner) -> None:
        for round_ in range(ROUNDS):
            await quiet(runner)
            base, _ = await asyncio.to_thread(bare, tmp_path, 64)
            done = runner.store.counts().get("delivered", 0)
            start = time.perf_counter()
            await blast(port_of(runner), round_, 40)
            while runner.dispatcher.waiting():  # noqa: ASYNC110  no event says that all is through
                await asyncio.sleep(0.002)
            rate = (runner.store.counts()["delivered"] - done) / (time.perf_counter() - start)
            ratios.append(rate / base)
            print(f"bare {base:,.0f} rows/s, whole way {rate:,.0f}/s, ratio {rate / base:.4f}")

    in_engine(tmp_path, "validated", "", work)
    gate("the whole way against bare group commits of 64", statistics.median(ratios), 0.03)


def test_the_slowest_answers_at_half_load(tmp_path: Path) -> None:
    ratios: list[float] = []

    async def work(runner: Runner) -> None:
        rate, _ = await blast(port_of(runner), 90, 30)
        for round_ in range(ROUNDS):
            await quiet(runner)
            _, commits = await asyncio.to_thread(bare, tmp_path, 1)
            _, waits = await blast(port_of(runner), round_, 30, rate / 2)
            p99 = statistics.quantiles(waits, n=100)[98]
            base = statistics.quantiles(commits, n=100)[98]
            ratios.append(p99 / base)
            print(f"p99 of a bare commit {base * 1e3:.2f} ms, of an answer at half load {p99 * 1e3:.2f} ms")

    in_engine(tmp_path, "validated", "", work)
    gate("p99 of the answer at half load against a bare commit's", statistics.median(ratios), 10, at_most=True)
