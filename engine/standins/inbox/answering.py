"""Answers messages with AppRecs of our own, each posted as a message to one address after its delay.

One try each: a receipt that gets lost is what the other side must live with. HIS 80415; HITS 1168.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp

from engine import log
from engine.message import Issue, ReceiptStatus, Severity
from engine.standards.kith.standard import Kith
from engine.standins.inbox import Options
from engine.standins.inbox.arrivals import Arrival, Sent
from engine.standins.inbox.plan import Plan

_KITH = Kith()
_PATIENCE = aiohttp.ClientTimeout(total=30)


class Answering:
    """Receipts on their way. Everything but the sending happens at once, so a message's plan is the one it met."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._tasks: set[asyncio.Task[None]] = set()

    def answer(self, arrival: Arrival, plan: Plan) -> None:
        """Write the receipts that the plan gives a message and send them on; none for a receipt or a duplicate."""
        document = arrival.examined.document
        owed = document is not None and arrival.examined.envelope is not None and not arrival.first
        if not self._options.reply_to or not owed or plan.receipts == "never" or document is None:
            return
        status, issues = _said(arrival, plan)
        written: list[tuple[Sent, bytes]] = []
        for _ in range(2 if plan.receipts == "twice" else 1):
            sent = Sent(self._options.new_id(), status.value)
            raw = _KITH.receipt_for(document, status, issues, sent.id, self._options.clock.micros())
            if raw is not None:
                written.append((sent, raw))
        arrival.receipts += [sent for sent, _ in written]
        if written:
            task = asyncio.create_task(self._send(written, plan.after))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait until no receipt waits any more."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    async def stop(self) -> None:
        """Forget what still waits."""
        for task in list(self._tasks):
            task.cancel()
        await self.settled()

    async def _send(self, written: Sequence[tuple[Sent, bytes]], after: float) -> None:
        if after:
            await self._options.sleep(after)
        async with aiohttp.ClientSession(timeout=_PATIENCE) as session:
            for sent, raw in written:
                try:
                    headers = {"Content-Type": _KITH.media_type}
                    async with session.post(self._options.reply_to, data=raw, headers=headers) as response:
                        sent.answer = response.status
                        await response.read()
                except (aiohttp.ClientError, TimeoutError) as failed:
                    log.warning("standin.inbox.receipt_lost", type=type(failed).__name__)
                sent.state = "sent" if 200 <= sent.answer < 300 else "failed"


def _said(arrival: Arrival, plan: Plan) -> tuple[ReceiptStatus, Sequence[Issue]]:
    """Status and reasons: on purpose where the plan says so, else from what was found."""
    if plan.receipts == "negative":
        return ReceiptStatus.REJECTED, (Issue(Severity.ERROR, "standin.negative", "Avvist med vilje", "", plan.code),)
    if arrival.examined.valid:
        return ReceiptStatus.OK, ()
    return ReceiptStatus.REJECTED, arrival.examined.issues
