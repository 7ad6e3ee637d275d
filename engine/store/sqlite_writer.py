"""The one writer: takes everything that waits into one transaction and one fsync, then completes it all at once.

Why a thread and group commit: one fsync is shared by all that came while the last one ran, so the rate follows the load
without a timer or a setting (PERFORMANCE 4).

Failures: a record that cannot be stored fails alone; a full disk or a lock fails its group, and the next group is
tried; anything that says the disk or the file is not to be trusted stops the writer for good, since after a failed
fsync nobody knows what is on disk (RELIABILITY 3.5).
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

from engine import log
from engine.errors import StoreError
from engine.store.pending import Wake, Write, complete
from engine.store.sqlite_changes import Changes
from engine.store.sqlite_group import Item, Kind, Numbers, Results

ROWS_AT_ONCE = 1024
BYTES_AT_ONCE = 32 << 20
LINGER, ENOUGH = 0.002, 64
"""Seconds that a group is held open at most while a busy loop brings more, and how many writes are waited for."""
IDLE_TURN = 0.0001
"""A turn of the loop shorter than so many seconds, that brought nothing: it waits for others."""
PASSING = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM})
RECORD_ERRORS = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)


class Writer:
    """Owns the writing connection and its thread. `put` may be called from any thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        wake: Wake | None,
        freed: Callable[[Sequence[str]], None],
        committed: Callable[[], None],
    ) -> None:
        self.commits = 0
        self.in_flight = 0
        self.refusal: StoreError | None = None
        self._connection = connection
        self._wake = wake
        self._freed = freed
        self._committed = committed
        self._queue: SimpleQueue[Item | None] = SimpleQueue()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._rung = self._more = False
        self._seen, self._turned, self._until = 0, 0.0, 0.0
        self._numbers = Numbers()
        self._changes = Changes(connection, self._numbers)
        self._gate = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def put(self, kind: Kind, load: object, write: Write[object]) -> None:
        """Queue one write; it completes when it is durable, or with a StoreError."""
        with self._gate:
            refusal = self.refusal
            if refusal is None:
                self._queue.put((kind, load, write))
                write.hurry = self.ring
                if self._rung:
                    return
                self._rung = True
        if refusal is None:
            self._call()
            return
        complete([(write, refusal)], self._wake)

    def _call(self) -> None:
        """Wake the thread: with a loop not before its turn has ended, by when much more may have come.

        Why: a thread that wakes amid a turn takes the interpreter lock from the loop again and again, for one write.
        """
        if self._wake is None:
            self.ring()
            return
        try:
            self._seen, self._until = 0, time.monotonic() + LINGER
            self._wake(self._linger)
        except RuntimeError:  # the loop is closed
            self.ring()

    def _linger(self) -> None:
        """On the loop, turn by turn: hold the group open while the loop is busy, for it is bringing more.

        Why: a commit costs the same for one row as for many, and what comes amid it waits for the next; without this,
        groups fall apart into small ones, each with a sync of its own. Where writes come one by one, the turn after
        the write is idle and nothing is waited for.
        """
        waiting, now = self._queue.qsize(), time.monotonic()
        idle = waiting == self._seen and now - self._turned < IDLE_TURN
        if idle or waiting >= ENOUGH or now >= self._until or self._wake is None:
            self.ring()
            return
        self._seen, self._turned = waiting, now
        try:
            self._wake(self._linger)
        except RuntimeError:  # the loop is closed
            self.ring()

    def ring(self) -> None:
        """Let the thread take what waits, now."""
        self._bell.put(None)

    def waiting(self) -> int:
        """Writes that are not committed yet."""
        return self._queue.qsize() + self.in_flight

    def close(self) -> None:
        """Commit what waits, then end. Idempotent."""
        with self._gate:
            if self.refusal is None:
                self.refusal = StoreError("the store is closed", code="store.closed")
                self._queue.put(None)
        self.ring()
        self._thread.join()

    # --- the thread

    def _run(self) -> None:
        group: list[Item] = []
        try:
            last = False
            while not last and not self._stopped():
                group, last = self._take()
                if group:
                    results = self._commit(group)
                    self.in_flight = 0
                    complete(results, self._wake)
                    group = []
        except BaseException as error:
            self.stop(error)
            complete([(write, self.refusal) for _, _, write in group], self._wake)
        self.in_flight = 0
        self._refuse_rest()

    def _stopped(self) -> bool:
        return self.refusal is not None and self.refusal.code == "store.stopped"

    def _take(self) -> tuple[list[Item], bool]:
        """What waits, and whether it is the last. Always at a ring, also where much came amid the last commit."""
        if not self._more:
            self._bell.get()
        self._rung = False  # what comes from now on rings again
        self._more = True
        group: list[Item] = []
        size = 0
        take = self._queue.get_nowait
        try:
            while len(group) < ROWS_AT_ONCE and size < BYTES_AT_ONCE:
                self.in_flight = len(group)
                item = take()
                if item is None:
                    return group, True
                group.append(item)
                size += _size(item)
        except Empty:
            self._more = False
        self.in_flight = len(group)
        return group, False

    def _commit(self, group: list[Item]) -> Results:
        numbers = self._numbers
        mark = numbers.mark()
        try:
            self._begin()
            mark = numbers.mark()
            try:
                results = self._changes.apply(group)
            except Exception as error:
                if not _alone(error):
                    raise
                self._connection.execute("ROLLBACK")
                numbers.back(mark)
                self._begin()
                results = self._one_by_one(group)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            numbers.back(mark)
            return [(write, self._failed(error)) for _, _, write in group]
        self.commits += 1
        self._committed()
        if numbers.files:
            self._freed(numbers.files)
            numbers.files = []
        return results

    def _begin(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._numbers.refresh(self._connection)

    def _one_by_one(self, group: list[Item]) -> Results:
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

    def _failed(self, error: sqlite3.Error) -> StoreError:
        """What a failed group is told; stops the writer unless it is safe to go on."""
        code = error.sqlite_errorcode & 0xFF if getattr(error, "sqlite_errorcode", None) is not None else 0
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as second:
            return self.stop(second)
        if code not in PASSING:
            return self.stop(error)
        if code == sqlite3.SQLITE_FULL:
            log.error("store.full")
            return StoreError("the disk is full; nothing was stored", code="store.full")
        log.error("store.busy", reason_code=str(getattr(error, "sqlite_errorname", "")))
        return StoreError("another process holds the store; nothing was stored", code="store.busy")

    def stop(self, error: BaseException) -> StoreError:
        """Refuse everything from now on, since the disk or the file is not to be trusted. What the refused are told."""
        name = str(getattr(error, "sqlite_errorname", type(error).__name__))
        refusal = StoreError(
            f"the store has stopped ({name}); check the disk and the file, then start again", code="store.stopped"
        )
        with self._gate:
            self.refusal = refusal
            self._queue.put(None)
        self.ring()
        log.error("store.stopped", reason_code=name)
        return refusal

    def _refuse_rest(self) -> None:
        results: Results = []
        try:
            while True:
                item = self._queue.get_nowait()
                if item is not None:
                    results.append((item[2], self.refusal))
        except Empty:
            complete(results, self._wake)


def _alone(error: Exception) -> bool:
    """Whether an error is of one record, and not of the file or the disk."""
    return not isinstance(error, sqlite3.Error) or isinstance(error, RECORD_ERRORS)


def _size(item: Item) -> int:
    load = item[1]
    body: bytes = getattr(load, "body", b"")
    mapped = getattr(load, "mapped", ())
    return len(body) + sum(len(new.body) for new in mapped) if mapped else len(body)


def _refused(error: Exception) -> StoreError:
    """Why one record was not stored; never the driver's text, which may quote values."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, sqlite3.IntegrityError):
        name = getattr(error, "sqlite_errorname", "")
        return StoreError(f"the record breaks a rule of the store ({name})", code="store.conflict")
    return StoreError(f"the record cannot be stored ({type(error).__name__})", code="store.record")
