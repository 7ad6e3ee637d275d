"""Why a channel does not take a message, in HL7's places and codes.

HL7 table 0357: 200 unsupported message type, 201 unsupported event code, 202 unsupported processing id, 204 unknown key
identifier.
"""

from __future__ import annotations

from collections.abc import Collection

from engine.message import Envelope, Issue, Severity
from engine.standards import Gate

_SAID = {
    Gate.SENDER: ("the sender is not one that this channel takes messages from", "MSH[1]-4[1]", "204"),
    Gate.PROCESSING: ("processing id not taken by this channel", "MSH[1]-11[1]", "202"),
    Gate.TYPE: ("message type not taken by this channel", "MSH[1]-9[1].1", "200"),
}
_EVENT = ("MSH[1]-9[1].2", "201")


def turned_away(gate: Gate, envelope: Envelope, taken: Collection[str]) -> Issue:
    """The issue; of a message whose type is taken with another event, the event is named."""
    text, place, code = _SAID[gate]
    if gate is Gate.TYPE and envelope.type.partition("^")[0] in {each.partition("^")[0] for each in taken}:
        place, code = _EVENT
    return Issue(Severity.ERROR, gate.value, text, place, code)
