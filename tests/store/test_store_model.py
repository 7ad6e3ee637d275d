"""Whatever is done in whatever order, with restarts between: nothing acknowledged disappears (a model beside it).

The model is a dictionary of deliveries with the plainest reading of the contract. Writes are put in groups, so that
they share transactions, with ones that must be refused among them.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.delivery import RECEIPT, STATES, State, Step
from engine.errors import StoreError
from engine.store import (
    Acceptance,
    Accepted,
    Attempt,
    Duplicate,
    NewDelivery,
    Pending,
    Settlement,
    VerdictRow,
    sqlite_tail,
)
from engine.store.sqlite import SqliteStore, open_store

UNFINISHED = {state for state, words in STATES.items() if not words.final}
FREED = {state for state, words in STATES.items() if words.final and not words.blocks}
SENDABLE = {State.READY, State.CLAIMED, State.SENDING}
RECEIPTS = {State.DELIVERED, State.CONFIRMED, State.DEAD_LETTER}
LIMIT = 100
LANES = ("journal", "archive")
VERDICT = VerdictRow("r", "routed", "")

Wanted = tuple[str, bool, int]
wanted = st.lists(st.tuples(st.sampled_from(LANES), st.booleans(), st.sampled_from([1, 60])), max_size=2)
claims = st.one_of(st.none(), st.integers(0, 5))
steps = st.one_of(st.sampled_from(list(State)), st.sampled_from(["sending", "retry", "handle"]))


@dataclass
class Modelled:
    """A delivery as it should be."""

    lane: str
    verdict: int
    payload: bytes | None
    keyed: bool
    state: State = State.READY
    attempts: int = 0
    told: bool = False
    """A receipt has refused it."""

    def take(self, step: State | str) -> object:
        """What one write does to it, and what the writer is told."""
        held = self.state not in FREED
        if isinstance(step, State):
            self.attempts += 1
            if not self.told and (held or (self.state == State.DELIVERED and step in RECEIPTS)):
                self._move(step)
            return None
        if step == "sending":
            if self.state not in SENDABLE:
                return StoreError
            self.state = State.SENDING
            return None
        if step == "handle":
            if held:
                self._move(State.HANDLED)
            return held
        if self.state not in (State.PARKED, State.DEAD_LETTER):
            return False
        if self.payload is None:
            return StoreError
        self.state, self.told = State.READY, False
        return True

    def settle(self, positive: bool) -> None:
        """What a receipt makes of it: the first one stands, and so does what a person or a newer message closed."""
        if self.told or self.state in (State.CONFIRMED, State.SUPERSEDED, State.HANDLED):
            return
        self.told = not positive
        self._move(State.CONFIRMED if positive else State.DEAD_LETTER)

    def _move(self, state: State) -> None:
        self.state = state
        self.told = self.told and state is State.DEAD_LETTER
        if state in FREED:
            self.payload, self.keyed = None, False

    @property
    def waits(self) -> bool:
        return self.state in UNFINISHED or (self.state == State.DEAD_LETTER and self.keyed)


@dataclass
class ModelledMessage:
    """A message as it should be."""

    seq: int
    raw: bytes
    verdicts: int
    deliveries: dict[int, Modelled] = field(default_factory=dict)

    @property
    def word(self) -> str:
        all_of_it = self.deliveries.values()
        states = {one.state for one in all_of_it}
        if not self.verdicts:
            return "received"
        for state in (State.PARKED, State.DEAD_LETTER):
            if state in states:
                return state.value
        if states & UNFINISHED:
            return "waiting"
        newest = {one.state for one in all_of_it if one.verdict == self.verdicts}
        if State.HANDLED in newest:
            return "handled"
        return "confirmed" if State.CONFIRMED in newest else "delivered"


def outcome(pending: Pending[object]) -> object:
    try:
        return pending.wait(10)
    except StoreError:
        return StoreError


class StoreModel(RuleBasedStateMachine):
    """Rules put writes; invariants compare what is read with the model."""

    @initialize(names=st.sampled_from([1, 3, 20]))
    def start(self, names: int) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(sqlite_tail, "MOST", names)
        self.folder = Path(tempfile.mkdtemp())
        self.open()
        self.messages: dict[str, ModelledMessage] = {}
        self.claimed: dict[int, str] = {}
        self.count = 0

    def open(self) -> None:
        self.store: SqliteStore = open_store(self.folder / "store.db", inline_limit=LIMIT)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.patch.undo()
            self.store.close()
            shutil.rmtree(self.folder)

    @property
    def deliveries(self) -> dict[int, Modelled]:
        return {delivery: one for message in self.messages.values() for delivery, one in message.deliveries.items()}

    def new(self, want: Wanted) -> NewDelivery:
        self.count += 1
        lane, keyed, size = want
        return NewDelivery(lane, "s", b"%d" % self.count * size, "text/plain", keys=(self.count % 3,) if keyed else ())

    def keep(self, message: ModelledMessage, ids: tuple[int, ...], news: tuple[NewDelivery, ...]) -> None:
        for delivery, new in zip(ids, news, strict=True):
            message.deliveries[delivery] = Modelled(new.destination, message.verdicts, new.payload, bool(new.keys))

    def acceptance(self, claim: int | None, judged: bool, wants: list[Wanted], bad: bool) -> Acceptance:
        self.count += 1
        raw = b"raw%d" % self.count * (1 + self.count % 30)
        return Acceptance(
            message=f"message-{self.count:05d}",
            channel="adt",
            standard="x",
            raw=raw,
            sha256=hashlib.sha256(raw).digest(),
            received=1,
            peer="",
            envelope=None,
            answer=raw[:9],
            verdict=VERDICT if judged else None,
            deliveries=tuple(map(self.new, wants)) if judged else (),
            identity=None if claim is None else bytes([claim]) * 16,
            certificate=object() if bad else "",  # type: ignore[arg-type]
        )

    @rule(group=st.lists(st.tuples(claims, st.booleans(), wanted, st.sampled_from([False] * 6 + [True])), min_size=1))
    def accept(self, group: list[tuple[int | None, bool, list[Wanted], bool]]) -> None:
        put = [(one := self.acceptance(*asked), asked, self.store.accept(one)) for asked in group]
        duplicates: list[tuple[int, Duplicate]] = []
        for one, (claim, _, _, bad), pending in put:
            result = outcome(pending)
            if isinstance(result, Duplicate):
                assert claim is not None
                duplicates.append((claim, result))
            elif bad:
                assert result is StoreError
            else:
                assert isinstance(result, Accepted)
                kept = ModelledMessage(result.seq, one.raw, 1 if one.verdict else 0)
                self.keep(kept, result.deliveries, one.deliveries)
                self.messages[one.message] = kept
                if claim is not None:
                    assert claim not in self.claimed
                    self.claimed[claim] = one.message
        for claim, duplicate in duplicates:
            first = self.claimed[claim]
            raw = self.messages[first].raw
            assert duplicate == Duplicate(first, hashlib.sha256(raw).digest(), raw[:9])

    @precondition(lambda self: self.messages)
    @rule(picks=st.lists(st.tuples(st.integers(0, 99), wanted), min_size=1, max_size=5))
    def route(self, picks: list[tuple[int, list[Wanted]]]) -> None:
        names = sorted(self.messages)
        put = []
        for number, wants in picks:
            name, news = names[number % len(names)], tuple(map(self.new, wants))
            put.append((name, news, pending := self.store.route(name, VERDICT, news)))
            if any(len(new.payload) > LIMIT for new in news):
                outcome(pending)  # what goes to files first may be overtaken by what is put later
            if number == 7:
                assert outcome(self.store.route("no such message", VERDICT, ())) is StoreError
        for name, news, pending in put:
            result = outcome(pending)
            message = self.messages[name]
            assert isinstance(result, Accepted)
            assert result.seq == message.seq
            message.verdicts += 1
            self.keep(message, result.deliveries, news)

    @precondition(lambda self: self.deliveries)
    @rule(picks=st.lists(st.tuples(st.integers(0, 99), steps), min_size=1, max_size=8))
    def step(self, picks: list[tuple[int, State | str]]) -> None:
        known = self.deliveries
        ids = sorted(known)
        put = []
        for number, step in picks:
            delivery = ids[number % len(ids)]
            put.append((known[delivery].take(step), self.write(delivery, step)))
        for expected, pending in put:
            assert outcome(pending) == expected

    @precondition(lambda self: self.deliveries)
    @rule(picks=st.lists(st.tuples(st.integers(0, 99), st.booleans()), min_size=1, max_size=4))
    def receipts(self, picks: list[tuple[int, bool]]) -> None:
        known = self.deliveries
        ids = sorted(known)
        owners = {delivery: name for name, message in self.messages.items() for delivery in message.deliveries}
        put = []
        for number, positive in picks:
            delivery = ids[number % len(ids)]
            known[delivery].settle(positive)
            step = Step(State.CONFIRMED) if positive else Step(State.DEAD_LETTER, reason=f"{RECEIPT}E10")
            settlement = Settlement(delivery, step)
            put.append(self.store.route(owners[delivery], None, (), False, (settlement,)))
        assert all(isinstance(outcome(pending), Accepted) for pending in put)

    def write(self, delivery: int, step: State | str) -> Pending[object]:
        if isinstance(step, State):
            return self.store.record(Attempt(delivery, 1, 2, "c", "", Step(step)))  # type: ignore[return-value]
        if step == "sending":
            return self.store.sending(delivery)  # type: ignore[return-value]
        if step == "retry":
            return self.store.retry(delivery, 5)  # type: ignore[return-value]
        return self.store.handle(delivery, "why")  # type: ignore[return-value]

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.open()
        taken = [one for one in self.deliveries.values() if one.state in (State.CLAIMED, State.SENDING)]
        assert self.store.recover() == len(taken)
        for one in taken:
            one.state = State.READY

    @invariant()
    def lanes_hold_what_is_unfinished_in_order(self) -> None:
        if not hasattr(self, "store"):
            return
        for lane in LANES:
            rows = self.store.waiting("adt", lane, 0, 10_000)
            expected = {d: one for d, one in self.deliveries.items() if one.lane == lane and one.waits}
            assert [row.id for row in rows] == sorted(expected)
            for row in rows:
                one = expected[row.id]
                assert (row.state, row.attempts, bool(row.keys)) == (one.state, one.attempts, one.keyed)
                if one.payload is not None:
                    assert self.store.payload(row.id) == one.payload

    @invariant()
    def every_accepted_message_is_there(self) -> None:
        if not hasattr(self, "store"):
            return
        rows = {row.id: row for row in self.store.messages(limit=10_000)}
        assert {name: row.state for name, row in rows.items()} == {n: m.word for n, m in self.messages.items()}
        assert self.store.counts() == dict(Counter(message.word for message in self.messages.values()))
        unrouted = sorted((m.seq, name) for name, m in self.messages.items() if not m.verdicts)
        assert list(self.store.unrouted(10_000)) == [name for _, name in unrouted]
        for name, message in [*list(self.messages.items())[:2], *list(self.messages.items())[-3:]]:
            assert self.store.original(name) == message.raw
        assert self.store._connection.execute("PRAGMA foreign_key_check").fetchall() == []

    @invariant()
    def what_is_final_leaves_nothing_behind(self) -> None:
        if not hasattr(self, "store"):
            return
        known = self.deliveries.values()
        count = self.store._reader._all
        kept = sum(one.payload is not None for one in known) + len(self.messages)
        assert count("SELECT count(*) FROM payload") == [(kept,)]
        assert count("SELECT count(*) FROM delivery WHERE keys <> ''") == [(sum(one.keyed for one in known),)]

    @invariant()
    def files_are_those_in_use(self) -> None:
        if hasattr(self, "store"):
            used = {r[0] for r in self.store._reader._all("SELECT file FROM payload WHERE file IS NOT NULL")}
            there = {str(p.relative_to(self.folder / "payload")) for p in (self.folder / "payload").rglob("*/*")}
            assert used <= there


TestStoreModel = StoreModel.TestCase
TestStoreModel.settings = settings(
    max_examples=40, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
