"""The router: judges what `ack.after: stored` has only stored, in the order it came."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from engine import log
from engine.channels.dispatcher import Dispatcher
from engine.channels.intake import offer
from engine.channels.judge import judge
from engine.channels.revision import Plan
from engine.errors import StoreError
from engine.message import Received, Reception
from engine.store import Acceptance, Accepted, Store

BATCH = 64


class Router:
    """One for the engine. `ring` wakes it; it also finds by itself what waited at a crash."""

    def __init__(self, plans: Mapping[str, Plan], store: Store, dispatcher: Dispatcher) -> None:
        self.plans, self.store, self.dispatcher = plans, store, dispatcher
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Something waits."""
        self._bell.set()

    async def start(self) -> None:
        self._bell.set()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            try:
                while waiting := self.store.unrouted(BATCH):
                    routed = [await self._route(message) for message in waiting]
                    if not any(routed):
                        break
            except StoreError as error:
                log.error("router_waits", code=error.code)
                await asyncio.sleep(1.0)
                self._bell.set()

    async def _route(self, message: str) -> bool:
        """One message: judged with the plan of its channel and committed. False when its channel is not here."""
        detail = self.store.message(message)
        plan = self.plans.get(detail.row.channel) if detail else None
        if detail is None or plan is None:
            return False
        raw = self.store.original(message)
        received = Received(message, raw, detail.row.received, Reception(plan.name, peer=detail.peer))
        verdict = judge(received, plan)
        assert verdict.row is not None
        acceptance = Acceptance(
            message, plan.name, plan.standard.name, b"", verdict.sha256, received.micros, detail.peer, verdict.envelope,
            b"", verdict.row, verdict.deliveries,
        )  # fmt: skip
        pending = self.store.route(message, verdict.row, verdict.deliveries)

        def settled() -> None:
            result = pending.result()
            if isinstance(result, Accepted):
                offer(self.dispatcher, acceptance, result)

        pending.add_done(settled)
        await pending
        return True
