"""Sender and receivers of a message with everything that identifies them: organisation, departments, persons.

The kind of an identifier is what `TypeId/@V` says (HER, ENH, RSH, HPR ...); `@S` names the list of kinds and is often
wrong in real messages, so it is not looked at.

Hodemelding HIS 80601:2006; addressing HIS 1153; AppRec HIS 80415.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree

from engine.message import Party
from engine.standards.kith.elements import children, code_of, firsts, local_name, step, text_of
from engine.standards.kith.reader import Family, KithDocument, reports_of

PREFERRED = ("HER", "ENH", "RSH", "HPR", "AKO")
"""Which kind of identifier names a party, best first; else the first that is written."""

COPY = "COP"


class Ident(NamedTuple):
    """One identifier: its value, its kind and the kind's display, as written."""

    value: str
    kind: str
    display: str = ""


class Part(NamedTuple):
    """A department or a person of an organisation."""

    name: str
    idents: tuple[Ident, ...]


class Correspondent(NamedTuple):
    """A sender or receiver. `alone` is a professional without an organisation; `role` is list 7301, "" for none."""

    name: str = ""
    idents: tuple[Ident, ...] = ()
    departments: tuple[Part, ...] = ()
    persons: tuple[Part, ...] = ()
    alone: bool = False
    role: str = ""

    def every_ident(self) -> Iterator[Ident]:
        """All identifiers: the organisation's, its departments', its persons'."""
        yield from self.idents
        for part in (*self.departments, *self.persons):
            yield from part.idents


def sender_of(document: KithDocument) -> Correspondent:
    """Who sent it. Empty where the message does not say.

    Family B: the service provider sends answers and discharge letters, the requester sends referrals and orders.
    """
    return _whole(document, *_holder(document, sends=True))


def receiver_of(document: KithDocument) -> Correspondent:
    """The primary receiver. Empty where the message does not say."""
    return _whole(document, *_holder(document, sends=False))


def receivers_of(document: KithDocument) -> tuple[Correspondent, ...]:
    """The primary receiver first, then each copy receiver in health care, with the role COP. Never empty."""
    copies: list[Correspondent] = []
    if document.family is Family.MSGHEAD:
        first = document.parts.get("OtherReceiver")
        others = () if first is None else (first, *first.itersiblings(str(first.tag)))
        named = (_organised(one, COPY) for one in others if code_of(one, "RoleReceiver") == COPY)
        copies = [one for one in named if one != Correspondent(role=COPY)]
    for report in reports_of(document)[:1]:
        copies = [_listed(one, COPY) for one in children(report, "CopyDest")]
    return (receiver_of(document), *copies)


def sending_party(document: KithDocument) -> Party:
    """`party_of` the sender, who is read no further than to the first identifiers."""
    return _party(document, *_holder(document, sends=True))


def receiving_party(document: KithDocument) -> Party:
    """`party_of` the primary receiver, who is read no further than to the first identifiers."""
    return _party(document, *_holder(document, sends=False))


def party_of(one: Correspondent) -> Party:
    """The one identifier that stands for a correspondent: the organisation's own before its departments' and persons'.

    `system` is the kind of the identifier. Why the organisation and not the department: the same sender writes now
    with a department, now without, and its identity must not change with it.
    """
    for idents in (one.idents, *(part.idents for part in (*one.departments, *one.persons))):
        best = min((ident for ident in idents if ident.value), key=_rank, default=None)
        if best is not None:
            return Party(best.value, best.kind, one.name)
    return Party("", "", one.name)


def _rank(ident: Ident) -> int:
    return PREFERRED.index(ident.kind) if ident.kind in PREFERRED else len(PREFERRED)


def _holder(document: KithDocument, *, sends: bool) -> tuple[etree._Element | None, str]:
    """The element that holds the sender or the primary receiver, and the role that its name gives."""
    if document.family is not Family.MESSAGE:
        return document.parts.get("Sender" if sends else "Receiver"), ""
    for report in reports_of(document):
        asks = str(report.tag).endswith("}ServReq")
        name, role = ("Requester", "REQ") if asks == sends else ("ServProvider", "SPR")
        return step(report, name), role
    return None, ""


def _whole(document: KithDocument, holder: etree._Element | None, role: str) -> Correspondent:
    return _organised(holder, role) if document.family is Family.MSGHEAD else _listed(holder, role)


def _party(document: KithDocument, holder: etree._Element | None, role: str) -> Party:
    if document.family is Family.MSGHEAD:
        organisation = step(holder, "Organisation")
        own = None if organisation is None else _organisation(organisation)[0]
    else:
        institution = step(holder, "HCP", "Inst")
        own = None if institution is None else _part(institution)
    return party_of(Correspondent(*own) if own and own.idents else _whole(document, holder, role))


def _organised(holder: etree._Element | None, role: str = "") -> Correspondent:
    """A Sender, Receiver or OtherReceiver of MsgHead."""
    current = step(holder, "Organisation")
    if current is None:
        person = step(holder, "HealthcareProfessional")
        if person is None:
            return Correspondent(role=role)
        return Correspondent(*_person(person), alone=True, role=role)
    departments: list[Part] = []
    persons: list[Part] = []
    while current is not None:
        department, within, current = _organisation(current)
        departments.append(department)
        persons += map(_person, within)
    own = departments.pop(0)
    return Correspondent(own.name, own.idents, tuple(departments), tuple(persons), role=role)


def _organisation(element: etree._Element) -> tuple[Part, list[etree._Element], etree._Element | None]:
    """One level of an organisation: itself, its persons, the level below."""
    name, idents, persons, inner = "", [], [], None
    for one in element:
        kind = local_name(one)
        if kind == "Ident":
            idents.append(_ident(firsts(one)))
        elif kind == "OrganisationName":
            name = text_of(one)
        elif kind == "HealthcareProfessional":
            persons.append(one)
        elif kind == "Organisation":
            inner = one
    return Part(name, tuple(ident for ident in idents if ident.value)), persons, inner


def _person(element: etree._Element) -> Part:
    """A HealthcareProfessional of MsgHead."""
    parts = firsts(element)
    names = (text_of(parts.get(name)) for name in ("GivenName", "MiddleName", "FamilyName"))
    idents = (_ident(firsts(one)) for one in children(element, "Ident")) if "Ident" in parts else ()
    return Part(" ".join(name for name in names if name), tuple(ident for ident in idents if ident.value))


def _ident(parts: dict[str, etree._Element], kind: str = "TypeId") -> Ident:
    value, found = text_of(parts.get("Id")), parts.get(kind)
    return Ident(
        value, "" if found is None else found.get("V", "").strip(), "" if found is None else found.get("DN", "").strip()
    )


def _listed(holder: etree._Element | None, role: str) -> Correspondent:
    """A party of family B or of an AppRec: HCP with an institution or a professional."""
    institution = step(holder, "HCP", "Inst")
    if institution is None:
        person = step(holder, "HCP", "HCProf")
        if person is None:
            return Correspondent(role=role)
        part = _part(person)
        return Correspondent(part.name, part.idents, alone=True, role=role)
    own = _part(institution)
    departments = tuple(_part(one) for one in children(institution, "Dept"))
    persons = tuple(_part(one) for one in children(institution, "HCPerson"))
    return Correspondent(own.name, own.idents, departments, persons, role=role)


def _part(element: etree._Element) -> Part:
    parts = firsts(element)
    further = children(element, "AdditionalId") if "AdditionalId" in parts else ()
    idents = (_ident(parts), *(_ident(firsts(one), "Type") for one in further))
    return Part(text_of(parts.get("Name")), tuple(ident for ident in idents if ident.value))
