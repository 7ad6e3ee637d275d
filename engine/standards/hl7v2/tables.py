"""HL7's own definitions as hl7apy ships them: message structures, segments, fields, tables, for versions 2.1 to 2.8.2.

hl7apy is imported at the first question, and only its tables are asked; it never reads a message here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

LEXICAL = ("NM", "SI", "DT", "TM", "DTM")
"""Types with a form of their own; every other is text."""

_PLAIN = (*LEXICAL, "ST", "ID", "IS")
_OPEN_TABLES = ("HL70003", "HL70076", "HL70203", "HL70301", "HL70396", "HL70399")
"""Tables that countries and versions extend (FNR and DNR of Norway in 0203), or that are checked elsewhere."""
_ALSO = {"HL70125": ("CNE", "CWE", "DR", "DTM", "EI", "HD", "ID", "IS", "MA", "NA", "NR", "SI")}
"""Values that later versions added and everybody sends under an earlier one: CWE is CE, DTM is TS."""
_MOST_VALUES = 40
_DEFAULT_VERSION = "2.5.1"

_SHARED = {
    "ADT_A01": "ADT_A04 ADT_A08 ADT_A13", "ADT_A05": "ADT_A14 ADT_A28 ADT_A31", "ADT_A06": "ADT_A07",
    "ADT_A09": "ADT_A10 ADT_A11", "ADT_A21": "ADT_A22 ADT_A23 ADT_A25 ADT_A26 ADT_A27 ADT_A29 ADT_A32 ADT_A33",
    "ADT_A30": "ADT_A34 ADT_A35 ADT_A36 ADT_A46 ADT_A47 ADT_A48 ADT_A49", "ADT_A39": "ADT_A40 ADT_A41 ADT_A42",
    "ADT_A43": "ADT_A44", "ADT_A50": "ADT_A51", "ADT_A52": "ADT_A53", "ADT_A54": "ADT_A55", "ADT_A61": "ADT_A62",
    "MDM_T01": "MDM_T03 MDM_T05 MDM_T07 MDM_T09 MDM_T11", "MDM_T02": "MDM_T04 MDM_T06 MDM_T08 MDM_T10",
    "SIU_S12": "SIU_S13 SIU_S14 SIU_S15 SIU_S16 SIU_S17 SIU_S18 SIU_S19 SIU_S20 SIU_S21 SIU_S22 SIU_S23 SIU_S24 "
    "SIU_S26",
    "PPR_PC1": "PPR_PC2 PPR_PC3",
}  # fmt: skip
_STRUCTURES = {alias: structure for structure, aliases in _SHARED.items() for alias in aliases.split()}


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field of a segment. `repeats` is the most repetitions, 0 for any number; `components` 0 for free content.

    `typed` names the type of the components that have a lexical form; `values` the table of an ID field.
    """

    number: int
    required: bool
    repeats: int
    components: int
    typed: MappingProxyType[int, str]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Particle:
    """One place in a message structure: a segment, or a group of places (`parts`), `choice` for one of them."""

    name: str
    least: int
    most: int
    parts: tuple[Particle, ...] = ()
    choice: bool = False


@lru_cache(maxsize=64)
def nearest_version(stated: str) -> str:
    """The version whose tables fit best: itself, the newest not above it, or 2.5.1 where it is no version at all."""
    from hl7apy import SUPPORTED_LIBRARIES

    if stated in SUPPORTED_LIBRARIES:
        return stated
    wanted = _numbers(stated)
    if not wanted or wanted[0] != 2:
        return _DEFAULT_VERSION
    known: list[str] = sorted(SUPPORTED_LIBRARIES, key=_numbers)
    return next((version for version in reversed(known) if _numbers(version) <= wanted), known[0])


def structure_name(version: str, kind: str, event: str, stated: str) -> str:
    """The message structure: MSH-9.3 where the version has it, else what type and event imply, "" for none."""
    messages = _library(version).MESSAGES
    own = f"{kind}_{event}" if event else kind
    shared = _STRUCTURES.get(own, "")
    # Before 2.3.1 there is no ADT_A05: person messages have the shape of an admission.
    candidates = (stated, own, shared, "ADT_A01" if shared == "ADT_A05" else "")
    return next((name for name in candidates if name in messages), "")


def has_segment(version: str, name: str) -> bool:
    """Whether the version defines the segment, with fields: some that it withdrew are named without any."""
    return name in _library(version).SEGMENTS and bool(segment_rules(version, name))


@lru_cache(maxsize=2048)
def segment_rules(version: str, name: str) -> tuple[FieldRule, ...]:
    """The fields of a segment, in order; none where the table is damaged (ORO of 2.1).

    Raises: KeyError where the version has no such segment.
    """
    library = _library(version)
    fields = [field for part in library.SEGMENTS[name][1:2] for field in part or ()]
    if any(len(field) != 4 for field in fields):
        return ()
    return tuple(_field_rule(library, number, field) for number, field in enumerate(fields, 1))


@lru_cache(maxsize=512)
def structure(version: str, name: str) -> Particle:
    """The grammar of a message structure. Raises: KeyError where the version has no such structure."""
    return _particle(name, _library(version).MESSAGES[name], (1, 1))


def _field_rule(library: Any, number: int, field: Any) -> FieldRule:
    _, reference, (least, most), _ = field
    shape, parts, type_, _, table = (*(reference or ("leaf",)), None, None, None, None)[:5]
    typed: dict[int, str] = {}
    components = 0
    if type_ == "TS":
        components, typed = max(len(parts or ()), 1), {1: "DTM"}
    elif shape == "leaf":
        components = 1 if type_ in _PLAIN else 0
        if type_ in LEXICAL:
            typed[1] = type_
    elif parts:
        components = len(parts)
        for at, part in enumerate(parts, 1):
            if part[1] and part[1][0] == "leaf" and part[1][2] in LEXICAL:
                typed[at] = part[1][2]
    values = _values(library, table) if type_ == "ID" else ()
    return FieldRule(number, least > 0, max(most, 0), components, MappingProxyType(typed), values)


def _values(library: Any, table: str | None) -> tuple[str, ...]:
    values = getattr(library, "TABLES", {}).get(table, ("", ()))[1]
    # A blank, underscore or question mark is in no code: it stands in a description of codes (`10 _19`).
    described = any(mark in str(value) for value in values or () for mark in " _?")
    closed = table not in _OPEN_TABLES and 0 < len(values or ()) <= _MOST_VALUES and not described
    return (*(str(value) for value in values), *_ALSO.get(table or "", ())) if closed else ()


def _particle(name: str, reference: Any, cardinality: tuple[int, int], segment: bool = False) -> Particle:
    least, most = cardinality
    if segment:
        return Particle(name, least, most)
    parts = tuple(_particle(part[0], part[1], part[2], part[3] == "SEG") for part in reference[1])
    return Particle(name, least, most, parts, reference[0] == "choice")


def _library(version: str) -> Any:
    from hl7apy import load_library

    return load_library(version)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.strip().split(".")
    if not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
        return ()
    return tuple(map(int, parts))
