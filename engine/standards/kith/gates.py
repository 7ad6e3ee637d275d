"""Why a channel does not take a message, in places of KITH and codes of list 8221.

Why X99 for sender and processing: the list has no code for a sender that is not known or for a test message where
messages of patients are taken; words say it.
AppRec list 8221; HIS 80601:2006 (MsgInfo).
"""

from __future__ import annotations

from engine.message import Envelope, Issue
from engine.standards import Gate
from engine.standards.kith.catalogue import STANDARDS
from engine.standards.kith.reader import Family
from engine.standards.kith.words import issue_of

_PLACES = {
    Gate.SENDER: {Family.MSGHEAD: "MsgInfo/Sender", Family.APPREC: "Sender"},
    Gate.PROCESSING: {Family.MSGHEAD: "MsgInfo/ProcessingStatus", Family.MESSAGE: "Status"},
    Gate.TYPE: {Family.MSGHEAD: "MsgInfo/Type", Family.MESSAGE: "Type", Family.APPREC: "MsgType"},
}


_FAMILIES = {row.namespace.partition("/xmlstds/")[2]: row.family for row in STANDARDS.values()}
"""By what an envelope calls its version; what is not among them stands in a MsgHead."""


def turned_away(gate: Gate, envelope: Envelope) -> Issue:
    """The issue, at the element that says it in the message's family."""
    family = _FAMILIES.get(envelope.version, Family.MSGHEAD)
    below = _PLACES[gate].get(family, "")
    return issue_of(gate.value, f"{family.value}/{below}".rstrip("/"))
