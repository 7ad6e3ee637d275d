"""The hardened reader: bytes of one KITH message to a document, or a refusal with a stable code and a line.

No document type declaration, hence no entities; no network; bounds on size, depth, elements and attributes. The bytes
are kept as received: signed XML is forwarded and verified from them, never from the tree.

Why a new parser for each message: one costs a microsecond, and a shared one holds a lock over threads. Comments and
processing instructions are not kept in the tree, so that text is whole where one stood in it.

XML 1.0; Hodemelding HIS 80601:2006; AppRec HIS 80415.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from lxml import etree

from engine.message import Issue
from engine.standards import Charset
from engine.standards.kith.charset import decode
from engine.standards.kith.elements import children, code_of, firsts, local_name, namespace_of, place_of, text_of
from engine.standards.kith.words import refusal

MOST_BYTES = 64 * 1024 * 1024
MOST_DEPTH = 100
MOST_TAGS = 1_000_000
MOST_ATTRIBUTES = 1_000
MOST_STRAYS = 20

BASE64_CONTAINER = "{http://www.kith.no/xmlstds/base64container}Base64Container"
REPORTS = ("ServReport", "ServRprt", "ServReq")
"""What a Message holds: an answer, a discharge letter, a referral or an order."""

_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}"
_SMALL = 10_000
"""Bytes: a message no larger than that cannot have many tags."""
_HUGE = 10_000_000
_TOO_MUCH = (1, 114)
"""How libxml2 says that a bound of its own was met: before version 2.14, and since."""

_WRAPPER = re.compile(r"\{http://www\.(nav\.no|trygdeetaten\.no)/xml/eiff/[0-9]+/\}EI_fellesformat")
_NATIONAL = ("http://www.kith.no/xmlstds/", "http://ehelse.no/xmlstds/", "http://www.ehelse.no/xmlstds/")
_MISC = rb"(?:\s|<\?(?:[^?]|\?(?!>))*+\?>|<!--(?:[^-]|-(?!->))*+-->)*+"
_DOCTYPE = re.compile(_MISC + rb"<!DOCTYPE")
_DEEP = etree.XPath("boolean(" + "/*" * 16 + ")")
"""Deeper than messages are: only then the long question is asked, which takes its time even of a shallow one."""
_TOO_DEEP = etree.XPath("boolean(" + "/*" * (MOST_DEPTH + 1) + ")")
_TOO_MANY_ATTRIBUTES = re.compile(
    rb"<[^\s<>/!?]++(?:\s++[^\s<>=]++\s*+=\s*+(?:\"[^\"<]*+\"|'[^'<]*+')){%d}" % (MOST_ATTRIBUTES + 1)
)
"""Asked before parsing: an element with a million attributes takes sixteen times its size in memory."""


class Family(StrEnum):
    """The two families of KITH-XML and the receipt, by the name of the root."""

    MSGHEAD = "MsgHead"
    MESSAGE = "Message"
    APPREC = "AppRec"


_FAMILIES = {family.value: family for family in Family}


class Payload(NamedTuple):
    """A structured content: its root element, in whose namespace the message standard is named."""

    element: etree._Element
    namespace: str
    name: str


class Attachment(NamedTuple):
    """A RefDoc that is no structured content: base64 in `container`, or a reference to a file that is elsewhere."""

    element: etree._Element
    mime_type: str
    description: str
    file_reference: str
    container: etree._Element | None


class Patient(NamedTuple):
    """A Patient element with the value and kind of each identifier in it, as `patient` reads them."""

    element: etree._Element
    identifiers: list[tuple[str, str]]


@dataclass(slots=True)
class KithDocument:
    """One message: `root` as parsed, `message` the MsgHead, Message or AppRec in it (the root, or inside a wrapper).

    `tags` is their number, 0 where the message is too small to have many. `parts` has the first child of each name in
    MsgInfo, or in a Message or AppRec itself; `reports` the PatientReports of a MsgHead, or what a Message holds;
    `strays` the first elements of another namespace where MsgHead has only its own; `patients` is None until someone
    asks. They are found once because every step asks for them.
    """

    raw: bytes
    root: etree._Element
    message: etree._Element
    family: Family
    charset: str
    issues: list[Issue] = field(default_factory=list)
    tags: int = 0
    payloads: tuple[Payload, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    parts: dict[str, etree._Element] = field(default_factory=dict)
    reports: tuple[etree._Element, ...] = ()
    strays: list[etree._Element] = field(default_factory=list)
    patients: list[Patient] | None = None

    @property
    def namespace(self) -> str:
        """Of the MsgHead, Message or AppRec itself."""
        return namespace_of(self.message)

    @property
    def variant(self) -> str:
        """The namespace of the main payload; of the message where it carries none."""
        return self.payloads[0].namespace if self.payloads else self.namespace

    def place(self, element: etree._Element) -> str:
        """Where an element stands in the message."""
        return place_of(element, self.message)


def read(raw: bytes, charset: Charset) -> KithDocument:
    """Read one message. Linear in its size. Raises: InvalidMessage with one of the codes in `words`."""
    if len(raw) > MOST_BYTES:
        raise refusal("kith.too_large")
    issues: list[Issue] = []
    body, codec = decode(raw, charset, issues)
    tags = body.count(b"<") if len(body) > _SMALL else 0
    root = _parsed(body, tags)
    message, family = _message(root)
    document = KithDocument(raw, root, message, family, codec, issues, tags)
    _contents(document)
    return document


def _parsed(body: bytes, tags: int) -> etree._Element:
    if _DOCTYPE.match(body):
        raise refusal("kith.doctype")
    if tags > MOST_TAGS:
        raise refusal("kith.too_many_elements")
    if body.count(b"=") > MOST_ATTRIBUTES and _TOO_MANY_ATTRIBUTES.search(body):
        raise refusal("kith.too_many_attributes")
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        remove_comments=True, remove_pis=True, collect_ids=False, huge_tree=len(body) > _HUGE,
    )  # fmt: skip
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        code = "kith.too_deep" if error.code in _TOO_MUCH else "kith.not_xml"
        raise refusal(code, f"line {error.lineno or 1}") from None
    if _DEEP(root) and _TOO_DEEP(root):
        raise refusal("kith.too_deep")
    return root


def _message(root: etree._Element) -> tuple[etree._Element, Family]:
    """The root, or what NAV's wrapper holds; any other root is none of ours."""
    found, name = root, local_name(root)
    if name == "EI_fellesformat" and _WRAPPER.fullmatch(str(root.tag)):
        found = next((one for one in root if local_name(one) in ("MsgHead", "AppRec")), root)
        name = local_name(found)
    family = _FAMILIES.get(name)
    if family is None or not namespace_of(found).startswith(_NATIONAL):
        raise refusal("kith.root")
    return found, family


def _contents(document: KithDocument) -> None:
    """Fills in what every step asks for, in one walk over the upper elements."""
    message = document.message
    refdocs: list[etree._Element] = []
    payloads: list[Payload] = []
    if document.family is Family.MSGHEAD:
        refdocs = _headed(document)
    else:
        document.parts = firsts(message)
        payloads = [Payload(message, document.namespace, local_name(message))]
    if document.family is Family.MESSAGE:
        document.reports = tuple(one for name in REPORTS for one in children(message, name))
        refdocs = [refdoc for report in document.reports for refdoc in children(report, "RefDoc")]
    attachments: list[Attachment] = []
    for refdoc in refdocs:
        strays = _content(refdoc, payloads, attachments)
        if strays and document.family is Family.MSGHEAD:
            document.strays += strays[: MOST_STRAYS - len(document.strays)]
    document.payloads, document.attachments = tuple(payloads), tuple(attachments)


def _headed(document: KithDocument) -> list[etree._Element]:
    """The RefDocs of a MsgHead, those of its own documents first. Finds `parts`, `reports` and `strays` on the way."""
    own = str(document.message.tag).rpartition("}")[0] + "}"
    strays = document.strays

    def below(holders: Iterable[etree._Element], *names: str) -> tuple[list[etree._Element], ...]:
        found: dict[str, list[etree._Element]] = {own + name: [] for name in names}
        for holder in holders:
            for one in holder:
                tag = str(one.tag)
                if tag in found:
                    found[tag].append(one)
                elif not tag.startswith((own, _SIGNATURE)) and len(strays) < MOST_STRAYS:
                    strays.append(one)
        return tuple(found.values())

    heads, documents, reports = below((document.message,), "MsgInfo", "Document", "PatientReport")
    document.parts = firsts(heads[0]) if heads else {}
    document.reports = tuple(reports)
    if reports:
        documents += below(reports, "Document")[0]
    return below(documents, "RefDoc")[0]


def _content(refdoc: etree._Element, payloads: list[Payload], attachments: list[Attachment]) -> list[etree._Element]:
    """A RefDoc is an attachment, or its Content holds payloads. Gives the children that are of another namespace."""
    tag = str(refdoc.tag)
    own = tag[: tag.rfind("}") + 1]
    parts: dict[str, etree._Element] = {}
    strays = []
    for one in refdoc:
        tag = str(one.tag)
        if tag.startswith(own):
            parts.setdefault(tag[len(own) :], one)
        elif not tag.startswith(_SIGNATURE):
            strays.append(one)
    inside = list(parts.get("Content", ()))
    container = next((one for one in inside if one.tag == BASE64_CONTAINER), None)
    if inside and container is None and code_of(parts.get("MsgType")) != "A":
        payloads += [Payload(one, namespace_of(one), local_name(one)) for one in inside]
    else:
        mime, about, file = (text_of(parts.get(name)) for name in ("MimeType", "Description", "FileReference"))
        attachments.append(Attachment(refdoc, mime, about, file, container))
    return strays


def reports_of(document: KithDocument) -> tuple[etree._Element, ...]:
    """The reports or orders of a Message, in order; an older lab answer may hold several."""
    return document.reports if document.family is Family.MESSAGE else ()
