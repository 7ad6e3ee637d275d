"""The KITH mappings against the repository's own samples and the public ones: what each becomes, and that it is R4.

`X.expected.json` beside a sample is reviewed by eye, as for HL7 v2; `BUDSTIKKE_WRITE_EXPECTED=1` writes it anew.
Every public sample of these types is mapped and validated where the shared reference folder lies beside the checkout.
"""

from __future__ import annotations

import collections
import os
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest

from engine.errors import InvalidMessage
from engine.mapping import CompiledMapping, Context, Mapped
from engine.mapping.shelf import LoadedMapping, load_mapping
from engine.message import Severity
from engine.plugins.builtin import full_registry
from engine.standards import Charset
from engine.standards.fhir.dump import dump
from engine.standards.fhir.identity import Writing
from engine.standards.fhir.render import Origin, render
from engine.standards.fhir.validator import validate
from engine.standards.kith.reader import KithDocument
from engine.standards.kith.standard import Kith
from engine.yamlfile import YamlMap, YamlScalar
from tests.mapping.test_samples import canonical, digits, written

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples" / "kith"
PUBLIC = ROOT.parent / "shared" / "reference" / "kith-samples"
MAPPINGS = ("kith/dialogmelding", "kith/apprec")
RECEIVED = 1_795_000_000_000_000
KITH = Kith()

REASONS = {
    "kith.required": "no message type or no message id: no receipt could say which message it is about",
    "kith.message_id": "the message id is no UUID (E10)",
    "kith.patient": "the patient is not identified as the receipt rules demand (E36)",
}
"""The closed list: why a public sample may be refused."""


@cache
def mappings() -> dict[str, CompiledMapping]:
    """What a message may be taken by -> the shipped mapping that takes it."""

    def read(name: str) -> str:
        return (ROOT / "mappings" / f"{name}.yaml").read_text(encoding="utf-8")

    standards = full_registry().standards
    loaded = [load_mapping(id, read, standards=standards) for id in MAPPINGS]
    return {type_: mapping for mapping in loaded for type_ in mapping.types}


def mapping_of(raw: bytes) -> CompiledMapping | None:
    """The mapping that takes a message, None where there is none."""
    envelope = KITH.envelope(KITH.decode(raw, Charset()))
    return next((mappings()[name] for name in KITH.matches(envelope) if name in mappings()), None)


def mapped(raw: bytes) -> tuple[KithDocument, Mapped]:
    document = KITH.decode(raw, Charset())
    envelope = KITH.envelope(document)
    mapping = mapping_of(raw)
    assert mapping is not None
    context = Context(envelope, RECEIVED, namespace=f"urn:x-budstikke:{quote(envelope.sender.identifier)}")
    return document, mapping.run(document, context)


def bundle(raw: bytes, mode: Literal["by_id", "conditional"]) -> dict[str, Any]:
    document, result = mapped(raw)
    envelope = KITH.envelope(document)
    origin = Origin(
        channel="samples", message="m", message_id=envelope.message_id, message_type=envelope.type,
        sender=envelope.sender,
        mapping="kith/test", mapping_revision="1", revision="1", sha256=bytes(32), received=RECEIVED, raw=raw,
        content_type="application/xml", include_original=True,
    )  # fmt: skip
    return render(result.entries, result.links, Writing(mode, b"k" * 32), origin).bundle


def own() -> list[str]:
    """The repository's samples of these types."""
    return sorted(path.name for path in SAMPLES.glob("*.xml") if mapping_of(path.read_bytes()) is not None)


OWN = own()


@pytest.mark.parametrize("name", OWN)
def test_a_sample_becomes_the_reviewed_fhir(name: str) -> None:
    expected = SAMPLES / name.replace(".xml", ".expected.json")
    found = canonical(mapped((SAMPLES / name).read_bytes())[1])
    if os.environ.get("BUDSTIKKE_WRITE_EXPECTED"):
        expected.write_text(written(found), encoding="utf-8")
    assert expected.exists(), "write it with BUDSTIKKE_WRITE_EXPECTED=1 and read it"
    assert digits(written(found)) == digits(expected.read_text(encoding="utf-8"))


@pytest.mark.parametrize("mode", ["by_id", "conditional"])
@pytest.mark.parametrize("name", OWN)
def test_the_bundle_of_a_sample_is_r4(name: str, mode: Literal["by_id", "conditional"]) -> None:
    assert validate(bundle((SAMPLES / name).read_bytes(), mode)) == []


@pytest.mark.parametrize("name", OWN)
def test_a_second_opinion_finds_the_resources_of_a_sample_sound(name: str) -> None:
    _, result = mapped((SAMPLES / name).read_bytes())
    canonical(result)
    for entry in result.entries:
        kind = entry.resource["resourceType"]
        model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
        model.model_validate_json(dump(entry.resource))


@pytest.mark.parametrize("name", OWN)
def test_nothing_in_a_sample_is_lost_in_silence(name: str) -> None:
    assert unread((SAMPLES / name).read_bytes()) == []


def test_what_every_case_becomes_is_r4() -> None:
    checked = 0
    for mapping in {mapping.id: mapping for mapping in mappings().values()}.values():
        assert isinstance(mapping, LoadedMapping)
        for case in mapping.sources.cases:
            stated = case.node.get("input") if isinstance(case.node, YamlMap) else None
            assert isinstance(stated, YamlScalar), case.name.text
            raw = stated.text.encode()
            if all(issue.severity is not Severity.ERROR for issue in mapped(raw)[1].issues):
                assert validate(bundle(raw, "conditional")) == [], case.name.text
                checked += 1
    assert checked > 50


def test_an_answer_refers_to_the_question_by_the_identifier_that_the_question_bears() -> None:
    question, answer = (
        next(
            entry.resource
            for entry in mapped((SAMPLES / f"dialog_{name}.xml").read_bytes())[1].entries
            if entry.key == "message"
        )
        for name in ("foresporsel", "svar")
    )
    assert answer["inResponseTo"][0]["identifier"] == question["identifier"][0]


def test_a_receipt_refers_to_the_message_by_the_identifier_that_the_message_bears() -> None:
    message = next(
        e.resource for e in mapped((SAMPLES / "dialog_foresporsel.xml").read_bytes())[1].entries if e.key == "message"
    )
    receipt = next(
        e.resource for e in mapped((SAMPLES / "apprec_ok.xml").read_bytes())[1].entries if e.key == "receipt"
    )
    assert receipt["inResponseTo"][0]["identifier"] == message["identifier"][0]


def test_the_parties_of_a_receipt_are_those_of_the_message_turned_round() -> None:
    def parties(name: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = collections.defaultdict(set)
        for entry in mapped((SAMPLES / name).read_bytes())[1].entries:
            if entry.resource["resourceType"] in ("Organization", "Practitioner"):
                found[entry.key.partition("_")[0]].add(f"{entry.identity.system}|{entry.identity.value}")
        return found

    message, receipt = parties("dialog_foresporsel.xml"), parties("apprec_ok.xml")
    assert message["sender"] == receipt["receiver"]
    assert message["receiver"] == receipt["sender"]


def unread(raw: bytes) -> list[str]:
    document, result = mapped(raw)
    mapping = mapping_of(raw)
    assert mapping is not None
    return [issue.place for issue in mapping.unread(document, result)]


def public() -> list[Path]:
    if not PUBLIC.is_dir():
        return []
    return sorted(path for kind in ("dialogmelding", "apprec") for path in (PUBLIC / kind).rglob("*.xml"))


@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the shared reference folder is not beside the checkout")
def test_every_public_sample_is_mapped_or_refused_for_a_reason_of_the_list() -> None:
    found: collections.Counter[str] = collections.Counter()
    for path in public():
        raw = path.read_bytes()
        try:
            document, result = mapped(raw)
        except InvalidMessage as refused:
            found[refused.code] += 1
            continue
        errors = {i.code for i in (*document.issues, *result.issues) if i.severity is Severity.ERROR}
        if errors:
            found["+".join(sorted(errors))] += 1
            assert errors <= REASONS.keys(), path.name
            continue
        found["mapped"] += 1
        assert unread(raw) == [], path.name
        for mode in ("by_id", "conditional"):
            assert validate(bundle(raw, mode)) == [], path.name  # type: ignore[arg-type]
    print(dict(found))
    assert sum(found.values()) == len(public()) > 20
    assert found["mapped"] > 15
    assert set(found) - {"mapped"} <= REASONS.keys()
