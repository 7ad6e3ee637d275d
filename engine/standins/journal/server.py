"""Starts the journal on a socket, inside a running loop or as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from engine.clock import as_datetime
from engine.standins.journal import Options, Rules
from engine.standins.journal.app import build_app
from engine.standins.journal.faults import Faults
from engine.standins.journal.journal import Journal
from engine.standins.journal.misbehaviour import ABORT


class _Connection(HttpToolsProtocol):
    """uvicorn's connection, which also lends the application its end."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope["extensions"] = {ABORT: {"abort": self.transport.abort}}


class _Server(uvicorn.Server):
    """uvicorn in somebody else's loop: no signals, and it says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.told = asyncio.Event()

    async def main_loop(self) -> None:
        """uvicorn's own, but it does not sleep through the word to stop."""
        counter = 0
        while not await self.on_tick(counter):
            counter = (counter + 1) % 864_000
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.told.wait(), 0.1)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@dataclass(slots=True)
class RunningJournal:
    """A journal that listens. `journal` and `faults` may be read and set directly by a test in the same loop."""

    url: str
    journal: Journal
    faults: Faults
    _server: _Server
    _task: asyncio.Task[None]

    async def stop(self) -> None:
        """Close connections and the state file."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._server.told.set()
        await self._task
        self.journal.close()


async def serve(host: str = "127.0.0.1", port: int = 0, options: Options | None = None) -> RunningJournal:
    """Start a journal in this loop; port 0 takes a free one. Raises: OSError when the port is taken."""
    options = options or Options()
    listener = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listener.getsockname()[1]}"
    journal = Journal(options, url)
    faults = Faults(options.clock)
    for fault in options.faults:
        faults.set_from(fault)
    started = as_datetime(options.clock.micros()).isoformat(timespec="seconds")
    config = uvicorn.Config(
        build_app(journal, faults, started),
        http=_Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await server.listening.wait()
    return RunningJournal(url, journal, faults, server, task)


def _listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket. The protocol is named, because asyncio turns Nagle's delay off only where it is."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


def run(
    host: str = "127.0.0.1", port: int = 0, state: Path | None = None, rules: Rules | None = None, **more: Any
) -> None:
    """Run a journal as a process until SIGINT or SIGTERM. Prints its address as its first line."""

    async def until_told() -> None:
        running = await serve(host, port, Options(rules=rules or Rules(), state=state, **more))
        print(running.url, flush=True)
        told = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        await told.wait()
        await running.stop()

    uvloop.run(until_told())
