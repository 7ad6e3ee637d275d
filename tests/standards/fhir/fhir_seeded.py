"""Wrong resources: a valid one, one change, the code it must be found by, and where.

Each row is (name, resource, code, place, change); a change is a mapping of paths to new values, `GONE` to take away.
"""

# ruff: noqa: E501 (a table is read by the row)

from __future__ import annotations

from typing import Any

from fhir_valid import TERMINOLOGY, concept, quantity

from engine.standards.fhir import Decimal

GONE = object()
Row = tuple[str, str, str, str, dict[str, Any]]
OBS, PAT, ENC, CON, BUN = "observation", "patient", "encounter", "condition", "bundle"
_AIN = f"{TERMINOLOGY}/allergyintolerance-verification"
_CON = f"{TERMINOLOGY}/condition-ver-status"

ROWS: list[Row] = [
    # required
    ("status missing", OBS, "fhir.required", "Observation.status", {"status": GONE}),
    ("code missing", OBS, "fhir.required", "Observation.code", {"code": GONE}),
    ("class missing", ENC, "fhir.required", "Encounter.class", {"class": GONE}),
    ("link type missing", PAT, "fhir.required", "Patient.link[0].type", {"link.0.type": GONE}),
    ("subject missing", CON, "fhir.required", "Condition.subject", {"subject": GONE}),
    ("extension url missing", PAT, "fhir.required", "Patient.extension[0].url", {"extension": [{"valueString": "a"}]}),
    ("choice missing", "Immunization", "fhir.required", "Immunization.occurrence", {"occurrenceDateTime": GONE}),
    ("agent who missing", "provenance", "fhir.required", "Provenance.agent[0].who", {"agent": [{"id": "a", "role": [{"text": "x"}]}]}),
    # unknown elements
    ("misspelt", PAT, "fhir.unknown_element", "Patient.birthdate", {"birthdate": "1958-01-13"}),
    ("of R5", ENC, "fhir.unknown_element", "Encounter.actualPeriod", {"actualPeriod": {"start": "2026"}}),
    ("inside a type", PAT, "fhir.unknown_element", "Patient.name[0].middle", {"name.0.middle": "x"}),
    ("choice without type", OBS, "fhir.unknown_element", "Observation.value", {"valueQuantity": GONE, "value": 5}),
    ("choice of a wrong type", OBS, "fhir.unknown_element", "Observation.valueAddress", {"valueQuantity": GONE, "valueAddress": {"text": "x"}}),
    ("underscore on an object", PAT, "fhir.unknown_element", "Patient._name", {"_name": [{"id": "a"}]}),
    # cardinality
    ("one where a list is due", PAT, "fhir.cardinality", "Patient.name", {"name": {"family": "x"}}),
    ("list where one is due", OBS, "fhir.cardinality", "Observation.subject", {"subject": [{"display": "x"}]}),
    ("list of a primitive", PAT, "fhir.cardinality", "Patient.birthDate", {"birthDate": ["1958-01-13"]}),
    ("given not a list", PAT, "fhir.cardinality", "Patient.name[0].given", {"name.0.given": "Kari"}),
    # JSON types, choices
    ("boolean as text", PAT, "fhir.json_type", "Patient.active", {"active": "true"}),
    ("number as text", PAT, "fhir.json_type", "Patient.telecom[0].rank", {"telecom.0.rank": "1"}),
    ("decimal as text", OBS, "fhir.json_type", "Observation.valueQuantity.value", {"valueQuantity.value": "72.5"}),
    ("text as decimal", OBS, "fhir.json_type", "Observation.valueString", {"valueQuantity": GONE, "valueString": Decimal("72.5")}),
    ("boolean as decimal", OBS, "fhir.json_type", "Observation.valueQuantity.value", {"valueQuantity.value": True}),
    ("text as object", OBS, "fhir.json_type", "Observation.code", {"code": "Hb"}),
    ("object as text", PAT, "fhir.json_type", "Patient.gender", {"gender": {"coding": []}}),
    ("two of a choice", OBS, "fhir.choice", "Observation.value[x]", {"valueString": "x"}),
    ("two of a choice, one by extension", PAT, "fhir.choice", "Patient.deceased[x]", {"_deceasedDateTime": {"extension": [{"url": "u:a", "valueString": "x"}]}}),
    # dates
    ("30 February", PAT, "fhir.lexical", "Patient.birthDate", {"birthDate": "1958-02-30"}),
    ("29 February of no leap year", PAT, "fhir.lexical", "Patient.birthDate", {"birthDate": "2023-02-29"}),
    ("31 April in a dateTime", OBS, "fhir.lexical", "Observation.effectiveDateTime", {"effectiveDateTime": "2026-04-31T08:00:00Z"}),
    ("month 13", PAT, "fhir.lexical", "Patient.birthDate", {"birthDate": "1958-13-01"}),
    ("HL7 v2 date", PAT, "fhir.lexical", "Patient.birthDate", {"birthDate": "19580113"}),
    ("week date", PAT, "fhir.lexical", "Patient.birthDate", {"birthDate": "1958-W01-1"}),
    ("time without zone", OBS, "fhir.lexical", "Observation.effectiveDateTime", {"effectiveDateTime": "2026-01-15T08:00:00"}),
    ("time without seconds", OBS, "fhir.lexical", "Observation.effectiveDateTime", {"effectiveDateTime": "2026-01-15T08:00Z"}),
    ("hour 24", OBS, "fhir.lexical", "Observation.effectiveDateTime", {"effectiveDateTime": "2026-01-15T24:00:00Z"}),
    ("zone of 15 hours", OBS, "fhir.lexical", "Observation.effectiveDateTime", {"effectiveDateTime": "2026-01-15T08:00:00+15:00"}),
    ("instant without time", OBS, "fhir.lexical", "Observation.issued", {"issued": "2026-01-15"}),
    ("line end after a date", PAT, "fhir.lexical", "Patient.birthDate", {"birthDate": "1958-01-13\n"}),
    ("other digits", PAT, "fhir.lexical", "Patient.birthDate", {"birthDate": "١٩٥٨"}),
    ("time of day with a zone", OBS, "fhir.lexical", "Observation.valueTime", {"valueQuantity": GONE, "valueTime": "08:00:00Z"}),
    # other forms
    ("id too long", PAT, "fhir.lexical", "Patient.id", {"id": "x" * 65}),
    ("id with underscore", PAT, "fhir.lexical", "Patient.id", {"id": "a_b"}),
    ("uri with blank", PAT, "fhir.lexical", "Patient.identifier[0].system", {"identifier.0.system": "urn:oid 1"}),
    ("code with outer blank", CON, "fhir.lexical", "Condition.code.coding[0].code", {"code.coding.0.code": "K86 "}),
    ("base64 of wrong length", "document", "fhir.lexical", "DocumentReference.content[0].attachment.data", {"content.0.attachment.data": "TVN"}),
    ("base64 with other letters", "document", "fhir.lexical", "DocumentReference.content[0].attachment.data", {"content.0.attachment.data": "TV-_"}),
    ("uuid in capitals", "Parameters", "fhir.lexical", "Parameters.parameter[0].part[0].valueUuid", {"parameter.0.part.0.valueUuid": "urn:uuid:" + "A" * 8 + "-0000-0000-0000-" + "0" * 12}),
    ("oid without prefix", "Parameters", "fhir.lexical", "Parameters.parameter[0].valueOid", {"parameter": [{"name": "a", "valueOid": "2.16.578"}]}),
    ("control character", PAT, "fhir.lexical", "Patient.name[0].family", {"name.0.family": "Nord\x00mann"}),
    ("lone surrogate", PAT, "fhir.lexical", "Patient.name[0].family", {"name.0.family": "Nord\ud800mann"}),
    ("uri with a control character", PAT, "fhir.lexical", "Patient.identifier[0].system", {"identifier.0.system": "urn:\x01"}),
    ("uri with a lone surrogate", PAT, "fhir.lexical", "Patient.identifier[0].system", {"identifier.0.system": "urn:\ud800"}),
    ("code with a lone surrogate", CON, "fhir.lexical", "Condition.code.coding[0].code", {"code.coding.0.code": "K\udfff"}),
    ("narrative with a lone surrogate", PAT, "fhir.lexical", "Patient.text.div", {"text.div": "<div>\ud800</div>"}),
    ("rank zero", PAT, "fhir.lexical", "Patient.telecom[0].rank", {"telecom.0.rank": 0}),
    ("size below zero", "report", "fhir.lexical", "DiagnosticReport.presentedForm[0].size", {"presentedForm.0.size": -1}),
    ("integer too large", "task", "fhir.lexical", "Task.output[0].valueInteger", {"output.0.valueInteger": 1 << 31}),
    ("decimal with comma", OBS, "fhir.lexical", "Observation.valueQuantity.value", {"valueQuantity.value": Decimal("72,5")}),
    ("decimal with plus", OBS, "fhir.lexical", "Observation.valueQuantity.value", {"valueQuantity.value": Decimal("+72.5")}),
    ("decimal with leading zero", OBS, "fhir.lexical", "Observation.valueQuantity.value", {"valueQuantity.value": Decimal("072.5")}),
    ("no number", OBS, "fhir.lexical", "Observation.valueQuantity.value", {"valueQuantity.value": float("nan")}),
    ("script in the narrative", PAT, "fhir.lexical", "Patient.text.div", {"text.div": "<div><script>x</script></div>"}),
    ("plain text as narrative", PAT, "fhir.lexical", "Patient.text.div", {"text.div": "Kari"}),
    # empty and null
    ("empty text", PAT, "fhir.empty", "Patient.name[0].family", {"name.0.family": ""}),
    ("blank text", PAT, "fhir.empty", "Patient.name[0].family", {"name.0.family": "  "}),
    ("empty object", OBS, "fhir.empty", "Observation.subject", {"subject": {}}),
    ("object with an id only", OBS, "fhir.empty", "Observation.subject", {"subject": {"id": "a"}}),
    ("empty list", PAT, "fhir.empty", "Patient.name", {"name": []}),
    ("null", PAT, "fhir.null", "Patient.gender", {"gender": None}),
    ("null in a list", PAT, "fhir.null", "Patient.name[0].given[1]", {"name.0.given": ["Kari", None]}),
    # resource types and targets
    ("no resourceType", BUN, "fhir.resource_type", "Bundle.entry[1].resource", {"entry.1.resource.resourceType": GONE}),
    ("unknown resourceType", BUN, "fhir.resource_type", "Bundle.entry[1].resource", {"entry.1.resource.resourceType": "Observasjon"}),
    ("abstract resourceType", PAT, "fhir.resource_type", "", {"resourceType": "DomainResource"}),
    ("reference to a wrong type", OBS, "fhir.target", "Observation.subject", {"subject.reference": "Practitioner/1"}),
    ("absolute reference to a wrong type", OBS, "fhir.target", "Observation.performer[0]", {"performer.0.reference": "https://x.example/fhir/Device/1"}),
    # required bindings
    ("gender in capitals", PAT, "fhir.code", "Patient.gender", {"gender": "F"}),
    ("status of another resource", OBS, "fhir.code", "Observation.status", {"status": "active"}),
    ("name use", PAT, "fhir.code", "Patient.name[0].use", {"name.0.use": "legal"}),
    ("narrative status", PAT, "fhir.code", "Patient.text.status", {"text.status": "made"}),
    ("clinical status of a wrong system", CON, "fhir.code", "Condition.clinicalStatus", {"clinicalStatus": concept("urn:x", "resolved")}),
    ("comparator", OBS, "fhir.code", "Observation.valueQuantity.comparator", {"valueQuantity.comparator": "="}),
    ("bundle type", BUN, "fhir.code", "Bundle.type", {"type": "transactions"}),
    ("code in a list", "allergy", "fhir.code", "AllergyIntolerance.category[0]", {"category": ["drug"]}),
    # invariants
    ("ext-1", PAT, "fhir.invariant", "Patient.extension[0]", {"extension": [{"url": "u:a"}]}),
    ("qty-3", OBS, "fhir.invariant", "Observation.valueQuantity", {"valueQuantity.system": GONE}),
    ("rng-2", OBS, "fhir.invariant", "Observation.valueRange", {"valueQuantity": GONE, "valueRange": {"low": quantity("2"), "high": quantity("1.9")}}),
    ("rat-1", OBS, "fhir.invariant", "Observation.valueRatio", {"valueQuantity": GONE, "valueRatio": {"numerator": quantity("2")}}),
    ("sqt-1", OBS, "fhir.invariant", "Observation.referenceRange[0].low", {"referenceRange.0.low.comparator": "<"}),
    ("per-1", ENC, "fhir.invariant", "Encounter.period", {"period.end": "2026-01-12"}),
    ("per-1 across zones", ENC, "fhir.invariant", "Encounter.period", {"period.end": "2026-01-14T07:30:00+02:00"}),
    ("att-1", "document", "fhir.invariant", "DocumentReference.content[0].attachment", {"content.0.attachment.contentType": GONE}),
    ("cpt-2", PAT, "fhir.invariant", "Patient.telecom[0]", {"telecom.0.system": GONE}),
    ("pat-1", PAT, "fhir.invariant", "Patient.contact[0]", {"contact.0.name": GONE}),
    ("obs-3", OBS, "fhir.invariant", "Observation.referenceRange[0]", {"referenceRange": [{"appliesTo": [{"text": "x"}]}]}),
    ("obs-6", OBS, "fhir.invariant", "Observation", {"dataAbsentReason": {"text": "x"}}),
    ("obs-7", OBS, "fhir.invariant", "Observation", {"component.0.code": {"coding": [{"system": "urn:oid:2.16.578.1.12.4.1.1.7280", "code": "NPU19873"}]}}),
    ("org-1", "organization", "fhir.invariant", "Organization", {"identifier": GONE, "name": GONE}),
    ("org-3", "organization", "fhir.invariant", "Organization", {"telecom.0.use": "home"}),
    ("con-1", CON, "fhir.invariant", "Condition.stage[0]", {"stage": [{"type": {"text": "x"}}]}),
    ("con-2", CON, "fhir.invariant", "Condition.evidence[0]", {"evidence": [{"extension": [{"url": "u:a", "valueString": "x"}]}]}),
    ("con-4", CON, "fhir.invariant", "Condition", {"clinicalStatus.coding.0.code": "active"}),
    ("con-5", CON, "fhir.invariant", "Condition", {"verificationStatus": concept(_CON, "entered-in-error")}),
    ("ait-1", "allergy", "fhir.invariant", "AllergyIntolerance", {"clinicalStatus": GONE}),
    ("ait-2", "allergy", "fhir.invariant", "AllergyIntolerance", {"verificationStatus": concept(_AIN, "entered-in-error")}),
    ("prr-1", "request", "fhir.invariant", "ServiceRequest", {"code": GONE}),
    ("tim-2", "request", "fhir.invariant", "ServiceRequest.occurrenceTiming.repeat", {"occurrenceTiming.repeat.periodUnit": GONE}),
    ("tim-9", "request", "fhir.invariant", "ServiceRequest.occurrenceTiming.repeat", {"occurrenceTiming.repeat.offset": 5, "occurrenceTiming.repeat.when": ["CM"]}),
    ("Task inv-1", "task", "fhir.invariant", "Task", {"lastModified": "2026-01-15T08:59:00Z"}),
    ("dom-2", "with_contained", "fhir.invariant", "Condition", {"contained.0.contained": [{"resourceType": "Basic", "code": {"text": "x"}}]}),
    ("dom-3", "with_contained", "fhir.invariant", "Condition", {"asserter": GONE}),
    ("dom-4", "with_contained", "fhir.invariant", "Condition", {"contained.0.meta": {"versionId": "1"}}),
    ("dom-5", "with_contained", "fhir.invariant", "Condition", {"contained.0.meta": {"security": [{"code": "R"}]}}),
    ("ref-1", "with_contained", "fhir.invariant", "Condition.recorder", {"recorder": {"reference": "#b"}}),
    ("bdl-1", BUN, "fhir.invariant", "Bundle", {"total": 3}),
    ("bdl-2", BUN, "fhir.invariant", "Bundle", {"entry.0.search": {"mode": "match"}}),
    ("bdl-3", BUN, "fhir.invariant", "Bundle", {"entry.0.request": GONE}),
    ("bdl-4", BUN, "fhir.invariant", "Bundle", {"entry.0.response": {"status": "200"}}),
    ("bdl-5", BUN, "fhir.invariant", "Bundle.entry[0]", {"entry.0": {"fullUrl": "urn:x:1"}}),
    ("bdl-7", BUN, "fhir.invariant", "Bundle", {"entry.1.fullUrl": "urn:uuid:0c2d0001-0000-8000-8000-000000000000"}),
    ("bdl-8", BUN, "fhir.invariant", "Bundle.entry[0]", {"entry.0.fullUrl": "http://x.example/Patient/1/_history/2"}),
    ("bdl-9", BUN, "fhir.invariant", "Bundle", {"type": "document"}),
    ("deep in a bundle", BUN, "fhir.lexical", "Bundle.entry[0].resource.Patient.birthDate", {"entry.0.resource.birthDate": "1958-02-30"}),
]  # fmt: skip


def changed(resource: Any, change: dict[str, Any]) -> Any:
    """The resource with each path set anew or taken away."""
    for path, value in change.items():
        *way, last = path.split(".")
        found = resource
        for step in way:
            found = found[int(step)] if isinstance(found, list) else found[step]
        key: Any = int(last) if isinstance(found, list) else last
        if value is GONE:
            del found[key]
        else:
            found[key] = value
    return resource
