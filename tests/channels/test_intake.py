"""Intake on a real store: what the sender is told, what is durable by then, what a repeat gets (decisions 8 and 9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.channels.dispatcher import Dispatcher
from engine.channels.intake import ChannelIntake
from engine.channels.lane import Lane, System
from engine.channels.revision import After, Plan, Receipting, Target
from engine.channels.router import Router
from engine.clock import ManualClock
from engine.delivery import Delivered, Outcome, Permanent, Policy
from engine.destinations import Shipment
from engine.message import AnswerKind, Reception
from engine.sources import Acknowledgement
from engine.standards.hl7v2.standard import Hl7v2
from engine.standards.kith.standard import Kith
from engine.store.sqlite import SqliteStore

MESSAGE = (
    b"MSH|^~\\&|EPJ|BO|BUD|JOURNAL|20260115080000+0100||ADT^A08^ADT_A01|M1|P|2.5.1\r"
    b"EVN|A08|20260115080000\rPID|1||12835210020^^^FNR||Test^Kari\rPV1|1|I\r"
)
HERE = Reception("adt", peer="127.0.0.1:1")


@dataclass
class Receiver:
    """A receiving system that waits for its gate and answers by script."""

    outcomes: list[Outcome] = field(default_factory=list)
    idempotent: bool = True
    seen: list[bytes] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    async def deliver(self, shipment: Shipment) -> Outcome:
        self.seen.append(shipment.payload)
        await self.gate.wait()
        return self.outcomes.pop(0) if self.outcomes else Delivered("200")


@dataclass
class Bench:
    intake: ChannelIntake
    store: SqliteStore
    receiver: Receiver
    dispatcher: Dispatcher
    router: Router

    async def send(self, raw: bytes = MESSAGE) -> bytes:
        return (await self.ask(raw)).spelled

    async def ask(self, raw: bytes = MESSAGE) -> Acknowledgement:
        """As a source does it: offered to be taken without a task first, else received."""
        done: asyncio.Future[Sequence[Acknowledgement] | None] = asyncio.get_running_loop().create_future()
        if self.intake.take(raw, HERE, done.set_result):
            answers = await done
            assert answers is not None
            return answers[0]
        return (await self.intake.receive(raw, HERE))[0]

    def states(self) -> list[str]:
        return [row.state for row in self.store.messages()]

    async def settle(self) -> None:
        for _ in range(200):
            await asyncio.sleep(0.002)
            if not self.dispatcher.busy() and not self.store.pending_writes():
                return


def code(answer: bytes) -> str:
    for segment in answer.split(b"\r"):
        if segment.startswith(b"MSA"):
            return segment.split(b"|")[1].decode()
    return ""


Make = Callable[..., Bench]


@pytest.fixture
async def make(store: SqliteStore, clock: ManualClock) -> AsyncIterator[Make]:
    made: list[Bench] = []

    def build(after: After = After.VALIDATED, open_gate: bool = True, required: bool = True, **plan: object) -> Bench:
        receiver = Receiver()
        if open_gate:
            receiver.gate.set()
        system, policy = System("journal", 16), Policy(jitter=0)
        lane = Lane("adt", "journal", system, policy, receiver)
        target = Target("journal", "journal", policy, required=required)
        whole = Plan(  # type: ignore[arg-type]
            **{
                "name": "adt",
                "revision": "r1",
                "standard": Hl7v2(),
                "mappings": {},
                "targets": (target,),
                "keyring": b"k" * 32,
                "after": after,
                "conformance": None,
                **plan,
            }
        )
        dispatcher = Dispatcher(store, [lane], clock, lambda: 0.5)
        router = Router({"adt": whole}, store, dispatcher)
        bench = Bench(ChannelIntake(whole, store, dispatcher, clock, router.ring), store, receiver, dispatcher, router)
        made.append(bench)
        return bench

    yield build
    for bench in made:
        bench.receiver.gate.set()
        await bench.router.stop()
        await bench.dispatcher.stop(1.0)


async def test_an_accepted_message_is_stored_answered_and_delivered(make: Make) -> None:
    it = make()
    answer = await it.send()
    await it.settle()
    assert (code(answer), it.states(), it.receiver.seen) == ("AA", ["delivered"], [MESSAGE])


async def test_a_repeat_gets_the_first_answer_byte_for_byte_and_has_no_second_effect(make: Make) -> None:
    it = make()
    answers = [await it.send() for _ in range(3)]
    await it.settle()
    assert len(set(answers)) == 1
    assert (len(it.receiver.seen), it.states()) == (1, ["delivered"])


async def test_five_repeats_at_once_are_one_message(make: Make) -> None:
    it = make()
    answers = await asyncio.gather(*(it.send() for _ in range(5)))
    await it.settle()
    assert len(set(answers)) == 1
    assert len(it.receiver.seen) == 1


async def test_the_same_id_with_other_content_is_quarantined_and_answered_ae(make: Make) -> None:
    it = make()
    await it.send()
    answer = await it.send(MESSAGE.replace(b"Kari", b"Ola"))
    await it.settle()
    assert code(answer) == "AE"
    assert b"^205^" in answer or b"|205" in answer
    assert sorted(it.states()) == ["delivered", "quarantined"]
    assert it.receiver.seen == [MESSAGE]


async def test_a_refused_message_claims_no_id_so_that_its_mended_form_passes(make: Make) -> None:
    it = make(processing=frozenset({"P"}))
    first = await it.send(MESSAGE.replace(b"|M1|P|", b"|M1|T|"))
    second = await it.send()
    await it.settle()
    assert (code(first), code(second)) == ("AR", "AA")
    assert sorted(it.states()) == ["delivered", "invalid"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(b"not hl7 at all", "AR", id="not HL7"),
        pytest.param(MESSAGE[: MESSAGE.index(b"\rEVN")].replace(b"ADT^A08^ADT_A01", b""), "AR", id="no message type"),
    ],
)
async def test_what_cannot_be_read_is_kept_and_refused(make: Make, raw: bytes, expected: str) -> None:
    it = make()
    assert code(await it.send(raw)) == expected
    assert it.states() == ["invalid"]
    assert it.store.original(it.store.messages()[0].id) == raw


async def test_several_messages_in_one_frame_are_answered_one_by_one(make: Make) -> None:
    it = make()
    second = MESSAGE.replace(b"|M1|", b"|M2|")
    answers = await it.intake.receive(MESSAGE + second, HERE)
    assert [code(answer.spelled) for answer in answers] == ["AA", "AA"]
    assert [b"MSA|AA|M%d" % number in answer.spelled for number, answer in enumerate(answers, 1)] == [True, True]


async def test_stored_answers_before_it_is_judged_and_the_router_does_the_rest(make: Make) -> None:
    it = make(After.STORED)
    answer = await it.send()
    assert (code(answer), it.states(), it.receiver.seen) == ("AA", ["received"], [])
    await it.router.start()
    for _ in range(100):
        await asyncio.sleep(0.005)
        if it.states() == ["delivered"]:
            break
    assert it.states() == ["delivered"]


async def test_delivered_answers_when_the_required_destination_has_it(make: Make) -> None:
    it = make(After.DELIVERED, open_gate=False)
    sending = asyncio.create_task(it.send())
    await asyncio.sleep(0.05)
    assert not sending.done()
    it.receiver.gate.set()
    assert code(await sending) == "AA"
    assert it.states() == ["delivered"]


async def test_delivered_says_no_when_the_deadline_passes_and_delivery_goes_on(make: Make) -> None:
    it = make(After.DELIVERED, open_gate=False, deadline=0.05)
    assert code(await it.send()) == "AE"
    it.receiver.gate.set()
    await it.settle()
    assert it.states() == ["delivered"]


async def test_delivered_says_no_when_the_destination_refuses(make: Make) -> None:
    it = make(After.DELIVERED)
    it.receiver.outcomes = [Permanent("http.422")]
    answers = [await it.send(), await it.send()]
    assert code(answers[0]) == "AE"
    assert answers[0] == answers[1]


KINDS = {AnswerKind.ACCEPT: "AA", AnswerKind.ERROR: "AE", AnswerKind.REJECT: "AR"}


def said(told: Acknowledgement) -> str:
    """What the answer means, for wires with words of their own; the same as is spelled."""
    assert KINDS[told.answer.kind] == code(told.spelled)
    return told.answer.issues[0].code if told.answer.issues else ""


async def test_an_answer_says_why_beside_its_bytes(make: Make) -> None:
    it = make(processing=frozenset({"P"}))
    assert said(await it.ask(MESSAGE.replace(b"|P|", b"|T|"))) == "gate.processing"
    assert [said(await it.ask()), said(await it.ask())] == ["", ""]
    assert said(await it.ask(MESSAGE.replace(b"Kari", b"Ola"))) == "id_reused"
    it.intake.full = True
    assert said(await it.ask()) == "not_stored"


async def test_a_repeat_of_a_settled_answer_says_the_same_beside_its_bytes(make: Make) -> None:
    it = make(After.DELIVERED, open_gate=False, deadline=0.05)
    assert [said(await it.ask()), said(await it.ask())] == ["deadline", "deadline"]
    it.receiver.outcomes = [Delivered(), Permanent("http.422")]
    it.receiver.gate.set()
    other = MESSAGE.replace(b"|M1|", b"|M2|").replace(b"12835210020", b"12835210101")
    assert [said(await it.ask(other)), said(await it.ask(other))] == ["not_delivered", "not_delivered"]


async def test_a_repeat_while_the_first_still_waits_gets_the_same_answer(make: Make) -> None:
    it = make(After.DELIVERED, open_gate=False)
    tasks = [asyncio.create_task(it.send()) for _ in range(3)]
    await asyncio.sleep(0.05)
    it.receiver.gate.set()
    answers = await asyncio.gather(*tasks)
    assert len(set(answers)) == 1
    assert code(answers[0]) == "AA"


async def test_a_destination_that_is_not_required_never_decides_the_answer(make: Make) -> None:
    it = make(After.DELIVERED, open_gate=False, required=False, deadline=0.2)
    assert code(await it.send()) == "AA"


async def test_a_message_that_no_destination_takes_is_quarantined_and_seen(make: Make) -> None:
    it = make(targets=())
    assert code(await it.send()) == "AA"
    assert it.states() == ["quarantined"]


async def test_what_accept_only_leaves_out_is_kept_with_the_reason(make: Make) -> None:
    it = make(accept_only=lambda document: False, otherwise="not used by the journal")
    assert code(await it.send()) == "AA"
    row = it.store.messages()[0]
    assert (row.state, row.reason) == ("filtered", "not used by the journal")


@pytest.mark.parametrize(
    ("msh15", "msh16", "good", "bad"),
    [
        pytest.param(b"", b"", "AA", "AE", id="original mode"),
        pytest.param(b"?", b"x^y", "AA", "AE", id="neither is a code: original mode"),
        pytest.param(b"AL", b"", "CA", "CE", id="always"),
        pytest.param(b"NE", b"AL", "AA", "AE", id="no commit, always application"),
        pytest.param(b"NE", b"NE", "", "", id="never"),
        pytest.param(b"ER", b"", "", "CE", id="on errors"),
        pytest.param(b"SU", b"", "CA", "", id="on success"),
        pytest.param(b"ER", b"AL", "AA", "CE", id="commit on errors, application always"),
        pytest.param(b"AL", b"AL", "CA", "CE", id="both: one connection carries one answer"),
    ],
)
async def test_msh15_and_msh16_decide_which_answer_is_given(
    make: Make, msh15: bytes, msh16: bytes, good: str, bad: str
) -> None:
    it = make()
    asked = MESSAGE.replace(b"|P|2.5.1\r", b"|P|2.5.1|||" + msh15 + b"|" + msh16 + b"\r")
    assert code(await it.send(asked)) == good
    it.intake.plan = make(conformance=None, mappings={}, accept_only=None).intake.plan
    other = asked.replace(b"Kari", b"Ola")
    told = await it.send(other)
    assert code(told) == bad or (bad == "" and told == b"")


async def test_an_acknowledgement_is_never_acknowledged(make: Make) -> None:
    it = make()
    assert await it.send(b"MSH|^~\\&|A|B|C|D|2026||ACK|X|P|2.5\rMSA|AA|M1\r") == b""


async def test_when_the_store_is_full_the_answer_is_no_and_the_sender_keeps_it(make: Make) -> None:
    it = make()
    it.intake.full = True
    assert code(await it.send()) == "AE"
    assert it.states() == []


async def test_two_applications_of_one_facility_may_use_the_same_message_id(make: Make) -> None:
    it = make()
    answers = [await it.send(), await it.send(MESSAGE.replace(b"|EPJ|BO|", b"|LAB|BO|"))]
    await it.settle()
    assert [code(answer) for answer in answers] == ["AA", "AA"]
    assert len(it.receiver.seen) == 2


async def test_a_repeat_after_a_restart_waits_for_the_delivery_that_was_still_owed(make: Make) -> None:
    before = make(After.DELIVERED, open_gate=False)
    sending = asyncio.create_task(before.send())
    await asyncio.sleep(0.05)
    sending.cancel()
    await before.dispatcher.stop(0.0)
    after = make(After.DELIVERED)
    after.dispatcher.load()
    assert code(await after.send()) == "AA"
    assert after.states() == ["delivered"]


async def test_every_answer_has_a_control_id_of_its_own_that_any_version_takes(make: Make) -> None:
    it = make()
    answers = [await it.send(MESSAGE.replace(b"|M1|", b"|N%d|" % number)) for number in range(20)]
    ids = [answer.split(b"\r")[0].split(b"|")[9] for answer in answers]
    assert len(set(ids)) == 20
    assert {(len(id), id[:1]) for id in ids} == {(20, b"B")}


# ---- a standard that spells no acknowledgement

DIALOG = (Path(__file__).resolve().parents[2] / "samples" / "kith" / "std_dialog_1_1.xml").read_bytes()


def told(answer: Acknowledgement) -> tuple[AnswerKind, str]:
    assert answer.spelled == b""
    return answer.answer.kind, answer.answer.issues[0].code if answer.answer.issues else ""


ACCEPTED, LATE = (AnswerKind.ACCEPT, ""), (AnswerKind.ERROR, "deadline")
REUSED, UNDELIVERED = (AnswerKind.ERROR, "id_reused"), (AnswerKind.ERROR, "not_delivered")


@pytest.mark.parametrize("after", [After.VALIDATED, After.STORED])
async def test_without_an_acknowledgement_a_repeat_is_accepted_at_once_whatever_becomes_of_the_delivery(
    make: Make, after: After
) -> None:
    it = make(after, open_gate=False, standard=Kith(), deadline=0.05)
    it.receiver.outcomes = [Permanent("http.422")]
    await it.router.start()
    assert [told(await it.ask(DIALOG)) for _ in range(2)] == [ACCEPTED] * 2
    it.receiver.gate.set()
    for _ in range(200):
        await asyncio.sleep(0.005)
        if it.states() == ["dead_letter"]:
            break
    assert told(await it.ask(DIALOG)) == ACCEPTED
    assert (it.states(), len(it.receiver.seen)) == (["dead_letter"], 1)


async def test_without_an_acknowledgement_a_repeat_of_delivered_is_told_what_is_true_by_then(make: Make) -> None:
    it = make(After.DELIVERED, open_gate=False, standard=Kith(), deadline=0.05)
    assert [told(await it.ask(DIALOG)) for _ in range(2)] == [LATE] * 2
    it.receiver.gate.set()
    await it.settle()
    assert told(await it.ask(DIALOG)) == ACCEPTED
    assert (it.states(), len(it.receiver.seen)) == (["delivered"], 1)


async def test_without_an_acknowledgement_a_refusing_receiver_is_told_each_time(make: Make) -> None:
    it = make(After.DELIVERED, standard=Kith())
    it.receiver.outcomes = [Permanent("http.422")]
    assert [told(await it.ask(DIALOG)) for _ in range(2)] == [UNDELIVERED] * 2


async def test_without_an_acknowledgement_an_id_with_other_content_is_an_error_and_never_receipted(make: Make) -> None:
    it = make(standard=Kith(), receipt=Receipting("back", Policy()))
    await it.ask(DIALOG)
    answer = await it.ask(DIALOG.replace(b"Solbakken", b"Nordli"))
    assert (told(answer), answer.answer.receipted) == (REUSED, False)
    assert sorted(it.states())[-1] == "quarantined"
