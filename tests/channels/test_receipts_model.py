"""Whatever happens in whatever order: one receipt for each (sender, message id, receiver), and one once all is settled.

A real intake, router, dispatcher and store; the ward and the sender's inbox answer as the rules say. Messages are good,
bad or other than before under the same id; they come again and again; deliveries fail, are given up, decided by people;
the engine stops anywhere, also where it has not looked at what is settled.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine.channels import replay as decide
from engine.channels.dispatcher import Dispatcher
from engine.channels.intake import ChannelIntake
from engine.channels.lane import Lane, System
from engine.channels.receipts import Receipts
from engine.channels.revision import After, Plan, Receipting, Target
from engine.channels.router import Router
from engine.clock import ManualClock
from engine.delivery import Delivered, Outcome, Permanent, Policy, State, Transient
from engine.destinations import Shipment
from engine.errors import EngineError
from engine.message import Receipt, Reception
from engine.standards import Charset
from engine.standards.kith.standard import Kith
from engine.store.sqlite import SqliteStore, open_store

RAW = (Path(__file__).resolve().parents[2] / "samples" / "kith" / "std_dialog_1_1.xml").read_bytes()
ID = b"5b1f6c1e-0a52-4f0e-9f41-3a1f0c6d1002"
START, END = RAW.index(b"<Patient>"), RAW.index(b"</Patient>") + len(b"</Patient>")
CONTENTS = {"good": RAW, "other": RAW.replace(b"Solbakken", b"Nordli"), "bad": RAW[:START] + RAW[END:]}
IDS = [ID[:-1] + b"%d" % number for number in range(3)]
OUTCOMES: list[Outcome] = [Delivered("202"), Transient("http.503"), Permanent("http.422"), Permanent("x", park=True)]
HERE = Reception("dialog", peer="127.0.0.1:1")


@dataclass
class Receiver:
    """Answers every attempt as it is told at the time."""

    outcome: Outcome = field(default_factory=Delivered)
    idempotent: bool = True
    taken: list[bytes] = field(default_factory=list)

    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    async def deliver(self, shipment: Shipment) -> Outcome:
        await asyncio.sleep(0)
        if isinstance(self.outcome, Delivered):
            self.taken.append(shipment.payload)
        return self.outcome


def read(raw: bytes) -> Receipt:
    found = Kith().receipt_of(Kith().decode(raw, Charset()))
    assert found is not None
    return found


class ReceiptsModel(RuleBasedStateMachine):
    """Rules let things happen; invariants look at the sender's inbox and at what is owed."""

    @initialize(
        after=st.sampled_from([After.VALIDATED, After.STORED]), when=st.sampled_from(["validated", "delivered"])
    )
    def start(self, after: After, when: str) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.clock = ManualClock()
        self.ward, self.inbox = Receiver(), Receiver()
        self.sent: set[bytes] = set()
        policy = Policy(initial=2, maximum=60, jitter=0, give_up_after=600)
        back = Policy(initial=2, maximum=60, jitter=0, blocked_key="continue")
        receipt = Receipting("gp", back, when)
        target = Target("ward", "ward", policy)
        self.plan = Plan(
            "dialog", "r1", Kith(), {}, (target,), b"k" * 32, after, conformance=None, receipt=receipt
        )  # fmt: skip
        self.open()

    def run(self, work: Coroutine[object, object, object]) -> None:
        self.loop.run_until_complete(asyncio.wait_for(work, 20))

    def open(self) -> None:
        async def opening() -> None:
            self.store: SqliteStore = open_store(self.folder / "s.db", wake=self.loop.call_soon_threadsafe)
            self.store.recover()
            assert self.plan.receipt is not None
            self.systems = System("ward", 4), System("gp", 4)
            waits = self.plan.receipt.after == "delivered"
            lanes = [
                Lane("dialog", "ward", self.systems[0], self.plan.targets[0].policy, self.ward, waits),
                Lane("dialog", "receipt", self.systems[1], self.plan.receipt.policy, self.inbox),
            ]
            plans = {"dialog": self.plan}
            self.dispatcher = Dispatcher(self.store, lanes, self.clock, lambda: 0.5)
            self.receipts = Receipts(plans, self.store, self.dispatcher, self.clock)
            self.router = Router(plans, self.store, self.dispatcher)
            self.intake = ChannelIntake(self.plan, self.store, self.dispatcher, self.clock, self.router.ring)
            self.dispatcher.load()
            self.receipts.look_all()
            await self.router.start()

        self.run(opening())

    async def rest(self) -> None:
        """Until nothing happens that needs no time to pass."""
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(0.001)
            busy = self.dispatcher.busy() or self.store.pending_writes() or self.store.unrouted(1)
            quiet = 0 if busy else quiet + 1

    async def stop(self) -> None:
        await self.router.stop()
        await self.dispatcher.stop(0.0)
        await asyncio.to_thread(self.store.close)

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        try:
            self.end_well()
        finally:
            self.run(self.stop())
            self.loop.close()
            shutil.rmtree(self.folder)

    # ---- what happens

    @rule(
        number=st.integers(0, 2), content=st.sampled_from(sorted(CONTENTS)), times=st.integers(1, 3), seen=st.booleans()
    )
    def send(self, number: int, content: str, times: int, seen: bool) -> None:
        """Not `seen`: from here to the next start nothing is made of what is settled, as if it stopped just before."""
        if not seen:
            self.dispatcher.settled = None
        raw = CONTENTS[content].replace(ID, IDS[number])
        self.sent.add(IDS[number])

        async def sending() -> None:
            await asyncio.gather(*(self.intake.receive(raw, HERE) for _ in range(times)))
            await self.rest()

        self.run(sending())

    @rule(ward=st.sampled_from(OUTCOMES), inbox=st.sampled_from(OUTCOMES[:2]))
    def answer(self, ward: Outcome, inbox: Outcome) -> None:
        self.ward.outcome, self.inbox.outcome = ward, inbox

    @rule(seconds=st.sampled_from([3, 100, 1000]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

        async def waking() -> None:
            self.dispatcher.wake()
            await self.rest()

        self.run(waking())

    @rule(number=st.integers(0, 9), what=st.sampled_from(["retry", "replay", "handle"]))
    def person(self, number: int, what: str) -> None:
        rows = self.store.messages(limit=100)
        if not rows:
            return
        message = rows[number % len(rows)].id
        who = decide.Person("test", self.clock.micros(), "why")
        try:
            if what == "retry":
                decide.retry(self.store, message, ("ward",), who)
            elif what == "replay":
                decide.replay(self.store, {"dialog": self.plan}, message, who)
            else:
                detail = self.store.message(message)
                assert detail is not None
                for row in detail.deliveries:
                    if row.destination == "ward" and row.state in (State.PARKED, State.DEAD_LETTER):
                        self.store.handle(row.id, "why").wait(10)
        except EngineError:
            return
        self.decided()

    def decided(self) -> None:
        """As the runner sees a person's decision."""

        async def seeing() -> None:
            self.router.ring()
            self.dispatcher.load()
            self.receipts.look_all()
            await self.rest()

        self.run(seeing())

    @rule()
    def restart(self) -> None:
        self.run(self.stop())
        self.open()
        self.run(self.rest())

    # ---- what must hold

    @invariant()
    def no_message_has_two_receipts(self) -> None:
        if hasattr(self, "store"):
            told: dict[str, set[bytes]] = {}
            for raw in self.inbox.taken:
                told.setdefault(read(raw).original, set()).add(raw)
            assert all(len(each) == 1 for each in told.values()), told.keys()
            assert self.store._connection.execute("PRAGMA foreign_key_check").fetchall() == []

    @invariant()
    def every_receipt_is_in_the_store_once(self) -> None:
        if hasattr(self, "store"):
            made: Counter[str] = Counter()
            for row in self.store.messages(limit=100):
                detail = self.store.message(row.id)
                assert detail is not None
                made[row.message_id] += sum(each.destination == "receipt" for each in detail.deliveries)
            assert set(made.values()) <= {0, 1}, made

    @invariant()
    def after_delivered_yes_is_told_only_of_what_the_ward_has_or_a_person_closed(self) -> None:
        if not hasattr(self, "store") or self.plan.receipt is None or self.plan.receipt.after != "delivered":
            return
        for raw in self.inbox.taken:
            receipt = read(raw)
            if receipt.status == "1":
                rows = self.store.awaiting(receipt.original)
                closed = any(row.state is State.HANDLED for row in rows)
                assert closed or any(receipt.original.encode() in each for each in self.ward.taken)

    def end_well(self) -> None:
        """Everybody answers, people decide, time passes: then each message has its one receipt."""
        self.ward.outcome = self.inbox.outcome = Delivered("202")
        self.restart()
        for _ in range(3):
            for row in self.store.messages(limit=100):
                who = decide.Person("test", self.clock.micros(), "end")
                try:
                    decide.retry(self.store, row.id, (), who)
                except EngineError:
                    continue
            self.decided()
            self.wait(1000)
        told = {read(raw).original.encode() for raw in self.inbox.taken}
        assert told == self.sent
        assert list(self.store.owing(10)) == []
        self.no_message_has_two_receipts()
        self.every_receipt_is_in_the_store_once()


TestReceiptsModel = ReceiptsModel.TestCase
TestReceiptsModel.settings = settings(
    max_examples=40, stateful_step_count=10, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
