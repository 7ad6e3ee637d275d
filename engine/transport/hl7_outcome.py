"""What an HL7 v2 acknowledgement means for a delivery, over whatever wire it came. Pure.

Accept is delivered; error is tried three times, then a person is asked; reject is final. An answer to another message
credits nothing. Decision 18; RELIABILITY section 2; HL7 table 0008.
"""

from __future__ import annotations

from engine.delivery import Ambiguous, Delivered, Outcome, Permanent, Transient
from engine.standards.hl7v2.acknowledged import acknowledged, message_id

ERROR_TRIES = 3
"""How often AE and CE are tried before a person is asked."""


def outcome_of_acknowledgement(raw: bytes, sent: bytes) -> Outcome:
    """The outcome of sending `sent`, which was answered `raw`."""
    found = acknowledged(raw)
    if found is None:
        return Ambiguous("hl7.no_ack", "the answer is no acknowledgement")
    if found.message_id != message_id(sent):
        return Ambiguous("hl7.wrong_id", "the answer is to another message")
    kind, told = found.code[1], "; ".join(found.errors)
    if kind == "A":
        return Delivered(found.code)
    if kind == "E":
        return Transient(f"hl7.{found.code}", told, tries=ERROR_TRIES)
    return Permanent(f"hl7.{found.code}", told, hint="the receiver does not take such messages: ask it why")
