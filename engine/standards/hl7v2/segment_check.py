"""One segment against its definition: a regular expression that says yes, and a walk that says what is wrong.

The expression is built once for a version and a segment, with possessive quantifiers only, so that matching is linear;
it knows the usual separators. Whatever it does not match is walked field by field, and the walk alone makes issues.
HL7 v2.5.1, 2.5.3 and 2.A.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice

from engine.message import Issue, Severity
from engine.standards.hl7v2.er7 import NULL, SEPARATED_NAMES, Segment, Separators
from engine.standards.hl7v2.tables import FieldRule, segment_rules

_TIME = r"(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:[0-5][0-9](?:\.[0-9]{1,4}+)?+)?+)?+"
_OFFSET = r"(?:[+-][01][0-9][0-5][0-9])?+"
_DATE = r"[0-9]{4}(?:(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12][0-9]|3[01])"
FORMS = {
    "NM": r"[+-]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)",
    "SI": r"[0-9]++",
    "DT": _DATE + ")?+)?+",
    "TM": _TIME + _OFFSET,
    "DTM": _DATE + f"(?:{_TIME})?+)?+)?+" + _OFFSET,
}
"""Lexical forms. HL7 v2.5.1, 2.A.21, 2.A.22, 2.A.46, 2.A.69, 2.A.75."""

_WORDS = {"NM": "a number", "SI": "a sequence number", "DT": "a date", "TM": "a time of day", "DTM": "a time"}
_TEXT = r"[^|~^]*+"
_MOST_ISSUES = 20
_MOST_REPETITIONS = 1000


@lru_cache(maxsize=64)
def _form(type_: str) -> re.Pattern[str]:
    return re.compile(FORMS[type_])


@lru_cache(maxsize=4096)
def matcher(version: str, name: str) -> Callable[[str], object]:
    """What says whether the text of a whole segment conforms; None means that it has to be walked."""
    rules = segment_rules(version, name)
    last_required = max((rule.number for rule in rules if rule.required), default=0)
    if name in SEPARATED_NAMES:
        pattern, rules = name + r"\|\^~\\&", rules[2:]
    else:
        pattern = name
    for rule in rules:
        content = _field(rule)
        if rule.required:
            # More than separators alone.
            pattern += rf"\|(?=[\^~&]*+[^|^~&]){content}"
        elif rule.number < last_required:
            pattern += rf"\|{content}"
        else:
            pattern += rf"(?:\|{content})?+"
    return re.compile(pattern + r"\|*+").fullmatch


def _field(rule: FieldRule) -> str:
    """A field that may be empty: repetitions of components."""
    if not rule.components:
        return r"[^|]*+"
    one = _repetition(rule)
    if rule.repeats == 1:
        return one
    times = "*+" if not rule.repeats else f"{{0,{rule.repeats - 1}}}+"
    return f"{one}(?:~{one}){times}"


def _repetition(rule: FieldRule) -> str:
    if rule.values:
        # The longest first: what is possessive does not come back for a longer one.
        known = "|".join(re.escape(value) for value in sorted(rule.values, key=len, reverse=True))
        return rf'(?:""|{known})?+\^*+'
    pattern, plain = "", 0
    for component in range(1, rule.components + 1):
        type_ = rule.typed.get(component)
        if component == 1:
            pattern = _component(type_)
        elif type_ is None:
            plain += 1
        else:
            pattern += (rf"(?:\^{_TEXT}){{0,{plain}}}+" if plain else "") + rf"(?:\^{_component(type_)})?+"
            plain = 0
    return pattern + (rf"(?:\^{_TEXT}){{0,{plain}}}+" if plain else "") + r"\^*+"


def _component(type_: str | None) -> str:
    return _TEXT if type_ is None else f'(?:""|{FORMS[type_]})?+'


def departures(version: str, segment: Segment, separators: Separators) -> Iterator[Issue]:
    """Where a segment departs from its definition, field by field; at most twenty places."""
    return islice(_walked(segment_rules(version, segment.name), segment, separators), _MOST_ISSUES)


def _walked(rules: tuple[FieldRule, ...], segment: Segment, separators: Separators) -> Iterator[Issue]:
    place = f"{segment.name}[{segment.number}]"
    fields = segment.fields
    blank = separators.component + separators.repetition + separators.subcomponent
    for rule in rules:
        if rule.number <= 2 and segment.name in SEPARATED_NAMES:
            continue
        at = f"{place}-{rule.number}"
        value = fields[rule.number] if rule.number < len(fields) else ""
        if not value.strip(blank):
            if rule.required:
                yield _note("hl7.required", "a required field is empty", at, "101")
            continue
        yield from _field_departures(rule, value, at, separators)
    for number in range(len(rules) + 1, len(fields)):
        if fields[number]:
            yield _note("hl7.extra_field", "a field after the last of the definition", f"{place}-{number}", "102")


def _field_departures(rule: FieldRule, value: str, at: str, separators: Separators) -> Iterator[Issue]:
    if not rule.components:
        return
    repetitions = value.split(separators.repetition) if separators.repetition else [value]
    if rule.repeats and len(repetitions) > rule.repeats:
        yield _note("hl7.repetitions", f"{len(repetitions)} repetitions where {rule.repeats} may stand", at, "102")
    for number, repetition in enumerate(repetitions[:_MOST_REPETITIONS], 1):
        components = repetition.rstrip(separators.component).split(separators.component)
        if len(components) > rule.components:
            text = f"{len(components)} components where {rule.components} may stand"
            yield _note("hl7.components", text, f"{at}[{number}]", "102")
        if rule.values and components[0] and components[0] != NULL and components[0] not in rule.values:
            yield _note("hl7.table", "the code is not in its table", f"{at}[{number}].1", "103")
        for component, type_ in rule.typed.items():
            text = components[component - 1] if component <= len(components) else ""
            if text and text != NULL and not _form(type_).fullmatch(text):
                yield _note("hl7.lexical", f"not {_WORDS[type_]}", f"{at}[{number}].{component}", "102")


def _note(code: str, text: str, place: str, standard_code: str) -> Issue:
    return Issue(Severity.NOTE, code, text, place, standard_code)
