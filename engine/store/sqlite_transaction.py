"""One group of writes as one transaction: begun, applied, committed; or refused, with a reason that is safe to tell.

Failures: a record that cannot be stored fails alone; a full disk or a lock fails its group, and the next group is
tried; anything that says the disk or the file is not to be trusted is fatal, since after a failed fsync nobody knows
what is on disk (RELIABILITY 3.5).
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Sequence

from engine import log
from engine.errors import StoreError
from engine.store.sqlite_changes import Changes
from engine.store.sqlite_group import Item, Kind, Numbers, Results

PATIENCE = 10.0
"""Seconds that a group waits for another process to let go of the file."""
_NAP = 0.002
_RECENT = 16
_PASSING = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM})
_RECORD_ERRORS = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)


class Transaction:
    """The writing connection. One thread at a time; which one is the writer's affair."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.commits = 0
        self._connection = connection
        self._numbers = Numbers()
        self._changes = Changes(connection, self._numbers)
        self._mark = self._numbers.mark()
        self._seconds: deque[float] = deque(maxlen=_RECENT)
        connection.execute("PRAGMA busy_timeout = 0")  # waiting is ours: not every thread may

    @property
    def open(self) -> bool:
        """Whether something is begun and neither committed nor taken back."""
        return self._connection.in_transaction

    @property
    def quickest(self) -> float:
        """Seconds of the quickest of the last commits: what the disk takes, whatever else a commit waited for."""
        return min(self._seconds) if self._seconds else float("inf")

    def newest(self, message: str) -> int | None:
        """The seq of a message whose name is not indexed yet, committed or about to be."""
        return self._numbers.tail.seq(message)

    def begin(self, patience: float) -> bool:
        """Begin; False where another process has the file and there is no patience. Raises: sqlite3.Error."""
        until = time.monotonic() + patience
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError as error:
                if _code(error) != sqlite3.SQLITE_BUSY:
                    raise
                if not patience:
                    return False
                if time.monotonic() >= until:
                    raise
            time.sleep(_NAP)
        self._numbers.refresh(self._connection)
        self._mark = self._numbers.mark()
        return True

    def apply(self, group: Sequence[Item]) -> Results:
        """What each write comes to, once committed. Raises: sqlite3.Error for a fault of the file or the disk."""
        try:
            results = self._changes.apply(group)
        except Exception as error:
            if not _alone(error):
                raise
            self._connection.execute("ROLLBACK")
            self._numbers.back(self._mark)
            self.begin(PATIENCE)
            results = self._one_by_one(group)
        if self._numbers.tail.full:
            self._numbers.tail.settle(self._connection)
        return results

    def commit(self) -> list[str]:
        """Make it durable. The payload files that have lost their rows. Raises: sqlite3.Error."""
        start = time.perf_counter()
        self._connection.execute("COMMIT")
        self._seconds.append(time.perf_counter() - start)
        self.commits += 1
        freed, self._numbers.files = self._numbers.files, []
        return freed

    def failed(self, error: BaseException) -> StoreError | None:
        """Take the group back. What it is told; None where the store must stop."""
        self._numbers.back(self._mark)
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            return None
        code = _code(error)
        if code not in _PASSING:
            return None
        if code == sqlite3.SQLITE_FULL:
            log.error("store.full")
            return StoreError("the disk is full; nothing was stored", code="store.full")
        log.error("store.busy", reason_code=str(getattr(error, "sqlite_errorname", "")))
        return StoreError("another process holds the store; nothing was stored", code="store.busy")

    def _one_by_one(self, group: Sequence[Item]) -> Results:
        results: Results = []
        for item in sorted(group, key=lambda item: min(item[0], Kind.SENDING)):
            mark = self._numbers.mark()
            self._connection.execute("SAVEPOINT one")
            try:
                results += self._changes.apply([item])
            except Exception as error:
                if not _alone(error):
                    raise
                self._connection.execute("ROLLBACK TO one")
                self._numbers.back(mark)
                results.append((item[2], _refused(error)))
            self._connection.execute("RELEASE one")
        return results


def _code(error: BaseException) -> int:
    """SQLite's primary result code; 0 for any other error."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if code is not None else 0


def _alone(error: Exception) -> bool:
    """Whether an error is of one record, and not of the file or the disk."""
    return not isinstance(error, sqlite3.Error) or isinstance(error, _RECORD_ERRORS)


def _refused(error: Exception) -> StoreError:
    """Why one record was not stored; never the driver's text, which may quote values."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, sqlite3.IntegrityError):
        name = getattr(error, "sqlite_errorname", "")
        return StoreError(f"the record breaks a rule of the store ({name})", code="store.conflict")
    return StoreError(f"the record cannot be stored ({type(error).__name__})", code="store.record")
