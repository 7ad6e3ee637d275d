"""The hardened reader: bytes of one KITH message to a document, or a refusal with a stable code and a line.

No document type declaration, hence no entities; no network; bounds on size, depth, elements and attributes. The bytes
are kept as received: signed XML is forwarded and verified from them, never from the tree.

Why a new parser for each message: one costs a microsecond, and a shared one holds a lock over threads. Comments and
processing instructions are not kept in the tree, so that text is whole where one stood in it.

XML 1.0; Hodemelding HIS 80601:2006; AppRec HIS 80415.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from lxml import etree

from engine.message import Issue
from engine.standards import Charset
from engine.standards.kith.charset import decode
from engine.standards.kith.elements import children, code_of, local_name, namespace_of, place_of, step, text_of
from engine.standards.kith.words import refusal

MOST_BYTES = 64 * 1024 * 1024
MOST_DEPTH = 100
MOST_TAGS = 1_000_000
MOST_ATTRIBUTES = 1_000

BASE64_CONTAINER = "{http://www.kith.no/xmlstds/base64container}Base64Container"
REPORTS = ("ServReport", "ServRprt", "ServReq")
"""What a Message holds: an answer, a discharge letter, a referral or an order."""

_HUGE = 10_000_000
_TOO_MUCH = (1, 114)
"""How libxml2 says that a bound of its own was met: before version 2.14, and since."""

_WRAPPER = re.compile(r"\{http://www\.(nav\.no|trygdeetaten\.no)/xml/eiff/[0-9]+/\}EI_fellesformat")
_NATIONAL = ("http://www.kith.no/xmlstds/", "http://ehelse.no/xmlstds/", "http://www.ehelse.no/xmlstds/")
_MISC = rb"(?:\s|<\?(?:[^?]|\?(?!>))*+\?>|<!--(?:[^-]|-(?!->))*+-->)*+"
_DOCTYPE = re.compile(_MISC + rb"<!DOCTYPE")
_TOO_DEEP = etree.XPath("boolean(" + "/*" * (MOST_DEPTH + 1) + ")")
_TOO_MANY_ATTRIBUTES = etree.XPath(f"boolean(//*[@*[{MOST_ATTRIBUTES + 1}]])")


class Family(StrEnum):
    """The two families of KITH-XML and the receipt, by the name of the root."""

    MSGHEAD = "MsgHead"
    MESSAGE = "Message"
    APPREC = "AppRec"


@dataclass(frozen=True, slots=True)
class Payload:
    """A structured content: its root element, in whose namespace the message standard is named."""

    element: etree._Element
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A RefDoc that is no structured content: base64 in `container`, or a reference to a file that is elsewhere."""

    element: etree._Element
    mime_type: str
    description: str
    file_reference: str
    container: etree._Element | None


@dataclass(slots=True)
class KithDocument:
    """One message: `root` as parsed, `message` the MsgHead, Message or AppRec in it (the root, or inside a wrapper)."""

    raw: bytes
    root: etree._Element
    message: etree._Element
    family: Family
    charset: str
    issues: list[Issue] = field(default_factory=list)
    payloads: tuple[Payload, ...] = ()
    attachments: tuple[Attachment, ...] = ()

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
    root = _parsed(body)
    message = _message(root)
    family = Family(local_name(message))
    document = KithDocument(raw, root, message, family, codec, issues)
    _contents(document)
    return document


def _parsed(body: bytes) -> etree._Element:
    if b"<!DOCTYPE" in body and _DOCTYPE.match(body):
        raise refusal("kith.doctype")
    if body.count(b"<") > MOST_TAGS:
        raise refusal("kith.too_many_elements")
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False,
        remove_comments=True, remove_pis=True, collect_ids=False, huge_tree=len(body) > _HUGE,
    )  # fmt: skip
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        code = "kith.too_deep" if error.code in _TOO_MUCH else "kith.not_xml"
        raise refusal(code, f"line {error.lineno or 1}") from None
    if _TOO_DEEP(root):
        raise refusal("kith.too_deep")
    if body.count(b"=") > MOST_ATTRIBUTES and _TOO_MANY_ATTRIBUTES(root):
        raise refusal("kith.too_many_attributes")
    return root


def _message(root: etree._Element) -> etree._Element:
    """The root, or what NAV's wrapper holds; any other root is none of ours."""
    found = root
    if _WRAPPER.fullmatch(str(root.tag)):
        found = next((one for one in root if local_name(one) in ("MsgHead", "AppRec")), root)
    names = [family.value for family in Family]
    if local_name(found) not in names or not namespace_of(found).startswith(_NATIONAL):
        raise refusal("kith.root")
    return found


def _contents(document: KithDocument) -> None:
    message = document.message
    if document.family is not Family.MSGHEAD:
        document.payloads = (Payload(message, namespace_of(message), local_name(message)),)
    payloads: list[Payload] = list(document.payloads)
    attachments: list[Attachment] = []
    for refdoc in _refdocs(document):
        content = step(refdoc, "Content")
        inside = list(content) if content is not None else []
        container = next((one for one in inside if one.tag == BASE64_CONTAINER), None)
        attached = code_of(refdoc, "MsgType") == "A" or container is not None or not inside
        if attached:
            attachments.append(
                Attachment(
                    refdoc,
                    text_of(refdoc, "MimeType"),
                    text_of(refdoc, "Description"),
                    text_of(refdoc, "FileReference"),
                    container,
                )
            )
        else:
            payloads += [Payload(one, namespace_of(one), local_name(one)) for one in inside]
    document.payloads, document.attachments = tuple(payloads), tuple(attachments)


def _refdocs(document: KithDocument) -> list[etree._Element]:
    message = document.message
    if document.family is Family.MSGHEAD:
        holders = [*children(message, "Document")]
        for report in children(message, "PatientReport"):
            holders += children(report, "Document")
    elif document.family is Family.MESSAGE:
        holders = reports_of(document)
    else:
        holders = []
    return [refdoc for holder in holders for refdoc in children(holder, "RefDoc")]


def reports_of(document: KithDocument) -> list[etree._Element]:
    """The reports or orders of a Message, in order; an older lab answer may hold several."""
    return [one for name in REPORTS for one in children(document.message, name)]
