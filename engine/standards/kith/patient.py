"""The patients that a message names: their identifiers, and whether they are identified well enough to be received.

HITS 1168 (use of AppRec): name, and a national number or else birth date and sex.
"""

from __future__ import annotations

from lxml import etree

from engine.standards.kith.elements import children, code_of, local_name, step, text_of
from engine.standards.kith.reader import Family, KithDocument, reports_of

NATIONAL = frozenset({"FNR", "DNR", "FHN"})
"""Kinds that identify a person in all of Norway. A local help number (HNR) does not."""

_LOCAL = ("IdByServProvider", "IdByRequester")


def patients_of(document: KithDocument) -> list[etree._Element]:
    """Every Patient element of the head or of the reports, in order; none in a receipt."""
    message = document.message
    if document.family is Family.MSGHEAD:
        head = step(message, "MsgInfo")
        holders = ([] if head is None else [head]) + list(children(message, "PatientReport"))
    else:
        holders = reports_of(document)
    return [patient for holder in holders for patient in children(holder, "Patient")]


def identifiers(patient: etree._Element) -> list[tuple[str, str]]:
    """Value and kind of each identifier of a patient, local ones with an empty kind; blanks removed from values."""
    found: list[tuple[str, str]] = []
    for one in patient:
        name = local_name(one)
        if name == "Ident":
            found.append((text_of(one, "Id"), code_of(one, "TypeId")))
        elif name == "AdditionalId":
            found.append((text_of(one, "Id"), code_of(one, "Type")))
        elif name == "OffId":
            found.append((one.text or "", code_of(patient, "TypeOffId")))
        elif name in _LOCAL:
            found.append((one.text or "", ""))
    whole = (("".join(value.split()), kind) for value, kind in found)
    return [(value, kind) for value, kind in whole if value]


def identified(patient: etree._Element) -> bool:
    """Whether there is a name, and a national number or else birth date and sex. The values are not judged."""
    named = any(text_of(patient, name) for name in ("FamilyName", "GivenName", "Name"))
    if any(kind.upper() in NATIONAL for _, kind in identifiers(patient)):
        return named
    born = text_of(patient, "DateOfBirth") or code_of(patient, "DateOfBirth")
    return bool(named and born and code_of(patient, "Sex"))


def order_keys(document: KithDocument) -> tuple[str, ...]:
    """Every identifier value, each once.

    Why values alone: as in HL7 v2. Two senders name the kind of one identifier differently, and must share its key.
    """
    keys = dict.fromkeys(value for patient in patients_of(document) for value, _ in identifiers(patient))
    return tuple(keys)
