"""HTTP: listens, takes one message, or one batch, as the body of a POST, and answers by status and body.

Knows no standard: content types are told, the acknowledgement is the standard's. The body is the message byte for byte.
Why uvicorn's protocol and not its server: the server takes over the process's signals, and makes its TLS from files of
its own; a source is started and stopped with its channel, on the loop that runs.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate

from uvicorn import Config
from uvicorn.server import ServerState

from engine import log
from engine.message import Reception
from engine.sources import Intake
from engine.sources.http_connection import HttpConnection, Terms, connections
from engine.sources.http_request import Credentials, Post
from engine.transport.listeners import Allowed, Door, address_of, listen

_CONNECTIONS_MOST = 2000


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """One listener and its path. Times in seconds, `max_message` in bytes of the whole body.

    `accept`: media types, in lower case. `credentials`: HTTP Basic, everyone when None. `allow`: who may connect, by
    network and client certificate; `tls` decides whether one is demanded.
    """

    host: str
    port: int
    channel: str
    path: str
    accept: Sequence[str]
    credentials: Credentials | None = None
    tls: ssl.SSLContext | None = None
    allow: tuple[Allowed, ...] = ()
    idle_timeout: float = 60.0
    header_timeout: float = 15.0
    body_timeout: float = 60.0
    max_message: int = 25 * 1024 * 1024


class HttpSource:
    """One listener of one channel."""

    def __init__(self, settings: HttpSettings) -> None:
        """Raises: ConfigError for an allow list that names no network."""
        self._settings = settings
        self._door = Door(settings.allow)
        self._server: asyncio.Server | None = None
        self._state = ServerState()
        self._timer: asyncio.TimerHandle | None = None
        self._address = ""
        self._stopping = False
        self._quiet = asyncio.Event()

    @property
    def address(self) -> str:
        """Where it listens: `127.0.0.1:8443`."""
        return self._address

    async def start(self, intake: Intake) -> None:
        """Listen. Raises: ConfigError when the address cannot be had."""
        settings = self._settings
        post = Post(
            intake=intake,
            channel=settings.channel,
            path=settings.path,
            accept=frozenset(settings.accept),
            credentials=settings.credentials,
            max_message=settings.max_message,
            body_timeout=settings.body_timeout,
        )
        config = Config(
            post.app(),
            http=HttpConnection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            access_log=False,
            log_config=None,
            timeout_keep_alive=int(settings.idle_timeout) + 60,  # ours comes first
        )
        config.load()
        terms = Terms(
            config=config,
            state=self._state,
            loop=asyncio.get_running_loop(),
            channel=settings.channel,
            idle_timeout=settings.idle_timeout,
            header_timeout=settings.header_timeout,
            admit=self._admit,
            gone=self._gone,
        )
        self._server = await listen(lambda: HttpConnection(terms), settings.host, settings.port, settings.tls)
        self._address = address_of(self._server)
        self._watch(terms)
        log.info("http_listening", channel=settings.channel, listener=self._address)

    async def stop(self, grace: float) -> None:
        """Take nothing more; what was taken is answered within `grace` seconds; then close."""
        if self._server is None or self._stopping:
            return
        self._stopping = True
        self._server.close()
        state = self._state
        for connection in connections(state):
            connection.shutdown()
        try:
            async with asyncio.timeout(grace):
                if state.connections:
                    await self._quiet.wait()
                if state.tasks:
                    await asyncio.wait(state.tasks)
        except TimeoutError:
            log.warning("http_unanswered", channel=self._settings.channel, count=len(state.tasks))
            for connection in connections(state):
                connection.abort()
            for task in tuple(state.tasks):
                task.cancel()
            await asyncio.gather(*state.tasks, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()

    def _admit(self, transport: asyncio.BaseTransport) -> Reception | None:
        caller = self._door.caller(transport, self._settings.tls is not None)
        reason = "stopping" if self._stopping else caller.refused
        if not reason and len(self._state.connections) > _CONNECTIONS_MOST:
            reason = "connections"
        if reason:
            log.warning("http_turned_away", channel=self._settings.channel, reason_code=reason)
            return None
        return Reception(self._settings.channel, self._address, caller.peer, caller.certificate)

    def _gone(self) -> None:
        if self._stopping and not self._state.connections:
            self._quiet.set()

    def _watch(self, terms: Terms) -> None:
        pause = min(1.0, max(0.01, min(terms.header_timeout, terms.idle_timeout) / 4))
        self._timer = terms.loop.call_later(pause, self._watch, terms)
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode("ascii"))]
        now = terms.loop.time()
        for connection in connections(self._state):
            connection.check(now)
