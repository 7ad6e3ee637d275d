"""A KITH message from bytes to a validated Bundle, in times of what XML itself costs: a safe parse and the schema.

Both in one run: `etree.fromstring` with the parser of the reader, and `XMLSchema.validate` with the same schema object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lxml import etree

from engine.app import rare_collections
from engine.channels.build import plans_of
from engine.channels.judge import judge
from engine.channels.lint import sound_site
from engine.message import Received, Reception
from engine.plugins.builtin import full_registry
from engine.standards import Charset
from engine.standards.kith.reader import read
from engine.standards.kith.schemas import Schemas
from engine.standards.kith.standard import Kith
from engine.standards.kith.validation import schema_findings
from tests.performance.measure import alternating, gate

pytestmark = pytest.mark.performance
ROOT = Path(__file__).resolve().parents[2]
MAPPING = ROOT / "mappings" / "kith" / "dialogmelding.yaml"
SCHEMAS = Schemas(lambda name: (ROOT / "xsd" / name).read_bytes())
SAMPLES = ("dialog_helsefaglig", "dialog_svar")
"""Of 6 to 8 KB, the first with an attachment."""
SITE = """\
version: 1
site: {name: speed}
systems:
  journal: {type: fhir, url: "http://127.0.0.1:1/fhir"}
channels:
  dialog:
    source: {type: http, listen: "127.0.0.1:0"}
    mapping: kith/dialogmelding
    destinations:
      journal: {system: journal, policy: results}
"""


@pytest.fixture(autouse=True)
def as_the_engine_runs() -> Iterator[None]:
    """The collector of circular garbage looks as rarely as it does in a running engine, for both sides."""
    with rare_collections():
        yield


def sample(name: str) -> bytes:
    raw = (ROOT / "samples" / "kith" / f"{name}.xml").read_bytes()
    assert 6_000 <= len(raw) <= 8_192, "the gate is for a message of 6 to 8 KB"
    return raw


def bare(raw: bytes) -> Callable[[], object]:
    """The floor: no message can be told to be valid for less."""
    schema = SCHEMAS.schema_for(read(raw, Charset()).namespace)

    def run() -> object:
        parser = etree.XMLParser(
            encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
            remove_comments=True, remove_pis=True, collect_ids=False,
        )  # fmt: skip
        return schema.validate(etree.fromstring(raw, parser))

    assert run() is True
    return run


def standard_alone(raw: bytes) -> object:
    """Every question that the judge asks the standard, save the mapping's."""
    kith = Kith()
    document = kith.decode(raw, Charset())
    kith.envelope(document)
    kith.order_keys(document)
    return [*document.issues, *kith.conformance(document), *schema_findings(document, SCHEMAS)]


@pytest.mark.parametrize("name", SAMPLES)
def test_reading_and_validation_against_the_bare_library(name: str) -> None:
    raw = sample(name)
    assert standard_alone(raw) == []
    found = alternating(
        {
            f"{name}: decode, envelope, keys, validation": lambda: standard_alone(raw),
            "safe parse + XMLSchema.validate": bare(raw),
        }
    )
    ours, theirs = (each.median for each in found.values())
    gate(f"{name}: times the bare library", ours / theirs, 3, at_most=True)


@pytest.mark.skipif(not MAPPING.is_file(), reason="there is no mapping for KITH yet")
@pytest.mark.parametrize("name", SAMPLES)
def test_bytes_to_validated_bundle_against_the_bare_library(name: str, tmp_path: Path) -> None:
    raw = sample(name)
    (tmp_path / "channels.yaml").write_text(SITE, "utf-8")
    plan = plans_of(sound_site(tmp_path, {}), full_registry(), make_keys=False)["dialog"]
    received = Received("01900000-0000-7000-8000-000000000000", raw, 1_768_460_400_000_000, Reception("dialog"))
    verdict = judge(received, plan)
    assert verdict.deliveries, verdict.row
    found = alternating(
        {
            f"{name}: bytes to validated Bundle": lambda: judge(received, plan),
            "safe parse + XMLSchema.validate": bare(raw),
        }
    )
    ours, theirs = (each.median for each in found.values())
    gate(f"{name}: whole judge, times the bare library", ours / theirs, 6, at_most=True)


def test_a_large_attachment_costs_a_few_times_the_bare_library() -> None:
    raw = sample("dialog_helsefaglig")
    mark = raw.index(b">", raw.index(b"Base64Container")) + 1
    large = raw[:mark] + b"QUJD" * (5 << 18) + raw[mark:]
    found = alternating(
        {
            "5 MB attached: decode to validation": lambda: standard_alone(large),
            "safe parse + XMLSchema.validate": bare(large),
        }
    )
    ours, theirs = (each.median for each in found.values())
    gate("5 MB attached: times the bare library", ours / theirs, 4, at_most=True)
