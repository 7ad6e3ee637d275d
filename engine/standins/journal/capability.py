"""What the journal says it can do, made from the same tables that it does it by. FHIR R4, CapabilityStatement."""

from __future__ import annotations

from engine.standards.fhir import Resource
from engine.standins.journal import Rules
from engine.standins.journal.r4 import TYPES, parameters_of

_INTERACTIONS = ("create", "read", "vread", "update", "delete", "history-instance", "search-type")


def capability_statement(rules: Rules, address: str, started: str) -> Resource:
    """The CapabilityStatement; `started` is a FHIR dateTime."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": started,
        "kind": "instance",
        "software": {"name": "Budstikke stand-in journal"},
        "implementation": {"description": "A stand-in for the common journal, for demo and test", "url": address},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "resource": [_resource(kind, rules) for kind in sorted(rules.types or TYPES)],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


def _resource(kind: str, rules: Rules) -> Resource:
    return {
        "type": kind,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": rules.update_create,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "local", *(["enforced"] if rules.integrity else [])],
        "searchParam": [{"name": name, "type": kind_of} for name, kind_of in sorted(parameters_of(kind).items())],
    }
