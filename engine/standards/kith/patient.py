"""The patients that a message names: their identifiers, and whether they are identified well enough to be received.

HITS 1168 (use of AppRec): name, and a national number or else birth date and sex.
"""

from __future__ import annotations

from lxml import etree

from engine.standards.kith.elements import children, code_of, firsts, local_name, text_of
from engine.standards.kith.reader import Family, KithDocument, Patient

NATIONAL = frozenset({"FNR", "DNR", "FHN"})
"""Kinds that identify a person in all of Norway. A local help number (HNR) does not."""

_LOCAL = ("IdByServProvider", "IdByRequester")


def patients_of(document: KithDocument) -> list[Patient]:
    """Every Patient of the head or of the reports, in order; none in a receipt. Read once for each document."""
    if document.patients is None:
        document.patients = [Patient(one, _identifiers(one)) for one in _elements(document)]
    return document.patients


def _elements(document: KithDocument) -> list[etree._Element]:
    found: list[etree._Element] = []
    first = document.parts.get("Patient") if document.family is Family.MSGHEAD else None
    if first is not None:
        found += (first, *first.itersiblings(str(first.tag)))
    for report in document.reports:
        found += children(report, "Patient")
    return found


def _identifiers(patient: etree._Element) -> list[tuple[str, str]]:
    """Value and kind of each identifier of a patient, local ones with an empty kind; blanks removed from values."""
    found: list[tuple[str, str]] = []
    for one in patient:
        name = local_name(one)
        if name == "Ident":
            parts = firsts(one)
            found.append((text_of(parts.get("Id")), code_of(parts.get("TypeId"))))
        elif name == "AdditionalId":
            parts = firsts(one)
            found.append((text_of(parts.get("Id")), code_of(parts.get("Type"))))
        elif name == "OffId":
            found.append((one.text or "", code_of(patient, "TypeOffId")))
        elif name in _LOCAL:
            found.append((one.text or "", ""))
    whole = (("".join(value.split()), kind) for value, kind in found)
    return [(value, kind) for value, kind in whole if value]


def identified(patient: Patient) -> bool:
    """Whether there is a name, and a national number or else birth date and sex. The values are not judged."""
    parts = firsts(patient.element)
    named = any(text_of(parts.get(name)) for name in ("FamilyName", "GivenName", "Name"))
    if not named or any(kind.upper() in NATIONAL for _, kind in patient.identifiers):
        return named
    born = text_of(parts.get("DateOfBirth")) or code_of(parts.get("DateOfBirth"))
    return bool(born and code_of(parts.get("Sex")))


def order_keys(document: KithDocument) -> tuple[str, ...]:
    """Every identifier value, each once.

    Why values alone: as in HL7 v2. Two senders name the kind of one identifier differently, and must share its key.
    """
    keys = dict.fromkeys(value for patient in patients_of(document) for value, _ in patient.identifiers)
    return tuple(keys)
