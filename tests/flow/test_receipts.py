"""Receipts there and back over real sockets: each message has one, whatever fails in between, and ours are settled.

Given a general practitioner who posts a dialogue message, when the engine takes or refuses it, then one AppRec comes to
the practitioner's inbox. Given two engines, when one sends on what the other receipts, then the first knows what became
of it. HIS 80415; decisions 8 to 10.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from lxml import etree

from engine import app
from engine.channels import replay as decide
from engine.channels.build import plans_of
from engine.channels.lint import sound_site
from engine.channels.runner import Runner
from engine.clock import SystemClock
from engine.delivery import State
from engine.message import Receipt
from engine.plugins.builtin import full_registry
from engine.standards import Charset
from engine.standards.kith.standard import Kith
from engine.standins.inbox import Options
from engine.standins.inbox.server import Inbox
from engine.store import DeliveryRow, MessageDetail
from tests.flow.test_bad_input_kith import GOOD, ID, PAYLOAD, RECEIPT, sample, without
from tests.flow.test_ends import until
from tests.standards.kith.kith_schemas import receipt_schemas
from tests.standins.inbox_client import XSD, Desk, post

NATIONAL = receipt_schemas()
SITE = """\
version: 1
site: {{name: {name}}}
systems:
  ward: {{type: http, url: "{ward}", idempotent: true{within}}}
  gp: {{type: http, url: "{gp}", idempotent: true}}
policies:
  quick: {{retry: {{initial: 100ms, factor: 1, max: 100ms, jitter: 0%, give_up_after: {give_up}}}}}
channels:
  dialog:
    source: {{type: http, listen: "127.0.0.1:{port}", path: /inn}}
    standard: kith
    ack: {{after: {stored}{receipt}}}
    destinations: {{ward: {{system: ward, policy: quick}}}}
"""


@dataclass
class Engine:
    """A running engine of one KITH channel."""

    runner: Runner

    @property
    def url(self) -> str:
        return f"http://{self.runner.channels[0].source.address}/inn"

    async def post(self, raw: bytes) -> int:
        return await post(self.url, raw)

    def details(self) -> list[MessageDetail]:
        """Oldest first."""
        found = [self.runner.store.message(row.id) for row in reversed(self.runner.store.messages(limit=100))]
        return [each for each in found if each]

    def states(self) -> list[str]:
        return [each.row.state for each in self.details()]

    def to(self, destination: str) -> list[DeliveryRow]:
        return [row for each in self.details() for row in each.deliveries if row.destination == destination]

    async def rest(self) -> None:
        """Until nothing is under way, and a moment longer: what should not come must have had its chance."""
        await until(lambda: not self.runner.dispatcher.waiting() and not self.runner.store.unrouted(1))
        await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def engine(
    folder: Path,
    *,
    ward: str,
    gp: str = "http://127.0.0.1:9/apprec",
    after: str = "validated",
    stored: str = "validated",
    receivers: str = "",
    receipts: bool = True,
    give_up: str = "1h",
    within: str = "",
    port: int = 0,
) -> AsyncIterator[Engine]:
    """Started over the store of `folder`, which it keeps when it is started again."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240
    receipt = f", receipt: {{return_via: gp, policy: quick, after: {after}{receivers}}}" if receipts else ""
    within = f", receipt_within: {within}" if within else ""
    text = SITE.format(
        name=folder.name, ward=ward, gp=gp, within=within, give_up=give_up, port=port, stored=stored, receipt=receipt
    )
    (folder / "channels.yaml").write_text(text, "utf-8")
    async with app.running(sound_site(folder, {})) as runner:
        yield Engine(runner)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No traceback, and nothing of a message, in any log line."""
    with caplog.at_level(logging.INFO):
        yield
    for record in caplog.records:
        assert not record.exc_info, record
        assert "Solbakken" not in str(record.__dict__) and "14857140193" not in str(record.__dict__)


def events(caplog: pytest.LogCaptureFixture, name: str) -> int:
    return sum(record.getMessage() == name for record in caplog.records)


def fresh(raw: bytes = GOOD) -> bytes:
    """The same message under an id of its own."""
    return raw.replace(ID, str(uuid.uuid4()).encode())


def codes(receipt: Receipt) -> list[str]:
    return [error.code for error in receipt.errors]


def check_schema(raw: bytes) -> None:
    """An AppRec holds by our schema, and by the national one where that lies beside the repository."""
    tree = etree.fromstring(raw)
    version = "1.0" if tree.tag.startswith("{http://www.kith.no/xmlstds/apprec/2004") else "1.1"
    ours = etree.XMLSchema(etree.parse(str(XSD / "kith" / f"apprec-{version}.xsd")))
    ours.assertValid(tree)
    if NATIONAL:
        NATIONAL[etree.QName(tree).namespace].assertValid(tree)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


# ---- what we owe


@pytest.mark.parametrize("stored", ["validated", "stored"])
@pytest.mark.parametrize("after", ["validated", "delivered"])
async def test_a_message_that_is_taken_is_answered_202_and_has_one_positive_receipt(
    tmp_path: Path, after: str, stored: str
) -> None:
    async with (
        Inbox(Options(xsd=XSD)) as inbox,
        Desk() as ward,
        engine(tmp_path / "b", ward=ward.url, gp=inbox.url, after=after, stored=stored) as it,
    ):
        assert [await it.post(GOOD) for _ in range(3)] == [202] * 3
        (arrival,) = await inbox.arrived(1)
        await it.rest()
        assert len(inbox.record.arrivals) == 1 and ward.posted == [GOOD]
        assert arrival.examined.valid and arrival.examined.by_schema
        receipt = arrival.examined.receipt
        assert receipt is not None
        assert (receipt.status, receipt.original, receipt.errors) == ("1", ID.decode(), ())
        assert (receipt.sender.identifier, receipt.receiver.identifier) == ("8999201", "8999101")
        check_schema(arrival.raw)
        assert it.states() == ["delivered"] and list(it.runner.store.owing(10)) == []


REFUSED = [
    pytest.param(without(GOOD, b"Patient"), ["E36"], id="no patient"),
    pytest.param(GOOD.replace(ID, b"4711"), ["E10"], id="id that is no UUID"),
    pytest.param(GOOD.replace(b"<GenDate>", b"<GenDate>x"), ["T02"], id="not as its schema says"),
    pytest.param(GOOD.replace(b"dialog/2013-01-23", b"dialog/2031-01-23"), ["T10"], id="unknown standard"),
    pytest.param(
        GOOD.replace(PAYLOAD, b"").replace(b"<Document>", b"<Document>" + PAYLOAD, 1), ["T02"], id="in the wrong place"
    ),
]


@pytest.mark.parametrize("stored", ["validated", "stored"])
@pytest.mark.parametrize(("raw", "expected"), REFUSED)
async def test_a_message_that_is_refused_is_answered_202_and_has_one_rejection_with_the_codes_of_list_8221(
    tmp_path: Path, raw: bytes, expected: list[str], stored: str
) -> None:
    async with (
        Desk() as gp,
        Desk() as ward,
        engine(tmp_path / "b", ward=ward.url, gp=gp.url, after="delivered", stored=stored) as it,
    ):
        assert [await it.post(raw) for _ in range(2)] == [202, 202]
        await until(lambda: bool(gp.posted))
        await it.rest()
        (receipt,) = gp.receipts
        assert receipt.status == "2" and sorted(set(codes(receipt))) == expected, receipt
        check_schema(gp.posted[0])
        assert ward.posted == [] and set(it.states()) == {"invalid"}


async def test_a_refused_message_that_comes_again_mended_is_taken_and_has_no_second_receipt(tmp_path: Path) -> None:
    async with Desk() as gp, Desk() as ward, engine(tmp_path / "b", ward=ward.url, gp=gp.url) as it:
        assert await it.post(without(GOOD, b"Patient")) == 202
        assert await it.post(GOOD) == 202
        await until(lambda: ward.posted == [GOOD])
        await it.rest()
        assert [each.status for each in gp.receipts] == ["2"]


@pytest.mark.parametrize("after", ["validated", "delivered"])
async def test_another_message_under_a_used_id_is_kept_for_a_person_and_never_receipted(
    tmp_path: Path, after: str
) -> None:
    async with Desk() as gp, Desk(503) as ward, engine(tmp_path / "b", ward=ward.url, gp=gp.url, after=after) as it:
        assert await it.post(GOOD) == 202
        assert await it.post(GOOD.replace(b"Solbakken", b"Nordli")) == 409
        it.runner.receipts.look_all()
        await asyncio.sleep(0.2)
        assert len(gp.posted) == (1 if after == "validated" else 0)
        ward.status = 202
        await until(lambda: bool(gp.posted))
        await it.rest()
        assert [each.status for each in gp.receipts] == ["1"]
        assert it.states() == ["delivered", "quarantined"]


async def test_after_delivered_the_receipt_comes_only_when_the_destination_has_the_message(tmp_path: Path) -> None:
    async with (
        Desk() as gp,
        Desk(503) as ward,
        engine(tmp_path / "b", ward=ward.url, gp=gp.url, after="delivered") as it,
    ):
        assert await it.post(GOOD) == 202
        await until(lambda: len(ward.posted) > 2)
        assert gp.posted == []
        ward.status = 202
        await until(lambda: bool(gp.posted))
        await it.rest()
        assert [each.status for each in gp.receipts] == ["1"]


async def test_a_dead_letter_is_told_by_a_rejection_and_a_later_retry_makes_no_second_receipt(tmp_path: Path) -> None:
    async with (
        Desk() as gp,
        Desk(422) as ward,
        engine(tmp_path / "b", ward=ward.url, gp=gp.url, after="delivered") as it,
    ):
        assert await it.post(GOOD) == 202
        await until(lambda: bool(gp.posted))
        assert [each.status for each in gp.receipts] == ["2"]
        check_schema(gp.posted[0])
        ward.status = 202
        person = decide.Person("test", SystemClock().micros(), "mended")
        await asyncio.to_thread(decide.retry, it.runner.store, it.details()[0].row.id, (), person)
        await until(lambda: it.states() == ["delivered"])
        await it.rest()
        assert [each.status for each in gp.receipts] == ["2"]


async def test_a_replay_makes_no_second_receipt(tmp_path: Path) -> None:
    async with Desk() as gp, Desk() as ward, engine(tmp_path / "b", ward=ward.url, gp=gp.url) as it:
        assert await it.post(GOOD) == 202
        await until(lambda: bool(gp.posted))
        plans = plans_of(sound_site(tmp_path / "b", {}), full_registry())
        person = decide.Person("test", SystemClock().micros(), "again")
        done = await asyncio.to_thread(decide.replay, it.runner.store, plans, it.details()[0].row.id, person)
        assert done.deliveries
        assert 0 not in done.deliveries
        await until(lambda: len(ward.posted) == 2)
        await it.rest()
        assert len(gp.posted) == 1


async def test_a_copy_receiver_that_is_ours_has_a_receipt_of_its_own(tmp_path: Path) -> None:
    async with (
        Desk() as gp,
        Desk() as ward,
        engine(tmp_path / "b", ward=ward.url, gp=gp.url, receivers=", receivers: ['8999201', '8999301']") as it,
    ):
        assert [await it.post(sample("std_dialog_1_0")) for _ in range(2)] == [202, 202]
        await until(lambda: len(gp.posted) == 2)
        await it.rest()
        assert sorted(each.sender.identifier for each in gp.receipts) == ["8999201", "8999301"]
        assert {each.status for each in gp.receipts} == {"1"} and len({*gp.posted}) == 2
        for raw in gp.posted:
            check_schema(raw)


async def test_two_departments_of_one_receiver_have_a_receipt_each(tmp_path: Path) -> None:
    async with (
        Desk() as gp,
        Desk() as ward,
        engine(tmp_path / "b", ward=ward.url, gp=gp.url, receivers=", receivers: ['80551200']") as it,
    ):
        assert [await it.post(sample("dialog_notat")) for _ in range(2)] == [202, 202]
        await until(lambda: len(gp.posted) == 2)
        await it.rest()
        assert len({*gp.posted}) == 2


async def test_receivers_that_are_not_ours_have_no_receipt_from_us(tmp_path: Path) -> None:
    async with (
        Desk() as gp,
        Desk() as ward,
        engine(tmp_path / "b", ward=ward.url, gp=gp.url, receivers=", receivers: ['8999301']") as it,
    ):
        assert await it.post(GOOD) == 202  # its one receiver is another
        assert await it.post(sample("std_dialog_1_0")) == 202
        await until(lambda: bool(gp.posted))
        await it.rest()
        assert [each.sender.identifier for each in gp.receipts] == ["8999301"]


async def test_while_the_inbox_is_down_the_receipt_is_tried_again_until_it_is_there(tmp_path: Path) -> None:
    async with Desk(503) as gp, Desk() as ward, engine(tmp_path / "b", ward=ward.url, gp=gp.url) as it:
        assert await it.post(GOOD) == 202
        await until(lambda: len(gp.posted) > 2)
        assert ward.posted == [GOOD] and it.states() == ["delivered"]
        gp.posted.clear()
        gp.status = 202
        await until(lambda: bool(gp.posted))
        await it.rest()
        assert len(gp.posted) == 1 and [row.state for row in it.to("receipt")] == [State.DELIVERED]


async def test_a_receipt_that_the_sender_does_not_take_holds_none_of_its_later_ones_back(tmp_path: Path) -> None:
    async with Desk(400) as gp, Desk() as ward, engine(tmp_path / "b", ward=ward.url, gp=gp.url) as it:
        assert await it.post(GOOD) == 202
        await until(lambda: [row.state for row in it.to("receipt")] == [State.DEAD_LETTER])
        gp.status = 202
        assert await it.post(fresh()) == 202
        await until(lambda: [row.state for row in it.to("receipt")] == [State.DEAD_LETTER, State.DELIVERED])


@pytest.mark.parametrize("stored", ["validated", "stored"])
async def test_a_receipt_that_was_not_sent_when_the_engine_stopped_is_sent_after_the_start(
    tmp_path: Path, stored: str
) -> None:
    async with Desk(503) as gp, Desk() as ward:
        async with engine(tmp_path / "b", ward=ward.url, gp=gp.url, stored=stored) as it:
            assert await it.post(GOOD) == 202
            await until(lambda: bool(gp.posted))
        gp.posted.clear()
        gp.status = 202
        async with engine(tmp_path / "b", ward=ward.url, gp=gp.url, stored=stored) as it:
            await until(lambda: bool(gp.posted))
            assert await it.post(GOOD) == 202
            await it.rest()
        async with engine(tmp_path / "b", ward=ward.url, gp=gp.url, stored=stored) as it:
            await it.rest()
        assert [each.status for each in gp.receipts] == ["1"]


@pytest.mark.parametrize(("answer", "status"), [(202, "1"), (422, "2")], ids=["delivered", "dead letter"])
async def test_a_receipt_that_the_engine_stopped_before_making_is_made_at_the_next_start_once(
    tmp_path: Path, answer: int, status: str
) -> None:
    """The engine is stopped between the outcome's commit and the receipt's."""
    async with Desk() as gp, Desk(answer) as ward:
        async with engine(tmp_path / "b", ward=ward.url, gp=gp.url, after="delivered") as it:
            it.runner.dispatcher.settled = None
            assert await it.post(GOOD) == 202
            await until(lambda: it.to("ward")[0].state.value in ("delivered", "dead_letter"))
            await asyncio.sleep(0.1)
            assert gp.posted == [] and len(it.runner.store.owing(9)) == 1
        for _ in range(3):
            async with engine(tmp_path / "b", ward=ward.url, gp=gp.url, after="delivered") as it:
                await until(lambda: bool(gp.posted))
                await asyncio.sleep(0.1)
                assert len(it.runner.store.owing(9)) == 0
        assert [each.status for each in gp.receipts] == [status]


async def test_many_at_once_from_many_have_one_receipt_each(tmp_path: Path) -> None:
    raws = [fresh() for _ in range(30)]
    async with Desk() as gp, Desk() as ward, engine(tmp_path / "b", ward=ward.url, gp=gp.url, after="delivered") as it:
        statuses = await asyncio.gather(*(it.post(raw) for raw in raws * 3))
        assert set(statuses) == {202}
        await until(lambda: len(gp.posted) >= len(raws))
        await it.rest()
        asked = sorted(Kith().envelope(Kith().decode(raw, Charset())).message_id for raw in raws)
        assert sorted(each.original for each in gp.receipts) == asked


# ---- what we wait for


@contextlib.asynccontextmanager
async def two(
    folder: Path, *, within: str = "96h", give_up: str = "1h", **b: str
) -> AsyncIterator[tuple[Engine, Engine]]:
    """A sends KITH on to B as it came; B answers with receipts to A."""
    port = free_port()
    async with (
        Desk() as ward,
        engine(folder / "b", ward=ward.url, gp=f"http://127.0.0.1:{port}/inn", **b) as theirs,  # type: ignore[arg-type]
        engine(folder / "a", ward=theirs.url, receipts=False, within=within, give_up=give_up, port=port) as ours,
    ):
        yield ours, theirs


@pytest.mark.parametrize("after", ["validated", "delivered"])
async def test_what_another_engine_receipts_is_confirmed(tmp_path: Path, after: str) -> None:
    async with two(tmp_path, after=after) as (ours, theirs):
        raws = [fresh() for _ in range(10)]
        assert await asyncio.gather(*(ours.post(raw) for raw in raws)) == [202] * 10
        await until(lambda: [row.state for row in ours.to("ward")] == [State.CONFIRMED] * 10)
        await theirs.rest()
        assert sorted(ours.states()) == ["confirmed"] * 10 + ["delivered"] * 10
        assert [row.state for row in theirs.to("receipt")] == [State.DELIVERED] * 10
        assert theirs.states() == ["delivered"] * 10


async def test_what_another_engine_refuses_is_a_dead_letter_with_the_receipt_s_code(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with two(tmp_path) as (ours, theirs):
        intake = theirs.runner.channels[0].intake
        intake.plan = replace(intake.plan, senders=(("", "4711"),))  # it takes from one sender only
        assert await ours.post(GOOD) == 202
        await until(lambda: [row.state for row in ours.to("ward")] == [State.DEAD_LETTER])
        await until(lambda: not ours.runner.dispatcher.busy())
        (row,) = ours.to("ward")
        assert row.reason == "receipt: X99" and "refused" in row.hint
        assert theirs.states() == ["invalid"] and ours.states() == ["dead_letter", "delivered"]
        assert events(caplog, "receipt_negative") == 1


async def receipt_about(raw: bytes, positive: bool, code: str = "E35") -> bytes:
    """What the receiver of this message would answer, under an id of its own."""
    async with Desk() as desk, Inbox(Options(reply_to=desk.url)) as inbox:
        inbox.record.follow({"receipts": "positive" if positive else "negative", "code": code})
        await post(inbox.url, raw)
        await inbox.settled()
        return desk.posted[0]


async def test_a_late_positive_receipt_confirms_what_we_had_given_up(tmp_path: Path) -> None:
    async with Desk(503) as ward, engine(tmp_path / "a", ward=ward.url, receipts=False, give_up="1s") as it:
        assert await it.post(GOOD) == 202
        await until(lambda: it.states() == ["dead_letter"])
        assert it.to("ward")[0].reason.startswith("expired")
        assert await it.post(fresh(GOOD)) == 202
        assert await it.post(await receipt_about(GOOD, True)) == 202
        await until(lambda: it.to("ward")[0].state is State.CONFIRMED)
        tries = len(ward.posted)
        await until(lambda: len(ward.posted) > tries)  # what stood behind it goes


async def test_the_first_receipt_stands_whatever_comes_after(tmp_path: Path) -> None:
    yes, no = await receipt_about(GOOD, True), await receipt_about(GOOD, False)
    other = fresh()
    async with Desk() as ward, engine(tmp_path / "a", ward=ward.url, receipts=False) as it:
        assert [await it.post(raw) for raw in (GOOD, other)] == [202, 202]
        await until(lambda: len(ward.posted) == 2)
        assert [await it.post(raw) for raw in (yes, no, yes)] == [202] * 3
        other_no, other_yes = await receipt_about(other, False), await receipt_about(other, True)
        assert [await it.post(raw) for raw in (other_no, other_yes)] == [202] * 2
        await it.rest()
        assert [(row.state, row.reason) for row in it.to("ward")] == [
            (State.CONFIRMED, "receipt"),
            (State.DEAD_LETTER, "receipt: E35"),
        ]
        told = [each.row.reason for each in it.details()[2:]]
        assert ["repeated" in reason for reason in told] == [False, True, False, True], told


async def test_a_yes_and_a_no_that_come_together_settle_once(tmp_path: Path) -> None:
    raws = [fresh() for _ in range(6)]
    pairs = [(await receipt_about(raw, True), await receipt_about(raw, False)) for raw in raws]
    async with Desk() as ward, engine(tmp_path / "a", ward=ward.url, receipts=False, stored="stored") as it:
        await asyncio.gather(*(it.post(raw) for raw in raws))
        await until(lambda: len(ward.posted) == 6)
        await asyncio.gather(*(it.post(each) for pair in pairs for each in pair))
        await it.rest()
        states = {row.state for row in it.to("ward")}
        assert states <= {State.CONFIRMED, State.DEAD_LETTER}
        for row in it.to("ward"):
            assert row.reason == ("receipt" if row.state is State.CONFIRMED else "receipt: E35")


async def test_a_receipt_that_does_not_come_in_time_is_marked_and_told_once_and_a_late_one_still_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Desk() as ward:
        async with engine(tmp_path / "a", ward=ward.url, receipts=False, within="1s") as it:
            assert await it.post(GOOD) == 202
            await until(lambda: it.states() == ["delivered"])
            await asyncio.sleep(1.1)
        for _ in range(2):
            async with engine(tmp_path / "a", ward=ward.url, receipts=False, within="1s") as it:
                await until(lambda: it.to("ward")[0].reason == "no receipt in time")
                it.runner.receipts.watch()
                await asyncio.sleep(0.1)
        assert events(caplog, "receipt_overdue") == 1
        async with engine(tmp_path / "a", ward=ward.url, receipts=False, within="1s") as it:
            assert it.states() == ["delivered"]
            assert await it.post(await receipt_about(GOOD, True)) == 202
            await until(lambda: it.to("ward")[0].state is State.CONFIRMED)


async def test_a_receipt_is_never_receipted_and_one_of_a_stranger_s_message_waits_for_a_person(tmp_path: Path) -> None:
    async with Desk() as gp, Desk() as ward, engine(tmp_path / "b", ward=ward.url, gp=gp.url, after="delivered") as it:
        assert await it.post(RECEIPT) == 202
        await it.rest()
        assert it.states() == ["quarantined"] and gp.posted == [] and ward.posted == []
        assert list(it.runner.store.owing(9)) == []


async def test_a_receipt_that_came_too_early_settles_when_a_person_replays_it(tmp_path: Path) -> None:
    early = await receipt_about(GOOD, True)
    async with Desk() as ward, engine(tmp_path / "a", ward=ward.url, receipts=False) as it:
        assert await it.post(early) == 202
        await until(lambda: it.states() == ["quarantined"])
        plans = plans_of(sound_site(tmp_path / "a", {}), full_registry())
        (waits,) = it.details()
        person = decide.Person("test", SystemClock().micros(), "again")
        await asyncio.to_thread(decide.replay, it.runner.store, plans, waits.row.id, person)
        assert it.states() == ["quarantined"]
        assert await it.post(GOOD) == 202
        await until(lambda: it.states() == ["quarantined", "delivered"])
        assert decide.preview(it.runner.store, plans, waits.row.id)[1].state == "accepted"
        await asyncio.to_thread(decide.replay, it.runner.store, plans, waits.row.id, person)
        assert [row.state for row in it.to("ward")] == [State.CONFIRMED]
