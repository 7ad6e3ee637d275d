"""KITH-XML as a message standard: what mapping and channels see of this folder."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, Self

from lxml import etree

from engine.message import Answer, Envelope, Issue, Party, Receipt, ReceiptStatus, Severity
from engine.standards import Charset, Document, Gate, Read, Times, Unit
from engine.standards.kith import times
from engine.standards.kith.apprec_read import receipt_of
from engine.standards.kith.apprec_write import receipt_for
from engine.standards.kith.elements import clipped, local_name
from engine.standards.kith.envelope import envelope_of, peek
from engine.standards.kith.gates import turned_away
from engine.standards.kith.parties import party_of, receivers_of
from engine.standards.kith.patient import order_keys
from engine.standards.kith.reader import KithDocument, read
from engine.standards.kith.receipt_rules import emergency_referral, receipt_findings
from engine.standards.kith.schemas import MSGHEAD, Schemas
from engine.standards.kith.selection import selection_findings
from engine.standards.kith.validation import schema_findings

_NEXT = re.compile(rb"(?<=>)\s*+((?:\xef\xbb\xbf)?<\?xml\s)")
_MATCH = re.compile(r"[A-Za-z0-9:./_-]+/[A-Za-z0-9._-]+( [A-Za-z0-9_.-]+)?")
_HINTS = "{http://www.w3.org/2001/XMLSchema-instance}"
"""Where a schema may be found is no content of a message."""


class Kith:
    """KITH-XML, both families and AppRec. Implements `engine.standards.Standard`.

    Without schemas until `with_files`; what they would say is not known until then.
    """

    name = "kith"
    paths: Literal["xml"] = "xml"
    namespaces: Mapping[str, str] = {
        "mh": MSGHEAD,
        "fk1": "http://www.kith.no/xmlstds/felleskomponent1",
        "b64": "http://www.kith.no/xmlstds/base64container",
    }

    @property
    def times(self) -> Times:
        return times

    def __init__(self, schemas: Schemas | None = None) -> None:
        self._schemas = schemas

    @property
    def media_type(self) -> str:
        return "application/xml"

    @property
    def media_types(self) -> Sequence[str]:
        return ("application/xml", "text/xml")

    def with_files(self, read: Read) -> Self:
        """With the schemas of a site. That of MsgHead needs every other file, so all are read and tried here."""
        schemas = Schemas(read)
        schemas.schema_for(MSGHEAD)
        return type(self)(schemas)

    def split(self, raw: bytes) -> Sequence[bytes]:
        """Documents written one after the other, each with its XML declaration; what is between stays with the first.

        A declaration stands nowhere else in well-formed XML, save inside CDATA, where no message has one.
        """
        starts = [0, *(found.start(1) for found in _NEXT.finditer(raw))]
        return [raw[start:end] for start, end in zip(starts, [*starts[1:], len(raw)], strict=True)]

    def wrapping(self, raw: bytes) -> Sequence[Issue]:
        """Nothing: KITH has no batches."""
        return ()

    def decode(self, raw: bytes, charset: Charset) -> KithDocument:
        """Read one message. What must reject it by the rules of receipts stands among its issues.

        Why here and not in `conformance`: a channel may leave that out, but not these.
        """
        document = read(raw, charset)
        document.issues += receipt_findings(document)
        return document

    def envelope(self, document: Document) -> Envelope:
        return envelope_of(_kith(document))

    def peek(self, raw: bytes, charset: Charset) -> Envelope:
        return peek(raw, charset)

    def acknowledge(self, raw: bytes, answer: Answer, control_id: str, micros: int) -> bytes:
        """Empty bytes, always.

        Why: KITH knows no answer on the connection. Over HTTP the status code is the answer, over ebXML the transport
        acknowledges, and the AppRec is a message of its own that is delivered later (decision 8).
        """
        return b""

    def matches(self, envelope: Envelope) -> Sequence[str]:
        """The end of the payload's namespace with the type, then without: `dialog/2013-01-23 DIALOG_NOTAT`.

        Decision 14: the namespace first, then `Type/@V`.
        """
        return (f"{envelope.version} {envelope.type}", envelope.version)

    def is_match(self, text: str) -> bool:
        return _MATCH.fullmatch(text) is not None

    def turned_away(self, gate: Gate, envelope: Envelope, taken: Collection[str] = ()) -> Issue:
        return turned_away(gate, envelope)

    def receivers(self, document: Document) -> Sequence[Party]:
        return tuple(party_of(one) for one in receivers_of(_kith(document)))

    def receipt_for(
        self,
        document: Document,
        status: ReceiptStatus,
        issues: Sequence[Issue],
        receipt_id: str,
        micros: int,
        receiver: int = 0,
    ) -> bytes | None:
        return receipt_for(_kith(document), status, issues, receipt_id, micros, receiver)

    def receipt_of(self, document: Document) -> Receipt | None:
        return receipt_of(_kith(document))

    def conformance(self, document: Document) -> Sequence[Issue]:
        """Whether it is a message standard that is known, in its right place, and as its schema says.

        Errors, which refuse: T10, T02. Warnings alone for an emergency referral, which is taken if it can be read.
        HITS 1168 (use of AppRec).
        """
        kith = _kith(document)
        found = selection_findings(kith)
        if not found and self._schemas is not None:
            found = schema_findings(kith, self._schemas)
        if found and emergency_referral(kith):
            return [replace(issue, severity=Severity.WARNING) for issue in found]
        return found

    def order_keys(self, document: Document) -> tuple[str, ...]:
        return order_keys(_kith(document))

    def populated(self, document: Document) -> Iterator[Unit]:
        """Every text and attribute with content, in document order; a place is `MsgHead/MsgInfo/Type/@V`.

        `segment` is the element's name and `occurrence` its number among siblings of that name.
        """
        waiting = [(_kith(document).message, _kith(document).family.value, 1)]
        while waiting:
            element, place, occurrence = waiting.pop()
            name = clipped(local_name(element))
            if (element.text or "").strip() or any((one.tail or "").strip() for one in element):
                yield Unit(place, name, occurrence, 0, 0, 0)
            for attribute, value in element.items():
                if value.strip() and not str(attribute).startswith(_HINTS):
                    local = clipped(str(attribute).rpartition("}")[2])
                    yield Unit(f"{place}/@{local}", name, occurrence, 0, 0, 0)
            waiting += reversed(_numbered(element, place))


def _numbered(element: etree._Element, place: str) -> list[tuple[etree._Element, str, int]]:
    totals: dict[str, int] = {}
    for one in element:
        totals[str(one.tag)] = totals.get(str(one.tag), 0) + 1
    seen: dict[str, int] = {}
    numbered = []
    for one in element:
        tag = str(one.tag)
        seen[tag] = seen.get(tag, 0) + 1
        number = f"[{seen[tag]}]" if totals[tag] > 1 else ""
        numbered.append((one, f"{place}/{clipped(local_name(one))}{number}", seen[tag]))
    return numbered


def _kith(document: Document) -> KithDocument:
    if not isinstance(document, KithDocument):
        raise TypeError("a document of another standard")
    return document
