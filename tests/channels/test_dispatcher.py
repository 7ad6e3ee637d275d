"""The dispatcher on a real store: order, retry, barriers, what a person must decide."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from engine.channels.dispatcher import Dispatcher
from engine.channels.lane import Lane, System
from engine.clock import ManualClock, uuid7
from engine.delivery import Ambiguous, Delivered, Outcome, Permanent, Policy, State, Transient, after_receipt
from engine.destinations import Shipment
from engine.errors import StoreError
from engine.store import Acceptance, Accepted, Attempt, DeliveryRow, NewDelivery, Pending, Settlement, VerdictRow
from engine.store.sqlite import SqliteStore


@dataclass
class Receiver:
    """A receiving system that answers by script: per payload a list of outcomes, then Delivered."""

    script: dict[bytes, list[Outcome]] = field(default_factory=dict)
    idempotent: bool = True
    seen: list[bytes] = field(default_factory=list)
    together: int = 0
    most: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        self.gate.set()

    async def stop(self) -> None: ...

    async def deliver(self, shipment: Shipment) -> Outcome:
        self.seen.append(shipment.payload)
        self.together += 1
        self.most = max(self.most, self.together)
        await self.gate.wait()
        await asyncio.sleep(0)
        self.together -= 1
        outcomes = self.script.get(shipment.payload, [])
        return outcomes.pop(0) if outcomes else Delivered("200")


@dataclass
class Bench:
    """A lane to one receiver, and the means to put messages into it."""

    store: SqliteStore
    clock: ManualClock
    receiver: Receiver
    dispatcher: Dispatcher
    lane: Lane

    async def put(self, payload: bytes, *keys: int, identities: tuple[int, ...] = ()) -> int:
        message = uuid7(self.clock.micros())
        new = NewDelivery("journal", "journal", payload, "application/json", keys, identities, message)
        row = VerdictRow("r1", "routed", "")
        acceptance = Acceptance(
            message, "adt", "hl7v2", payload, b"\0" * 32, self.clock.micros(), "", None, b"", row, (new,)
        )
        result = await self.store.accept(acceptance)
        assert isinstance(result, Accepted)
        made = DeliveryRow(
            result.deliveries[0], message, result.seq, "adt", "journal", "journal", State.READY, 0, 0,
            self.clock.micros(), keys, identities, message, "", True, "application/json",
        )  # fmt: skip
        self.dispatcher.offer([made], [payload])
        return result.deliveries[0]

    def state(self, delivery: int) -> State:
        detail = self.store.message(self.store.messages(limit=1000)[-1].id)
        for row in self.store.messages(limit=1000):
            detail = self.store.message(row.id)
            assert detail is not None
            for each in detail.deliveries:
                if each.id == delivery:
                    return each.state
        raise AssertionError("no such delivery")

    async def settle(self) -> None:
        """Let everything happen that needs no time to pass."""
        for _ in range(200):
            await asyncio.sleep(0.001)
            if not self.dispatcher.busy() and not self.store.pending_writes():
                return
        raise AssertionError("the dispatcher does not come to rest")

    async def later(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.dispatcher.wake()
        await self.settle()


Make = Callable[..., Bench]


@pytest.fixture
async def make(store: SqliteStore, clock: ManualClock) -> AsyncIterator[Make]:
    made: list[Dispatcher] = []

    def build(receiver: Receiver | None = None, limit: int = 16, **policy: object) -> Bench:
        receiver = receiver or Receiver()
        receiver.gate.set()
        lane = Lane("adt", "journal", System("journal", limit), Policy(jitter=0, **policy), receiver)  # type: ignore[arg-type]
        dispatcher = Dispatcher(store, [lane], clock, lambda: 0.5)
        made.append(dispatcher)
        return Bench(store, clock, receiver, dispatcher, lane)

    yield build
    for each in made:
        await each.stop(1.0)


async def test_a_transient_failure_is_tried_again_when_its_time_comes(make: Make) -> None:
    it = make(Receiver({b"a": [Transient("http.503"), Transient("http.503")]}), initial=2, factor=2)
    delivery = await it.put(b"a", 1)
    await it.settle()
    await it.later(1.9)
    assert it.receiver.seen == [b"a"]
    await it.later(0.2)
    await it.later(4)
    assert it.receiver.seen == [b"a", b"a", b"a"]
    assert it.state(delivery) is State.DELIVERED


async def test_later_messages_of_a_patient_wait_while_the_first_is_retried_and_others_pass(make: Make) -> None:
    it = make(Receiver({b"a1": [Transient("http.503")]}))
    for payload, key in ((b"a1", 1), (b"a2", 1), (b"b1", 2)):
        await it.put(payload, key)
    await it.settle()
    assert it.receiver.seen == [b"a1", b"b1"]
    await it.later(5)
    assert it.receiver.seen == [b"a1", b"b1", b"a1", b"a2"]


async def test_a_merge_goes_when_both_patients_are_done_and_before_either_goes_on(make: Make) -> None:
    it = make(Receiver({b"a1": [Transient("http.503")], b"b1": [Transient("http.503", after=60)]}))
    for payload, keys in ((b"a1", (1,)), (b"b1", (2,)), (b"merge", (1, 2)), (b"a2", (1,)), (b"b2", (2,))):
        await it.put(payload, *keys)
    await it.settle()
    await it.later(5)
    assert b"merge" not in it.receiver.seen
    await it.later(60)
    assert it.receiver.seen[-3] == b"merge"
    assert set(it.receiver.seen[-2:]) == {b"a2", b"b2"}


async def test_hold_keeps_a_patient_behind_a_dead_letter_and_continue_lets_it_pass(make: Make) -> None:
    held = make(Receiver({b"a1": [Permanent("http.422")]}), blocked_key="hold")
    first = await held.put(b"a1", 1)
    second = await held.put(b"a2", 1)
    await held.settle()
    assert (held.state(first), held.state(second)) == (State.DEAD_LETTER, State.READY)


async def test_continue_lets_a_patient_pass_a_dead_letter(make: Make) -> None:
    it = make(Receiver({b"a1": [Permanent("http.422")]}), blocked_key="continue")
    first = await it.put(b"a1", 1)
    second = await it.put(b"a2", 1)
    await it.settle()
    assert (it.state(first), it.state(second)) == (State.DEAD_LETTER, State.DELIVERED)


async def test_a_person_who_retries_a_dead_letter_sets_its_patient_free(make: Make) -> None:
    it = make(Receiver({b"a1": [Permanent("http.422")]}), blocked_key="hold")
    first = await it.put(b"a1", 1)
    second = await it.put(b"a2", 1)
    await it.settle()
    assert await it.store.retry(first, it.clock.micros())
    it.dispatcher.load()
    await it.settle()
    assert it.receiver.seen == [b"a1", b"a1", b"a2"]
    assert it.state(second) is State.DELIVERED


async def test_too_old_becomes_a_dead_letter_that_says_so(make: Make) -> None:
    it = make(Receiver({b"a": [Ambiguous("http.timeout")] * 9}), give_up_after=10.0)
    delivery = await it.put(b"a", 1)
    await it.settle()
    for _ in range(5):
        await it.later(4)
    assert it.state(delivery) is State.DEAD_LETTER


async def test_no_more_at_once_than_the_system_takes(make: Make) -> None:
    it = make(limit=3)
    for number in range(20):
        await it.put(b"%d" % number, number)
    await it.settle()
    assert len(it.receiver.seen) == 20
    assert it.receiver.most <= 3


async def test_what_touches_one_conditional_identity_is_never_in_flight_twice(make: Make) -> None:
    it = make()
    it.receiver.gate.clear()
    for number in range(4):
        await it.put(b"%d" % number, number, identities=(99,))
    await asyncio.sleep(0.02)
    assert len(it.receiver.seen) == 1
    it.receiver.gate.set()
    await it.settle()
    assert (len(it.receiver.seen), it.receiver.most) == (4, 1)


async def test_a_dispatcher_started_anew_takes_up_what_the_last_one_left(make: Make) -> None:
    it = make(Receiver({b"a1": [Transient("http.503")]}))
    await it.put(b"a1", 1)
    await it.put(b"a2", 1)
    await it.settle()
    await it.dispatcher.stop(1.0)
    again = make()
    again.clock.advance(10)
    assert again.dispatcher.load() == 2
    await again.settle()
    assert again.receiver.seen == [b"a1", b"a2"]


async def test_a_fault_of_ours_in_a_destination_is_ambiguous_and_ends_nothing(make: Make) -> None:
    class Broken(Receiver):
        async def deliver(self, shipment: Shipment) -> Outcome:
            self.seen.append(shipment.payload)
            raise RuntimeError("secret content")

    it = make(Broken())
    delivery = await it.put(b"a", 1)
    await it.settle()
    detail = it.store.message(it.store.messages()[0].id)
    assert it.state(delivery) is State.READY
    assert detail is not None and detail.attempts[0].code == "fault.RuntimeError"
    assert "secret" not in repr(detail)


async def test_a_fault_of_the_whole_system_is_alarmed_at_once(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("budstikke").propagate = True
    it = make(Receiver({b"a": [Transient("http.401", system_fault=True)]}))
    await it.put(b"a", 1)
    await it.settle()
    assert "system_fault" in [record.getMessage() for record in caplog.records]


async def test_a_key_does_not_move_on_before_its_outcome_is_durable(make: Make) -> None:
    it = make()
    recorded = it.store.record
    failing = 3

    def record(attempt: Attempt, unhurried: bool = False) -> Pending[None]:
        nonlocal failing
        if failing:
            failing -= 1
            raise StoreError("the disk is full", code="store.full")
        return recorded(attempt)

    it.store.record = record  # type: ignore[method-assign]
    await it.put(b"a1", 1)
    await it.put(b"a2", 1)
    await asyncio.sleep(0.15)
    assert it.receiver.seen == [b"a1"]
    for _ in range(400):
        await asyncio.sleep(0.01)
        if len(it.receiver.seen) == 2:
            break
    assert it.receiver.seen == [b"a1", b"a2"]


WAITED_FOR: dict[str, tuple[Receiver, bool, list[int], list[bool]]] = {
    "nobody": (Receiver(), False, [1], [True]),
    "nobody, each with a key of its own": (Receiver(), False, [1, 2], [True, True]),
    "the next one of its key": (Receiver(), False, [1, 1], [False, True]),
    "a sender whose answer hangs on it": (Receiver(), True, [1], [False]),
    "us, where a repeat would do harm": (Receiver(idempotent=False), False, [1], [False]),
}


@pytest.mark.parametrize("name", WAITED_FOR)
async def test_only_an_outcome_that_nobody_waits_for_is_recorded_unhurried(make: Make, name: str) -> None:
    receiver, watched, keys, expected = WAITED_FOR[name]
    it = make(receiver)
    recorded, asked = it.store.record, []

    def record(attempt: Attempt, unhurried: bool = False) -> Pending[None]:
        asked.append(unhurried)
        return recorded(attempt, unhurried)

    it.store.record = record  # type: ignore[method-assign]
    receiver.gate.clear()
    deliveries = [await it.put(b"a%d" % number, key) for number, key in enumerate(keys)]
    if watched:
        it.dispatcher.watch(deliveries[0])
    receiver.gate.set()
    await it.settle()
    assert asked == expected


# ---- receipts that are faster, or later, than the connection


async def settle_by_receipt(it: Bench, delivery: int, positive: bool) -> None:
    """As intake does it: the receipt's own commit, then the dispatcher is told."""
    step = after_receipt(it.state(delivery), "", positive, "E10")
    assert step is not None
    message, row = uuid7(it.clock.micros()), VerdictRow("r1", "accepted", "")
    settles = (Settlement(delivery, step),)
    await it.store.accept(
        Acceptance(
            message, "in", "kith", b"r", b"\0" * 32, it.clock.micros(), "", None, b"", row, settles=settles
        )
    )  # fmt: skip
    it.dispatcher.settle(settles)


@pytest.mark.parametrize("idempotent", [True, False], ids=["repeats are harmless", "repeats are not"])
@pytest.mark.parametrize(
    "outcome", [Delivered("202"), Transient("http.503"), Ambiguous("http.timeout")], ids=["answered", "503", "time-out"]
)
async def test_what_a_receipt_confirms_while_it_is_sent_is_not_sent_again_whatever_the_answer(
    make: Make, outcome: Outcome, idempotent: bool
) -> None:
    it = make(Receiver({b"a": [outcome]}, idempotent))
    it.receiver.gate.clear()
    delivery = await it.put(b"a", 1)
    await it.put(b"b", 1)
    while not it.receiver.seen:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    await settle_by_receipt(it, delivery, True)
    it.receiver.gate.set()
    await it.settle()
    await it.later(3600)
    assert it.receiver.seen == [b"a", b"b"]
    assert (it.state(delivery), it.dispatcher.waiting()) == (State.CONFIRMED, 0)


@pytest.mark.parametrize("blocked_key", ["hold", "continue"])
@pytest.mark.parametrize("in_flight", [True, False], ids=["while it is sent", "while it waits"])
async def test_what_a_receipt_refuses_is_not_sent_again_and_its_key_is_as_for_any_dead_letter(
    make: Make, blocked_key: str, in_flight: bool
) -> None:
    it = make(Receiver({b"a": [Transient("http.503")] * 9}), blocked_key=blocked_key)
    if in_flight:
        it.receiver.gate.clear()
    delivery = await it.put(b"a", 1)
    await it.put(b"b", 1)
    while not it.receiver.seen:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    if not in_flight:
        await it.settle()
    await settle_by_receipt(it, delivery, False)
    it.receiver.gate.set()
    await it.settle()
    await it.later(3600)
    assert it.receiver.seen == ([b"a"] if blocked_key == "hold" else [b"a", b"b"])
    assert it.state(delivery) is State.DEAD_LETTER
    before = list(it.receiver.seen)
    it.dispatcher.load()  # as a restart reads it
    await it.settle()
    assert it.receiver.seen == before


async def test_a_receipt_sets_free_what_waits_behind_a_delivery_that_was_given_up(make: Make) -> None:
    it = make(Receiver({b"a": [Permanent("http.422")]}))
    delivery = await it.put(b"a", 1)
    await it.put(b"b", 1)
    await it.settle()
    assert it.receiver.seen == [b"a"]
    await settle_by_receipt(it, delivery, True)
    await it.settle()
    assert it.receiver.seen == [b"a", b"b"]


@pytest.mark.parametrize("positive", [True, False], ids=["positive", "negative"])
async def test_who_watches_a_delivery_or_owes_a_receipt_for_it_learns_what_a_receipt_made_of_it(
    make: Make, positive: bool
) -> None:
    it = make(Receiver({b"a": [Transient("http.503")]}))
    it.lane.receipted = True
    heard: list[str] = []
    it.dispatcher.settled = heard.append
    delivery = await it.put(b"a", 1)
    watched = it.dispatcher.watch(delivery)
    await it.settle()
    await settle_by_receipt(it, delivery, positive)
    step = await asyncio.wait_for(watched, 1)
    assert step.state is (State.CONFIRMED if positive else State.DEAD_LETTER)
    assert heard == [it.store.messages(limit=9)[-1].id]


@pytest.mark.parametrize("given_up", [Permanent("http.422"), Permanent("http.412", park=True)], ids=["dead", "parked"])
async def test_what_may_pass_a_failed_one_may_do_so_after_a_restart_too(make: Make, given_up: Permanent) -> None:
    it = make(Receiver({b"a": [given_up]}), blocked_key="continue")
    await it.put(b"a", 1)
    await it.settle()
    it.dispatcher.load()
    await it.put(b"b", 1)
    await it.settle()
    assert it.receiver.seen == [b"a", b"b"]
