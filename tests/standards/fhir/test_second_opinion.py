"""A validator we did not write, on what ours accepts.

fhir.resources has R4B (4.3.0), not R4. What it is known to differ in: it looks at no bindings, it loses decimal digits,
and in R4B some resources that we do not send have other elements. None of that touches these.
"""

from __future__ import annotations

import importlib

import orjson
import pytest
from fhir_valid import valid

from engine.standards.fhir.dump import dump

VALID = valid()


@pytest.mark.parametrize("name", VALID)
def test_what_we_accept_fhir_resources_accepts(name: str) -> None:
    resource = VALID[name]
    kind = resource["resourceType"]
    model = getattr(importlib.import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    model.model_validate(orjson.loads(dump(resource)))
