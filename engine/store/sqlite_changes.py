"""What each kind of write does inside the writer's transaction: many of a kind at once, one statement per table.

A group either goes through whole, or raises (`Apart`, or an error of the driver) and is then taken one by one by the
writer, so that one bad record never fails its neighbours. Nothing here begins or ends a transaction.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from enum import IntEnum

from engine.delivery import STATES, State
from engine.errors import StoreError
from engine.store import Accepted, Attempt, AuditEntry, Duplicate
from engine.store import sqlite_queries as q
from engine.store.pending import Write
from engine.store.rows import Intake, Mapped, Routing

FREED = frozenset(state.value for state, words in STATES.items() if words.final and not words.blocks)
HELD = frozenset(state.value for state in STATES) - FREED


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


Item = tuple[Kind, object, Write[object]]
Results = list[tuple[Write[object], object]]


class Apart(Exception):
    """Something in a group needs to be looked at by itself."""


class Changes:
    """The state a writer keeps between transactions: the next numbers, and what to remove once committed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.seq = 0
        self.payload = 0
        self.files: list[str] = []
        self._version = -1

    def refresh(self) -> None:
        """Inside a transaction: read the numbers again if another process has written since."""
        version = self.connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self.seq, self.payload = self.connection.execute(q.LAST_SEQ).fetchone()
            self._version = version

    def apply(self, items: Sequence[Item]) -> Results:
        """Apply a group; the order holds for what touches the same delivery or message."""
        kinds: dict[Kind, list[Item]] = {}
        for item in items:
            kinds.setdefault(item[0], []).append(item)
        results: Results = []
        if Kind.ACCEPT in kinds:
            self._accept(kinds.pop(Kind.ACCEPT), results)
        if Kind.ROUTE in kinds:
            for load, write in ((i[1], i[2]) for i in kinds.pop(Kind.ROUTE)):
                results.append((write, self._route(load)))  # type: ignore[arg-type]
        if kinds.keys() & {Kind.SENDING, Kind.RECORD, Kind.RETRY, Kind.HANDLE, Kind.RECOVER}:
            self._steps([item for item in items if Kind.SENDING <= item[0] <= Kind.RECOVER], results)
        for kind, load, write in items:
            if kind >= Kind.ANSWER:
                self._other(kind, load)
                results.append((write, None))
        return results

    # --- what makes rows

    def _accept(self, items: list[Item], results: Results) -> None:
        news: list[tuple[int, Intake, Write[object]]] = []
        claims: list[object] = []
        seq = self.seq
        for _, load, write in items:
            seq += 1
            intake: Intake = load  # type: ignore[assignment]
            news.append((seq, intake, write))
            if intake.identity is not None:
                claims += (intake.identity, seq, intake.expires)
        self.seq = seq
        if claims and q.ADD_IDENTITY.run(self.connection, claims) < len(claims) // 3:
            news = self._without_duplicates(news, results)
        messages: list[object] = []
        payloads: list[object] = []
        unrouted: list[object] = []
        verdicts: list[object] = []
        deliveries: list[object] = []
        keys: list[object] = []
        payload = self.payload
        for seq, intake, write in news:
            payload += 1
            messages += (seq, payload)
            messages += intake.columns
            payloads += (payload, 0, intake.file, None if intake.file else intake.body)
            ids: tuple[int, ...] = ()
            if intake.verdict is None:
                unrouted.append(seq)
            else:
                verdicts += (seq, 1)
                verdicts += intake.verdict
            if intake.mapped:
                ids = tuple(range(seq * 1000 + 1, seq * 1000 + 1 + len(intake.mapped)))
                for number, new in zip(ids, intake.mapped, strict=True):
                    payload += 1
                    _lay(new, number, seq, 1, intake.channel, payload, deliveries, payloads, keys)
            results.append((write, Accepted(seq, ids)))
        self.payload = payload
        run = self.connection
        q.ADD_MESSAGE.run(run, messages)
        q.ADD_PAYLOAD.run(run, payloads)
        q.ADD_UNROUTED.run(run, unrouted)
        q.ADD_VERDICT.run(run, verdicts)
        q.ADD_DELIVERY.run(run, deliveries)
        q.ADD_KEY.run(run, keys)

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
            owner, expires = self.connection.execute(q.IDENTITY, (intake.identity,)).fetchone()
            if owner == seq:
                kept.append((seq, intake, write))
                continue
            first = here.get(owner)
            known = (
                (first.message, first.sha256, first.answer)
                if first is not None
                else self.connection.execute(q.FIRST_MESSAGE, (owner,)).fetchone()
            )
            if known is None or 0 < expires <= intake.received:
                self.connection.execute(q.TAKE_IDENTITY, (seq, intake.expires, intake.identity))
                kept.append((seq, intake, write))
            else:
                results.append((write, Duplicate(*known)))
        return kept

    def _route(self, load: Routing) -> Accepted:
        place = self.connection.execute(q.PLACE, (load.message,)).fetchone()
        if place is None:
            raise StoreError("no such message", code="store.unknown")
        seq, channel, number, last = place
        if last + len(load.mapped) > seq * 1000 + 999:
            raise StoreError("a message can have 999 deliveries, replays counted", code="store.too_many")
        deliveries: list[object] = []
        payloads: list[object] = []
        keys: list[object] = []
        ids = tuple(range(last + 1, last + 1 + len(load.mapped)))
        for delivery, new in zip(ids, load.mapped, strict=True):
            self.payload += 1
            _lay(new, delivery, seq, number + 1, channel, self.payload, deliveries, payloads, keys)
        run = self.connection
        q.ADD_VERDICT.run(run, (seq, number + 1, *load.verdict))
        q.ADD_PAYLOAD.run(run, payloads)
        q.ADD_DELIVERY.run(run, deliveries)
        q.ADD_KEY.run(run, keys)
        if number == 0:
            q.DROP_UNROUTED.run(run, (seq,))
        return Accepted(seq, ids)

    # --- what becomes of a delivery

    def _steps(self, items: list[Item], results: Results) -> None:
        """In rounds: a delivery occurs once in each, so that what is asked of it later comes later."""
        sending: list[int] = []
        records: list[Attempt] = []
        seen: set[int] = set()
        for kind, load, write in items:
            delivery = load.delivery if isinstance(load, Attempt) else load
            if delivery in seen or kind > Kind.RECORD:
                self._round(sending, records, len(items) == 1)
                sending, records = [], []
                seen.clear()
            if kind == Kind.SENDING:
                sending.append(delivery)  # type: ignore[arg-type]
                results.append((write, None))
            elif kind == Kind.RECORD:
                records.append(load)  # type: ignore[arg-type]
                results.append((write, None))
            elif kind == Kind.RECOVER:
                results.append((write, self.connection.execute(q.RECOVER).rowcount))
            elif kind == Kind.RETRY:
                results.append((write, self._retry(*load)))  # type: ignore[misc]
            else:
                results.append((write, self._handle(*load)))  # type: ignore[misc]
            if kind <= Kind.RECORD:
                seen.add(delivery)  # type: ignore[arg-type]
        self._round(sending, records, len(items) == 1)

    def _round(self, sending: list[int], records: list[Attempt], alone: bool) -> None:
        if sending and q.SENDING.run(self.connection, sending) < len(sending):
            if not alone:
                raise Apart
            raise StoreError("the delivery is not waiting to be sent", code="store.not_ready")
        if not records:
            return
        freed: list[int] = []
        rows: list[object] = []
        tries: list[object] = []
        for a in records:
            step = a.step
            rows += (a.delivery, step.state, step.due, step.reason, step.hint, a.code)
            tries += (a.delivery, a.started, a.ended, a.code, a.detail)
            if step.state in FREED:
                freed.append(a.delivery)
            if a.answer is not None:
                self.connection.execute(q.SETTLE_ANSWER_OF, (a.answer, a.delivery))
        if alone and self._settled_before(records[0]):
            self.connection.execute(q.COUNT_ATTEMPT, (records[0].delivery,))
        else:
            self._free(freed)
            if q.RECORD.run(self.connection, rows) < len(records):
                raise Apart
        q.ADD_ATTEMPT.run(self.connection, tries)

    def _settled_before(self, attempt: Attempt) -> bool:
        """Whether the delivery has a final state that this attempt must not change (a person closed it meanwhile)."""
        row = self.connection.execute(q.STANDING, (attempt.delivery,)).fetchone()
        if row is None:
            raise StoreError("no such delivery", code="store.unknown")
        late = row[0] == State.DELIVERED and attempt.step.state in (State.DELIVERED, State.CONFIRMED, State.DEAD_LETTER)
        return row[0] not in HELD and not late

    def _free(self, deliveries: list[int]) -> None:
        """Before they become final: their keys and mapped bytes go."""
        if not deliveries:
            return
        listed = "[" + ",".join(map(str, deliveries)) + "]"
        self.files += [row[0] for row in self.connection.execute(q.FILES_OF, (listed,))]
        q.DROP_KEYS.run(self.connection, deliveries)
        q.DROP_PAYLOAD.run(self.connection, deliveries)

    def _retry(self, delivery: int, now: int) -> bool:
        row = self.connection.execute(q.STANDING, (delivery,)).fetchone()
        if row is None or row[0] not in (State.PARKED, State.DEAD_LETTER):
            return False
        if not row[1]:
            raise StoreError("its mapped bytes are gone; replay the message", code="store.payload_gone")
        self.connection.execute(q.RETRY, (now, delivery))
        return True

    def _handle(self, delivery: int, reason: str) -> bool:
        row = self.connection.execute(q.STANDING, (delivery,)).fetchone()
        if row is None or row[0] not in HELD:
            return False
        self._free([delivery])
        self.connection.execute(q.HANDLE, (reason, delivery))
        return True

    # --- the rest

    def _other(self, kind: Kind, load: object) -> None:
        if kind == Kind.ANSWER:
            if self.connection.execute(q.SETTLE_ANSWER, load).rowcount == 0:  # type: ignore[arg-type]
                raise StoreError("no such message", code="store.unknown")
        elif kind == Kind.REVISION:
            self.connection.execute(q.ADD_REVISION, load)  # type: ignore[arg-type]
        else:
            entry: AuditEntry = load  # type: ignore[assignment]
            last = self.connection.execute(q.LAST_AUDIT).fetchone()
            columns = (entry.at, entry.actor, entry.action, entry.subject, entry.reason)
            self.connection.execute(q.ADD_AUDIT, (*columns, link(last[0] if last else b"", columns)))


def _lay(
    new: Mapped,
    delivery: int,
    seq: int,
    verdict: int,
    channel: str,
    payload: int,
    deliveries: list[object],
    payloads: list[object],
    keys: list[object],
) -> None:
    """Lay the columns of one delivery, its bytes and its keys at the end of the lists."""
    deliveries += (delivery, seq, verdict, channel, new.destination)
    deliveries += new.columns
    deliveries.append(payload)
    payloads += (payload, 0, new.file, None if new.file else new.body)
    for kind, key in new.keys:
        keys += (delivery, kind, key, new.destination, seq)


def link(before: bytes, columns: tuple[object, ...]) -> bytes:
    """The hash of one audit row: SHA-256 over the hash before it and its columns, each with its length."""
    digest = hashlib.sha256(before)
    for column in columns:
        text = str(column).encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(8, "big"))
        digest.update(text)
    return digest.digest()
