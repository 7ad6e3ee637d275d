"""Writes that change a delivery: sending, record, retry, handle, recover."""

from __future__ import annotations

import sqlite3

from engine.delivery import STATES, State
from engine.errors import StoreError
from engine.store import Attempt
from engine.store import sqlite_queries as q
from engine.store.sqlite_group import Apart, Item, Kind, Numbers, Results

FREED = frozenset(state.value for state, words in STATES.items() if words.final and not words.blocks)
HELD = frozenset(state.value for state in STATES) - FREED


class StepChanges:
    """What becomes of deliveries."""

    def __init__(self, connection: sqlite3.Connection, numbers: Numbers) -> None:
        self._connection = connection
        self._numbers = numbers

    def apply(self, items: list[Item], results: Results) -> None:
        """In rounds: a delivery occurs once in each, so that what is asked of it later comes later."""
        sending: list[int] = []
        records: list[Attempt] = []
        seen: set[int] = set()
        for kind, load, write in items:
            delivery = load.delivery if isinstance(load, Attempt) else load
            if delivery in seen or kind > Kind.RECORD:
                self._round(sending, records, len(items) == 1)
                sending, records = [], []
                seen.clear()
            if kind == Kind.SENDING:
                sending.append(delivery)  # type: ignore[arg-type]
                results.append((write, None))
            elif kind == Kind.RECORD:
                records.append(load)  # type: ignore[arg-type]
                results.append((write, None))
            elif kind == Kind.RECOVER:
                results.append((write, self._connection.execute(q.RECOVER).rowcount))
            elif kind == Kind.RETRY:
                results.append((write, self._retry(*load)))  # type: ignore[misc]
            else:
                results.append((write, self._handle(*load)))  # type: ignore[misc]
            if kind <= Kind.RECORD:
                seen.add(delivery)  # type: ignore[arg-type]
        self._round(sending, records, len(items) == 1)

    def _round(self, sending: list[int], records: list[Attempt], alone: bool) -> None:
        if sending and q.SENDING.run(self._connection, sending) < len(sending):
            if not alone:
                raise Apart
            raise StoreError("the delivery is not waiting to be sent", code="store.not_ready")
        if not records:
            return
        freed: list[int] = []
        rows: list[object] = []
        answers: list[object] = []
        for a in records:
            step = a.step
            rows += (a.delivery, step.state.value, step.due, step.reason, step.hint, a.code)
            rows += (a.started, a.ended, a.detail, step.state in FREED)
            if step.state in FREED:
                freed.append(a.delivery)
            if a.answer is not None:
                answers += (a.delivery, a.answer)
        q.PAST.run(self._connection, [a.delivery for a in records])
        if alone and self._settled_before(records[0]):
            self._connection.execute(q.COUNT_ATTEMPT, (records[0].delivery,))
            tried = (records[0].started, records[0].ended, records[0].code, records[0].detail, records[0].delivery)
            self._connection.execute(q.ADD_ATTEMPT, tried)
        else:
            self._free(freed)
            if q.RECORD.run(self._connection, rows) < len(records):
                raise Apart
        q.SETTLE_ANSWERS.run(self._connection, answers)

    def _settled_before(self, attempt: Attempt) -> bool:
        """Whether the delivery has a final state that this attempt must not change: a person or a receipt was first."""
        row = self._connection.execute(q.STANDING, (attempt.delivery,)).fetchone()
        if row is None:
            raise StoreError("no such delivery", code="store.unknown")
        late = row[0] == State.DELIVERED and attempt.step.state in (State.DELIVERED, State.CONFIRMED, State.DEAD_LETTER)
        return bool(row[2]) or (row[0] not in HELD and not late)

    def _free(self, deliveries: list[int]) -> None:
        """Before they become final: their mapped bytes go."""
        if not deliveries:
            return
        self._numbers.files += [str(row[0]) for row in q.FILES_OF.read(self._connection, deliveries)]
        q.DROP_PAYLOAD.run(self._connection, deliveries)

    def _retry(self, delivery: int, now: int) -> bool:
        row = self._connection.execute(q.STANDING, (delivery,)).fetchone()
        if row is None or row[0] not in (State.PARKED, State.DEAD_LETTER):
            return False
        if not row[1]:
            raise StoreError("its mapped bytes are gone; replay the message", code="store.payload_gone")
        q.PAST.run(self._connection, [delivery])
        self._connection.execute(q.RETRY, (now, delivery))
        return True

    def _handle(self, delivery: int, reason: str) -> bool:
        row = self._connection.execute(q.STANDING, (delivery,)).fetchone()
        if row is None or row[0] not in HELD:
            return False
        self._free([delivery])
        self._connection.execute(q.HANDLE, (reason, delivery))
        return True
