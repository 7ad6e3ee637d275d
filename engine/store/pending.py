"""A write on its way to the disk: the concrete `Pending`, and how a whole batch of them is completed.

One lock guards them all. Why: a write lives some hundred microseconds and there are thousands a second, so none has a
lock of its own; the guard is taken once per batch by the writer, and by a caller only when it has to wait.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar, cast

from engine import log
from engine.errors import StoreError
from engine.store import Pending

T = TypeVar("T")
Wake = Callable[[Callable[[], None]], None]
Later = Callable[[float, Callable[[], None]], object]
"""Runs a call after so many seconds."""

_GUARD = threading.Lock()


class Write(Pending[T]):
    """The result of one write. Its store sets it, once; anyone may wait for it, in any way, from any thread."""

    __slots__ = ("_calls", "_done", "_error", "_future", "_locks", "_value", "hurry")

    def __init__(self) -> None:
        self._done = False
        self.hurry: Callable[[], None] | None = None
        """Has what waits written now, where somebody blocks on it."""
        self._value: object = None
        self._error: StoreError | None = None
        self._future: asyncio.Future[None] | None = None
        self._calls: list[Callable[[], None]] | None = None
        self._locks: list[threading.Lock] | None = None

    def wait(self, timeout: float | None = None) -> T:
        lock = threading.Lock()
        lock.acquire()
        with _GUARD:
            if self._done:
                return self.result()
            self._locks = [*(self._locks or ()), lock]
        if self.hurry is not None:
            self.hurry()
        if not lock.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            raise TimeoutError("the write is not durable yet")
        return self.result()

    def add_done(self, call: Callable[[], None]) -> None:
        with _GUARD:
            if not self._done:
                if self._calls is None:
                    self._calls = [call]
                else:
                    self._calls.append(call)
                return
        call()

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        if not self._done:
            raise StoreError("the write is not durable yet", code="store.pending")
        return cast(T, self._value)

    def __await__(self) -> Generator[object, None, T]:
        if not self._done:
            future = asyncio.get_running_loop().create_future()
            with _GUARD:
                first = self._future is None and not self._done
                if first:
                    self._future = future
            if not first:
                self.add_done(lambda: _set(future))
            yield from future
        return self.result()

    def _tell(self) -> None:
        """Once. What was to be called is let go of: it mostly holds this write, and circles wait for the collector."""
        future, calls = self._future, self._calls
        self._future = self._calls = None
        if future is not None:
            _set(future)
        for call in calls or ():
            call()


def _set(future: asyncio.Future[None]) -> None:
    """Complete a loop's future from whichever thread this is."""
    loop = future.get_loop()
    try:
        here = asyncio.get_running_loop() is loop
    except RuntimeError:
        here = False
    if here:
        if not future.done():
            future.set_result(None)
    elif not loop.is_closed():
        loop.call_soon_threadsafe(_set, future)


def complete(results: Iterable[tuple[Write[object], object]], wake: Wake | None) -> None:
    """Set many results at once: values, or a StoreError for those that failed. One `wake` for all of them.

    Threads that block in `wait` go on at once; calls and awaiting tasks go on from `wake`, or from here without one.
    """
    told: list[Write[object]] = []
    locks: list[threading.Lock] = []
    with _GUARD:
        for write, value in results:
            if isinstance(value, StoreError):
                write._error = value
            else:
                write._value = value
            write._done = True
            if write._locks is not None:
                locks += write._locks
            if write._future is not None or write._calls is not None:
                told.append(write)
    for lock in locks:
        lock.release()
    if not told:
        return

    def tell() -> None:
        for write in told:
            try:
                write._tell()
            except Exception as error:  # a fault of one caller's must not keep the others waiting
                log.error("told_in_vain", code=type(error).__name__)

    if wake is None:
        tell()
        return
    try:
        wake(tell)
    except RuntimeError:
        # The loop is closed: nobody is left to tell, and what was written stays written.
        return
