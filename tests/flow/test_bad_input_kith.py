"""Bad KITH-XML over real sockets and from a folder: each has its answer, is seen, and the next goes through.

The first status of a row is that of a channel that sends no receipts, the second that of one that does: what a receipt
tells is not told by the status too.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from engine import app
from engine.channels.lint import sound_site
from engine.channels.runner import Runner
from engine.message import Receipt
from engine.plugins.builtin import full_registry
from engine.standards import Charset
from engine.store import MessageDetail
from tests.flow.test_ends import drop, names, until

ROOT = Path(__file__).resolve().parents[2]
HTTP = '{type: http, listen: "127.0.0.1:0", path: /inn}'
FOLDER = "{type: file, path: in, every: 100ms, ready_when: {renamed: true}}"
SITE = """\
version: 1
site: {{name: kith}}
systems:
  archive: {{type: file, path: ut, suffix: .xml}}
  back: {{type: file, path: kvittering, suffix: .xml}}
channels:
  dialog:
    source: {source}
    standard: kith
    ack: {{after: {after}{receipt}}}
    destinations: {{archive: {{system: archive}}}}
"""


def sample(name: str) -> bytes:
    return (ROOT / "samples" / "kith" / f"{name}.xml").read_bytes()


GOOD = sample("std_dialog_1_1")
ID = b"5b1f6c1e-0a52-4f0e-9f41-3a1f0c6d1002"
DECLARED, BODY = GOOD[: GOOD.index(b"?>") + 2], GOOD[GOOD.index(b"?>") + 2 :]
HEAD = b'<MsgHead xmlns="http://www.kith.no/xmlstds/msghead/2006-05-24">'
LAUGHS = b"<!DOCTYPE l [<!ENTITY a 'ha'>" + b"".join(
    b"<!ENTITY %c '%s'>" % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(10)
)
NOTE = b"<d:TekstNotatInnhold>"
RECEIPT = sample("std_apprec_1_1")


def without(raw: bytes, name: bytes) -> bytes:
    """Without the first element of that name."""
    return raw[: raw.index(b"<" + name)] + raw[raw.index(b"</" + name + b">") + len(name) + 3 :]


def latin(raw: bytes) -> bytes:
    return raw.decode().encode("latin-1")


PAYLOAD = GOOD[GOOD.index(b"<d:Dialogmelding") : GOOD.index(b"</d:Dialogmelding>") + len(b"</d:Dialogmelding>")]

BAD = [
    pytest.param(b"", "kith.not_xml", 400, 400, "invalid", id="nothing"),
    pytest.param(b"Hei, her er et brev.", "kith.not_xml", 400, 400, "invalid", id="not XML"),
    pytest.param(GOOD[:900], "kith.not_xml", 400, 400, "invalid", id="cut in the middle"),
    pytest.param(b"<Letter/>", "kith.root", 400, 400, "invalid", id="no MsgHead"),
    pytest.param(DECLARED + b"<!DOCTYPE MsgHead>" + BODY, "kith.doctype", 400, 400, "invalid", id="a DOCTYPE"),
    pytest.param(DECLARED + LAUGHS + b"]><l>&k;</l>", "kith.doctype", 400, 400, "invalid", id="billion laughs"),
    pytest.param(
        DECLARED + b"<!DOCTYPE l [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>" + BODY.replace(NOTE, NOTE + b"&x;"),
        "kith.doctype",
        400,
        400,
        "invalid",
        id="external entity",
    ),
    pytest.param(HEAD + b"<a>" * 10_000, "kith.too_deep", 400, 400, "invalid", id="10,000 deep"),
    pytest.param(
        HEAD + b"<a " + b" ".join(b'a%d=""' % n for n in range(200_000)) + b"/></MsgHead>",
        "kith.too_many_attributes",
        400,
        400,
        "invalid",
        id="200,000 attributes",
    ),
    pytest.param(GOOD.replace(b"MsgId>", b"NoId>"), "kith.required", 400, 400, "invalid", id="no message id"),
    pytest.param(
        GOOD.replace(b"<GenDate>", b"<GenDate>x"), "kith.schema_value", 422, 202, "invalid", id="not as its schema says"
    ),
    pytest.param(
        GOOD.replace(b"dialog/2013-01-23", b"dialog/2031-01-23"),
        "kith.payload_unknown",
        422,
        202,
        "invalid",
        id="payload of an unknown standard",
    ),
    pytest.param(
        GOOD.replace(PAYLOAD, b"").replace(b"<Document>", b"<Document>" + PAYLOAD, 1),
        "kith.payload_misplaced",
        422,
        202,
        "invalid",
        id="payload in the wrong place",
    ),
    pytest.param(GOOD.replace(ID, b"4711"), "kith.message_id", 422, 202, "invalid", id="message id that is no UUID"),
    pytest.param(without(GOOD, b"Patient"), "kith.patient", 422, 202, "invalid", id="no patient"),
    pytest.param(
        GOOD.replace(b"<Sender>", b"<Sendr>").replace(b"</Sender>", b"</Sendr>"),
        "kith.schema_order",
        422,
        422,
        "invalid",
        id="a sender that cannot be read",
    ),
    pytest.param(
        RECEIPT.replace(b"<GenDate>", b"<GenDate>x"),
        "kith.schema_value",
        422,
        422,
        "invalid",
        id="a bad receipt",
    ),
]
ODD = [
    pytest.param(b"\xef\xbb\xbf" + GOOD, id="byte order mark"),
    pytest.param(BODY.lstrip().decode().encode("latin-1"), id="ISO-8859-1 that is not declared"),
    pytest.param(latin(GOOD), id="ISO-8859-1 declared as UTF-8"),
    pytest.param(GOOD.replace(b"UTF-8", b"ISO-8859-1"), id="UTF-8 declared as ISO-8859-1"),
    pytest.param(GOOD.replace(NOTE, NOTE + b"x" * (11 << 20)), id="a text of 11 MB"),
]
STRAY = [
    pytest.param(RECEIPT, id="receipt for a message that nobody sent"),
    pytest.param(
        RECEIPT.replace(b'<MsgType V="DIALOG_HELSEFAGLIG"/>', b'<MsgType V="APPREC"/>'), id="receipt on a receipt"
    ),
]
NEXT = GOOD.replace(ID, b"5b1f6c1e-0a52-4f0e-9f41-3a1f0c6d9999")


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No traceback, and nothing of a message, in any log line."""
    with caplog.at_level(logging.INFO):
        yield
    for record in caplog.records:
        assert not record.exc_info, record
        assert "Solbakken" not in record.getMessage() and "14857140193" not in record.getMessage()


class Kith:
    """The engine with one channel of KITH."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner

    async def post(self, body: bytes, content_type: str = "application/xml") -> tuple[int, bytes]:
        url = f"http://{self.runner.channels[0].source.address}/inn"
        headers = {"Content-Type": content_type}
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
            return response.status, await response.read()

    def details(self) -> list[MessageDetail]:
        """Oldest first."""
        found = [self.runner.store.message(row.id) for row in reversed(self.runner.store.messages(limit=100))]
        return [each for each in found if each]

    def states(self) -> list[str]:
        return [each.row.state for each in self.details()]

    def reasons(self) -> list[str]:
        return [each.row.reason for each in self.details()]


def site(folder: Path, source: str = HTTP, after: str = "validated", receipts: bool = False) -> Path:
    for name in ("in", "ut", "kvittering"):
        (folder / name).mkdir(exist_ok=True)
    receipt = ", receipt: {return_via: back}" if receipts else ""
    (folder / "channels.yaml").write_text(SITE.format(source=source, after=after, receipt=receipt), "utf-8")
    return folder


def receipts_in(folder: Path) -> list[Receipt]:
    """The receipts that have gone back, read by the standard."""
    standard = full_registry().standards["kith"]
    files = sorted(each for each in (folder / "kvittering").iterdir() if each.suffix == ".xml")
    found = [standard.receipt_of(standard.decode(each.read_bytes(), Charset())) for each in files]
    return [each for each in found if each]


@pytest.mark.parametrize("receipts", [False, True], ids=["no receipts", "receipts"])
@pytest.mark.parametrize(("raw", "code", "plain", "receipted", "state"), BAD)
async def test_what_cannot_be_taken_over_http_has_one_answer_and_the_next_goes_through(
    tmp_path: Path, raw: bytes, code: str, plain: int, receipted: int, state: str, receipts: bool
) -> None:
    async with app.running(sound_site(site(tmp_path, receipts=receipts), {})) as runner:
        kith = Kith(runner)
        status, body = await kith.post(raw)
        assert status == (receipted if receipts else plain)
        if status == 202:
            assert body == b""
        else:
            assert code in {issue["code"] for issue in json.loads(body)["issues"]}, body
        assert await kith.post(NEXT) == (202, b"")
        await until(lambda: kith.states() == [state, "delivered"])
        assert code in kith.reasons()[0], kith.reasons()
        assert kith.runner.store.original(kith.details()[0].row.id) == raw
    assert [each.read_bytes() for each in (tmp_path / "ut").iterdir() if each.suffix == ".xml"] == [NEXT]
    statuses = sorted(each.status for each in receipts_in(tmp_path))
    assert statuses == ([] if not receipts else ["1", "2"] if receipted == 202 else ["1"])


@pytest.mark.parametrize("raw", ODD)
async def test_what_is_odd_and_can_be_read_is_taken_as_it_came(tmp_path: Path, raw: bytes) -> None:
    async with app.running(sound_site(site(tmp_path), {})) as runner:
        kith = Kith(runner)
        assert await kith.post(raw) == (202, b"")
        assert await kith.post(NEXT) == (202, b"")
        await until(lambda: kith.states() == ["delivered", "delivered"])
    assert sorted(each.read_bytes() for each in (tmp_path / "ut").iterdir() if each.suffix == ".xml") == sorted(
        [raw, NEXT]
    )


@pytest.mark.parametrize("raw", STRAY)
async def test_a_receipt_that_settles_nothing_is_kept_for_a_person_and_never_receipted(
    tmp_path: Path, raw: bytes
) -> None:
    async with app.running(sound_site(site(tmp_path, receipts=True), {})) as runner:
        kith = Kith(runner)
        assert await kith.post(raw) == (202, b"")
        assert await kith.post(NEXT) == (202, b"")
        await until(lambda: kith.states() == ["quarantined", "delivered"])
        assert "receipt.unknown" in kith.reasons()[0]
    assert [each.original for each in receipts_in(tmp_path)] == ["5b1f6c1e-0a52-4f0e-9f41-3a1f0c6d9999"]


async def test_a_text_that_no_declaration_explains_is_read_by_the_fallback_with_a_remark(tmp_path: Path) -> None:
    async with app.running(sound_site(site(tmp_path), {})) as runner:
        kith = Kith(runner)
        assert await kith.post(latin(GOOD)) == (202, b"")
        await until(lambda: kith.states() == ["delivered"])
        assert any("charset" in issue.code for issue in kith.details()[0].verdicts[-1].issues)


@pytest.mark.parametrize("after", ["validated", "stored", "delivered"])
async def test_a_repeat_has_the_first_answer_and_other_content_under_its_id_is_a_conflict(
    tmp_path: Path, after: str
) -> None:
    async with app.running(sound_site(site(tmp_path, after=after), {})) as runner:
        kith = Kith(runner)
        assert [await kith.post(GOOD) for _ in range(3)] == [(202, b"")] * 3
        status, body = await kith.post(GOOD.replace(b"Solbakken", b"Nordli"))
        assert (status, json.loads(body)["code"]) == (409, "id_reused")
        await until(lambda: kith.states() == ["delivered", "quarantined"])
        assert await kith.post(NEXT) == (202, b"")
        await until(lambda: kith.states() == ["delivered", "quarantined", "delivered"])


async def test_a_refused_message_may_come_again_mended_under_the_same_id(tmp_path: Path) -> None:
    async with app.running(sound_site(site(tmp_path), {})) as runner:
        kith = Kith(runner)
        assert (await kith.post(GOOD.replace(b"<GenDate>", b"<GenDate>x")))[0] == 422
        assert (await kith.post(GOOD))[0] == 202
        await until(lambda: kith.states() == ["invalid", "delivered"])


async def test_a_media_type_of_another_standard_and_a_body_too_large_are_refused_before_reading(tmp_path: Path) -> None:
    small = HTTP.replace("path:", "max_message: 100KB, path:")
    async with app.running(sound_site(site(tmp_path, small), {})) as runner:
        kith = Kith(runner)
        assert (await kith.post(GOOD, "application/hl7-v2"))[0] == 415
        status, body = await kith.post(GOOD + b" " * 200_000)
        assert (status, json.loads(body)["code"]) == (413, "too_large")
        assert (await kith.post(GOOD, "text/xml; charset=utf-8"))[0] == 202
        await until(lambda: kith.states() == ["invalid", "delivered"])


async def test_when_the_disk_is_full_the_sender_keeps_its_message(tmp_path: Path) -> None:
    async with app.running(sound_site(site(tmp_path), {})) as runner:
        kith = Kith(runner)
        runner.floor = 1 << 60
        runner._look_at_space()
        status, body = await kith.post(GOOD)
        assert (status, json.loads(body)["code"], kith.states()) == (503, "not_stored", [])


@pytest.mark.parametrize("receipts", [False, True], ids=["no receipts", "receipts"])
async def test_bad_files_are_put_away_with_their_reasons_whether_a_receipt_tells_them_or_not(
    tmp_path: Path, receipts: bool
) -> None:
    async with app.running(sound_site(site(tmp_path, FOLDER, receipts=receipts), {})) as runner:
        kith = Kith(runner)
        for number, row in enumerate(BAD):
            raw = row.values[0]
            assert isinstance(raw, bytes)
            drop(tmp_path, f"{number:02d}.xml", raw)
        drop(tmp_path, "99.xml", NEXT)
        await until(lambda: names(tmp_path / "in") == [] and kith.states().count("delivered") == 1)
        assert kith.states() == ["invalid"] * len(BAD) + ["delivered"]
    refused = tmp_path / "in" / "avvist"
    assert names(tmp_path / "in" / "behandlet") == ["99.xml"]
    for number, row in enumerate(BAD):
        (report,) = [json.loads(each.read_text()) for each in refused.glob(f"{number:02d}*.json")]
        assert row.values[1] in {issue["code"] for each in report["refused"] for issue in each["issues"]}
        assert "Solbakken" not in json.dumps(report)
