"""Every public dialog message and receipt, posted to a real engine: delivered, confirmed, or refused as the rules say.

Skipped where the shared reference folder does not lie beside the checkout.
"""

from __future__ import annotations

import collections
import csv
import json
import logging
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from lxml import etree

from engine import app
from engine.channels.lint import sound_site
from engine.channels.runner import Runner
from engine.delivery import State
from engine.errors import InvalidMessage
from engine.message import Receipt, ReceiptStatus
from engine.plugins.builtin import full_registry
from engine.standards import Charset
from engine.standins.inbox import Options
from engine.standins.inbox.server import Inbox
from engine.standins.journal.server import serve
from engine.store import MessageDetail
from tests.flow.test_ends import until
from tests.standards.kith.kith_schemas import PUBLIC, receipt_schemas

ROOT = Path(__file__).resolve().parents[2]
KITH = full_registry().standards["kith"]
SITE = """\
version: 1
site: {{name: kith}}
systems:
  journal: {{type: fhir, url: "{journal}"}}
  partner: {{type: http, url: "{inbox}"}}
policies:
  quick: {{retry: {{initial: 1s, factor: 1, max: 1s, jitter: 0%, give_up_after: 1h}}}}
channels:
  inn:
    source: {{type: http, listen: "127.0.0.1:0", path: /inn}}
    standard: kith
    ack: {{after: validated, receipt: {{return_via: partner, policy: quick}}}}
    mapping: [kith/dialogmelding, kith/apprec]
    destinations: {{journal: {{system: journal, policy: quick}}}}
  ut:
    source: {{type: http, listen: "127.0.0.1:0", path: /ut}}
    standard: kith
    destinations: {{partner: {{system: partner, policy: quick}}}}
"""

REFUSED = {
    "kith.schema_value": ("T02", "a value that its schema does not allow"),
    "kith.schema_order": ("T02", "an element where its schema has none"),
}
"""The closed list: why a message that can be read may be refused, and the code of list 8221 that its receipt bears."""
UNREADABLE = {"kith.required": "no id: no receipt could say which message it is about"}
"""The closed list: why a message may be refused on the connection alone."""
REUSED = "message id used before with other content"
UNKNOWN = "receipt.unknown: for a message that was not sent here"
REPEATED = "receipt.repeated: the delivery was settled before"
"""The closed list of other reasons: the first two wait for a person."""

SENT = {
    "b62016eb-6c2d-417a-8ecc-157b3c5ee2ca": (State.CONFIRMED, "receipt"),
    "37de51e0-33a9-11de-a4cb-0002a5d5c51b": (State.CONFIRMED, "receipt: 07"),  # OK with an error in a part
    "a6967e6a-8c0a-4be4-a647-c921d3086423": (State.DEAD_LETTER, "receipt: E21"),  # refused; a later OK changes nothing
    "e0e21a90-5ec8-11e1-b86c-0800200c9a66": (State.DELIVERED, "202"),  # its receipt bears the id of another one
}
"""Ids that a public receipt speaks of, and that we have sent; what becomes of the delivery."""
DIALOG = (ROOT / "samples" / "kith" / "std_dialog_1_1.xml").read_bytes()
ID = b"5b1f6c1e-0a52-4f0e-9f41-3a1f0c6d1002"

pytestmark = pytest.mark.skipif(not PUBLIC.is_dir(), reason="the shared reference folder is not beside the checkout")


def files(kind: str) -> list[tuple[str, bytes]]:
    """Each public file of a kind: its name in the manifest, its bytes."""
    found = sorted(path for path in (PUBLIC / kind).rglob("*") if path.suffix.lower() == ".xml")
    return [(path.relative_to(PUBLIC).as_posix(), path.read_bytes()) for path in found]


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No traceback in any log line."""
    with caplog.at_level(logging.INFO):
        yield
    assert not [record for record in caplog.records if record.exc_info]


@dataclass(frozen=True)
class Posted:
    """One file that was posted: how it was answered, and in how long; what it says where it is a receipt."""

    file: str
    status: int
    body: bytes
    seconds: float
    receipt: Receipt | None


@dataclass
class Engine:
    """The engine, and the partner that it talks to."""

    runner: Runner
    inbox: Inbox
    posted: list[Posted] = field(default_factory=list)

    async def post(self, file: str, raw: bytes) -> None:
        start = time.perf_counter()
        status, body = await self.send(raw, "inn")
        seconds = time.perf_counter() - start
        assert b"Traceback" not in body and b"Error'" not in body, file
        try:
            receipt = KITH.receipt_of(KITH.decode(raw, Charset()))
        except InvalidMessage:
            receipt = None
        self.posted.append(Posted(file, status, body, seconds, receipt))

    async def send(self, raw: bytes, channel: str = "ut") -> tuple[int, bytes]:
        running = next(each for each in self.runner.channels if each.name == channel)
        url = f"http://{running.source.address}/{channel}"
        headers = {"Content-Type": "application/xml"}
        async with aiohttp.ClientSession() as session, session.post(url, data=raw, headers=headers) as response:
            return response.status, await response.read()

    def details(self, channel: str) -> list[MessageDetail]:
        """Oldest first."""
        rows = reversed(self.runner.store.messages(channel=channel, limit=1000))
        return [detail for row in rows if (detail := self.runner.store.message(row.id)) is not None]

    async def settle(self) -> None:
        await until(lambda: not {"waiting", "received"} & {k for k, n in self.runner.store.counts().items() if n})

    def receipts(self) -> dict[str, list[Receipt]]:
        """By the id of the message that each speaks of; all as the national schema wants them."""
        schemas = receipt_schemas()
        found: dict[str, list[Receipt]] = collections.defaultdict(list)
        for arrival in self.inbox.record.arrivals:
            document = KITH.decode(arrival.raw, Charset())
            receipt = KITH.receipt_of(document)
            if receipt is not None:
                root = etree.fromstring(arrival.raw)
                schemas[etree.QName(root).namespace or ""].assertValid(root)
                found[receipt.original].append(receipt)
        return found


def errors_of(detail: MessageDetail) -> list[str]:
    return sorted({i.code for v in detail.verdicts[-1:] for i in v.issues if i.severity == "error"})


def told(posted: Sequence[Posted], details: Sequence[MessageDetail]) -> None:
    """Counts by type, state and reason; and the times."""
    found = collections.Counter(
        (each.row.type, each.row.state, "+".join(errors_of(each)) or each.row.reason) for each in details
    )
    for (type_, state, why), count in sorted(found.items()):
        print(f"{type_:<32} {state:<12} {count:>3}  {why}")
    seconds = [each.seconds for each in posted]
    print(
        f"{len(posted)} messages, median {statistics.median(seconds) * 1e3:.1f} ms, slowest {max(seconds) * 1e3:.1f} ms"
    )


def slow(posted: Sequence[Posted]) -> list[str]:
    """Those that took more than a second, or 50 times what is usual."""
    median = statistics.median(each.seconds for each in posted)
    return [each.file for each in posted if each.seconds > max(1.0, 50 * median)]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """Running, with a journal, and a partner that takes what is sent and never answers."""
    journal = await serve()
    try:
        async with Inbox(Options(plan={"receipts": "never"})) as inbox:
            (tmp_path / "channels.yaml").write_text(SITE.format(journal=journal.url, inbox=inbox.url), "utf-8")
            async with app.running(sound_site(tmp_path, {})) as runner:
                yield Engine(runner, inbox)
    finally:
        await journal.stop()


def valid() -> dict[str, str]:
    """What the national schema says of each file: `yes`, `no`, `n/a`."""
    with (PUBLIC / "manifest.csv").open(encoding="utf-8") as manifest:
        return {row["file"]: row["schema_valid"] for row in csv.DictReader(manifest)}


async def test_every_dialog_message_ends_delivered_or_refused_with_the_receipt_that_the_rules_say(
    engine: Engine,
) -> None:
    for file, raw in files("dialogmelding"):
        await engine.post(file, raw)
    await engine.settle()
    details, receipts = engine.details("inn"), engine.receipts()
    told(engine.posted, details)
    assert len(details) == len(engine.posted) >= 12, "every message is visible"
    schema = valid()
    for posted, detail in zip(engine.posted, details, strict=True):
        sent = receipts[detail.row.message_id]
        assert len(sent) == 1, f"{posted.file}: one receipt for each id, whatever comes under it"
        if detail.row.state == "delivered":
            assert (posted.status, posted.body, sent[0].status, sent[0].errors) == (202, b"", ReceiptStatus.OK, ())
            assert {each.state for each in detail.deliveries} == {State.DELIVERED}, posted.file
        elif detail.row.state == "invalid":
            errors = errors_of(detail)
            assert errors and set(errors) <= REFUSED.keys(), f"{posted.file}: {detail.row.reason}"
            codes = {REFUSED[each][0] for each in errors}
            assert (posted.status, posted.body, sent[0].status) == (202, b"", ReceiptStatus.REJECTED)
            assert {each.code for each in sent[0].errors} == codes, posted.file
        else:
            assert (posted.status, detail.row.state, detail.deliveries) == (409, "quarantined", ()), posted.file
            assert (json.loads(posted.body)["code"], detail.row.reason) == ("id_reused", REUSED)
        assert (detail.row.state == "invalid") == (schema[posted.file] == "no"), posted.file
    states = collections.Counter(each.row.state for each in details)
    assert states["delivered"] >= 9 and states["quarantined"] <= 1
    assert not slow(engine.posted)


async def test_every_receipt_settles_what_we_sent_or_waits_for_a_person(engine: Engine) -> None:
    for id in SENT:
        await engine.send(DIALOG.replace(ID, id.encode()))
    await engine.settle()
    assert [each.row.state for each in engine.details("ut")] == ["delivered"] * len(SENT)
    for file, raw in files("apprec"):
        await engine.post(file, raw)
    await engine.settle()
    details = engine.details("inn")
    told(engine.posted, details)
    assert len(details) == len(engine.posted) >= 9, "every message is visible"
    reasons = collections.Counter[str]()
    for posted, detail in zip(engine.posted, details, strict=True):
        receipt = posted.receipt
        reason = "+".join(errors_of(detail)) or detail.row.reason
        reasons[reason] += 1
        if receipt is None:
            assert (posted.status, detail.row.state, reason in UNREADABLE) == (400, "invalid", True), posted.file
            assert json.loads(posted.body)["code"] == reason
        elif reason == REUSED:
            assert (posted.status, detail.row.state) == (409, "quarantined"), posted.file
        else:
            expected = ("delivered", reason in ("", REPEATED)) if receipt.original in SENT else ("quarantined", True)
            assert (posted.status, posted.body) == (202, b""), posted.file
            assert (detail.row.state, reason in ("", REPEATED, UNKNOWN)) == expected, posted.file
            assert (reason == UNKNOWN) == (receipt.original not in SENT), posted.file
        assert not [each for each in detail.deliveries if each.destination == "receipt"], "never a receipt on a receipt"
    settled = {
        each.row.message_id: (each.deliveries[0].state, each.deliveries[0].reason) for each in engine.details("ut")
    }
    assert settled == SENT
    assert reasons[UNKNOWN] == 3 and reasons[REPEATED] == 1 and reasons[REUSED] == 1
    assert not slow(engine.posted)
