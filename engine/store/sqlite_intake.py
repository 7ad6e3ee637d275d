"""Writes that make rows: accept and route, many at once, one statement per table."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import orjson

from engine.errors import StoreError
from engine.store import Accepted, Duplicate
from engine.store import sqlite_queries as q
from engine.store.pending import Write
from engine.store.rows import Intake, Mapped, Routing
from engine.store.sqlite_group import Apart, Item, Numbers, Results
from engine.store.sqlite_receipts import ReceiptChanges


class Laid:
    """Rows laid end to end, table by table, until they are inserted."""

    __slots__ = ("deliveries", "keys", "payloads", "verdicts")

    def __init__(self) -> None:
        self.verdicts: list[object] = []
        self.payloads: list[object] = []
        self.deliveries: list[object] = []
        self.keys: list[object] = []

    def lay(
        self, mapped: Sequence[Mapped], ids: Sequence[int], seq: int, verdict: int, channel: str, payload: int
    ) -> int:
        """Add deliveries, their bytes and their keys. Returns the last payload number taken."""
        for delivery, new in zip(ids, mapped, strict=True):
            payload += 1
            self.deliveries += (delivery, seq, verdict, channel, new.destination)
            self.deliveries += new.columns
            self.deliveries.append(payload)
            self.payloads += (payload, 0, new.file, None if new.file else new.body)
            for kind, key in new.keys:
                self.keys += (delivery, kind, key, new.destination, seq)
        return payload

    def insert(self, connection: sqlite3.Connection) -> None:
        q.ADD_VERDICT.run(connection, self.verdicts)
        q.ADD_PAYLOAD.run(connection, self.payloads)
        q.ADD_DELIVERY.run(connection, self.deliveries)
        q.ADD_KEY.run(connection, self.keys)


class IntakeChanges:
    """Accept and route."""

    def __init__(self, connection: sqlite3.Connection, numbers: Numbers) -> None:
        self._connection = connection
        self._numbers = numbers
        self._receipts = ReceiptChanges(connection, numbers)

    def accept(self, items: list[Item], results: Results) -> None:
        news: list[tuple[int, Intake, Write[object]]] = []
        claims: list[object] = []
        seq = self._numbers.seq
        for _, load, write in items:
            seq += 1
            intake: Intake = load  # type: ignore[assignment]
            news.append((seq, intake, write))
            if intake.identity is not None:
                claims += (intake.identity, seq, intake.expires)
        self._numbers.seq = seq
        if claims and q.ADD_IDENTITY.run(self._connection, claims) < len(claims) // 3:
            news = self._without_duplicates(news, results)
        messages: list[object] = []
        unrouted: list[object] = []
        rows = Laid()
        payload = self._numbers.payload
        for seq, intake, write in news:
            payload += 1
            messages += (seq, payload)
            messages += intake.columns
            rows.payloads += (payload, 0, intake.file, None if intake.file else intake.body)
            ids: tuple[int, ...] = ()
            if intake.verdict is None:
                unrouted.append(seq)
            else:
                rows.verdicts += (seq, 1)
                rows.verdicts += intake.verdict
            if intake.mapped:
                kept, ids = self._receipts.claimed(intake.mapped, seq, seq * 1000)
                payload = rows.lay(kept, [id for id in ids if id], seq, 1, intake.channel, payload)
            if intake.owes or intake.settles:
                self._receipts.apply(seq, intake.owes, intake.settles)
            results.append((write, Accepted(seq, ids)))
        self._numbers.payload = payload
        q.ADD_MESSAGE.run(self._connection, messages)
        q.ADD_UNROUTED.run(self._connection, unrouted)
        rows.insert(self._connection)

    def _without_duplicates(
        self, news: list[tuple[int, Intake, Write[object]]], results: Results
    ) -> list[tuple[int, Intake, Write[object]]]:
        """Those whose identity is theirs; an expired claim, or one whose message is gone, passes to the newcomer."""
        kept: list[tuple[int, Intake, Write[object]]] = []
        here = {seq: intake for seq, intake, _ in news}
        for seq, intake, write in news:
            if intake.identity is None:
                kept.append((seq, intake, write))
                continue
            owner, expires = self._connection.execute(q.IDENTITY, (intake.identity,)).fetchone()
            if owner == seq:
                kept.append((seq, intake, write))
                continue
            first = here.get(owner)
            known = (
                (first.message, first.sha256, first.answer)
                if first is not None
                else self._connection.execute(q.FIRST_MESSAGE, (owner,)).fetchone()
            )
            if known is None or 0 < expires <= intake.received:
                self._connection.execute(q.TAKE_IDENTITY, (seq, intake.expires, intake.identity))
                kept.append((seq, intake, write))
            else:
                results.append((write, Duplicate(*known)))
        return kept

    def routes(self, items: list[Item], results: Results) -> None:
        """In rounds: a message occurs once in each, since its next verdict has the next number."""
        left = items
        while left:
            part: dict[str, tuple[Routing, Write[object]]] = {}
            later: list[Item] = []
            for item in left:
                routing: Routing = item[1]  # type: ignore[assignment]
                if routing.message in part:
                    later.append(item)
                else:
                    part[routing.message] = (routing, item[2])
            self._route(part, results, len(items) == 1)
            left = later

    def _route(self, part: dict[str, tuple[Routing, Write[object]]], results: Results, alone: bool) -> None:
        listed = orjson.dumps(list(part)).decode()
        places = orjson.loads(self._connection.execute(q.PLACES, (listed,)).fetchone()[0])
        if len(places) < len(part):
            if not alone:
                raise Apart
            raise StoreError("no such message", code="store.unknown")
        rows = Laid()
        unrouted: list[object] = []
        for message, seq, channel, number, last in places:
            routing, write = part[message]
            if last + len(routing.mapped) > seq * 1000 + 999:
                raise StoreError("a message can have 999 deliveries, replays counted", code="store.too_many")
            if number == 0:
                unrouted.append(seq)
            if routing.verdict is not None:
                number += 1
                rows.verdicts += (seq, number)
                rows.verdicts += routing.verdict
            else:
                self._connection.execute(q.OWES_NO_MORE, (seq,))
            kept, ids = self._receipts.claimed(routing.mapped, seq, last)
            self._numbers.payload = rows.lay(kept, [i for i in ids if i], seq, number, channel, self._numbers.payload)
            if routing.owes or routing.settles:
                self._receipts.apply(seq, routing.owes, routing.settles)
            results.append((write, Accepted(seq, ids)))
        rows.insert(self._connection)
        q.DROP_UNROUTED.run(self._connection, unrouted)
