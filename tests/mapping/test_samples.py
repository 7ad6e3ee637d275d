"""The shipped mappings against the repository's own samples: what each becomes, and that it is R4.

`X.expected.json` beside a sample is reviewed by eye. Resources stand by type, in the mapping's order; references are
`Type/number`; decimals keep their digits. `BUDSTIKKE_WRITE_EXPECTED=1` writes the files anew, for a reviewer to read.
"""

from __future__ import annotations

import copy
import json
import os
from decimal import Decimal
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest

from engine.errors import InvalidMessage
from engine.mapping import CompiledMapping, Context, Mapped
from engine.mapping.shelf import load_mapping
from engine.message import Severity
from engine.standards import Charset
from engine.standards.fhir import shared
from engine.standards.fhir.dump import dump
from engine.standards.fhir.identity import Writing
from engine.standards.fhir.render import Origin, render
from engine.standards.fhir.validator import validate
from engine.standards.hl7v2.standard import Hl7v2

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples" / "hl7v2"
GOOD = sorted(path.name for path in SAMPLES.glob("*.hl7"))
MAPPINGS = ("hl7v2/adt", "hl7v2/oru")
RECEIVED = 1_795_000_000_000_000
HL7 = Hl7v2()


@cache
def mappings() -> dict[str, CompiledMapping]:
    """Message type -> the shipped mapping that takes it."""

    def read(name: str) -> str:
        return (ROOT / "mappings" / f"{name}.yaml").read_text(encoding="utf-8")

    return {type_: mapping for id in MAPPINGS for mapping in [load_mapping(id, read)] for type_ in mapping.types}


def mapped(name: str) -> Mapped:
    document = HL7.decode((SAMPLES / name).read_bytes(), Charset())
    envelope = HL7.envelope(document)
    context = Context(envelope, RECEIVED, namespace=f"urn:x-budstikke:{quote(envelope.sender.identifier)}")
    return mappings()[envelope.type].run(document, context)


def plain(resource: dict[str, Any]) -> Any:
    return json.loads(dump(resource), parse_float=Decimal)


def canonical(result: Mapped) -> dict[str, Any]:
    """Resources by type with verb and identity, references by number; then the issues."""
    counts: dict[str, int] = {}
    names: list[str] = []
    for entry in result.entries:
        kind = entry.resource["resourceType"]
        counts[kind] = counts.get(kind, 0) + 1
        names.append(f"{kind}/{counts[kind]}")
    for link in result.links:
        link.slot["reference"] = names[link.entry]
    resources: dict[str, list[Any]] = {}
    for entry in result.entries:
        kind = entry.resource["resourceType"]
        identity = entry.identity
        resources.setdefault(kind, []).append(
            {
                "entry": entry.key,
                "write": entry.verb.value,
                "identity": f"{'derived' if identity.derived else identity.system}|{identity.value}",
                "resource": plain(entry.resource),
            }
        )
    issues = [f"{issue.severity.value} {issue.code} {issue.place}".strip() for issue in result.issues]
    return {"resources": resources, "issues": issues}


def line(value: Any) -> str:
    """JSON text with decimals digit for digit."""
    text = json.dumps(value, ensure_ascii=False, default=lambda number: f"\0{number}\0")
    return text.replace('"\\u0000', "").replace('\\u0000"', "")


def written(content: dict[str, Any]) -> str:
    """JSON text for a reader: a line for each element of each resource."""
    kinds = []
    for kind, entries in content["resources"].items():
        shown = []
        for entry in entries:
            elements = ",\n   ".join(f"{line(name)}: {line(value)}" for name, value in entry["resource"].items())
            head = ", ".join(f"{line(key)}: {line(entry[key])}" for key in ("entry", "write", "identity"))
            shown.append(f'  {{{head}, "resource": {{\n   {elements}}}}}')
        kinds.append(f" {line(kind)}: [\n" + ",\n".join(shown) + "]")
    joined = ",\n".join(kinds)
    return f'{{"resources": {{\n{joined}}},\n"issues": {line(content["issues"])}}}\n'


def digits(text: str) -> Any:
    """JSON with decimals as they are written: 5.10 is not 5.1."""
    return json.loads(text, parse_float=lambda number: ("decimal", number))


def bundle(name: str, mode: Literal["by_id", "conditional"]) -> dict[str, Any]:
    raw = (SAMPLES / name).read_bytes()
    envelope = HL7.envelope(HL7.decode(raw, Charset()))
    result = mapped(name)
    origin = Origin(
        channel="samples", message="m", message_id=envelope.message_id, message_type=envelope.type,
        sender=envelope.sender,
        mapping="hl7v2/test", mapping_revision="1", revision="1", sha256=bytes(32), received=RECEIVED, raw=raw,
        content_type="x-application/hl7-v2+er7", include_original=True,
    )  # fmt: skip
    return render(result.entries, result.links, Writing(mode, b"k" * 32), origin).bundle


@pytest.mark.parametrize("name", GOOD)
def test_a_sample_becomes_the_reviewed_fhir(name: str) -> None:
    expected = SAMPLES / name.replace(".hl7", ".expected.json")
    found = canonical(mapped(name))
    if os.environ.get("BUDSTIKKE_WRITE_EXPECTED"):
        expected.write_text(written(found), encoding="utf-8")
    assert expected.exists(), "write it with BUDSTIKKE_WRITE_EXPECTED=1 and read it"
    assert digits(written(found)) == digits(expected.read_text(encoding="utf-8"))


def test_no_sample_changes_what_its_messages_share() -> None:
    for name in GOOD:
        bundle(name, "by_id")
    kept = list(shared._shared.values())
    before = copy.deepcopy(kept)
    assert len(kept) > 500
    for name in GOOD:
        for mode in ("by_id", "conditional"):
            written = bundle(name, mode)
            assert validate(written) == []
            dump(written)
    assert kept == before


@pytest.mark.parametrize("mode", ["by_id", "conditional"])
@pytest.mark.parametrize("name", GOOD)
def test_the_bundle_of_a_sample_is_r4(name: str, mode: Literal["by_id", "conditional"]) -> None:
    assert validate(bundle(name, mode)) == []


@pytest.mark.parametrize("name", GOOD)
def test_a_second_opinion_finds_the_resources_of_a_sample_sound(name: str) -> None:
    result = mapped(name)
    canonical(result)
    for entry in result.entries:
        kind = entry.resource["resourceType"]
        model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
        model.model_validate_json(dump(entry.resource))


def test_every_message_id_among_the_samples_is_its_own() -> None:
    ids = [
        line.split(b"|")[9]
        for path in SAMPLES.rglob("*.hl7")
        for line in path.read_bytes().split(b"\r")
        if line.startswith(b"MSH|")
    ]
    assert len(ids) == len(set(ids))


def test_segments_of_the_samples_end_with_cr_alone() -> None:
    for name in GOOD:
        raw = (SAMPLES / name).read_bytes()
        assert raw.endswith(b"\r") and b"\n" not in raw, name


def test_a_correction_keeps_the_identities_of_the_report_it_corrects() -> None:
    first, second = (mapped(f"oru_r01_{name}.hl7") for name in ("chemistry", "corrected"))
    assert [(e.key, e.identity) for e in first.entries] == [(e.key, e.identity) for e in second.entries]


def test_the_events_of_one_stay_speak_of_one_visit_and_one_patient() -> None:
    known = {
        (entry.key, entry.identity)
        for event in ("a01", "a02", "a03", "a08", "a13")
        for entry in mapped(f"adt_{event}.hl7").entries
        if entry.key in ("patient", "encounter")
    }
    assert len(known) == 2


@pytest.mark.parametrize(
    ("event", "status", "ended"),
    [
        ("a01", "in-progress", False),
        ("a02", "in-progress", False),
        ("a03", "finished", True),
        ("a04", "in-progress", False),
        ("a08", "in-progress", False),
        ("a11", "cancelled", False),
        ("a13", "in-progress", False),
    ],
)
def test_an_event_decides_the_state_of_the_visit(event: str, status: str, ended: bool) -> None:
    [visit] = [entry.resource for entry in mapped(f"adt_{event}.hl7").entries if entry.key == "encounter"]
    assert visit["status"] == status
    assert ("end" in visit["period"]) is ended


REFUSED = [
    ("missing_pid", "map.required", "PID", "100"),
    ("no_identifier", "map.unidentified", "PID[1]-3", "101"),
    ("feb30", "map.invalid_value", "PID[1]-7", "102"),
    ("truncated", "map.stated", "", ""),
]


@pytest.mark.parametrize(("name", "code", "place", "standard_code"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_bad_sample_is_refused_with_the_place_and_the_code(
    name: str, code: str, place: str, standard_code: str
) -> None:
    errors = [issue for issue in mapped(f"bad/{name}.hl7").issues if issue.severity is Severity.ERROR]
    assert [(issue.code, issue.place, issue.standard_code) for issue in errors] == [(code, place, standard_code)]


@pytest.mark.parametrize("name", ["no_msh", "not_hl7"])
def test_what_is_no_message_does_not_reach_a_mapping(name: str) -> None:
    with pytest.raises(InvalidMessage):
        mapped(f"bad/{name}.hl7")


def test_an_unknown_event_has_no_mapping() -> None:
    envelope = HL7.envelope(HL7.decode((SAMPLES / "bad" / "unknown_type.hl7").read_bytes(), Charset()))
    assert envelope.type not in mappings()


def test_a_wrong_charset_claim_is_read_and_reported() -> None:
    document = HL7.decode((SAMPLES / "bad" / "wrong_charset_claim.hl7").read_bytes(), Charset())
    assert any("charset" in issue.code for issue in document.issues)
    [patient] = [entry for entry in mapped("bad/wrong_charset_claim.hl7").entries if entry.key == "patient"]
    assert patient.resource["name"][0]["family"] == "Blåfjell"
