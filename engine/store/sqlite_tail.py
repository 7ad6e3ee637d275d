"""The names of the newest messages, in memory until they are indexed many at once.

Why: ids, claims and senders' ids are keys that land on any page of their trees. Indexed with its message, each name
makes a commit write one page more; indexed a thousand at a time, most of them share one. Nothing hangs on the memory:
the names stand in the messages' own rows, and are read from there at the start or when another process has written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from engine.store import sqlite_queries as q

MOST = 1024
"""Messages whose names wait to be indexed: the work of one commit in so many, and what a reader by name scans."""

Claim = tuple[int, int]
"""The message that claims an identity, by seq, and when its claim expires (0: never)."""


class Tail:
    """Names of messages that are not indexed yet, with the last transaction's. The writer's alone."""

    __slots__ = ("_claims", "_ids", "_last", "_order")

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._claims: dict[bytes, Claim] = {}
        self._order: list[tuple[str, bytes | None, Claim | None]] = []
        self._last = ""

    def __len__(self) -> int:
        return len(self._order)

    @property
    def full(self) -> bool:
        """Whether it is time to settle."""
        return len(self._order) >= MOST

    def seq(self, message: str) -> int | None:
        """Of a message whose name is here."""
        return self._ids.get(message)

    def load(self, connection: sqlite3.Connection) -> None:
        """Read anew what is not indexed."""
        self._clear(connection)
        for seq, message, identity, expires in connection.execute(q.TAIL).fetchall():
            self.add(seq, message, identity, expires)

    def add(self, seq: int, message: str, identity: bytes | None, expires: int) -> None:
        """One message more; its claim counts from now on."""
        self._ids[message] = seq
        before = None
        if identity is not None:
            before = self._claims.get(identity)
            self._claims[identity] = (seq, expires)
        self._order.append((message, identity, before))

    def back(self, mark: int) -> None:
        """Forget what came after so many."""
        while len(self._order) > mark:
            message, identity, before = self._order.pop()
            del self._ids[message]
            if identity is None:
                continue
            if before is None:
                del self._claims[identity]
            else:
                self._claims[identity] = before

    def seqs(self, connection: sqlite3.Connection, messages: Sequence[str]) -> dict[str, int]:
        """Of those that are there. Only ids up to the last indexed one are looked for: ids grow with time."""
        found = {message: self._ids[message] for message in messages if message in self._ids}
        older = [message for message in messages if message <= self._last and message not in found]
        if older:
            found.update(q.KNOWN.read(connection, older))  # type: ignore[arg-type]
        return found

    def claims(self, connection: sqlite3.Connection, identities: Sequence[bytes]) -> dict[bytes, Claim]:
        """Of those that are claimed, the newest claims."""
        found: dict[bytes, Claim] = {}
        for identity, seq, expires in q.CLAIMED.read(connection, identities):
            found[identity] = (seq, expires)  # type: ignore[index, assignment]
        for identity in identities:
            claim = self._claims.get(identity)
            if claim is not None:
                found[identity] = claim
        return found

    def settle(self, connection: sqlite3.Connection) -> None:
        """Index all of it, in the transaction that runs."""
        for statement in q.INDEX:
            connection.execute(statement)
        self._clear(connection)

    def _clear(self, connection: sqlite3.Connection) -> None:
        self._ids, self._claims, self._order = {}, {}, []
        self._last = connection.execute(q.LAST_KNOWN).fetchone()[0]
