"""Invariants of the data types. FHIR R4, 2.24 (data types), 2.5 (extensibility), 2.3 (references)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal as Number
from typing import Any

from engine.standards.fhir.rule import Json, Rule, any_of, exactly_one, if_then, not_both

_UCUM = "http://unitsofmeasure.org"


def later(first: str, second: str) -> bool:
    """Whether `first` is surely later than `second`; different precision or a missing zone leaves room for doubt."""
    if len(first) > 10 and len(second) > 10:
        if first[19:] == second[19:]:
            return first > second
        return datetime.fromisoformat(first) > datetime.fromisoformat(second)
    if len(first) >= 10 and len(second) >= 10 and len(first) != len(second):
        return (date.fromisoformat(first[:10]) - date.fromisoformat(second[:10])).days > 1
    shared = min(len(first), len(second))
    return first[:shared] > second[:shared]


def number(value: Any) -> Number:
    """The number a JSON decimal stands for."""
    return Number(str(value))


def _ordered(value: Json) -> bool:
    low, high = value["low"], value["high"]
    if "value" not in low or "value" not in high:
        return True
    units = ("code", "system") if "code" in low and "code" in high else ("unit",)
    if any(low.get(name) != high.get(name) for name in units):
        return True
    return number(low["value"]) <= number(high["value"])


def _in_ucum(key: str) -> Rule:
    return Rule(
        key,
        "system must be UCUM where it is given",
        holds=lambda value: value["system"] == _UCUM,
        needs=("system",),
    )


def _not_negative(key: str, name: str) -> Rule:
    return Rule(key, f"{name} must not be negative", holds=lambda value: number(value[name]) >= 0, needs=(name,))


def _trigger(value: Json) -> bool:
    kind = value["type"]
    if kind == "named-event":
        return "name" in value
    if kind == "periodic":
        return any(name.startswith("timing") for name in value)
    return "data" in value or not kind.startswith("data-")


_MEALS = {"C", "CM", "CD", "CV"}

RULES: Mapping[str, tuple[Rule, ...]] = {
    "Extension": (exactly_one("ext-1", "extension", "value"),),
    "Quantity": (if_then("qty-3", "code", "system"),),
    "Age": (
        if_then("age-1", "value", "code"),
        _in_ucum("age-1"),
        Rule("age-1", "value must be above zero", holds=lambda age: number(age["value"]) > 0, needs=("value",)),
    ),
    "Count": (
        if_then("cnt-3", "value", "code"),
        _in_ucum("cnt-3"),
        Rule("cnt-3", "code must be 1", holds=lambda count: count["code"] == "1", needs=("code",)),
        Rule("cnt-3", "value must be whole", holds=lambda count: "." not in str(count["value"]), needs=("value",)),
    ),
    "Distance": (if_then("dis-1", "value", "code"), _in_ucum("dis-1")),
    "Duration": (
        if_then("drt-1", "code", "value"),
        if_then("drt-1", "code", "system"),
        Rule("drt-1", "system must be UCUM", holds=lambda it: it["system"] == _UCUM, needs=("code", "system")),
    ),
    "Period": (
        Rule(
            "per-1",
            "start must not be after end",
            holds=lambda period: not later(period["start"], period["end"]),
            needs=("start", "end"),
        ),
    ),
    "Range": (Rule("rng-2", "low must not be above high", holds=_ordered, needs=("low", "high")),),
    "Ratio": (
        Rule(
            "rat-1",
            "numerator and denominator come together, or there is an extension",
            lambda have: ("numerator" in have) == ("denominator" in have) and bool(have & {"numerator", "extension"}),
        ),
    ),
    "Attachment": (if_then("att-1", "data", "contentType"),),
    "ContactPoint": (if_then("cpt-2", "value", "system"),),
    "Expression": (any_of("exp-1", "expression", "reference"),),
    "Timing.repeat": (
        if_then("tim-1", "duration", "durationUnit"),
        if_then("tim-2", "period", "periodUnit"),
        _not_negative("tim-4", "duration"),
        _not_negative("tim-5", "period"),
        if_then("tim-6", "periodMax", "period"),
        if_then("tim-7", "durationMax", "duration"),
        if_then("tim-8", "countMax", "count"),
        if_then("tim-9", "offset", "when"),
        Rule(
            "tim-9",
            "offset does not go with a meal",
            holds=lambda repeat: _MEALS.isdisjoint(repeat["when"]),
            needs=("offset", "when"),
        ),
        not_both("tim-10", "timeOfDay", "when"),
    ),
    "DataRequirement.codeFilter": (exactly_one("drq-1", "path", "searchParam"),),
    "DataRequirement.dateFilter": (exactly_one("drq-2", "path", "searchParam"),),
    "TriggerDefinition": (
        not_both("trd-1", "data", "timing"),
        if_then("trd-2", "condition", "data"),
        Rule("trd-3", "an element that this type of trigger needs is missing", holds=_trigger, needs=("type",)),
    ),
}
"""By type. `Reference`'s ref-1 and `Narrative`'s txt-1 need more than the value: see `walk` and `primitives`."""
