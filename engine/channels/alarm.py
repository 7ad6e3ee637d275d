"""The alarm clock of the dispatcher: deliveries that have to wait for their time, and a call when it has come."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterator

from engine.channels.lane import Item, Lane
from engine.clock import Clock

_LONGEST = 5.0
"""Seconds after which the clock is looked at in any case: it may have been set."""


class Alarm:
    """One timer of the loop for all that wait."""

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock, self._ring = clock, ring
        self._timers: list[tuple[int, int, Item, Lane]] = []
        self._tick = 0
        self._handle: asyncio.TimerHandle | None = None
        self._stopped = False

    def set(self, item: Item, lane: Lane) -> None:
        """Wait until the item is due."""
        self._tick += 1
        heapq.heappush(self._timers, (item.due, self._tick, item, lane))
        self._wind()

    def due(self) -> Iterator[tuple[Item, Lane]]:
        """What has become due, the earliest first; it waits no more."""
        now = self._clock.micros()
        while self._timers and self._timers[0][0] <= now:
            _, _, item, lane = heapq.heappop(self._timers)
            yield item, lane
        self._wind()

    def stop(self) -> None:
        """Ring no more."""
        self._stopped = True
        if self._handle is not None:
            self._handle.cancel()

    def _wind(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._timers and not self._stopped:
            wait = max(0.0, (self._timers[0][0] - self._clock.micros()) / 1_000_000)
            self._handle = asyncio.get_running_loop().call_later(min(wait, _LONGEST), self._ring)
