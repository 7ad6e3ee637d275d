"""Explaining: every element has its rule and its place, and a traced run makes the same as a plain one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.mapping import Context
from engine.mapping.explain import explain
from engine.mapping.shelf import LoadedMapping, load_mapping
from engine.message import Envelope
from engine.plugins.builtin import full_registry
from engine.standards import Charset, Document
from engine.standards.hl7v2.envelope import envelope_of

ROOT = Path(__file__).resolve().parents[2]

RULES = """
types:
  CX: {$target: Identifier, value: .1, system: .4 | prefix 'urn:x:'}
entries:
  - key: patient
    resource: Patient
    write: own
    identity: PID-3 as CX
    body:
      identifier: PID-3[*] as CX
      birthDate: PID-7 | date
      gender: = unknown
      managingOrganization: ->owner
  - {key: owner, resource: Organization, write: mention, identity: PD1-3 as CX, body: {name: PD1-3.2 else PD1-4}}
"""


def test_each_element_names_its_rule_and_place(build: Callable[..., Any], message: Callable[..., Any]) -> None:
    mapping = build(RULES)
    document = message("PID|1||7^^^U~8||||19580113", "PD1|||X^Bodø")
    found = explain(mapping, document, Context(envelope_of(document), 0))
    assert [(one.path, one.value, one.rule, one.places) for one in found] == [
        ("Patient.identifier[0].value", "7", "mappings/t.yaml:6", ("PID[1]-3[1].1",)),
        ("Patient.identifier[0].system", "urn:x:U", "mappings/t.yaml:6", ("PID[1]-3[1].4",)),
        ("Patient.identifier[1].value", "8", "mappings/t.yaml:6", ("PID[1]-3[2].1",)),
        ("Patient.birthDate", "1958-01-13", "mappings/t.yaml:14", ("PID[1]-7",)),
        ("Patient.managingOrganization", "reference", "mappings/t.yaml:16", ()),
        ("Patient.gender", "unknown", "mappings/t.yaml:15", ()),
        ("Organization.name", "Bodø", "mappings/t.yaml:17", ("PD1[1]-3.2", "PD1[1]-4")),
    ]


SAMPLES = sorted(path.relative_to(ROOT / "samples").as_posix() for path in (ROOT / "samples/hl7v2").glob("*.hl7"))
KITH = [f"kith/{path.name}" for kind in ("dialog", "apprec") for path in (ROOT / "samples/kith").glob(f"*{kind}_*.xml")]
STANDARDS = full_registry().standards
MAPPINGS: dict[str, Any] = {}


def opened(sample: str) -> tuple[LoadedMapping, Document, Envelope]:
    """A sample, and the shipped mapping that takes it."""
    standard = STANDARDS[sample.partition("/")[0]]
    document = standard.decode((ROOT / "samples" / sample).read_bytes(), Charset())
    envelope = standard.envelope(document)
    if standard.name == "kith":
        id = "kith/apprec" if envelope.version.startswith("apprec") else "kith/dialogmelding"
    else:
        id = "hl7v2/oru" if envelope.type.startswith("ORU") else "hl7v2/adt"
    if id not in MAPPINGS:
        read = lambda name: (ROOT / "mappings" / f"{name}.yaml").read_text("utf-8")  # noqa: E731
        MAPPINGS[id] = load_mapping(id, read, standards=STANDARDS)
    return MAPPINGS[id], document, envelope


@pytest.mark.parametrize("sample", [*SAMPLES, *sorted(KITH)])
def test_a_traced_run_makes_the_same_and_explains_all_of_it(sample: str) -> None:
    mapping, document, envelope = opened(sample)
    context = Context(envelope, 0, namespace="urn:x-budstikke:test")
    plain = mapping.run(document, context)
    traced = mapping.ran(document, context, mapping.traced())
    assert [(e.key, e.identity, e.resource) for e in traced.entries] == [
        (e.key, e.identity, e.resource) for e in plain.entries
    ]
    assert traced.issues == plain.issues
    unexplained = [one.path for one in explain(mapping, document, context) if not one.rule]
    assert unexplained == []


@pytest.mark.parametrize("sample", sorted(KITH))
def test_each_place_of_a_kith_message_is_in_it_and_is_named_once(sample: str) -> None:
    mapping, document, envelope = opened(sample)
    found = explain(mapping, document, Context(envelope, 0, namespace="urn:x-budstikke:test"))
    populated = {unit.place for unit in STANDARDS["kith"].populated(document)}
    for one in found:
        assert len(set(one.places)) == len(one.places), one.path
        for place in one.places:
            element = place.partition("/@")[0]  # an attribute may be what was looked for in vain
            assert any(f"{unit}/".startswith(f"{element}/") for unit in populated), one.path
    bare = {one.path.rpartition(".")[2] for one in found if not one.places and one.value != "reference"}
    # Constants; and what is joined, or named by $let.
    assert bare <= {"system", "use", "url", "status", "type", "text", "data"}


def test_a_place_is_never_that_of_the_instance_before(build: Callable[..., Any], message: Callable[..., Any]) -> None:
    mapping = build("""
    types:
      CX: {$target: Identifier, value: .1}
      word: {$value: .1}
    entries:
      - {key: patient, resource: Patient, identity: PID-3 as CX, write: own, body: {active: = true}}
      - key: contact
        resource: RelatedPerson
        for_each: NK1
        identity: derived(->patient, NK1-2.1)
        write: own
        body:
          patient: {$value: ->patient, $required: true}
          name:
            - text:
                $first:
                  - {$when: NK1-3, $value: NK1-3 else NK1-7 as word}
                  - NK1-20
    """)
    document = message("PID|1||4711", "NK1|1|A|SPO", "NK1|2|B" + "|" * 18 + "nb")
    context = Context(envelope_of(document), 1_767_268_800_000_000, namespace="urn:x")
    places = [one.places for one in explain(mapping, document, context) if one.path.endswith("name.text")]
    found = [[place for place in places if place.startswith("NK1[1]")] for places in places]
    assert "NK1[1]-3" in found[0] and found[1:] == [[]]
