"""KITH messages of 20 MB: memory of at most six times their size, refused or taken."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.app import project_root
from engine.standards.kith.schemas import MSGHEAD
from tests.performance.measure import gate

pytestmark = pytest.mark.performance
SIZE = 20 << 20


def attached(content: bytes, encoding: str = "UTF-8") -> bytes:
    text = (project_root() / "samples" / "kith" / "std_dialog_1_1.xml").read_text("utf-8").replace("UTF-8", encoding, 1)
    raw = text.encode(encoding, "replace")
    found = re.search(rb"Base64Container [^>]*>", raw)
    assert found is not None
    return raw[: found.end()] + content + raw[found.end() :]


def within(content: bytes) -> bytes:
    return b'<MsgHead xmlns="' + MSGHEAD.encode() + b'">' + content + b"</MsgHead>"


DIGITS = b"QUJD" * (SIZE // 4)
MANY = b" ".join(b'a%d="1"' % n for n in range(SIZE // 12))
CASES = {
    "an attachment": (attached(DIGITS), "valid"),
    "an attachment in lines": (attached((b"QUJD" * 19 + b"\r\n") * (SIZE // 78)), "valid"),
    "an attachment that is not Base64": (attached(DIGITS + b"A"), "kith.schema_value"),
    "an attachment in ISO 8859-1": (attached(DIGITS, "ISO-8859-1"), "valid"),
    "attributes of one element": (within(b"<a " + MANY + b"/>"), "kith.too_many_attributes"),
    "levels": (within(b"<a>" * 900_000 + b" " * SIZE), "kith.too_deep"),
    "elements": (within(b"<a/>" * (SIZE // 4)), "kith.too_many_elements"),
    "an entity": (b'<!DOCTYPE a [<!ENTITY a "' + b"a" * SIZE + b'">]>' + within(b"&a;" * 1000), "kith.doctype"),
}


@pytest.mark.parametrize(("raw", "verdict"), CASES.values(), ids=CASES.keys())
def test_a_message_of_20_megabytes_takes_six_times_its_size_at_most(raw: bytes, verdict: str, tmp_path: Path) -> None:
    file = tmp_path / "message.xml"
    file.write_bytes(raw)
    command = [sys.executable, "-m", "tests.performance.kith_peak", str(file)]
    found = subprocess.run(command, cwd=project_root(), capture_output=True, text=True, check=True, timeout=120)
    times, said = found.stdout.split()
    assert said == verdict
    gate(f"{len(raw) >> 20} MB, {verdict}: peak memory over size", float(times), 6, at_most=True)
