"""Segments of a familiar shape: where a segment of that shape has conformed, only values can make another depart.

An expression for a shape looks at the values that have a lexical form or a table, and passes over the rest: half the
work of the expression for the whole segment. What it does not match is matched and walked as any other segment. Making
one costs as much as judging a message, so a shape has to be seen some times first.

Why no more are made when there are enough: a sender that never repeats itself must not keep the engine busy. Frequent
shapes come first by themselves.
HL7 v2.5.1, 2.5.3 and 2.A.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from engine.standards.hl7v2.er7 import SEPARATED_NAMES
from engine.standards.hl7v2.segment_check import FORMS
from engine.standards.hl7v2.tables import FieldRule, segment_rules

Match = Callable[[str], object]

SEEN_BEFORE = 16
MOST_MADE = 1_000
MOST_COUNTED = 4_096
LONGEST_SHAPE = 512
LONGEST_PATTERN = 2_000
"""About 12 kB of memory and two milliseconds."""


class Familiar:
    """By version, name and shape, what says that the values of a segment conform."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, dict[bytes, Match]]] = {}
        self.made = 0
        self.seen: dict[tuple[str, str, bytes], int] = {}

    def of(self, version: str) -> dict[str, dict[bytes, Match]]:
        """What is known of the segments of a version that has tables."""
        return self.known.setdefault(version, {})

    def saw(self, version: str, name: str, shape: bytes) -> None:
        """A segment of this shape has conformed; its name is one that the version has."""
        matches = self.of(version).setdefault(name, {})
        if self.made >= MOST_MADE or not 0 < len(shape) <= LONGEST_SHAPE or shape in matches:
            return
        count = self.seen.pop((version, name, shape), 0) + 1
        if count < SEEN_BEFORE:
            if len(self.seen) >= MOST_COUNTED:
                self.seen.clear()
            self.seen[version, name, shape] = count
            return
        pattern = values_pattern(version, name, shape)
        if len(pattern) <= LONGEST_PATTERN:
            self.made += 1
            matches[shape] = re.compile(pattern).match


def values_pattern(version: str, name: str, shape: bytes) -> str:
    """Matches the beginning of a segment whose values conform, when it has this shape, and the shape is conforming."""
    rules, fields = segment_rules(version, name), shape.decode().split("|")
    # In the header's shape the first field is what stands between the first two separators: MSH-2.
    separated = name in SEPARATED_NAMES
    pattern = passed = r"...\|[^|]*+" if separated else "..."
    for rule, field in zip(rules[2 * separated :], fields[1 + separated :], strict=False):
        checked, rest = _field(rule, field) if field else ("", "")
        passed += r"\|" + checked
        if checked:
            pattern = passed
        passed += rest
    return pattern + "(?![^|^~])"


def _field(rule: FieldRule, field: str) -> tuple[str, str]:
    """A populated field up to the last value that has to be looked at, and what passes over the rest of it."""
    checked, passed, component, blank = "", "", 1, rule.required
    rest = "[^|]*+"
    parts = re.split("([~^])", field)
    for content, separator in zip(parts[::2], [*parts[1::2], ""], strict=True):
        form = _form(rule, component) if content else ""
        if content:
            # A required field is more than separators, those of sub-components among them.
            passed += form or ("[^&]" if blank else "") + f"[^{separator or '|'}]*+"
        if form or (content and blank):
            checked, blank = passed, False
            rest = separator and re.escape(separator) + "[^|]*+"
        passed += re.escape(separator)
        component = component + 1 if separator == "^" else 1
    return checked, rest


def _form(rule: FieldRule, component: int) -> str:
    """What the value of a component has to look like; "" for text."""
    if rule.values:
        return "|".join(['(?:""', *map(re.escape, rule.values)]) + ")" if component == 1 else ""
    type_ = rule.typed.get(component) if rule.components else None
    return f'(?:""|{FORMS[type_]})' if type_ else ""
