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
from engine.store.sqlite_tail import Claim


class Laid:
    """Rows laid end to end, table by table, until they are inserted."""

    __slots__ = ("deliveries", "payloads", "verdicts")

    def __init__(self) -> None:
        self.verdicts: list[object] = []
        self.payloads: list[object] = []
        self.deliveries: list[object] = []

    def lay(
        self, mapped: Sequence[Mapped], ids: Sequence[int], seq: int, verdict: int, channel: str, payload: int
    ) -> int:
        """Add deliveries and their bytes. Returns the last payload number taken."""
        for delivery, new in zip(ids, mapped, strict=True):
            payload += 1
            self.deliveries += (delivery, seq, verdict, channel, new.destination)
            self.deliveries += new.columns
            self.deliveries += (payload, *new.keys, None, None, None)
            self.payloads += (payload, 0, new.file, None if new.file else new.body)
        return payload

    def insert(self, connection: sqlite3.Connection) -> None:
        q.ADD_VERDICT.run(connection, self.verdicts)
        q.ADD_PAYLOAD.run(connection, self.payloads)
        q.ADD_DELIVERY.run(connection, self.deliveries)


class IntakeChanges:
    """Accept and route."""

    def __init__(self, connection: sqlite3.Connection, numbers: Numbers) -> None:
        self._connection = connection
        self._numbers = numbers
        self._receipts = ReceiptChanges(connection, numbers)

    def accept(self, items: list[Item], results: Results) -> None:
        messages: list[object] = []
        unrouted: list[object] = []
        rows = Laid()
        for seq, intake, write in self._firsts(items, results):
            payload = self._numbers.payload + 1
            messages += (seq, payload)
            messages += intake.columns
            rows.payloads += (payload, 0, intake.file, None if intake.file else intake.body)
            ids: tuple[int, ...] = ()
            if not intake.judged:
                unrouted.append(seq)
            if intake.mapped:
                kept, ids = self._receipts.claimed(intake.mapped, seq, seq * 1000)
                payload = rows.lay(kept, [id for id in ids if id], seq, 1, intake.channel, payload)
            if intake.owes or intake.settles:
                self._receipts.apply(seq, intake.owes, intake.settles)
            self._numbers.payload = payload
            results.append((write, Accepted(seq, ids)))
        q.ADD_MESSAGE.run(self._connection, messages)
        q.ADD_UNROUTED.run(self._connection, unrouted)
        rows.insert(self._connection)

    def _firsts(self, items: list[Item], results: Results) -> list[tuple[int, Intake, Write[object]]]:
        """Those whose identity is theirs, numbered; an expired claim, or one whose message is gone, passes to the
        newcomer."""
        loads: list[tuple[Intake, Write[object]]] = [(load, write) for _, load, write in items]  # type: ignore[misc]
        tail = self._numbers.tail
        claims = tail.claims(self._connection, [one.identity for one, _ in loads if one.identity is not None])
        taken = tail.seqs(self._connection, [one.message for one, _ in loads])
        here: dict[int, Intake] = {}
        news: list[tuple[int, Intake, Write[object]]] = []
        for intake, write in loads:
            if intake.identity is not None:
                claim = claims.get(intake.identity)
                first = None if claim is None else self._first(claim, here, intake.received)
                if first is not None:
                    results.append((write, first))
                    continue
            if intake.message in taken:
                raise StoreError("a message with this id is there", code="store.conflict")
            self._numbers.seq = seq = self._numbers.seq + 1
            taken[intake.message] = seq
            if intake.identity is not None:
                claims[intake.identity] = (seq, intake.expires)
            tail.add(seq, intake.message, intake.identity, intake.expires)
            here[seq] = intake
            news.append((seq, intake, write))
        return news

    def _first(self, claim: Claim, here: dict[int, Intake], now: int) -> Duplicate | None:
        """The message that a claim is of, unless the claim has expired or the message is gone."""
        seq, expires = claim
        if 0 < expires <= now:
            return None
        first = here.get(seq)
        if first is not None:
            return Duplicate(first.message, first.sha256, first.answer)
        row = self._connection.execute(q.FIRST_MESSAGE, (seq,)).fetchone()
        return None if row is None else Duplicate(*row)

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
        seqs = self._numbers.tail.seqs(self._connection, list(part))
        listed = orjson.dumps(list(seqs.values())).decode()
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
