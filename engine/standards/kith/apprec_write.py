"""The AppRec that a message is answered with: 1.0 or 1.1, as its own standard demands (decision 10).

Addresses are mirrored: the receiver of the message sends the receipt to its sender, with every identifier, department
and person that the message names on either side. Encoding UTF-8.

HIS 80415:2004 (1.0), HIS 80415:2012 (1.1), HITS 1168; roles: lists 7301 (1.0) and 8112 (1.1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from lxml import etree

from engine.message import Issue, ReceiptStatus, Severity
from engine.standards.kith.catalogue import receipt_version
from engine.standards.kith.elements import code_of
from engine.standards.kith.envelope import written_id, written_time, written_type
from engine.standards.kith.parties import COPY, Correspondent, Ident, Part, receivers_of, sender_of
from engine.standards.kith.reader import Family, KithDocument
from engine.standards.kith.words import ANY_OTHER, LIST_8221, norwegian

_VERSIONS = {
    "1.0": ("http://www.kith.no/xmlstds/apprec/2004-11-21", "1.0 2004-11-21"),
    "1.1": ("http://www.kith.no/xmlstds/apprec/2012-02-15", "v1.1 2012-02-15"),
}
_STATUS_NAMES = {"1": "OK", "2": "Avvist", "3": "OK, feil i delmelding"}
_ROLE_NAMES = {
    "PRIM": "Primærmottaker",
    "COP": "Kopimottaker",
    "AVS": "Avsender",
    "REQ": "Rekvirent",
    "SPR": "Tjenesteyter",
}
_ERRORS = "2.16.578.1.12.4.1.1.8221"
_MOST_ERRORS = 20
_LONGEST_DETAIL = 250
_FARTHEST = timedelta(hours=14)
_MOMENT = re.compile(
    r"(\d{4}(?:-\d{2}(?:-\d{2})?)?)(T\d{2}:\d{2}(?::\d{2})?)?(\.\d{1,12})?(Z|[+-]\d{2}:\d{2})?", re.ASCII
)


def receipt_for(
    document: KithDocument, status: ReceiptStatus, issues: Sequence[Issue], receipt_id: str, micros: int, receiver: int
) -> bytes | None:
    """The receipt of one receiver (0 the primary one, then the copy receivers), or None where none is owed.

    The errors among `issues` become its errors, by list 8221 (X99 for a code of another list), with our words and the
    place in `OT`; a rejection without one says X99, a positive receipt has none.

    None for a receipt, for a standard without receipts, without a message id, and when the sender cannot be read.
    Raises: IndexError for a receiver that the message does not have.
    """
    version = _version(document)
    sender = sender_of(document)
    if not version or not written_id(document) or not any(sender.every_ident()):
        return None
    us = receivers_of(document)[receiver]
    namespace, guide = _VERSIONS[version]
    root = etree.Element(f"{{{namespace}}}AppRec", nsmap={None: namespace})
    _coded(root, "MsgType", "APPREC", "Applikasjonskvittering")
    _text(root, "MIGversion", guide)
    _text(root, "SoftwareName", "Budstikke")
    now = datetime.fromtimestamp(micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    _text(root, "GenDate", now)
    _text(root, "Id", receipt_id)
    our_role = (COPY if us.role == COPY else "PRIM") if version == "1.1" else us.role
    _party(root, "Sender", us, our_role)
    _party(root, "Receiver", sender, "AVS" if version == "1.1" else sender.role)
    _coded(root, "Status", status.value, _STATUS_NAMES[status.value])
    if status is not ReceiptStatus.OK:
        _errors(root, issues)
    original = _child(root, "OriginalMsgId")
    _coded(original, "MsgType", *_type(document))
    _text(original, "IssueDate", moment(written_time(document)) or now)
    _text(original, "Id", written_id(document))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def moment(text: str) -> str:
    """A time as xs:dateTime: what is missing of it filled with its first value, "" for what is no time.

    Why filled: a receipt must quote the time of the original, and only family B may write a date alone there.
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return ""
    date = found[1] + "-01" * (2 - found[1].count("-"))
    clock = (found[2] or "T00:00") + (":00" if (found[2] or "").count(":") < 2 else "")
    whole = date + clock + (found[3] or "" if found[2] else "") + (found[4] or "")
    try:
        offset = datetime.fromisoformat(date + clock + (found[4] or "")).utcoffset() or timedelta()
    except ValueError:
        return ""
    return whole if abs(offset) <= _FARTHEST else ""


def _version(document: KithDocument) -> str:
    if document.family is Family.APPREC:
        return ""
    return receipt_version(document.payloads[0].namespace if document.payloads else "")


def _type(document: KithDocument) -> tuple[str, str]:
    steps = ("MsgInfo", "Type") if document.family is Family.MSGHEAD else ("Type",)
    return written_type(document), code_of(document.message, *steps, attribute="DN")


def _errors(root: etree._Element, issues: Sequence[Issue]) -> None:
    written: dict[tuple[str, str], None] = {}
    for issue in issues:
        if issue.severity is Severity.ERROR:
            code = issue.standard_code if issue.standard_code in LIST_8221 else ANY_OTHER
            detail = norwegian(issue) + (f" ({issue.place})" if issue.place else "")
            written[code, detail[:_LONGEST_DETAIL]] = None
    for code, detail in list(written or {(ANY_OTHER, ""): None})[:_MOST_ERRORS]:
        error = _child(root, "Error")
        error.set("V", code)
        error.set("S", _ERRORS)
        error.set("DN", LIST_8221[code])
        if detail:
            error.set("OT", detail)


def _party(root: etree._Element, name: str, one: Correspondent, role: str) -> None:
    holder = _child(root, name)
    if role:
        _coded(holder, "Role", role, _ROLE_NAMES[role])
    inner = _child(_child(holder, "HCP"), "HCProf" if one.alone else "Inst")
    first = _named(inner, one.name, one.idents)
    for department in one.departments:
        _part(inner, "Dept", department)
    _further(inner, one.idents[first:])
    for person in one.persons:
        _part(inner, "HCPerson", person)


def _part(parent: etree._Element, name: str, part: Part) -> None:
    element = _child(parent, name)
    first = _named(element, part.name, part.idents)
    _further(element, part.idents[first:])


def _named(element: etree._Element, name: str, idents: tuple[Ident, ...]) -> int:
    """Name and first identifier; how many identifiers are written by that."""
    if name:
        _text(element, "Name", name)
    if not idents:
        return 0
    _text(element, "Id", idents[0].value)
    _coded(element, "TypeId", idents[0].kind, idents[0].display)
    return 1


def _further(element: etree._Element, idents: tuple[Ident, ...]) -> None:
    for ident in idents:
        additional = _child(element, "AdditionalId")
        _text(additional, "Id", ident.value)
        _coded(additional, "Type", ident.kind, ident.display)


def _child(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, str(parent.tag).partition("}")[0] + "}" + name)


def _text(parent: etree._Element, name: str, text: str) -> None:
    _child(parent, name).text = text


def _coded(parent: etree._Element, name: str, code: str, display: str) -> None:
    element = _child(parent, name)
    if code:
        element.set("V", code)
    if display:
        element.set("DN", display)
