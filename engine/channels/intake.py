"""Intake of one channel: judge, commit, then answer; never the other way round (RELIABILITY 1).

One reception may hold several messages; each is its own, judged, stored and answered in order. A message above
`LARGE` bytes is judged in a thread, so that other connections are answered meanwhile (decision 1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from engine import log
from engine.channels import answers
from engine.channels.arriving import carry_out, settled
from engine.channels.dispatcher import Dispatcher
from engine.channels.ending import outcome_of
from engine.channels.judge import judge, peek
from engine.channels.offering import offer
from engine.channels.revision import After, Plan
from engine.channels.verdict import Verdict, positive, quarantined
from engine.clock import Clock, uuid7
from engine.delivery import STATES, State
from engine.errors import StoreError
from engine.message import Answer, Issue, Received, Reception
from engine.sources import Acknowledgement
from engine.store import Acceptance, Accepted, DeliveryRow, Duplicate, Pending, Store, VerdictRow

Answered = Callable[[Sequence[Acknowledgement] | None], None]

LARGE = 256 * 1024
UNDER_WAY = frozenset(state for state, words in STATES.items() if not words.final and state is not State.PARKED)
CROWD = 256
"""How many uncommitted writes make sources pause (decision 7; PERFORMANCE 8)."""


class ChannelIntake:
    """What a source hands its frames to. `engine.sources.Intake`."""

    def __init__(
        self, plan: Plan, store: Store, dispatcher: Dispatcher, clock: Clock, ring: Callable[[], None] = lambda: None
    ) -> None:
        self.plan, self.store, self.dispatcher, self.clock = plan, store, dispatcher, clock
        self.ring = ring
        """Tells the router that a message was stored unjudged."""
        self.full = False
        """Set by the runner while free space is below the floor: everything is refused, nothing is lost."""
        self._settling: dict[str, asyncio.Future[Acknowledgement]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._control = 0

    def crowded(self) -> bool:
        return self.store.pending_writes() > CROWD

    def outcome(self, message: str) -> Answer | None:
        return outcome_of(self.store.message(message), self.clock.micros(), self.plan.dedup_window)

    def remarks(self, raw: bytes) -> Sequence[Issue]:
        return self.plan.standard.wrapping(raw)

    async def receive(self, raw: bytes, reception: Reception) -> Sequence[Acknowledgement]:
        parts = self.plan.standard.split(raw)
        if len(parts) == 1:
            return (await self._receive_one(parts[0], reception),)
        return [await self._receive_one(part, reception) for part in parts]

    def take(self, raw: bytes, reception: Reception, answered: Answered) -> bool:
        """See `engine.sources.Intake`: what is judged at once and answered by its commit alone."""
        plan = self.plan
        if self.full or len(raw) > LARGE or plan.after is After.DELIVERED or len(plan.standard.split(raw)) != 1:
            return False
        micros = self.clock.micros()
        received = Received(uuid7(micros), raw, micros, reception)
        verdict = peek(received, plan) if plan.after is After.STORED else judge(received, plan)
        if verdict.receipt is not None:
            return False
        spelled = self._spell(raw, verdict.answer, micros)
        acceptance = self._acceptance(received, verdict, spelled)
        pending = self.store.accept(acceptance)
        pending.add_done(lambda: self._taken(received, verdict, acceptance, pending, answered))
        return True

    def _taken(
        self,
        received: Received,
        verdict: Verdict,
        acceptance: Acceptance,
        pending: Pending[Accepted | Duplicate],
        answered: Answered,
    ) -> None:
        """Commit 1 is done, or has failed."""
        try:
            result = pending.result()
            if isinstance(result, Duplicate):
                task = asyncio.get_running_loop().create_task(self._again(received, verdict, result, answered))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                return
            if verdict.row is None:
                self.ring()
            if verdict.deliveries:
                self._offer(acceptance, result, False)
            answer = _if_owed(verdict, verdict.answer, acceptance.answer, received.id)
        except StoreError as error:
            answer = self._unstored(received, verdict, error)
        answered((answer,))

    async def _again(self, received: Received, verdict: Verdict, first: Duplicate, answered: Answered) -> None:
        answer: Acknowledgement | None = None
        try:
            answer = await self._duplicate(received, verdict, first)
        except StoreError as error:
            answer = self._unstored(received, verdict, error)
        finally:
            answered(None if answer is None else (answer,))

    def _unstored(self, received: Received, verdict: Verdict, error: StoreError) -> Acknowledgement:
        log.error("not_stored", channel=self.plan.name, code=error.code)
        answer = answers.failed("not_stored", verdict.envelope)
        return Acknowledgement(answer, self._spell(received.raw, answer, received.micros))

    def refuse(self, raw: bytes, reception: Reception, code: str) -> bytes:
        """What cannot be taken at all: the answer now, and a row with the reason so that it can be seen."""
        micros = self.clock.micros()
        head = raw[:4096]
        answer = self._spell(head, answers.failed(code), micros)
        text = answers.TEXTS[code][0]
        row = VerdictRow(self.plan.revision, "invalid", f"{code}: {text}")
        received = Received(uuid7(micros), head, micros, reception)
        acceptance = self._acceptance(received, Verdict(row, answers.failed(code)), answer)
        self.store.accept(acceptance).add_done(lambda: None)
        return answer

    async def _receive_one(self, raw: bytes, reception: Reception) -> Acknowledgement:
        micros = self.clock.micros()
        received = Received(uuid7(micros), raw, micros, reception)
        if self.full:
            answer = answers.failed("not_stored")
            return Acknowledgement(answer, self._spell(raw, answer, micros))
        judged = peek if self.plan.after is After.STORED else judge
        if len(raw) > LARGE:
            verdict = await asyncio.to_thread(judged, received, self.plan)
        else:
            verdict = judged(received, self.plan)
        try:
            return await self._commit(received, verdict)
        except StoreError as error:
            return self._unstored(received, verdict, error)

    async def _commit(self, received: Received, verdict: Verdict) -> Acknowledgement:
        """Commit 1, then the answer; or the first one's answer where the id is known (decision 9)."""
        verdict, settles = settled(verdict, self.store)
        waits = self.plan.after is After.DELIVERED and positive(verdict)
        spelled = self._spell(received.raw, verdict.answer, received.micros)
        acceptance = self._acceptance(received, verdict, b"" if waits else spelled)
        acceptance.settles = settles
        if waits:  # before the commit: a repeat in the same commit must find it
            self._settling[received.id] = asyncio.get_running_loop().create_future()
        try:
            pending = self.store.accept(acceptance)
            if verdict.deliveries:
                pending.add_done(lambda: self._offer(acceptance, pending.result(), waits))
            result = await pending
            if isinstance(result, Duplicate):
                return await self._duplicate(received, verdict, result)
            if settles:
                carry_out(self.dispatcher, settles)
            if verdict.row is None:
                self.ring()
            if waits:
                return await self._settle(received, verdict, result, spelled)
            return _if_owed(verdict, verdict.answer, spelled, received.id)
        finally:
            settling = self._settling.pop(received.id, None)
            if settling is not None and not settling.done():
                answer = answers.failed("deadline")
                settling.set_result(Acknowledgement(answer, self._spell(received.raw, answer, received.micros)))

    def _acceptance(self, received: Received, verdict: Verdict, answer: bytes) -> Acceptance:
        plan = self.plan
        return Acceptance(
            message=received.id,
            channel=plan.name,
            standard=plan.standard.name,
            raw=received.raw,
            sha256=verdict.sha256,
            received=received.micros,
            peer=received.reception.peer,
            envelope=verdict.envelope,
            answer=answer,
            verdict=verdict.row,
            deliveries=verdict.deliveries,
            identity=verdict.identity,
            identity_expires=received.micros + int(plan.dedup_window * 1_000_000),
            certificate=received.reception.certificate,
            owes=verdict.owes,
        )

    def _offer(self, acceptance: Acceptance, result: Accepted | Duplicate, watched: bool) -> None:
        """Hand new deliveries to the dispatcher, in commit order, without reading them back."""
        if isinstance(result, Accepted):
            for delivery in result.deliveries if watched else ():
                self.dispatcher.watch(delivery)
            offer(self.dispatcher, acceptance, result)

    async def _duplicate(self, received: Received, verdict: Verdict, first: Duplicate) -> Acknowledgement:
        if first.sha256 != verdict.sha256:
            return await self._reused(received, verdict)
        settling = self._settling.get(first.message)
        if settling is not None:
            told = await asyncio.shield(settling)
        elif not first.answer and self.plan.after is After.DELIVERED:
            told = await self._late(received, verdict, first)
        else:
            told = Acknowledgement(self._settled(verdict, first), first.answer)
        return _if_owed(verdict, told.answer, told.spelled, first.message)

    async def _reused(self, received: Received, verdict: Verdict) -> Acknowledgement:
        """The id of another message: kept for a person to decide, answered negatively, alarmed."""
        held = quarantined(verdict, self.plan)
        spelled = self._spell(received.raw, held.answer, received.micros)
        await self.store.accept(self._acceptance(received, held, spelled))
        log.error("id_reused", channel=self.plan.name, message=received.id)
        return _if_owed(verdict, held.answer, spelled, received.id)

    async def _settle(self, received: Received, verdict: Verdict, result: Accepted, spelled: bytes) -> Acknowledgement:
        """`ack.after: delivered`: wait for the required destinations, at most until the deadline."""
        required = [id for id, new in zip(result.deliveries, verdict.deliveries, strict=True) if new.required]
        answer = await self._outcome(required, verdict)
        told = spelled if answer is verdict.answer else self._spell(received.raw, answer, received.micros)
        try:
            await self.store.settle_answer(received.id, told)
        except StoreError:
            answer = answers.failed("deadline", verdict.envelope)
            told = self._spell(received.raw, answer, received.micros)
        settling = self._settling[received.id]
        if not settling.done():
            settling.set_result(Acknowledgement(answer, told))
        return _if_owed(verdict, answer, told, received.id)

    async def _outcome(self, required: Sequence[int], verdict: Verdict) -> Answer:
        watched = [self.dispatcher.watch(delivery) for delivery in required]
        if not watched:
            return verdict.answer
        done, late = await asyncio.wait(watched, timeout=self.plan.deadline)
        if late:
            return answers.failed("deadline", verdict.envelope)
        good = all(step.result().state in (State.DELIVERED, State.CONFIRMED, State.SUPERSEDED) for step in done)
        return verdict.answer if good else answers.failed("not_delivered", verdict.envelope)

    async def _late(self, received: Received, verdict: Verdict, first: Duplicate) -> Acknowledgement:
        """A repeat of a message whose answer was still owed when the engine stopped: what is true by the deadline."""
        rows = self._required(first)
        under_way = [row.id for row in rows if row.state in UNDER_WAY]
        if any(row.state in (State.PARKED, State.DEAD_LETTER) for row in rows):
            answer = answers.failed("not_delivered", verdict.envelope)
        else:
            answer = await self._outcome(under_way, verdict)
        spelled = self._spell(received.raw, answer, received.micros)
        if answer is verdict.answer:
            await self.store.settle_answer(first.message, spelled)
        return Acknowledgement(answer, spelled)

    def _required(self, first: Duplicate) -> list[DeliveryRow]:
        detail = self.store.message(first.message)
        return [row for row in detail.deliveries if row.required] if detail else []

    def _settled(self, verdict: Verdict, first: Duplicate) -> Answer:
        """What the stored answer to the first message says: yes, unless it had to wait for its destinations."""
        states = {row.state for row in self._required(first)} if self.plan.after is After.DELIVERED else set()
        if states & {State.PARKED, State.DEAD_LETTER}:
            return answers.failed("not_delivered", verdict.envelope)
        return answers.failed("deadline", verdict.envelope) if states & UNDER_WAY else verdict.answer

    def _spell(self, raw: bytes, answer: Answer, micros: int) -> bytes:
        """The answer in the sender's standard; our control id is milliseconds and a count, 20 characters."""
        self._control = (self._control + 1) % 1_000_000
        return self.plan.standard.acknowledge(raw, answer, f"B{micros // 1000}{self._control:06d}", micros)


def _if_owed(verdict: Verdict, answer: Answer, spelled: bytes, message: str) -> Acknowledgement:
    """The answer, spelled where MSH-15 and MSH-16 want one."""
    envelope = verdict.envelope
    told = spelled if answers.owed(envelope, answer) else b""
    return Acknowledgement(answer, told, message, envelope.message_id if envelope else "")
