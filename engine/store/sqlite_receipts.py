"""Writes that receipts ask for: claims made once for good, receipts owed, and what arriving ones settle."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from engine.delivery import State
from engine.store import Settlement
from engine.store import sqlite_queries as q
from engine.store.rows import Mapped
from engine.store.sqlite_group import Numbers


class ReceiptChanges:
    """Inside the writer's transaction, beside the rows of the message they are about."""

    def __init__(self, connection: sqlite3.Connection, numbers: Numbers) -> None:
        self._connection = connection
        self._numbers = numbers

    def claimed(self, mapped: Sequence[Mapped], seq: int, last: int) -> tuple[Sequence[Mapped], tuple[int, ...]]:
        """Deliveries without those whose claim was made before, and the ids of all: 0 for one that is left out."""
        if not any(new.claim for new in mapped):
            return mapped, tuple(range(last + 1, last + 1 + len(mapped)))
        kept: list[Mapped] = []
        ids: list[int] = []
        for new in mapped:
            if new.claim and not self._connection.execute(q.CLAIM, (new.claim, seq)).rowcount:
                ids.append(0)
                continue
            kept.append(new)
            ids.append(last + len(kept))
        return kept, tuple(ids)

    def apply(self, seq: int, owes: bool, settles: Sequence[Settlement]) -> None:
        """A receipt owed later, and deliveries that a receipt settles now."""
        if owes:
            self._connection.execute(q.OWE, (seq,))
        for one in settles:
            step = one.step
            columns = (step.state.value, step.reason, step.hint, one.delivery)
            if self._connection.execute(q.SETTLE, columns).rowcount and step.state is State.CONFIRMED:
                self._free(one.delivery)

    def _free(self, delivery: int) -> None:
        """Its keys and mapped bytes go, as at any final state that is no dead letter."""
        self._numbers.files += [str(row[0]) for row in q.FILES_OF.read(self._connection, [delivery])]
        q.DROP_PAYLOAD.run(self._connection, [delivery])
        self._connection.execute(q.UNPAID, (delivery,))
