"""The inbox answers messages with receipts as its plan says, and misbehaves as it is told."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from inbox_client import XSD, Desk, Gate, again, call, listed, post, sample
from lxml import etree

from engine.message import ReceiptStatus
from engine.standards import Charset
from engine.standards.kith.schemas import Schemas
from engine.standards.kith.standard import Kith
from engine.standins.inbox import Options
from engine.standins.inbox.server import Inbox


def original(raw: bytes) -> str:
    return Kith().envelope(Kith().decode(raw, Charset())).message_id


@pytest.mark.parametrize("name", ["dialog_foresporsel", "dialog_helsefaglig", "std_epikrise_1_2"])
async def test_a_valid_message_gets_one_positive_receipt_that_is_valid_itself(name: str) -> None:
    raw = sample(name)
    async with Desk() as desk, Inbox(Options(reply_to=desk.url, xsd=XSD)) as inbox:
        await post(inbox.url, raw)
        await inbox.settled()
        (receipt,) = desk.receipts
        assert (receipt.status, receipt.original, receipt.errors) == (ReceiptStatus.OK, original(raw), ())
        root = etree.fromstring(desk.posted[0])
        Schemas(lambda file: (XSD / file).read_bytes()).schema_for(etree.QName(root).namespace).assertValid(root)
        ((answered,),) = [one["answered"] for one in await listed(inbox.url)]
        assert (answered["status"], answered["state"], answered["http"]) == ("1", "sent", 202)


async def test_a_message_that_is_not_valid_is_rejected_with_its_own_reasons_under_a_positive_plan() -> None:
    raw = sample().replace(b"<Sex V", b"<Sex W")
    async with Desk() as desk, Inbox(Options(reply_to=desk.url, xsd=XSD)) as inbox:
        await post(inbox.url, raw)
        await inbox.settled()
        (receipt,) = desk.receipts
        assert receipt.status is ReceiptStatus.REJECTED
        assert {error.code for error in receipt.errors} == {"T02"}


async def test_a_negative_plan_rejects_a_valid_message_with_its_code() -> None:
    plan: dict[str, object] = {"receipts": "negative", "code": "E35"}
    async with Desk() as desk, Inbox(Options(reply_to=desk.url, plan=plan)) as inbox:
        await post(inbox.url, sample())
        await inbox.settled()
        (receipt,) = desk.receipts
        assert (receipt.status, [error.code for error in receipt.errors]) == (ReceiptStatus.REJECTED, ["E35"])


@pytest.mark.parametrize(
    ("plan", "seconds"),
    [
        ({"receipts": "late"}, 5.0),
        ({"receipts": "late", "after": "2m"}, 120.0),
        ({"receipts": "negative", "after": "500ms"}, 0.5),
    ],
)
async def test_a_late_receipt_waits_for_as_long_as_the_plan_says(plan: dict[str, Any], seconds: float) -> None:
    gate = Gate()
    async with Desk() as desk, Inbox(Options(reply_to=desk.url, plan=plan, sleep=gate)) as inbox:
        await post(inbox.url, sample())
        await asyncio.sleep(0.05)
        assert (gate.asked, desk.posted) == ([seconds], [])
        assert (await listed(inbox.url))[0]["answered"][0]["state"] == "waiting"
        gate.open.set()
        await inbox.settled()
        assert len(desk.receipts) == 1


async def test_a_receipt_that_still_waits_is_not_sent_when_the_inbox_ends() -> None:
    async with Desk() as desk:
        async with Inbox(Options(reply_to=desk.url, plan={"receipts": "late"})) as inbox:
            await post(inbox.url, sample())
        assert desk.posted == []


async def test_twice_means_two_receipts_with_ids_of_their_own_about_one_message() -> None:
    async with Desk() as desk, Inbox(Options(reply_to=desk.url, plan={"receipts": "twice"})) as inbox:
        raw = sample()
        await post(inbox.url, raw)
        await inbox.settled()
        assert [one.original for one in desk.receipts] == [original(raw)] * 2
        assert len({original(posted) for posted in desk.posted}) == 2


@pytest.mark.parametrize(
    ("plan", "sent"),
    [
        pytest.param({"receipts": "never"}, [sample()], id="never"),
        pytest.param({}, [sample("apprec_ok"), sample("apprec_rejected")], id="a receipt"),
        pytest.param({}, [b"<MsgHead", b""], id="what cannot be read"),
        pytest.param({}, [sample("std_apprec_1_1")], id="a bare receipt"),
    ],
)
async def test_no_receipt_is_sent(plan: dict[str, Any], sent: list[bytes]) -> None:
    async with Desk() as desk, Inbox(Options(reply_to=desk.url, plan=plan)) as inbox:
        for raw in sent:
            assert await post(inbox.url, raw) == 202
        await inbox.settled()
        assert desk.posted == []


async def test_a_duplicate_is_not_answered_a_second_time() -> None:
    async with Desk() as desk, Inbox(Options(reply_to=desk.url)) as inbox:
        for _ in range(3):
            await post(inbox.url, sample())
        await inbox.settled()
        assert len(desk.posted) == 1
        assert [len(one["answered"]) for one in await listed(inbox.url)] == [1, 0, 0]


async def test_a_receipt_that_is_refused_or_not_taken_at_all_is_told_and_not_tried_again() -> None:
    async with Desk(status=503) as desk, Inbox(Options(reply_to=desk.url)) as inbox:
        await post(inbox.url, sample())
        await inbox.settled()
        assert len(desk.posted) == 1
        assert (await listed(inbox.url))[0]["answered"][0]["http"] == 503
    async with Inbox(Options(reply_to=desk.url)) as inbox:
        await post(inbox.url, sample())
        await inbox.settled()
        (answered,) = (await listed(inbox.url))[0]["answered"]
        assert (answered["state"], answered["http"]) == ("failed", None)


async def test_the_plan_is_changed_at_run_time_for_the_messages_after_it_and_taken_back() -> None:
    async with Desk() as desk, Inbox(Options(reply_to=desk.url)) as inbox:
        raw = sample()
        await post(inbox.url, raw)
        status, tree = await call("POST", inbox.url + "/plan", {"receipts": "negative", "code": "E21"})
        assert (status, tree["receipts"], tree["code"]) == (200, "negative", "E21")
        await post(inbox.url, again(raw))
        await call("DELETE", inbox.url + "/plan")
        await post(inbox.url, again(raw))
        await inbox.settled()
        assert sorted(one.status.value for one in desk.receipts) == ["1", "1", "2"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"receipts": "maybe"}, "receipts is one of positive, negative, late, twice, never"),
        ({"receipts": "negative", "code": "E99"}, "code is one of E10"),
        ({"after": 5}, "after is a duration"),
        ({"receipt": "late"}, "a plan has receipts, code, after and faults"),
        ({"receipts": "never", "faults": [{"fault": "rain"}]}, "no fault of that kind"),
        ({"faults": ["break"]}, "a fault is a JSON object"),
        ([], "a plan is one JSON object"),
    ],
)
async def test_a_plan_that_is_none_is_refused_and_changes_nothing(written: Any, said: str) -> None:
    async with Inbox(Options(plan={"receipts": "twice", "faults": [{"fault": "slow", "delay": 0}]})) as inbox:
        _, before = await call("GET", inbox.url + "/plan")
        status, tree = await call("POST", inbox.url + "/plan", written)
        assert status == 400 and said in tree["error"]
        assert (await call("GET", inbox.url + "/plan"))[1] == before


@pytest.mark.parametrize(
    ("fault", "status"),
    [("unavailable", 503), ("too_many", 429), ("unauthorized", 401), ("bad_request", 400), ("error", 500)],
)
async def test_the_first_two_messages_are_refused_then_all_is_well(fault: str, status: int) -> None:
    async with Inbox(Options(plan={"faults": [{"fault": fault, "requests": 2}]})) as inbox:
        assert [await post(inbox.url, sample()) for _ in range(3)] == [status, status, 202]
        assert len(await listed(inbox.url)) == 1


async def test_an_answer_of_503_names_when_to_come_again() -> None:
    plan: dict[str, object] = {"faults": [{"fault": "unavailable", "retry_after": 7}]}
    async with (
        Inbox(Options(plan=plan)) as inbox,
        aiohttp.ClientSession() as session,
        session.post(inbox.url, data=sample()) as response,
    ):
        assert response.headers["Retry-After"] == "7"


@pytest.mark.parametrize(("fault", "kept"), [("break", 0), ("lose_response", 1)])
async def test_the_connection_is_dropped_before_or_after_the_message_is_kept(fault: str, kept: int) -> None:
    async with Inbox() as inbox:
        await call("POST", inbox.url + "/plan", {"faults": {"fault": fault, "requests": 1}})
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await post(inbox.url, sample())
        assert len(await listed(inbox.url)) == kept
        assert await post(inbox.url, sample()) == 202


async def test_a_slow_inbox_takes_the_message_in_the_end() -> None:
    async with Inbox(Options(plan={"faults": [{"fault": "slow", "delay": 1, "requests": 1}]})) as inbox:
        posting = asyncio.create_task(post(inbox.url, sample()))
        await asyncio.sleep(0.05)
        assert await listed(inbox.url) == []
        assert await posting == 202


async def test_a_message_whose_answer_was_lost_is_answered_once_when_it_comes_again() -> None:
    plan: dict[str, object] = {"faults": [{"fault": "lose_response", "requests": 1}]}
    async with Desk() as desk, Inbox(Options(reply_to=desk.url, plan=plan)) as inbox:
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await post(inbox.url, sample())
        assert await post(inbox.url, sample()) == 202
        await inbox.settled()
        assert len(desk.posted) == 1
        assert [one["duplicate_of"] for one in await listed(inbox.url)] == [None, 1]
