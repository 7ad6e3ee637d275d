"""An AppRec that arrives, 1.0 or 1.1: what became of a message that we sent.

HIS 80415:2004 and 2012.
"""

from __future__ import annotations

from engine.message import Receipt, ReceiptError, ReceiptStatus
from engine.standards.kith.elements import children, code_of, text_of
from engine.standards.kith.parties import party_of, receivers_of, sender_of
from engine.standards.kith.reader import Family, KithDocument
from engine.standards.kith.words import refusal

_STATUSES = {status.value: status for status in ReceiptStatus}
_MOST_ERRORS = 1_000


def receipt_of(document: KithDocument) -> Receipt | None:
    """What an AppRec says; None for any other message. Errors of any list, each with its own system, as written.

    Raises: InvalidMessage when the original id is missing or the status is none of 1, 2 and 3.
    """
    if document.family is not Family.APPREC:
        return None
    message = document.message
    original = text_of(message, "OriginalMsgId", "Id")
    if not original:
        raise refusal("kith.required", "AppRec/OriginalMsgId/Id")
    status = _STATUSES.get(code_of(message, "Status"))
    if status is None:
        raise refusal("kith.receipt_status", "AppRec/Status")
    errors = [
        ReceiptError(code_of(one), *(code_of(one, attribute=name) for name in ("S", "DN", "OT")))
        for one in children(message, "Error")
    ]
    return Receipt(
        status,
        original,
        tuple(errors[:_MOST_ERRORS]),
        party_of(sender_of(document)),
        party_of(receivers_of(document)[0]),
        code_of(message, "OriginalMsgId", "MsgType"),
        text_of(message, "OriginalMsgId", "IssueDate"),
    )
