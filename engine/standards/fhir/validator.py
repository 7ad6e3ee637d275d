"""Whether a resource is R4: structure, types, forms, required bindings, reference targets, invariants.

A quick look answers yes for nearly all resources; on its no, a thorough walk says what is wrong and where.
FHIR R4, 2.34 (validating resources).
"""

from __future__ import annotations

from typing import Any

from engine.message import Issue, Severity
from engine.standards.fhir.primitives import forget
from engine.standards.fhir.shapes import looks_right
from engine.standards.fhir.walk import walk


def validate(resource: dict[str, Any]) -> list[Issue]:
    """Every fault of a resource of any type, a Bundle with all its entries included; empty when there is none.

    Places are in FHIR's words: `Bundle.entry[3].resource.Observation.status`. Issues never quote a value.
    """
    forget()
    try:
        if looks_right(resource):
            return []
        return walk(resource)
    except RecursionError:
        return [Issue(Severity.ERROR, "fhir.depth", "the resource is nested too deeply")]
