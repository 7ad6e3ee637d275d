"""KITH by a dropped file, passed on as it came: each message of a file is its own, the bad ones stand in the report."""

from __future__ import annotations

import json
from pathlib import Path

from engine import app
from engine.channels.lint import sound_site
from tests.flow.test_ends import drop, names, until

ROOT = Path(__file__).resolve().parents[2]
SITE = """\
version: 1
site: {name: kith}
systems:
  there: {type: file, path: out, suffix: .xml}
channels:
  dialog:
    source: {type: file, path: in, match: "*.xml", every: 100ms, ready_when: {renamed: true}}
    standard: kith
    destinations: {there: {system: there}}
"""


def sample(name: str) -> bytes:
    return (ROOT / "samples" / "kith" / f"std_{name}.xml").read_bytes()


async def test_good_ones_go_on_byte_for_byte_and_the_bad_one_is_counted_in_the_report(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "channels.yaml").write_text(SITE, "utf-8")
    first, second = sample("dialog_1_1"), sample("dialog_1_0")
    start, end = second.index(b"<Patient>"), second.index(b"</Patient>") + len(b"</Patient>")
    bad = second[:start] + second[end:]
    async with app.running(sound_site(tmp_path, {})) as runner:
        drop(tmp_path, "1.xml", first)
        drop(tmp_path, "2.xml", bad + b"\n" + second)
        drop(tmp_path, "3.xml", first[:-30])
        drop(tmp_path, "4.xml", b"")
        await until(lambda: names(tmp_path / "in") == [])
        assert names(tmp_path / "in" / "behandlet") == ["1.xml"]
        sent = sorted(path.read_bytes() for path in (tmp_path / "out").iterdir() if path.is_file())
        assert sent == sorted([first, second])
        reports = {path.name[0]: json.loads(path.read_text()) for path in (tmp_path / "in" / "avvist").glob("*.json")}
        (refused,) = reports["2"]["refused"]
        assert (reports["2"]["messages"], refused["message"]) == (2, 1)
        assert refused["message_id"] and refused["issues"][0]["code"] in ("kith.patient", "kith.message_id")
        assert reports["3"]["refused"][0]["code"] == "kith.not_xml"
        assert reports["4"]["refused"][0]["code"] == "kith.not_xml"
        states = sorted(row.state for row in runner.store.messages())
        assert states == ["delivered", "delivered", "invalid", "invalid", "invalid"]
