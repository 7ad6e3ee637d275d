"""Starts what `build` made, and stops it: the only module that knows all parts."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from engine import log
from engine.channels.build import build, store_path
from engine.channels.runner import Runner
from engine.channels.site import Site
from engine.clock import SystemClock, system_jitter
from engine.plugins.builtin import full_registry
from engine.store.sqlite import open_store

GRACE = 20.0
"""Seconds that each step of a stop may take."""


@contextlib.asynccontextmanager
async def running(site: Site) -> AsyncIterator[Runner]:
    """The engine of a site, started; stopped cleanly on leaving.

    Raises: ConfigError when an address is taken or a certificate does not fit; StoreError.
    """
    loop = asyncio.get_running_loop()

    def wake(call: Callable[[], None]) -> None:
        loop.call_soon_threadsafe(call)

    store = open_store(store_path(site), wake=wake, later=loop.call_later)
    try:
        runner = build(site, full_registry(), store, SystemClock(), system_jitter())
        await runner.start()
        try:
            with rare_collections():
                yield runner
        finally:
            await runner.stop(GRACE)
    finally:
        await asyncio.to_thread(store.close)


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Look for circular garbage more rarely, and never again among what stands since the start.

    Why: messages make none, but some twenty objects each that live until their commit; each look walks over them all.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def serve(site: Site, started: Callable[[Runner], None]) -> None:
    """Run until SIGTERM or SIGINT; then take nothing new, answer what was taken, end, close."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(site) as runner:
        started(runner)
        await stop.wait()
        log.info("stopping")


def run_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on uvloop where it is installed, else on asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def project_root() -> Path:
    """Where `channels.yaml`, `mappings/` and `samples/` of a checkout stand."""
    return Path(__file__).resolve().parent.parent
