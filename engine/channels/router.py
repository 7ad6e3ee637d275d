"""The router: judges what `ack.after: stored` has only stored, in the order it came."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

from engine import log
from engine.channels.arriving import carry_out, settled
from engine.channels.dispatcher import Dispatcher
from engine.channels.judge import judge
from engine.channels.offering import offer
from engine.channels.revision import Plan
from engine.errors import StoreError
from engine.message import Received, Reception
from engine.store import Acceptance, Accepted, Pending, Store

BATCH = 64
NAP, SHARE, FLOOD = 0.005, 9, 16
"""While more than `FLOOD` messages come in a nap of so many seconds, the router rests up to `SHARE` times as long as it
worked: senders are answered first, what they sent waits in the store."""


class Router:
    """One for the engine. `ring` wakes it; it also finds by itself what waited at a crash."""

    def __init__(self, plans: Mapping[str, Plan], store: Store, dispatcher: Dispatcher) -> None:
        self.plans, self.store, self.dispatcher = plans, store, dispatcher
        self._bell = asyncio.Event()
        self._rings = 0
        self._task: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Something waits."""
        self._rings += 1
        self._bell.set()

    async def start(self) -> None:
        self._bell.set()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._bell.wait()
            self._bell.clear()
            try:
                while waiting := self.store.unrouted(BATCH):
                    start = loop.time()
                    if not await self._route_all(waiting):
                        break
                    await self._rest(loop.time() - start)
            except StoreError as error:
                log.error("router_waits", code=error.code)
                await asyncio.sleep(1.0)
                self._bell.set()

    async def _rest(self, worked: float) -> None:
        """Let a flood of messages be answered first."""
        rested, rings = 0.0, self._rings - FLOOD - 1
        while rested < worked * SHARE and self._rings - rings > FLOOD:
            rings = self._rings
            await asyncio.sleep(NAP)
            rested += NAP

    async def _route_all(self, messages: Sequence[str]) -> bool:
        """Judged one by one, committed together. False when none of their channels is here."""
        pending = []
        for message in messages:
            routed = self._route(message)
            if routed is not None:
                pending.append(routed)
            await asyncio.sleep(0)
        for each in pending:
            await each
        return bool(pending)

    def _route(self, message: str) -> Pending[Accepted] | None:
        """One message: judged with the plan of its channel, on its way to its commit. None when that is not here."""
        detail = self.store.message(message)
        plan = self.plans.get(detail.row.channel) if detail else None
        if detail is None or plan is None:
            return None
        raw = self.store.original(message)
        received = Received(message, raw, detail.row.received, Reception(plan.name, peer=detail.peer))
        verdict, settles = settled(judge(received, plan), self.store)
        assert verdict.row is not None
        acceptance = Acceptance(
            message, plan.name, plan.standard.name, b"", verdict.sha256, received.micros, detail.peer, verdict.envelope,
            b"", verdict.row, verdict.deliveries,
        )  # fmt: skip
        pending = self.store.route(message, verdict.row, verdict.deliveries, verdict.owes, settles)

        def routed() -> None:
            with contextlib.suppress(StoreError):  # told to who awaits it
                offer(self.dispatcher, acceptance, pending.result())
                carry_out(self.dispatcher, settles)

        pending.add_done(routed)
        return pending
