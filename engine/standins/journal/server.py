"""Starts the journal on a socket, inside a running loop or as a process of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from engine.clock import as_datetime
from engine.standins.journal import Options, Rules
from engine.standins.journal.app import build_app
from engine.standins.journal.faults import Faults
from engine.standins.journal.journal import Journal
from engine.standins.listening import Server, address_of, listen, until_told


@dataclass(slots=True)
class RunningJournal:
    """A journal that listens. `journal` and `faults` may be read and set directly by a test in the same loop."""

    url: str
    journal: Journal
    faults: Faults
    _server: Server
    _task: asyncio.Task[None]

    async def stop(self) -> None:
        """Close connections and the state file."""
        self._server.tell()
        await self._task
        self.journal.close()


async def serve(host: str = "127.0.0.1", port: int = 0, options: Options | None = None) -> RunningJournal:
    """Start a journal in this loop; port 0 takes a free one. Raises: OSError when the port is taken."""
    options = options or Options()
    listener = listen(host, port)
    url = address_of(listener, host)
    journal = Journal(options, url)
    faults = Faults(options.clock)
    for fault in options.faults:
        faults.set_from(fault)
    started = as_datetime(options.clock.micros()).isoformat(timespec="seconds")
    server = Server.over(build_app(journal, faults, started))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await server.listening.wait()
    return RunningJournal(url, journal, faults, server, task)


def run(
    host: str = "127.0.0.1", port: int = 0, state: Path | None = None, rules: Rules | None = None, **more: Any
) -> None:
    """Run a journal as a process until SIGINT or SIGTERM. Prints its address as its first line."""

    async def serving() -> None:
        running = await serve(host, port, Options(rules=rules or Rules(), state=state, **more))
        print(running.url, flush=True)
        await until_told()
        await running.stop()

    uvloop.run(serving())
