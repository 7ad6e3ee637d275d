"""What a group of writes does inside the writer's transaction.

A group either goes through whole, or raises (`Apart`, or an error of the driver) and is then taken one by one by the
writer, so that one bad record never fails its neighbours. Nothing here begins or ends a transaction.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence

from engine.errors import StoreError
from engine.store import AuditEntry
from engine.store import sqlite_queries as q
from engine.store.sqlite_group import Item, Kind, Numbers, Results
from engine.store.sqlite_intake import IntakeChanges
from engine.store.sqlite_steps import StepChanges


class Changes:
    """All kinds of writes, on one connection."""

    def __init__(self, connection: sqlite3.Connection, numbers: Numbers) -> None:
        self._connection = connection
        self._tail = numbers.tail
        self._intake = IntakeChanges(connection, numbers)
        self._steps = StepChanges(connection, numbers)

    def apply(self, items: Sequence[Item]) -> Results:
        """Apply a group; the order holds for what touches the same delivery or message."""
        kinds: dict[Kind, list[Item]] = {}
        for item in items:
            kinds.setdefault(item[0], []).append(item)
        results: Results = []
        if Kind.ACCEPT in kinds:
            self._intake.accept(kinds[Kind.ACCEPT], results)
        if Kind.ROUTE in kinds:
            self._intake.routes(kinds[Kind.ROUTE], results)
        if any(Kind.SENDING <= kind <= Kind.RECOVER for kind in kinds):
            self._steps.apply([item for item in items if Kind.SENDING <= item[0] <= Kind.RECOVER], results)
        if any(kind >= Kind.ANSWER for kind in kinds):
            for kind, load, write in items:
                if kind == Kind.OVERDUE:
                    results.append((write, [row[0] for row in self._connection.execute(q.OVERDUE, (load,))]))
                elif kind >= Kind.ANSWER:
                    self._other(kind, load)
                    results.append((write, None))
        return results

    def _other(self, kind: Kind, load: object) -> None:
        if kind == Kind.ANSWER:
            settled: tuple[bytes, str] = load  # type: ignore[assignment]
            answer, message = settled
            seq = self._tail.seqs(self._connection, [message]).get(message)
            if self._connection.execute(q.SETTLE_ANSWER, (answer, seq)).rowcount == 0:
                raise StoreError("no such message", code="store.unknown")
        elif kind == Kind.REVISION:
            self._connection.execute(q.ADD_REVISION, load)  # type: ignore[arg-type]
        else:
            entry: AuditEntry = load  # type: ignore[assignment]
            last = self._connection.execute(q.LAST_AUDIT).fetchone()
            columns = (entry.at, entry.actor, entry.action, entry.subject, entry.reason)
            self._connection.execute(q.ADD_AUDIT, (*columns, link(last[0] if last else b"", columns)))


def link(before: bytes, columns: tuple[object, ...]) -> bytes:
    """The hash of one audit row: SHA-256 over the hash before it and its columns, each with its length."""
    digest = hashlib.sha256(before)
    for column in columns:
        text = str(column).encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(8, "big"))
        digest.update(text)
    return digest.digest()
