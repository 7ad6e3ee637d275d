"""Who sent what to whom: one envelope for MsgHead, Message and AppRec.

Hodemelding HIS 80601:2006 (MsgInfo); AppRec HIS 80415; Message: epikrise, henvisning, svarrapport, rekvisisjon.
"""

from __future__ import annotations

from engine.message import Envelope
from engine.standards import Charset
from engine.standards.kith.catalogue import standard_of
from engine.standards.kith.elements import code_of, text_of
from engine.standards.kith.parties import receiving_party, sending_party
from engine.standards.kith.reader import Family, KithDocument, read
from engine.standards.kith.words import refusal

_ID = {Family.MSGHEAD: ("MsgInfo", "MsgId"), Family.MESSAGE: ("MsgId",), Family.APPREC: ("Id",)}
_TYPE = {Family.MSGHEAD: ("MsgInfo", "Type"), Family.MESSAGE: ("Type",), Family.APPREC: ("MsgType",)}
_PROCESSING = {"TEST": "T"}
"""Family B says `TEST` where HL7 table 0103 says T, in a word that a channel's gate would not know."""


def envelope_of(document: KithDocument) -> Envelope:
    """The envelope. `type` is the code of list 8279, `version` the end of the payload's namespace.

    An id that is no UUID is kept as it is: it is refused with a receipt (E10) that quotes it. `processing` is
    `ProcessingStatus` (P, D) of MsgHead, or T where the `Status` of a Message is TEST.

    Why the namespace and not `MIGversion`: what MsgHead says there is the version of the head, the same for all.

    Raises: InvalidMessage when type or message id is missing: no receipt could then say which message it is about.
    """
    parts, family = document.parts, document.family
    type_, message_id = written_type(document), written_id(document)
    if not type_ or not message_id:
        missing = _ID if type_ else _TYPE
        raise refusal("kith.required", "/".join((family.value, *missing[family])))
    conversation = processing = ""
    if family is Family.MSGHEAD:
        conversation = text_of(parts.get("ConversationRef"), "RefToConversation")
        processing = code_of(parts.get("ProcessingStatus"))
    elif family is Family.MESSAGE:
        processing = _PROCESSING.get(code_of(parts.get("Status")), "")
    return Envelope(
        "kith", message_id, type_, version_of(document), sending_party(document),
        receiving_party(document), written_time(document), conversation, processing, document.charset,
    )  # fmt: skip


def peek(raw: bytes, charset: Charset) -> Envelope:
    """The envelope of raw bytes, read as a whole: that XML is well-formed is known at its end only."""
    return envelope_of(read(raw, charset))


def written_id(document: KithDocument) -> str:
    """MsgId, or the Id of an AppRec; "" where it is missing."""
    return text_of(document.parts.get("Id" if document.family is Family.APPREC else "MsgId"))


def written_type(document: KithDocument) -> str:
    """The code of the message type: `Type/@V`, in some laboratories' answers `Type/@S`, else the standard's own.

    "" where it is missing.
    """
    if document.family is Family.APPREC:
        return "APPREC"
    written = document.parts.get("Type")
    found = code_of(written) or code_of(written, attribute="S")
    known = None if found else standard_of(document.namespace)
    return known.fallback if known else found


def written_time(document: KithDocument) -> str:
    """GenDate: text in MsgHead and AppRec, the attribute V in a Message; "" where it is missing."""
    written = document.parts.get("GenDate")
    return code_of(written) or text_of(written)


def version_of(document: KithDocument) -> str:
    """The end of the payload's namespace: `dialog/2013-01-23`; of the head itself where it carries nothing."""
    namespace = document.payloads[0].namespace if document.payloads else document.namespace
    return namespace.partition("/xmlstds/")[2] or namespace
