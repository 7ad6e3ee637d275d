"""How every stand-in that speaks HTTP listens: uvicorn inside somebody else's loop, on a socket of its own."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address
from typing import Any, Self

import uvicorn
from starlette.requests import Request
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

ABORT = "budstikke.abort"
"""The ASGI extension by which the server's protocol lends the application its connection's end."""


class _Connection(HttpToolsProtocol):
    """uvicorn's connection, which also lends the application its end."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope["extensions"] = {ABORT: {"abort": self.transport.abort}}


class Server(uvicorn.Server):
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

    @classmethod
    def over(cls, application: ASGIApp) -> Self:
        """A server for one application; it logs nothing."""
        return cls(
            uvicorn.Config(
                application,
                http=_Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )

    def tell(self) -> None:
        """Close connections and end, now."""
        self.should_exit = True
        self.force_exit = True
        self.told.set()


def address_of(listener: socket.socket, host: str) -> str:
    """The URL of a listening socket."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


async def until_told() -> None:
    """Wait for SIGINT or SIGTERM."""
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await told.wait()


def listen(host: str, port: int) -> socket.socket:
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


def is_loopback(request: Request) -> bool:
    """Whether a request comes from this machine."""
    if request.client is None:
        return False
    address = ip_address(request.client.host)
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (inner or address).is_loopback
