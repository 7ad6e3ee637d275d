"""Starts the inbox on a socket, inside a running loop or as a process of its own."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import uvloop

from engine.standins.inbox import Options
from engine.standins.inbox.app import build_app
from engine.standins.inbox.arrivals import Arrival
from engine.standins.inbox.dropped import watch
from engine.standins.inbox.record import Record
from engine.standins.listening import Server, address_of, listen, until_told


class Inbox:
    """`async with Inbox(options) as inbox`: listens until the block ends; port 0 takes a free one.

    `url` is where messages are posted; `record` may be read and changed directly in the same loop.
    Raises: ConfigError for a schema that is missing, ValueError for a plan that is none, OSError for a taken port.
    """

    def __init__(self, options: Options | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self._options = options or Options()
        self._host, self._port = host, port
        self._tasks: list[asyncio.Task[None]] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self.record = Record(self._options)
        listener = listen(self._host, self._port)
        self.url = address_of(listener, self._host)
        self._server = Server.over(build_app(self.record))
        self._tasks.append(asyncio.create_task(self._server.serve(sockets=[listener])))
        await self._server.listening.wait()
        if self._options.dropped is not None:
            self._tasks.append(asyncio.create_task(watch(self._options.dropped, self.record.take)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.tell()
        serving, *watching = self._tasks
        for task in watching:
            task.cancel()
        await asyncio.gather(serving, *watching, return_exceptions=True)
        await self.record.answering.stop()

    async def arrived(self, count: int, seconds: float = 10) -> list[Arrival]:
        """All arrivals, once there are `count` of them. Raises: TimeoutError."""
        async with asyncio.timeout(seconds):
            while len(self.record.arrivals) < count:
                self.record.came.clear()
                await self.record.came.wait()
        return list(self.record.arrivals)

    async def settled(self, seconds: float = 10) -> None:
        """Wait until every receipt has been tried. Raises: TimeoutError."""
        async with asyncio.timeout(seconds):
            await self.record.answering.settled()


def run(options: Options, host: str = "127.0.0.1", port: int = 0) -> None:
    """Run an inbox as a process until SIGINT or SIGTERM. Prints its address as its first line."""

    async def serving() -> None:
        async with Inbox(options, host, port) as inbox:
            print(inbox.url, flush=True)
            await until_told()

    uvloop.run(serving())
