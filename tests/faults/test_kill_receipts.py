"""kill -9 at random moments under KITH load: every message that was taken or refused with 202 has one receipt.

A receipt may be sent again when the engine is killed before it knows the answer; it is then the same, byte for byte.
"""

from __future__ import annotations

import asyncio
import os
import random
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from engine.standards import Charset
from engine.standards.kith.standard import Kith
from engine.store.sqlite import open_store
from tests.faults.plant import Plant
from tests.flow.test_bad_input_kith import GOOD, ID, without
from tests.standins.inbox_client import Desk, post

KILLS = int(os.environ.get("BUDSTIKKE_KILLS", "6"))
BAD = without(GOOD, b"Patient")
SITE = """\
version: 1
site: {{name: faults}}
store: {{path: var/budstikke.sqlite}}
systems:
  ward: {{type: http, url: "{ward}"}}
  gp: {{type: http, url: "{gp}"}}
policies:
  quick: {{retry: {{initial: 200ms, factor: 1, max: 200ms, jitter: 50%, give_up_after: 1h}}, blocked_key: hold}}
channels:
  dialog:
    source: {{type: http, listen: "127.0.0.1:{port}", path: /inn}}
    standard: kith
    ack: {{after: {after}, receipt: {{return_via: gp, policy: quick, after: {receipted}}}}}
    destinations: {{ward: {{system: ward, policy: quick}}}}
"""


@dataclass
class KithPlant(Plant):
    """One engine between a practitioner's inbox and a ward."""

    receipted: str = "validated"
    ward: str = ""
    gp: str = ""
    answered: dict[str, str] = field(default_factory=dict)
    """The status that is owed, by the id of a message that was answered with 202."""

    async def start(self) -> None:
        text = SITE.format(ward=self.ward, gp=self.gp, port=self.port, after=self.after, receipted=self.receipted)
        (self.folder / "channels.yaml").write_text(text, "utf-8")
        await self.start_engine()

    async def send(self, raw: bytes, status: str) -> None:
        """One message under an id of its own, repeated until it is answered; now and then once more."""
        id = str(uuid.uuid4())
        while True:
            try:
                answer = await post(f"http://127.0.0.1:{self.port}/inn", raw.replace(ID, id.encode()))
            except (aiohttp.ClientError, OSError, TimeoutError):
                await asyncio.sleep(0.05)
                continue
            assert answer == 202
            again = id in self.answered
            self.answered[id] = status
            if again or random.random() < 0.7:
                return


async def all_told(plant: KithPlant) -> None:
    """Until nothing is under way and nothing is owed."""
    store = open_store(plant.folder / "var" / "budstikke.sqlite")
    try:
        for _ in range(300):
            lanes = [store.waiting("dialog", lane, 0, 1) for lane in ("ward", "receipt")]
            if not any(lanes) and not store.unrouted(1) and not store.owing(1):
                return
            await asyncio.sleep(0.2)
    finally:
        store.close()


@pytest.mark.timeout(120 + KILLS * 6)
@pytest.mark.parametrize(("after", "receipted"), [("validated", "delivered"), ("stored", "validated")])
async def test_every_answered_message_has_one_receipt_whatever_moment_the_engine_is_killed(
    tmp_path: Path, after: str, receipted: str
) -> None:
    kills, rnd = max(3, KILLS // 2), random.Random(20261125)
    async with Desk() as gp, Desk() as ward:
        plant = KithPlant(tmp_path, after=after, receipted=receipted, ward=ward.url, gp=gp.url)
        await plant.start()
        stopping = asyncio.Event()

        async def sender(number: int) -> None:
            while not stopping.is_set():
                await plant.send(*((BAD, "2") if rnd.random() < 0.2 else (GOOD, "1")))
                await asyncio.sleep(0.02 * rnd.random())

        tasks = [asyncio.create_task(sender(number)) for number in range(6)]
        try:
            for _ in range(kills):
                await asyncio.sleep(0.2 + 0.5 * rnd.random())
                await plant.kill()
                gp.status = rnd.choice([202, 503])
                await plant.start_engine()
            gp.status = 202
            stopping.set()
            await asyncio.wait_for(asyncio.gather(*tasks), 60)
            await all_told(plant)
            assert await plant.stop() == 0, "SIGTERM ends it clean"
        finally:
            await plant.stop()
        told: dict[str, set[bytes]] = defaultdict(set)
        statuses: dict[str, str] = {}
        for raw, receipt in zip(gp.posted, gp.receipts, strict=True):
            told[receipt.original].add(raw)
            statuses[receipt.original] = receipt.status.value
        print(f"{after}, {receipted}: {kills} kills, {len(plant.answered)} answered, {len(gp.posted)} receipts came")
        assert [id for id, each in told.items() if len(each) > 1] == []
        assert {id: statuses.get(id) for id in plant.answered} == plant.answered
        here = {Kith().envelope(Kith().decode(raw, Charset())).message_id for raw in ward.posted}
        assert {id for id, status in plant.answered.items() if status == "1"} <= here
        assert len(plant.answered) > 6
