"""Explained validation: each departure from a schema with place, line and what was expected, in two languages.

Takes the error log of an `lxml.etree.XMLSchema`. Never quotes a value: of the validator's text only what came from the
schema is read, and that from its end, where no sender can write. A text so long that libxml2 may have cut its end off
is not read at all.

Why libxml2's log and not a validator in Python: `kith:oid` has a pattern that takes exponential time in a backtracking
matcher. Here the pattern is shown and never run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol

from lxml import etree

from engine.standards.kith.departure import Departure, Kind
from engine.standards.kith.elements import clipped, place_of

_MOST = 50
_MOST_READ = 200
_LONGEST_TEXT = 4_000
_LONGEST_EXPECTED = 200
_MOST_EXPECTED = 20
_STEP = re.compile(r"(?:([^\s:/\[\]]+):)?([^\s:/\[\]]+)(?:\[([0-9]{1,9})\])?")
_EXPECTED = re.compile(r"Expected is (?:one of )?\( ([^()]*) \)\.\Z")
_ATTRIBUTE = re.compile(r"Element '[^']*', attribute '([^']*)'|Element '[^']*': The attribute '([^']*)'")


class Entry(Protocol):
    """One entry of the error log, as lxml has it."""

    @property
    def type_name(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def path(self) -> str | None: ...
    @property
    def message(self) -> str: ...


_TYPE = re.compile(r"type '([^']*)'\.\Z")
_SET = re.compile(r".* is not an element of the set \{(.*)\}\.\Z", re.DOTALL)
_PATTERN = re.compile(r".* is not accepted by the pattern '(.*)'\.\Z", re.DOTALL)
_LENGTH = re.compile(r"length of '([0-9]+)'\.\Z")
_LIMIT = re.compile(r"\('([^']*)'\)\.\Z")
_FIXED = re.compile(r".* the fixed value constraint '(.*)'\.\Z", re.DOTALL)
"""How libxml2's sentences end: the last such words, up to the very end, are the schema's own."""

_KINDS: dict[str, tuple[Kind, re.Pattern[str] | None]] = {
    "SCHEMAV_CVC_ELT_1": (Kind.UNKNOWN, None),
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_1": (Kind.TYPE, _TYPE),
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_2": (Kind.TYPE, _TYPE),
    "SCHEMAV_CVC_DATATYPE_VALID_1_2_3": (Kind.TYPE, _TYPE),
    "SCHEMAV_CVC_ENUMERATION_VALID": (Kind.SET, _SET),
    "SCHEMAV_CVC_PATTERN_VALID": (Kind.PATTERN, _PATTERN),
    "SCHEMAV_CVC_LENGTH_VALID": (Kind.FORM, None),
    "SCHEMAV_CVC_TOTALDIGITS_VALID": (Kind.FORM, None),
    "SCHEMAV_CVC_FRACTIONDIGITS_VALID": (Kind.FORM, None),
    "SCHEMAV_CVC_MAXLENGTH_VALID": (Kind.LONG, _LENGTH),
    "SCHEMAV_CVC_MINLENGTH_VALID": (Kind.SHORT, _LENGTH),
    "SCHEMAV_CVC_MAXINCLUSIVE_VALID": (Kind.RANGE, _LIMIT),
    "SCHEMAV_CVC_MININCLUSIVE_VALID": (Kind.RANGE, _LIMIT),
    "SCHEMAV_CVC_MAXEXCLUSIVE_VALID": (Kind.RANGE, _LIMIT),
    "SCHEMAV_CVC_MINEXCLUSIVE_VALID": (Kind.RANGE, _LIMIT),
    "SCHEMAV_CVC_ELT_5_2_2_2_1": (Kind.FIXED, _FIXED),
    "SCHEMAV_CVC_ELT_5_2_2_2_2": (Kind.FIXED, _FIXED),
    "SCHEMAV_CVC_AU": (Kind.FIXED, _FIXED),
    "SCHEMAV_CVC_COMPLEX_TYPE_4": (Kind.ATTRIBUTE_MISSING, None),
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1": (Kind.ATTRIBUTE_UNKNOWN, None),
    "SCHEMAV_CVC_COMPLEX_TYPE_3_2_2": (Kind.ATTRIBUTE_UNKNOWN, None),
    "SCHEMAV_CVC_COMPLEX_TYPE_2_3": (Kind.TEXT, None),
    "SCHEMAV_CVC_COMPLEX_TYPE_2_1": (Kind.CONTENT, None),
    "SCHEMAV_CVC_COMPLEX_TYPE_2_2": (Kind.CONTENT, None),
    "SCHEMAV_CVC_TYPE_3_1_1": (Kind.CONTENT, None),
    "SCHEMAV_CVC_TYPE_3_1_2": (Kind.CONTENT, None),
}
"""libxml2's name of an error: our kind, and how its sentence ends where the schema says what it wanted."""


def explain(log: Iterable[Entry], root: etree._Element) -> list[Departure]:
    """The departures that a validation of `root` logged, at most fifty, each place and kind once.

    A wrong value is logged twice, first by its facet and then by its type: the first says more and is kept.
    """
    found: dict[tuple[str, str, str], Departure] = {}
    for entry in islice(log, _MOST_READ):
        departure = _departure(entry, root)
        sort = "" if departure.of_a_value else departure.kind.value
        found.setdefault((departure.place, departure.attribute, sort), departure)
        if len(found) >= _MOST:
            break
    return list(found.values())


def _departure(entry: Entry, root: etree._Element) -> Departure:
    place = place_of(_element(entry.path or "", root), root)
    whole = entry.message if len(entry.message) <= _LONGEST_TEXT else ""
    if entry.type_name == "SCHEMAV_ELEMENT_CONTENT":
        listed = _EXPECTED.search(whole)
        names = [name.rpartition("}")[2].strip() for name in listed[1].split(",")] if listed else []
        kind = Kind.MISSING if "Missing child element(s)." in whole else Kind.ORDER
        return Departure(kind, place, entry.line, tuple(clipped(name) for name in names[:_MOST_EXPECTED] if name))
    kind, ending = _KINDS.get(entry.type_name, (Kind.OTHER, None))
    found = ending.search(whole) if ending else None
    stated = found[1].replace("'", "")[:_LONGEST_EXPECTED] if found else ""
    if ending and not stated:
        kind = Kind.FORM
    return Departure(kind, place, entry.line, (stated,) if stated else (), _attribute(entry.message))


def _attribute(message: str) -> str:
    found = _ATTRIBUTE.match(message[:_LONGEST_TEXT])
    return clipped((found[1] or found[2] or "").rpartition("}")[2]) if found else ""


def _element(path: str, root: etree._Element) -> etree._Element:
    """The element that libxml2's path names, as far down as it can be followed.

    A step is `prefix:name[2]`, or `*[2]` where the namespace has no prefix: the second child whatever its name.
    """
    element = root
    for text in path.split("/")[2:]:
        found = _STEP.fullmatch(text)
        if found is None:
            break
        prefix, name, number = found[1], found[2], int(found[3] or 1)
        alike: Iterator[etree._Element] = element.iterchildren()
        if name != "*":
            alike = (one for one in element.iterchildren("{*}" + name) if one.prefix == prefix)
        below = next(islice(alike, number - 1, None), None)
        if below is None:
            break
        element = below
    return element
