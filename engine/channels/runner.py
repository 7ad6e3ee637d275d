"""A running set of channels: started, watched over, stopped in the right order.

Start: recover what a crash left, fill the lanes, then let messages in. Stop: let nothing in, answer what was taken,
end what is in flight, close the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from engine import log
from engine.channels.dispatcher import Dispatcher
from engine.channels.intake import ChannelIntake
from engine.channels.receipts import Receipts
from engine.channels.router import Router
from engine.destinations import Destination
from engine.errors import StoreError
from engine.sources import Source
from engine.store import Store

CARE_EVERY = 1.0
WATCH_EVERY = 60
"""After so many looks the receipts that should have come are looked at."""
FLOOR = 256 * 1024 * 1024
"""Bytes that must stay free where the store lives; below it every message is refused (decision 7)."""


@dataclass(slots=True)
class Running:
    """One channel's two ends."""

    name: str
    source: Source
    intake: ChannelIntake


class Runner:
    """All channels of one engine, on one event loop."""

    def __init__(
        self,
        store: Store,
        channels: Sequence[Running],
        destinations: Sequence[Destination],
        dispatcher: Dispatcher,
        router: Router,
        receipts: Receipts,
        floor: int = FLOOR,
    ) -> None:
        self.store, self.channels, self.destinations = store, channels, destinations
        self.dispatcher, self.router, self.receipts, self.floor = dispatcher, router, receipts, floor
        self._care: asyncio.Task[None] | None = None
        self._decisions = 0
        self._looked = 0

    async def start(self) -> None:
        """Raises: ConfigError when an address cannot be had; then nothing is left listening."""
        recovered = self.store.recover()
        for destination in self.destinations:
            await destination.start()
        self._decisions = self.store.decisions()
        waiting = self.dispatcher.load()
        self.receipts.look_all()
        log.info("recovered", count=recovered)
        log.info("waiting", count=waiting)
        await self.router.start()
        self._look_at_space()
        started: list[Running] = []
        try:
            for channel in self.channels:
                await channel.source.start(channel.intake)
                started.append(channel)
                log.info("channel_started", channel=channel.name, listener=channel.source.address)
        except BaseException:
            for channel in started:
                await channel.source.stop(0.0)
            await self._stop_inside(0.0)
            raise
        self._care = asyncio.get_running_loop().create_task(self._look_after())

    async def stop(self, grace: float = 10.0) -> None:
        """Let nothing in, end what was begun, close. `grace` in seconds, for each step."""
        await asyncio.gather(*(channel.source.stop(grace) for channel in self.channels))
        if self._care is not None:
            self._care.cancel()
            await asyncio.gather(self._care, return_exceptions=True)
        await self._stop_inside(grace)
        log.info("stopped")

    async def _stop_inside(self, grace: float) -> None:
        await self.router.stop()
        await self.dispatcher.stop(grace)
        for destination in self.destinations:
            await destination.stop()

    async def _look_after(self) -> None:
        """Once a second: free space, and what a person decided from another process."""
        while True:
            await asyncio.sleep(CARE_EVERY)
            try:
                self._look_at_space()
                self._look_at_decisions()
                self._look_at_receipts()
            except (StoreError, OSError) as error:
                log.error("care_failed", code=getattr(error, "code", type(error).__name__))

    def _look_at_space(self) -> None:
        full = self.store.free_space() < self.floor
        for channel in self.channels:
            if full != channel.intake.full:
                channel.intake.full = full
                (log.error if full else log.info)("free_space_" + ("low" if full else "ok"), channel=channel.name)

    def _look_at_decisions(self) -> None:
        """`messages retry`, `replay` and the console write to the store; the lanes learn of it here."""
        decisions = self.store.decisions()
        if decisions != self._decisions:
            self._decisions = decisions
            self.router.ring()
            self.dispatcher.load()
            self.receipts.look_all()

    def _look_at_receipts(self) -> None:
        """Once a minute: which receipts should have come by now; and ours that could not be made before."""
        self._looked += 1
        if self._looked % WATCH_EVERY == 1:
            self.receipts.watch()
            self.receipts.look_all()
