"""Invariants of the resources that mappings make, and of their backbones. FHIR R4, each resource's page."""

from __future__ import annotations

from collections.abc import Mapping

from engine.standards.fhir.rule import Json, Rule, any_of, has_coding, if_then, not_both
from engine.standards.fhir.rules_types import later

_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_CONDITION_STATUS = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_ALLERGY_STATUS = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
_WRONG = {"entered-in-error"}


def _withdrawn(resource: Json, system: str) -> bool:
    return has_coding(resource.get("verificationStatus"), system, _WRONG)


def _ended(condition: Json) -> bool:
    return has_coding(condition.get("clinicalStatus"), _CLINICAL, {"resolved", "remission", "inactive"})


def _codings(concept: Json) -> list[tuple[object, ...]]:
    names = ("system", "version", "code", "display", "userSelected")
    return [tuple(coding.get(name) for name in names) for coding in concept.get("coding", ())]


def _component_repeats_code(observation: Json) -> bool:
    own = set(_codings(observation["code"]))
    return any(not own.isdisjoint(_codings(component["code"])) for component in observation["component"])


def _no_home(name: str, key: str) -> Rule:
    return Rule(
        key,
        f"an organization's {name} is never of use home",
        holds=lambda resource: all(item.get("use") != "home" for item in resource[name]),
        needs=(name,),
    )


def _one_value(parameter: Json) -> bool:
    values = sum(name.startswith("value") for name in parameter) + ("resource" in parameter)
    return values == 0 if "part" in parameter else values == 1


def _appointment_times(resource: Json) -> bool:
    return "start" in resource or resource["status"] in ("proposed", "cancelled", "waitlist")


def _only_mode(key: str, mode: str, name: str) -> Rule:
    return Rule(
        key,
        f"entry.{name} is only for lists of mode {mode}",
        holds=lambda listing: listing["mode"] == mode or all(name not in entry for entry in listing["entry"]),
        needs=("mode", "entry"),
    )


RULES: Mapping[str, tuple[Rule, ...]] = {
    "Patient.contact": (any_of("pat-1", "name", "telecom", "address", "organization"),),
    "Organization": (
        any_of("org-1", "identifier", "name"),
        _no_home("address", "org-2"),
        _no_home("telecom", "org-3"),
    ),
    "Condition": (
        Rule("con-4", "what has abated is resolved, in remission or inactive", holds=_ended, needs=("abatement",)),
        Rule(
            "con-5",
            "what was entered in error has no clinicalStatus",
            holds=lambda condition: not _withdrawn(condition, _CONDITION_STATUS),
            needs=("verificationStatus", "clinicalStatus"),
        ),
    ),
    "Condition.stage": (any_of("con-1", "summary", "assessment"),),
    "Condition.evidence": (any_of("con-2", "code", "detail"),),
    "AllergyIntolerance": (
        Rule(
            "ait-1",
            "clinicalStatus must be there unless entered in error",
            holds=lambda allergy: "clinicalStatus" in allergy or _withdrawn(allergy, _ALLERGY_STATUS),
        ),
        Rule(
            "ait-2",
            "what was entered in error has no clinicalStatus",
            holds=lambda allergy: not _withdrawn(allergy, _ALLERGY_STATUS),
            needs=("verificationStatus", "clinicalStatus"),
        ),
    ),
    "Observation": (
        not_both("obs-6", "dataAbsentReason", "value"),
        Rule(
            "obs-7",
            "a component repeats the code of an observation that has a value",
            holds=lambda observation: not _component_repeats_code(observation),
            needs=("component", "code", "value"),
        ),
    ),
    "Observation.referenceRange": (any_of("obs-3", "low", "high", "text"),),
    "ServiceRequest": (if_then("prr-1", "orderDetail", "code"),),
    "Task": (
        Rule(
            "inv-1",
            "lastModified must not be before authoredOn",
            holds=lambda task: not later(task["authoredOn"], task["lastModified"]),
            needs=("authoredOn", "lastModified"),
        ),
    ),
    "Composition.section": (
        any_of("cmp-1", "text", "entry", "section"),
        not_both("cmp-2", "emptyReason", "entry"),
    ),
    "Immunization.education": (any_of("imm-1", "documentType", "reference"),),
    "Appointment": (
        Rule("app-2", "start and end come together", lambda have: ("start" in have) == ("end" in have)),
        Rule("app-3", "start must be there in this status", holds=_appointment_times, needs=("status",)),
        Rule(
            "app-4",
            "a reason for cancelling needs status noshow or cancelled",
            holds=lambda resource: resource["status"] in ("noshow", "cancelled"),
            needs=("cancelationReason", "status"),
        ),
    ),
    "Appointment.participant": (any_of("app-1", "type", "actor"),),
    "Goal.target": (if_then("gol-1", "detail", "measure"),),
    "CarePlan.activity": (not_both("cpl-3", "detail", "reference"),),
    "Consent": (any_of("ppc-1", "policy", "policyRule"),),
    "Parameters.parameter": (Rule("inv-1", "one value, one resource, or parts, and only that", holds=_one_value),),
    "List": (
        not_both("lst-1", "emptyReason", "entry"),
        _only_mode("lst-2", "changes", "deleted"),
        _only_mode("lst-3", "working", "date"),
    ),
    "QuestionnaireResponse.item": (not_both("qrs-1", "answer", "item"),),
    "Group": (
        Rule(
            "grp-1",
            "only an actual group has members",
            holds=lambda group: group["actual"] is True,
            needs=("member", "actual"),
        ),
    ),
}
"""By type."""
