"""The store on SQLite: the embedded default (decisions 6 and 7).

One file, its write-ahead log, and a folder `payload` for what is large. Several processes may open it (a command line
beside the engine); only one may dispatch.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from engine.errors import StoreError
from engine.store import (
    Acceptance,
    Accepted,
    Attempt,
    AuditEntry,
    DeliveryRow,
    Duplicate,
    MessageDetail,
    MessageRow,
    NewDelivery,
    Pending,
    Settlement,
    VerdictRow,
)
from engine.store.files import PayloadFiles
from engine.store.pending import Later, Wake, Write, complete
from engine.store.rows import Intake, Mapped, Routing, intake, mapped, verdict_columns
from engine.store.spill import Spill
from engine.store.sqlite_checkpoint import Checkpoints
from engine.store.sqlite_group import Kind
from engine.store.sqlite_reader import Reader
from engine.store.sqlite_schema import connect, make_place, migrate
from engine.store.sqlite_writer import Writer

T = TypeVar("T")
Load = TypeVar("Load", Intake, Routing)


def open_store(
    path: Path, *, wake: Wake | None = None, later: Later | None = None, inline_limit: int = 1_000_000
) -> SqliteStore:
    """Open the store in this file, made and brought forward where needed.

    `wake` runs a call where results are wanted and writes are made (`loop.call_soon_threadsafe`): once per commit, not
    per write; `later` runs one there after some seconds (`loop.call_later`). Payloads above `inline_limit` bytes go to
    files; such a write may be overtaken by later ones. Raises: StoreError.
    """
    try:
        make_place(path)
        connection = connect(path)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(_cannot_open(error), code="store.open") from None
    try:
        migrate(connection)
    except sqlite3.Error as error:
        connection.close()
        raise StoreError(_cannot_open(error), code="store.open") from None
    except BaseException:
        connection.close()
        raise
    return SqliteStore(path, connection, wake, later, inline_limit)


def _cannot_open(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", None) or getattr(error, "strerror", None) or type(error).__name__
    return f"the store cannot be opened ({name}); check that the file is a store and that this user may write there"


class SqliteStore:
    """All five doors on one SQLite file. Made by `open_store`."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        wake: Wake | None,
        later: Later | None,
        inline_limit: int,
    ) -> None:
        self.path = path
        self._inline_limit = inline_limit
        self._wake = wake
        self._connection = connection
        self._files = PayloadFiles(path.parent / "payload")
        self._checkpoints = Checkpoints(path)
        self._writer = Writer(connection, wake, later, self._freed, self._checkpoints.committed)
        self._reader = Reader(path, self._files, self._writer.newest)
        self._spill = Spill(self._files, self._reader.file_used, self._writer.stop)

    @property
    def commits(self) -> int:
        """Transactions committed since the store was opened."""
        return self._writer.commits

    # --- intake

    def accept(self, acceptance: Acceptance) -> Pending[Accepted | Duplicate]:
        write: Write[Accepted | Duplicate] = Write()
        try:
            load = intake(acceptance)
        except (TypeError, ValueError, AttributeError) as error:
            return self._unfit(write, error)
        if len(load.body) > self._inline_limit or load.mapped:
            return self._with_files(Kind.ACCEPT, load, write)
        self._writer.put(Kind.ACCEPT, load, write)  # type: ignore[arg-type]
        return write

    def route(
        self,
        message: str,
        verdict: VerdictRow | None,
        deliveries: Sequence[NewDelivery],
        owes: bool = False,
        settles: Sequence[Settlement] = (),
    ) -> Pending[Accepted]:
        write: Write[Accepted] = Write()
        try:
            columns = None if verdict is None else verdict_columns(verdict)
            load = Routing(message, columns, tuple(map(mapped, deliveries)), owes, tuple(settles))
        except (TypeError, ValueError, AttributeError) as error:
            return self._unfit(write, error)
        return self._with_files(Kind.ROUTE, load, write)

    def settle_answer(self, message: str, answer: bytes) -> Pending[None]:
        return self._put(Kind.ANSWER, (answer, message))

    def pending_writes(self) -> int:
        return self._writer.waiting() + self._spill.waiting()

    def _put(self, kind: Kind, load: object, unhurried: bool = False) -> Write[T]:
        write: Write[T] = Write()
        self._writer.put(kind, load, write, unhurried)  # type: ignore[arg-type]
        return write

    def _unfit(self, write: Write[T], error: Exception) -> Write[T]:
        refusal = StoreError(f"the record cannot be stored ({type(error).__name__})", code="store.record")
        complete([(write, refusal)], self._wake)  # type: ignore[list-item]
        return write

    def _with_files(self, kind: Kind, load: Load, write: Write[T]) -> Write[T]:
        """Queue a write; what is above the limit is made durable as files first."""
        limit = self._inline_limit
        contents: list[tuple[bytes, bytes]] = []
        if isinstance(load, Intake) and len(load.body) > limit:
            contents.append((load.sha256, load.body))
            load = load._replace(file=self._files.name(load.sha256))
        if any(len(new.body) > limit for new in load.mapped):
            contents += [(new.sha256, new.body) for new in load.mapped if len(new.body) > limit]
            load = load._replace(mapped=tuple(self._filed(new) for new in load.mapped))
        if not contents:
            self._writer.put(kind, load, write)  # type: ignore[arg-type]
            return write
        names = [self._files.name(sha256) for sha256, _ in contents]
        write.add_done(lambda: self._spill.drop(names, held=True))
        self._spill.write(
            contents,
            lambda: self._writer.put(kind, load, write),  # type: ignore[arg-type]
            lambda error: complete([(write, error)], self._wake),  # type: ignore[list-item]
        )
        return write

    def _filed(self, new: Mapped) -> Mapped:
        return new._replace(file=self._files.name(new.sha256)) if len(new.body) > self._inline_limit else new

    def _freed(self, names: Sequence[str]) -> None:
        self._spill.drop(names, held=False)

    # --- dispatch

    def waiting(self, channel: str, destination: str, after_seq: int, limit: int) -> Sequence[DeliveryRow]:
        return self._reader.waiting(channel, destination, after_seq, limit)

    def payload(self, delivery: int) -> bytes:
        return self._reader.payload(delivery)

    def sending(self, delivery: int) -> Pending[None]:
        return self._put(Kind.SENDING, delivery)

    def record(self, attempt: Attempt, unhurried: bool = False) -> Pending[None]:
        return self._put(Kind.RECORD, attempt, unhurried)

    def recover(self) -> int:
        write: Write[int] = self._put(Kind.RECOVER, None)
        return write.wait()

    def unrouted(self, limit: int) -> Sequence[str]:
        return self._reader.unrouted(limit)

    def owing(self, limit: int, after: str = "") -> Sequence[str]:
        return self._reader.owing(limit, after)

    def awaiting(self, message_id: str) -> Sequence[DeliveryRow]:
        return self._reader.awaiting(message_id)

    def overdue(self, now: int) -> Pending[Sequence[int]]:
        return self._put(Kind.OVERDUE, now)

    def retry(self, delivery: int, now: int) -> Pending[bool]:
        return self._put(Kind.RETRY, (delivery, now))

    def handle(self, delivery: int, reason: str) -> Pending[bool]:
        return self._put(Kind.HANDLE, (delivery, reason))

    # --- query

    def messages(
        self, *, channel: str = "", state: str = "", message_id: str = "", before_seq: int = 0, limit: int = 50
    ) -> Sequence[MessageRow]:
        return self._reader.messages(channel, state, message_id, before_seq, limit)

    def message(self, message: str) -> MessageDetail | None:
        return self._reader.message(message)

    def original(self, message: str) -> bytes:
        return self._reader.original(message)

    def counts(self) -> dict[str, int]:
        return self._reader.counts()

    # --- audit and care

    def audit(self, entry: AuditEntry) -> Pending[None]:
        return self._put(Kind.AUDIT, entry)

    def audit_trail(self, limit: int = 100) -> Sequence[AuditEntry]:
        return self._reader.audit_trail(limit)

    def decisions(self) -> int:
        return self._reader.decisions()

    def audit_intact(self) -> bool:
        return self._reader.audit_intact()

    def free_space(self) -> int:
        return shutil.disk_usage(self.path.parent).free

    def revision_seen(self, revision: str, description: str, now: int) -> Pending[None]:
        return self._put(Kind.REVISION, (revision, description, now))

    def close(self) -> None:
        self._spill.drain()
        self._writer.close()
        self._checkpoints.close()
        self._spill.close()
        self._reader.close()
        # It fails with a reader elsewhere, a full disk, or closed before; the log is then read at the next start.
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
