"""Reads of the SQLite store, on connections of their own: a read never waits for a write, nor a write for a read.

Connections wait in a pool; each is used by one thread at a time. Driver errors become StoreError here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.errors import StoreError
from engine.store import AttemptRow, AuditEntry, DeliveryRow, MessageDetail, MessageRow, VerdictRow
from engine.store import sqlite_queries as q
from engine.store.files import PayloadFiles
from engine.store.rows import read_delivery, read_envelope, read_message, read_verdict
from engine.store.sqlite_changes import link
from engine.store.sqlite_schema import connect

LAST = (1 << 63) // 1000 - 1


class Reader:
    """Everything that is read. `newest` gives the seq that a message of this process has, or will have once it is
    committed, as long as its name is not indexed: a hint that saves a scan."""

    def __init__(self, path: Path, files: PayloadFiles, newest: Callable[[str], int | None]) -> None:
        self._path = path
        self._newest = newest
        self._files = files
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        if self._closed:
            raise StoreError("the store is closed", code="store.closed")
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = connect(self._path, read_only=True)
            yield connection
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", type(error).__name__)
            raise StoreError(f"the store cannot be read ({name})", code="store.read") from None
        self._idle.append(connection)
        if self._closed:
            self.close()

    def _all(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        with self._connection() as connection:
            return connection.execute(query, parameters).fetchall()

    def close(self) -> None:
        self._closed = True
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return

    # --- dispatch

    def waiting(self, channel: str, destination: str, after_seq: int, limit: int) -> list[DeliveryRow]:
        low = (after_seq + 1) * 1000
        rows = self._all(q.WAITING, (channel, destination, low, LAST * 1000, limit))
        if limit and len(rows) == limit:
            # A page never ends between two deliveries of one message: the next one begins after its seq.
            seq, last = int(str(rows[-1][2])), int(str(rows[-1][0]))
            rows += self._all(q.WAITING, (channel, destination, last + 1, seq * 1000 + 999, 1000))
        return [read_delivery(row) for row in rows]

    def payload(self, delivery: int) -> bytes:
        return self._bytes(self._all(q.PAYLOAD, (delivery,)), "the delivery's mapped bytes are gone")

    def unrouted(self, limit: int) -> list[str]:
        return [str(row[0]) for row in self._all(q.UNROUTED, (limit,))]

    def owing(self, limit: int, after: str) -> list[str]:
        return [str(row[0]) for row in self._all(q.OWING, (after, limit))]

    def awaiting(self, message_id: str) -> list[DeliveryRow]:
        return [read_delivery(row) for row in self._all(q.AWAITING, (message_id, message_id))]

    def file_used(self, name: str) -> bool:
        return bool(self._all(q.FILE_USED, (name,)))

    # --- query

    def messages(self, channel: str, state: str, message_id: str, before_seq: int, limit: int) -> list[MessageRow]:
        conditions: list[str] = []
        parameters: list[object] = []
        for text, value in (("m.channel = ?", channel), (f"{q.STATE} = ?", state)):
            if value:
                conditions.append(text)
                parameters.append(value)
        if message_id:
            conditions.append(f"m.seq IN {q.WITH_MESSAGE_ID}")
            parameters += (message_id, message_id)
        if before_seq:
            conditions.append("m.seq < ?")
            parameters.append(before_seq)
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        rows = self._all(f"{q.MESSAGE_ROWS} {where} ORDER BY m.seq DESC LIMIT ?", (*parameters, limit))
        return [read_message(row) for row in rows]

    def message(self, beginning: str) -> MessageDetail | None:
        if len(beginning) < 8:
            raise StoreError("give at least 8 characters of the message's id", code="store.ambiguous")
        seq = self._seq(beginning)
        if seq is None:
            found = self._all(q.IDS_LIKE, (beginning, beginning + "\U0010ffff"))
            if not found:
                return None
            if len(found) > 1:
                raise StoreError("more than one message's id begins so; give more of it", code="store.ambiguous")
            seq = found[0][0]
        row = self._all(f"{q.MESSAGE_ROWS} WHERE m.seq = ?", (seq,))[0]
        envelope, peer, sha256 = self._all(q.FACTS, (seq,))[0]
        return MessageDetail(
            row=read_message(row),
            envelope=read_envelope(envelope),  # type: ignore[arg-type]
            peer=str(peer),
            sha256=sha256,  # type: ignore[arg-type]
            verdicts=self._verdicts(seq),
            deliveries=tuple(map(read_delivery, self._all(q.DELIVERIES, (seq, seq)))),
            attempts=tuple(AttemptRow(*row) for row in self._all(q.ATTEMPTS, (seq,))),  # type: ignore[arg-type]
        )

    def _seq(self, message: str) -> object:
        """Of the message with this whole id; None where there is none."""
        hint = self._newest(message)
        rows = self._all(q.AT, (hint, message)) if hint is not None else []
        rows = rows or self._all(q.WITH_ID, (message,))
        return rows[0][0] if rows else None

    def _verdicts(self, seq: object) -> tuple[VerdictRow, ...]:
        return tuple(map(read_verdict, self._all(q.VERDICTS, (seq,))))

    def original(self, message: str) -> bytes:
        return self._bytes(self._all(q.ORIGINAL, (self._seq(message),)), "no such message, or its bytes are gone")

    def counts(self) -> dict[str, int]:
        return {str(state): int(str(count)) for state, count in self._all(q.COUNTS)}

    # --- audit

    def audit_trail(self, limit: int) -> list[AuditEntry]:
        return [AuditEntry(*row) for row in self._all(q.AUDIT_TRAIL, (limit,))]  # type: ignore[arg-type]

    def decisions(self) -> int:
        return int(str(self._all(q.DECISIONS)[0][0]))

    def audit_intact(self) -> bool:
        before = b""
        with self._connection() as connection:
            for *columns, stored in connection.execute(q.ALL_AUDIT):
                before = link(before, tuple(columns))
                if before != stored:
                    return False
        return True

    def _bytes(self, rows: list[tuple[object, ...]], gone: str) -> bytes:
        body, name = rows[0] if rows else (None, None)
        if name is not None:
            return self._files.read(str(name))
        if body is None:
            raise StoreError(gone, code="store.payload_gone")
        return body  # type: ignore[return-value]
