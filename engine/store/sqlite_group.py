"""What a group of writes is made of: kinds, items, results, and the next numbers."""

from __future__ import annotations

import sqlite3
from enum import IntEnum

from engine.store import sqlite_queries as q
from engine.store.pending import Write
from engine.store.sqlite_tail import Tail


class Kind(IntEnum):
    """Kinds of writes, in the order in which a group takes them: what makes rows before what changes them."""

    ACCEPT = 0
    ROUTE = 1
    SENDING = 2
    RECORD = 3
    RETRY = 4
    HANDLE = 5
    RECOVER = 6
    ANSWER = 7
    AUDIT = 8
    REVISION = 9
    OVERDUE = 10


Item = tuple[Kind, object, Write[object]]
Results = list[tuple[Write[object], object]]


class Apart(Exception):
    """Something in a group needs to be looked at by itself."""


class Numbers:
    """The last numbers taken, and the newest messages' names. `files` are payload files that lose their rows in this
    transaction."""

    __slots__ = ("_version", "files", "payload", "seq", "tail")

    def __init__(self) -> None:
        self.seq = 0
        self.payload = 0
        self.files: list[str] = []
        self.tail = Tail()
        self._version = -1

    def refresh(self, connection: sqlite3.Connection) -> None:
        """Inside a transaction: read the numbers again if another process has written since."""
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self.seq, self.payload = connection.execute(q.LAST_SEQ).fetchone()
            self.tail.load(connection)
            self._version = version

    def mark(self) -> tuple[int, int, int, int]:
        return self.seq, self.payload, len(self.files), len(self.tail)

    def back(self, mark: tuple[int, int, int, int]) -> None:
        """Give back what was taken since the mark, which was rolled back; the next transaction reads anew."""
        self.seq, self.payload, files, names = mark
        del self.files[files:]
        self.tail.back(names)
        self._version = -1
