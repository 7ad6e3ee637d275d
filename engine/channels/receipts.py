"""Receipts that wait for the delivery (`ack.receipt.after: delivered`), and those that we wait for ourselves.

That one is owed stands in the store from the commit that accepted the message; the receipt is made when the last
required delivery is final, and the debt goes in the same commit. So a crash in between only means that it is looked at
again at the next start; and the claim in that commit lets no second one out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from engine import log
from engine.channels.dispatcher import Dispatcher
from engine.channels.offering import offer
from engine.channels.receipting import DESTINATION, receipts_for
from engine.channels.revision import Plan
from engine.clock import Clock
from engine.delivery import STATES, State
from engine.errors import InvalidMessage, StoreError
from engine.message import Issue, ReceiptStatus, Severity
from engine.store import Acceptance, Accepted, DeliveryRow, MessageDetail, NewDelivery, Pending, Store

_MOST = 1000
_GOOD = frozenset({State.DELIVERED, State.CONFIRMED, State.SUPERSEDED, State.HANDLED})


class Receipts:
    """The receipts that one engine owes, and expects."""

    def __init__(self, plans: Mapping[str, Plan], store: Store, dispatcher: Dispatcher, clock: Clock) -> None:
        self.plans, self.store, self.dispatcher, self.clock = plans, store, dispatcher, clock
        dispatcher.settled = self.look

    def look_all(self) -> None:
        """At start, now and then, and when a person has decided something: every message whose receipt is due."""
        after = ""
        while messages := self.store.owing(_MOST, after):
            for message in messages:
                self.look(message)
            after = messages[-1]

    def look(self, message: str) -> None:
        """Make the receipt of a message that owes one, if its required deliveries are final."""
        try:
            detail = self.store.message(message)
            plan = self.plans.get(detail.row.channel) if detail else None
            if detail is not None and plan is not None and plan.receipt is not None:
                self._settle(detail, plan)
        except StoreError as error:
            log.error("receipt_not_made", message=message, code=error.code)

    def watch(self) -> None:
        """Mark what should have been receipted by now, each once."""
        pending = self.store.overdue(self.clock.micros())
        pending.add_done(lambda: self._missed(pending))

    def _missed(self, pending: Pending[Sequence[int]]) -> None:
        with contextlib.suppress(StoreError):
            for delivery in pending.result():
                log.error("receipt_overdue", delivery=delivery)

    def _settle(self, detail: MessageDetail, plan: Plan) -> None:
        required = [row for row in detail.deliveries if row.required and row.destination != DESTINATION]
        if not all(STATES[row.state].final for row in required):
            return
        made = self._made(detail, plan, required)
        acceptance = Acceptance(
            detail.row.id, plan.name, plan.standard.name, b"", detail.sha256, detail.row.received, detail.peer,
            detail.envelope, b"", None, made,
        )  # fmt: skip
        pending = self.store.route(detail.row.id, None, made)
        pending.add_done(lambda: self._offer(acceptance, pending))

    def _offer(self, acceptance: Acceptance, pending: Pending[Accepted]) -> None:
        try:
            offer(self.dispatcher, acceptance, pending.result())
        except StoreError as error:
            log.error("receipt_not_made", message=acceptance.message, code=error.code)

    def _made(self, detail: MessageDetail, plan: Plan, required: list[DeliveryRow]) -> tuple[NewDelivery, ...]:
        good = all(row.state in _GOOD for row in required)
        status = ReceiptStatus.OK if good else ReceiptStatus.REJECTED
        text = "the receiving system has not taken it"
        issues = () if good else (Issue(Severity.ERROR, "not_delivered", text),)
        try:
            document = plan.standard.decode(self.store.original(detail.row.id), plan.charset)
            envelope = plan.standard.envelope(document)
        except InvalidMessage:  # another revision could read it; ours cannot
            return ()
        micros = self.clock.micros()
        return receipts_for(document, envelope, plan, status, issues, detail.row.id, micros)
