"""Whether a message is one of a standard that is known, with its payload in the right place (decision 14).

Never by the channel's setting: two channels must not read the same bytes in two ways.
"""

from __future__ import annotations

from engine.message import Issue
from engine.standards.kith.catalogue import MSGHEAD, standard_of
from engine.standards.kith.reader import Family, KithDocument, Payload
from engine.standards.kith.words import issue_of


def main_payload(document: KithDocument) -> Payload | None:
    """The first structured content. Others may stand beside it: calendars, parts of an extract."""
    return document.payloads[0] if document.payloads else None


def selection_findings(document: KithDocument) -> list[Issue]:
    """Why a message cannot be told: standard not known (T10), payload missing or in the wrong place (T02)."""
    if document.family is Family.MSGHEAD and document.namespace != MSGHEAD:
        return [issue_of("kith.payload_unknown", document.place(document.message))]
    strays = [issue_of("kith.payload_misplaced", document.place(one)) for one in document.strays]
    main = main_payload(document)
    if main is None:
        return strays or [issue_of("kith.payload_missing", document.family.value)]
    known = standard_of(main.namespace, main.name)
    if known is not None and known.family is document.family and known.root == main.name:
        return strays
    code = "kith.payload_unknown" if known is None and main.namespace != MSGHEAD else "kith.payload_misplaced"
    return [issue_of(code, document.place(main.element)), *strays]
