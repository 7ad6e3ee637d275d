"""Every case that stands in a shipped mapping, one test each."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.mapping.cases import run_case
from engine.mapping.shelf import LoadedMapping, load_mapping
from engine.plugins.builtin import full_registry

ROOT = Path(__file__).resolve().parents[2]


def read(name: str) -> str:
    return (ROOT / "mappings" / f"{name}.yaml").read_text(encoding="utf-8")


def sample(name: str) -> bytes:
    return (ROOT / "samples" / name).read_bytes()


IDS = ("hl7v2/adt", "hl7v2/oru", "kith/apprec", "kith/dialogmelding")
SHIPPED = [load_mapping(id, read, standards=full_registry().standards) for id in IDS]
CASES = [(mapping, number) for mapping in SHIPPED for number in range(len(mapping.sources.cases))]
NAMES = [f"{mapping.id}: {mapping.sources.cases[number].name.text}" for mapping, number in CASES]


@pytest.mark.parametrize(("mapping", "number"), CASES, ids=NAMES)
def test_a_case_of_a_shipped_mapping(mapping: LoadedMapping, number: int) -> None:
    assert run_case(mapping, mapping.sources.cases[number], sample).faults == ()
