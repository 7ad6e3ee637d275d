"""From bytes to a validated Bundle, against the libraries of the field in the same run."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import hl7apy.parser
import orjson
import pytest
from fhir.resources.R4B.bundle import Bundle

from engine.app import project_root
from engine.channels.build import plans_of
from engine.channels.judge import judge
from engine.channels.lint import sound_site
from engine.channels.revision import Plan
from engine.message import Received, Reception
from engine.plugins.builtin import full_registry
from engine.standards import Charset
from engine.standards.hl7v2.er7 import read
from tests.performance.measure import alternating, gate

pytestmark = pytest.mark.performance
ROOT = Path(__file__).resolve().parents[2]
CASES = {"ADT": ("adt", "adt_a01"), "ORU 30 OBX": ("lab", "oru_r01_30obx")}


def sample(name: str) -> bytes:
    return (ROOT / "samples" / "hl7v2" / f"{name}.hl7").read_bytes()


@pytest.fixture(scope="module")
def plans() -> dict[str, Plan]:
    return plans_of(sound_site(project_root(), {}), full_registry(), make_keys=False)


def naive(raw: bytes, bundle: bytes) -> Callable[[], object]:
    """The way most do it: hl7apy parses, fhir.resources validates and dumps the same Bundle."""
    text = raw.decode()
    content = orjson.loads(bundle)

    def run() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            hl7apy.parser.parse_message(text, find_groups=True)
            return Bundle.model_validate(content).model_dump_json()

    return run


TOUCHED = {"MSH": (3, 4, 7, 9, 10), "EVN": (2, 6), "PID": (3, 5, 7, 8, 11, 13), "PV1": (2, 3, 7, 19, 44)}


def touch(raw: bytes) -> None:
    document = read(raw, Charset())
    for name, fields in TOUCHED.items():
        for segment in document.named.get(name, ()):
            cells = segment.fields
            for number in fields:
                if number < len(cells):
                    document.unescape(cells[number].split("~")[0].split("^")[0])


def test_lazy_reading_against_hl7apy() -> None:
    raw = sample("adt_a01")
    text = raw.decode()
    found = alternating(
        {"read, fields of the mapping touched": lambda: touch(raw), "hl7apy": lambda: hl7apy.parser.parse_message(text)}
    )
    ours, theirs = (each.median for each in found.values())
    gate("lazy reading of an ADT, times hl7apy", theirs / ours, 1000)


@pytest.mark.parametrize("name", CASES)
def test_bytes_to_validated_bundle_against_hl7apy_and_fhir_resources(name: str, plans: dict[str, Plan]) -> None:
    channel, file = CASES[name]
    raw, plan = sample(file), plans[channel]
    received = Received("01900000-0000-7000-8000-000000000000", raw, 1_768_460_400_000_000, Reception(channel))
    verdict = judge(received, plan)
    assert verdict.deliveries, verdict.row
    found = alternating(
        {
            f"{name}: bytes to validated Bundle": lambda: judge(received, plan),
            "hl7apy + fhir.resources R4B": naive(raw, verdict.deliveries[0].payload),
        }
    )
    ours, theirs = (each.median for each in found.values())
    gate(f"{name}: times hl7apy + fhir.resources", theirs / ours, 150)
