"""MLLP: listens, takes HL7 v2 messages in frames, writes the answers back on the same connection.

Frames of one connection are handled one after the other; connections go on beside each other. A sender that is too
slow, too large or does not speak MLLP at all harms its own connection only. asyncio and uvloop both carry it.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

from engine import log
from engine.message import Reception
from engine.sources import Intake
from engine.sources.mllp_connection import MllpConnection, Terms
from engine.transport.listeners import Allowed, Door, address_of, listen

_LOOK_AGAIN = 0.002
_CONNECTIONS_MOST = 2000


@dataclass(frozen=True, slots=True)
class MllpSettings:
    """One listener. Times in seconds, `max_message` in bytes.

    `allow`: who may connect, everyone when empty. `tolerate`: quirks by name (`no_start_block`).
    """

    host: str
    port: int
    channel: str
    tls: ssl.SSLContext | None = None
    allow: tuple[Allowed, ...] = ()
    tolerate: frozenset[str] = frozenset()
    idle_timeout: float = 600.0
    frame_timeout: float = 30.0
    max_message: int = 25 * 1024 * 1024


class MllpSource:
    """One listener of one channel."""

    def __init__(self, settings: MllpSettings) -> None:
        """Raises: ConfigError for an allow list that names no network."""
        self._settings = settings
        self._door = Door(settings.allow)
        self._server: asyncio.Server | None = None
        self._terms: Terms | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._held: list[MllpConnection] = []
        self._address = ""
        self._stopping = False
        self._quiet = asyncio.Event()

    @property
    def address(self) -> str:
        """Where it listens: `127.0.0.1:2575`."""
        return self._address

    async def start(self, intake: Intake) -> None:
        """Listen. Raises: ConfigError when the address cannot be had."""
        settings = self._settings
        loop = asyncio.get_running_loop()
        self._terms = Terms(
            intake=intake,
            loop=loop,
            channel=settings.channel,
            max_message=settings.max_message,
            tolerate=settings.tolerate,
            idle_timeout=settings.idle_timeout,
            frame_timeout=settings.frame_timeout,
            admit=self._admit,
            hold=self._hold,
            gone=self._gone,
        )
        terms = self._terms
        self._server = await listen(lambda: MllpConnection(terms), settings.host, settings.port, settings.tls)
        self._address = address_of(self._server)
        self._watch()
        log.info("mllp_listening", channel=settings.channel, listener=self._address)

    async def stop(self, grace: float) -> None:
        """Take nothing more; what was taken is answered within `grace` seconds; then close."""
        server, terms = self._server, self._terms
        if server is None or terms is None or self._stopping:
            return
        self._stopping = True
        server.close()
        for connection in tuple(terms.open):
            connection.end()
        if terms.open:
            try:
                await asyncio.wait_for(self._quiet.wait(), grace)
            except TimeoutError:
                log.warning("mllp_unanswered", channel=self._settings.channel, count=len(terms.open))
                for connection in tuple(terms.open):
                    connection.abort()
        for timer in self._timers.values():
            timer.cancel()

    def _admit(self, transport: asyncio.BaseTransport) -> Reception | None:
        assert self._terms is not None
        caller = self._door.caller(transport, self._settings.tls is not None)
        reason = "stopping" if self._stopping else caller.refused
        if not reason and len(self._terms.open) >= _CONNECTIONS_MOST:
            reason = "connections"
        if reason:
            log.warning("mllp_turned_away", channel=self._settings.channel, reason_code=reason)
            return None
        return Reception(self._settings.channel, self._address, caller.peer, caller.certificate)

    def _gone(self) -> None:
        if self._stopping and self._terms is not None and not self._terms.open:
            self._quiet.set()

    def _hold(self, connection: MllpConnection) -> None:
        """Intake is crowded: let this connection go on when it no longer is."""
        self._held.append(connection)
        if "held" not in self._timers and self._terms is not None:
            self._timers["held"] = self._terms.loop.call_later(_LOOK_AGAIN, self._look_again)

    def _look_again(self) -> None:
        terms = self._terms
        if terms is None or terms.intake.crowded():
            if terms is not None:
                self._timers["held"] = terms.loop.call_later(_LOOK_AGAIN, self._look_again)
            return
        del self._timers["held"]
        waiting, self._held = self._held, []
        for connection in waiting:
            connection.release()

    def _watch(self) -> None:
        terms = self._terms
        assert terms is not None
        pause = min(1.0, max(0.01, min(terms.frame_timeout, terms.idle_timeout) / 4))
        self._timers["watch"] = terms.loop.call_later(pause, self._watch)
        now = terms.loop.time()
        for connection in tuple(terms.open):
            connection.check(now)
