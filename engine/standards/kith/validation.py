"""One message against the schemas: its departures as issues, the contents of attachments checked apart.

Why apart (decision 17): a schema validator copies a text of megabytes to judge its form. It sees a small text in that
place instead, and the text itself is judged in one pass. The schemas stay as they are.

HIS 80601:2006 (MsgHead), XML Schema 1.0.
"""

from __future__ import annotations

from lxml import etree

from engine.message import Issue
from engine.standards.kith.base64_form import is_base64
from engine.standards.kith.catalogue import standard_of
from engine.standards.kith.departure import Departure, Kind, issues_of
from engine.standards.kith.elements import namespace_of
from engine.standards.kith.explain import explain
from engine.standards.kith.fault_count import counted
from engine.standards.kith.reader import KithDocument
from engine.standards.kith.schemas import Schemas

MOST = 20
"""Findings that are told of one message."""

_LARGE = 2_000
"""Characters of an attachment from which it is checked apart: below, taking it out costs more."""
_MANY_TAGS = 10_000
_MANY_FAULTS = 200
_BLANK = "AAAA"
_TYPE = "xs:base64Binary"


def schema_findings(document: KithDocument, schemas: Schemas) -> list[Issue]:
    """Where the message departs from its schema, and its payloads from theirs: at most twenty errors, T02 in a receipt.

    Call it in the thread that owns the document: attachments are taken out of the tree meanwhile, and put back. What
    has no schema here but is a standard that `catalogue` knows is not checked, be it a message or a payload.
    Raises: ConfigError where a schema file is missing or does not hold (E220, E221).
    """
    if document.namespace not in schemas:
        return []
    schema = schemas.schema_for(document.namespace)
    wrong: list[Departure] = []
    twins: list[tuple[etree._Element, etree._Element]] = []
    try:
        for container in _containers(document):
            text = container.text or ""
            if len(text) < _LARGE:
                continue
            if not is_base64(text):
                wrong.append(Departure(Kind.TYPE, document.place(container), container.sourceline or 0, (_TYPE,)))
            twins.append((container, _blanked(container)))
        wrong = _beside(_departures(document, schema), document, schemas) + wrong
    finally:
        for container, twin in twins:
            _swap(twin, container)
    return issues_of(wrong[:MOST])


def _departures(document: KithDocument, schema: etree.XMLSchema) -> list[Departure]:
    """All that the schema has to say; without places where a message of very many elements has very many faults."""
    message = document.message
    if document.tags > _MANY_TAGS:
        faults = counted(message, schema, _MANY_FAULTS)
        if not faults or len(faults) > _MANY_FAULTS:
            return explain(faults, message)
    return [] if schema.validate(message) else explain(schema.error_log, message)


def _beside(departures: list[Departure], document: KithDocument, schemas: Schemas) -> list[Departure]:
    """Without those that say only that a payload of a known standard has no schema here."""
    if not departures:
        return departures
    unschemed = (one for one in document.payloads if one.namespace not in schemas and standard_of(one.namespace))
    places = {document.place(one.element) for one in unschemed}
    return [one for one in departures if one.kind is not Kind.UNKNOWN or one.place not in places]


def _containers(document: KithDocument) -> list[etree._Element]:
    """Those that hold text alone: any other is left to the schema."""
    found = (one.container for one in document.attachments)
    return [one for one in found if one is not None and not len(one) and not one.attrib]


def _blanked(container: etree._Element) -> etree._Element:
    """What stands in the tree instead of the container, with a small text and the same name, prefix and tail."""
    twin = container.makeelement(str(container.tag), nsmap={container.prefix: namespace_of(container)})
    twin.text, twin.tail = _BLANK, container.tail
    _swap(container, twin)
    return twin


def _swap(old: etree._Element, new: etree._Element) -> None:
    parent = old.getparent()
    if parent is not None:
        parent.replace(old, new)
