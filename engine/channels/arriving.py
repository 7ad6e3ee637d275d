"""An arriving receipt: which of our deliveries it speaks of, and what becomes of them (decision 10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine import log
from engine.channels.dispatcher import Dispatcher
from engine.channels.receipting import DESTINATION
from engine.channels.verdict import Verdict
from engine.delivery import State, after_receipt
from engine.message import Receipt, ReceiptStatus
from engine.store import DeliveryRow, Settlement, Store, VerdictRow

_OURS = "application/fhir+json"
"""What we made ourselves carries ids of ours, and is never receipted."""


def settled(verdict: Verdict, store: Store) -> tuple[Verdict, tuple[Settlement, ...]]:
    """The verdict on a message, and what it settles where it is a receipt.

    A receipt for a message that we never sent is kept for a person (quarantined); nothing it would have made goes out.
    Raises: StoreError.
    """
    receipt = verdict.receipt
    if receipt is None or verdict.row is None:
        return verdict, ()
    rows = [row for row in store.awaiting(receipt.original) if _speaks_of(row)]
    if not rows:
        told = replace(verdict.row, state="quarantined", reason="receipt.unknown: for a message that was not sent here")
        return replace(verdict, row=told, deliveries=()), ()
    positive = receipt.status is not ReceiptStatus.REJECTED
    found = []
    for row in rows:
        step = after_receipt(row.state, row.reason, positive, _code(receipt))
        if step is not None:
            found.append(Settlement(row.id, step))
    return (verdict if found else replace(verdict, row=_repeated(verdict.row))), tuple(found)


def carry_out(dispatcher: Dispatcher, settles: Sequence[Settlement]) -> None:
    """After the commit of an arriving receipt: what is still to be sent learns of it, and a refusal is alarmed."""
    dispatcher.settle(settles)
    for one in settles:
        if one.step.state is State.DEAD_LETTER:
            log.error("receipt_negative", delivery=one.delivery)


def _speaks_of(row: DeliveryRow) -> bool:
    return row.destination != DESTINATION and row.content_type != _OURS


def _repeated(row: VerdictRow) -> VerdictRow:
    return replace(row, reason=row.reason or "receipt.repeated: the delivery was settled before")


def _code(receipt: Receipt) -> str:
    """What the list shows: the first error's code; never its text, which a sender may fill with anything."""
    codes = [error.code for error in receipt.errors if error.code.isalnum() and len(error.code) <= 8]
    if receipt.status is ReceiptStatus.OK:
        return ""
    return codes[0] if codes else f"status {receipt.status.value}"
