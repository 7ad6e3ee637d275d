"""Valid resources to start from: each call gives a fresh one. All synthetic."""

from __future__ import annotations

from typing import Any

from engine.standards.fhir import Decimal

Json = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
FNR = "urn:oid:2.16.578.1.12.4.1.4.1"
DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Kari</p></div>'
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"


def concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def quantity(value: str, unit: str = "g/L") -> Json:
    return {"value": Decimal(value), "unit": unit, "system": UCUM, "code": unit}


def patient() -> Json:
    return {
        "resourceType": "Patient",
        "id": "p1",
        "meta": {"profile": ["http://hl7.no/fhir/StructureDefinition/no-basis-Patient"]},
        "text": {"status": "generated", "div": DIV},
        "identifier": [{"use": "official", "system": FNR, "value": "13815897247"}],
        "active": True,
        "name": [{"use": "official", "family": "Nordmann", "given": ["Kari", "Å"]}],
        "telecom": [{"system": "phone", "value": "99887766", "use": "mobile", "rank": 1}],
        "gender": "female",
        "birthDate": "1958-01-13",
        "_birthDate": {"extension": [{"url": "http://example.org/time", "valueDateTime": "1958-01-13T04:05:00+01:00"}]},
        "deceasedBoolean": False,
        "address": [{"use": "home", "line": ["Storgata 1"], "city": "Oslo", "postalCode": "0155"}],
        "contact": [{"relationship": [concept(f"{TERMINOLOGY}/v2-0131", "N")], "name": {"family": "Nordmann"}}],
        "generalPractitioner": [{"reference": "Practitioner/1"}],
        "link": [{"other": {"reference": "Patient/2"}, "type": "replaces"}],
    }


def observation() -> Json:
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [concept(f"{TERMINOLOGY}/observation-category", "laboratory")],
        "code": {"coding": [{"system": "urn:oid:2.16.578.1.12.4.1.1.7280", "code": "NPU19873"}], "text": "Hb"},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-01-15T08:00:00+01:00",
        "issued": "2026-01-15T10:00:00.000+01:00",
        "performer": [{"reference": "Organization/o1"}],
        "valueQuantity": quantity("72.50"),
        "referenceRange": [{"low": quantity("11.70"), "high": quantity("15.30"), "text": "11.7-15.3"}],
        "component": [{"code": {"text": "part"}, "valueString": "seen"}],
    }


def encounter() -> Json:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": f"{TERMINOLOGY}/v3-ActCode", "code": "IMP"},
        "subject": {"reference": "Patient/p1"},
        "participant": [{"individual": {"reference": "Practitioner/1"}}],
        "period": {"start": "2026-01-14T08:00:00+01:00", "end": "2026-01-15"},
        "location": [{"location": {"reference": "Location/1"}, "status": "completed"}],
    }


def condition() -> Json:
    return {
        "resourceType": "Condition",
        "clinicalStatus": concept(f"{TERMINOLOGY}/condition-clinical", "resolved"),
        "verificationStatus": concept(f"{TERMINOLOGY}/condition-ver-status", "confirmed"),
        "code": concept("urn:oid:2.16.578.1.12.4.1.1.7170", "K86"),
        "subject": {"reference": "Patient/p1"},
        "onsetDateTime": "2020",
        "abatementDateTime": "2024-02",
        "stage": [{"summary": {"text": "2"}}],
        "evidence": [{"code": [{"text": "seen"}]}],
    }


def allergy() -> Json:
    return {
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": concept(f"{TERMINOLOGY}/allergyintolerance-clinical", "active"),
        "verificationStatus": concept(f"{TERMINOLOGY}/allergyintolerance-verification", "confirmed"),
        "type": "allergy",
        "category": ["medication"],
        "criticality": "high",
        "code": {"text": "penicillin"},
        "patient": {"reference": "Patient/p1"},
        "reaction": [{"manifestation": [{"text": "rash"}], "severity": "mild"}],
    }


def report() -> Json:
    return {
        "resourceType": "DiagnosticReport",
        "status": "final",
        "code": {"text": "blood"},
        "subject": {"reference": "Patient/p1"},
        "effectivePeriod": {"start": "2026-01-15T08:00:00Z"},
        "result": [{"reference": "Observation/1"}],
        "presentedForm": [{"contentType": "application/pdf", "data": "JVBERg==", "size": 4}],
    }


def request() -> Json:
    return {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "code": {"text": "Hb"},
        "orderDetail": [{"text": "fasting"}],
        "subject": {"reference": "Patient/p1"},
        "occurrenceTiming": {"repeat": {"frequency": 1, "period": Decimal("1.0"), "periodUnit": "d", "when": ["MORN"]}},
        "priority": "routine",
    }


def organization() -> Json:
    return {
        "resourceType": "Organization",
        "identifier": [{"system": "urn:oid:2.16.578.1.12.4.1.2", "value": "90001"}],
        "name": "Fjellheim",
        "telecom": [{"system": "phone", "value": "22000000", "use": "work"}],
        "partOf": {"reference": "Organization/2"},
    }


def provenance() -> Json:
    return {
        "resourceType": "Provenance",
        "target": [{"reference": "urn:uuid:0c2d0001-0000-8000-8000-000000000001"}],
        "recorded": "2026-01-15T10:00:00.123Z",
        "policy": ["urn:x-budstikke:mapping:hl7v2/adt|1"],
        "agent": [{"who": {"display": "Budstikke"}}],
        "entity": [{"role": "source", "what": {"identifier": {"value": "MSG1"}}}],
    }


def document() -> Json:
    return {
        "resourceType": "DocumentReference",
        "status": "current",
        "date": "2026-01-15T10:00:00Z",
        "content": [{"attachment": {"contentType": "text/plain", "data": "TVNI"}}],
    }


def task() -> Json:
    return {
        "resourceType": "Task",
        "status": "completed",
        "intent": "order",
        "authoredOn": "2026-01-15T10:00:00+01:00",
        "lastModified": "2026-01-15T09:30:00Z",
        "output": [{"type": {"text": "code"}, "valueInteger": 3}],
    }


def with_contained() -> Json:
    resource = condition()
    resource["contained"] = [{"resourceType": "Practitioner", "id": "a", "name": [{"text": "Lege"}]}]
    resource["asserter"] = {"reference": "#a"}
    return resource


OTHERS: dict[str, Json] = {
    "Practitioner": {"name": [{"text": "Lege"}], "qualification": [{"code": {"text": "MD"}}]},
    "PractitionerRole": {"practitioner": {"reference": "Practitioner/1"}, "availableTime": [{"daysOfWeek": ["mon"]}]},
    "Location": {"name": "Ward 1", "mode": "instance", "position": {"longitude": Decimal("10.7"), "latitude": 59.9}},
    "EpisodeOfCare": {"status": "active", "patient": {"reference": "Patient/p1"}},
    "Specimen": {"subject": {"reference": "Patient/p1"}, "collection": {"collectedDateTime": "2026-01-15"}},
    "RelatedPerson": {"patient": {"reference": "Patient/p1"}, "birthDate": "1960-02"},
    "Coverage": {
        "status": "active",
        "beneficiary": {"reference": "Patient/p1"},
        "payor": [{"reference": "Patient/p1"}],
    },
    "Procedure": {"status": "completed", "subject": {"reference": "Patient/p1"}, "performedString": "yesterday"},
    "Communication": {"status": "completed", "payload": [{"contentString": "God dag"}]},
    "Flag": {"status": "active", "code": {"text": "x"}, "subject": {"reference": "Patient/p1"}},
    "Immunization": {
        "status": "completed",
        "vaccineCode": {"text": "x"},
        "patient": {"reference": "Patient/p1"},
        "occurrenceDateTime": "2026",
    },
    "Binary": {"contentType": "text/plain", "data": "TVNI"},
    "Parameters": {
        "parameter": [
            {"name": "a", "part": [{"name": "b", "valueUuid": "urn:uuid:0c2d0001-0000-4000-8000-000000000001"}]}
        ]
    },
    "OperationOutcome": {"issue": [{"severity": "error", "code": "invalid"}]},
    "List": {"status": "current", "mode": "working", "entry": [{"item": {"reference": "Patient/p1"}, "date": "2026"}]},
}


def bundle() -> Json:
    resources = [patient(), observation(), encounter()]
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"urn:uuid:0c2d0001-0000-8000-8000-00000000000{number}",
                "resource": one,
                "request": {"method": "PUT", "url": f"{one['resourceType']}/{number}"},
            }
            for number, one in enumerate(resources)
        ],
    }


def valid() -> dict[str, Json]:
    """Every valid resource by name."""
    makers = (
        patient, observation, encounter, condition, allergy, report, request, organization, provenance, document, task,
        with_contained, bundle,
    )  # fmt: skip
    found = {maker.__name__: maker() for maker in makers}
    found |= {name: {"resourceType": name, **body} for name, body in OTHERS.items()}
    return found
