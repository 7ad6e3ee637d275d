"""Which message this is, for the choice of schema and mapping: payload namespace and type (decision 14).

Never by the channel's setting: two channels must not read the same bytes in two ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from lxml import etree

from engine.message import Issue
from engine.standards.kith.catalogue import MSGHEAD, standard_of
from engine.standards.kith.elements import children, namespace_of
from engine.standards.kith.envelope import written_type
from engine.standards.kith.reader import Family, KithDocument, Payload
from engine.standards.kith.words import issue_of

_MOST = 20
_SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"


class Selection(NamedTuple):
    """The key for a mapping: `namespace` of the payload, "" where there is none, and `type` of list 8279."""

    namespace: str
    type: str


def selected(document: KithDocument) -> Selection:
    """The key of one message: the first payload decides."""
    main = main_payload(document)
    return Selection(main.namespace if main else "", written_type(document))


def main_payload(document: KithDocument) -> Payload | None:
    """The first structured content. Others may stand beside it: calendars, parts of an extract."""
    return document.payloads[0] if document.payloads else None


def selection_findings(document: KithDocument) -> list[Issue]:
    """Why a message cannot be told: standard not known (T10), payload missing or in the wrong place (T02)."""
    if document.family is Family.MSGHEAD and document.namespace != MSGHEAD:
        return [issue_of("kith.payload_unknown", document.place(document.message))]
    strays = [issue_of("kith.payload_misplaced", document.place(one)) for one in islice(_strays(document), _MOST)]
    main = main_payload(document)
    if main is None:
        return strays or [issue_of("kith.payload_missing", document.family.value)]
    known = standard_of(main.namespace, main.name)
    place = document.place(main.element)
    if known is None and main.namespace != MSGHEAD:
        return [issue_of("kith.payload_unknown", place), *strays]
    if known is None or known.family is not document.family or known.root != main.name:
        return [issue_of("kith.payload_misplaced", place), *strays]
    return strays


def _strays(document: KithDocument) -> Iterator[etree._Element]:
    """Elements of another namespace where MsgHead has only its own: beside Content, not in it."""
    if document.family is not Family.MSGHEAD:
        return
    message, own = document.message, document.namespace
    holders = [message]
    for holder in (message, *children(message, "PatientReport")):
        holders += [holder] if holder is not message else []
        for part in children(holder, "Document"):
            holders += [part, *children(part, "RefDoc")]
    for holder in holders:
        for one in holder:
            if namespace_of(one) not in (own, _SIGNATURE):
                yield one
