"""The one writer: takes everything that waits into one transaction and one fsync, then completes it all at once.

Why group commit: one fsync is shared by all that came while the last one ran, so the rate follows the load without a
timer or a setting (PERFORMANCE 4).

With a loop, a group is what one turn of it brought, and it is inserted on the loop itself: a thread that inserts
beside a busy loop waits for the interpreter lock at every statement, and everybody waits for it. What may take long is
the thread's: the sync of a slow disk, a large group, a file that another process holds. A quick disk syncs in less time
than handing over and back takes, so there the loop commits too. Without a loop the thread does it all. A write that
nobody waits for goes with the next one that somebody does, or soon.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from queue import SimpleQueue

from engine import log
from engine.errors import StoreError
from engine.store.pending import Later, Wake, Write, complete
from engine.store.sqlite_group import Item, Kind, Results
from engine.store.sqlite_transaction import PATIENCE, Transaction

ROWS_AT_ONCE, BYTES_AT_ONCE = 256, 4 << 20
"""The most that one group holds, but for a single larger write."""
BRIEF = 256 << 10
"""Bytes of a group that the loop may insert itself."""
QUICK = 0.0005
"""Seconds of a sync that the loop may wait for itself."""
SOON = 0.005
"""Seconds after which what nobody waits for is written by itself."""


class _State(Enum):
    """Whose turn it is. Whoever makes it TAKEN has the connection for himself until he calls `_next`."""

    IDLE = "nothing waits"
    LATER = "nobody waits for what waits"
    CALLED = "the loop is called to take what waits"
    TAKEN = "a group is being written"
    ENDED = "nothing is written any more"


_WAITED_FOR = (_State.IDLE, _State.LATER)
_CALLED = (_State.LATER, _State.CALLED)


@dataclass(slots=True)
class _Group:
    """What is written together; `results` once it is inserted and only has to be committed."""

    items: list[Item]
    size: int
    results: Results | None = None


class Writer:
    """Owns the writing connection and a thread. `put` may be called from any thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        wake: Wake | None,
        later: Later | None,
        freed: Callable[[Sequence[str]], None],
        committed: Callable[[], None],
    ) -> None:
        self.refusal: StoreError | None = None
        self._transaction = Transaction(connection)
        self._wake, self._later = wake, later
        self._freed = freed
        self._committed = committed
        self._queue: deque[Item] = deque()
        self._in_flight = 0
        self._hurried = False
        self._state = _State.IDLE
        self._gate = threading.Lock()
        self._jobs: SimpleQueue[_Group | None] = SimpleQueue()
        """For the thread: a group to write or to commit, or None: take what waits."""
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def commits(self) -> int:
        return self._transaction.commits

    def newest(self, message: str) -> int | None:
        """The seq of a message whose name is not indexed yet, committed or about to be. From any thread."""
        return self._transaction.newest(message)

    def put(self, kind: Kind, load: object, write: Write[object], unhurried: bool = False) -> None:
        """Queue one write; it completes when it is durable, or with a StoreError. `unhurried`, from the loop's thread
        alone: nobody waits for it."""
        with self._gate:
            refusal = self.refusal
            if refusal is None:
                self._queue.append((kind, load, write))
                write.hurry = self.hurry
                if self._state not in _WAITED_FOR:
                    return
                if unhurried and self._later is not None:
                    if self._state is _State.LATER:
                        return
                    self._state = _State.LATER
                else:
                    unhurried, self._state = False, _State.CALLED
        if refusal is not None:
            complete([(write, refusal)], self._wake)
        elif unhurried and self._later is not None:
            self._later(SOON, self._soon)
        else:
            self._call()

    def hurry(self) -> None:
        """Somebody blocks on a write: the thread takes what waits, since the loop may be who blocks."""
        with self._gate:
            if self._state not in _CALLED:
                self._hurried = self._state is _State.TAKEN
                return
            self._state = _State.TAKEN
        self._jobs.put(None)

    def waiting(self) -> int:
        """Writes that are not committed yet."""
        return len(self._queue) + self._in_flight

    def close(self) -> None:
        """Commit what waits, then end. Idempotent."""
        self._end(StoreError("the store is closed", code="store.closed"))
        self._thread.join()

    def stop(self, error: BaseException) -> StoreError:
        """Refuse everything from now on, since the disk or the file is not to be trusted. What the refused are told."""
        name = str(getattr(error, "sqlite_errorname", type(error).__name__))
        refusal = StoreError(
            f"the store has stopped ({name}); check the disk and the file, then start again", code="store.stopped"
        )
        self._end(refusal)
        log.error("store.stopped", reason_code=name)
        return refusal

    def _end(self, refusal: StoreError) -> None:
        with self._gate:
            if self.refusal is None or refusal.code == "store.stopped":
                self.refusal = refusal
            if self._state in (_State.TAKEN, _State.ENDED):
                return  # whoever has the connection sees it in `_next`
            self._state = _State.TAKEN
        self._jobs.put(None)

    # --- whose turn it is

    def _call(self) -> None:
        """Have what waits taken: by the loop when its turn has ended and more may have come, else by the thread."""
        if self._wake is not None:
            try:
                self._wake(self._turn)
                return
            except RuntimeError:  # the loop is closed
                pass
        self.hurry()

    def _soon(self) -> None:
        """On the loop: nothing has come meanwhile that somebody waits for."""
        if self._state is _State.LATER:
            self._turn()

    def _turn(self) -> None:
        """On the loop: write what waits, unless the thread was told to."""
        with self._gate:
            if self._state not in _CALLED:
                return
            self._state = _State.TAKEN
        group = self._take()
        if group.size > BRIEF or not self._insert(group, 0.0) or self._transaction.quickest > QUICK:
            self._jobs.put(group)
        else:
            self._commit(group, None)
            self._next()

    def _next(self) -> bool:
        """A group is done. Whether the thread goes on; else the loop is called, or nothing waits."""
        with self._gate:
            ending = self.refusal is not None
            if not ending and not self._queue:
                self._state, self._hurried = _State.IDLE, False
                return False
            here = ending or self._hurried or self._wake is None
            self._hurried = False
            if not here:
                self._state = _State.CALLED
        if here:
            if threading.current_thread() is not self._thread:
                self._jobs.put(None)
            return True
        self._call()
        return False

    def _run(self) -> None:
        """The thread: what it is given, and then what waits as long as it is its turn."""
        while self._state is not _State.ENDED:
            group = self._jobs.get() or self._take()
            while True:
                if group.items and group.results is None:
                    self._insert(group, PATIENCE)
                self._commit(group, self._wake)
                if not self._next() or self._ended():
                    break
                group = self._take()

    def _ended(self) -> bool:
        """In the thread, after `_next`: whether this was the last group. What is left when the store has stopped is
        refused."""
        refused: Results = []
        with self._gate:
            if self.refusal is None:
                return False
            if self.refusal.code == "store.stopped":
                refused = [(write, self.refusal) for _, _, write in self._queue]
                self._queue.clear()
            if self._queue:
                return False
            self._state = _State.ENDED
        complete(refused, self._wake)
        return True

    # --- a group

    def _take(self) -> _Group:
        """The beginning of what waits."""
        queue, size = self._queue, 0
        items: list[Item] = []
        while queue and len(items) < ROWS_AT_ONCE and size < BYTES_AT_ONCE:
            item = queue.popleft()
            items.append(item)
            size += _size(item)
            self._in_flight = len(items)
        return _Group(items, size)

    def _insert(self, group: _Group, patience: float) -> bool:
        """Begin and insert; False where another process has the file and there is no patience. A group that fails, or
        that a stopped store does not take, has its results."""
        refusal = self.refusal
        if refusal is not None and refusal.code == "store.stopped":
            group.results = [(write, refusal) for _, _, write in group.items]
            return True
        try:
            if not self._transaction.begin(patience):
                return False
            group.results = self._transaction.apply(group.items)
        except BaseException as error:
            self._fail(group, error)
        return True

    def _commit(self, group: _Group, wake: Wake | None) -> None:
        """Commit what is inserted and tell everybody. A group that has failed has its refusals for results."""
        freed: list[str] = []
        if self._transaction.open:
            try:
                freed = self._transaction.commit()
                self._committed()
            except BaseException as error:
                self._fail(group, error)
        self._in_flight = 0
        complete(group.results or (), wake)
        if freed:
            self._freed(freed)

    def _fail(self, group: _Group, error: BaseException) -> None:
        refusal = self._transaction.failed(error) or self.stop(error)
        group.results = [(write, refusal) for _, _, write in group.items]


def _size(item: Item) -> int:
    load = item[1]
    body: bytes = getattr(load, "body", b"")
    mapped = getattr(load, "mapped", ())
    return len(body) + sum(len(new.body) for new in mapped) if mapped else len(body)
