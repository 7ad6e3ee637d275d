"""The receipts a message is owed, and what an arriving one says: pure, from a document and a plan (decisions 8 to 10).

A receipt is a delivery like any other, to the system that leads back to the sender, in order with the sender's other
receipts. Each claims (sender, message id, receiver) for good in the commit that makes it, so that no restart, repeat or
replay sends a second one. HIS 80415; reference 5.1.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import replace

from engine.channels.identity import SEPARATOR, hash_of
from engine.channels.revision import Plan
from engine.channels.verdict import Verdict
from engine.message import Envelope, Issue, Party, ReceiptStatus, Received
from engine.standards import Document
from engine.store import NewDelivery

DESTINATION = "receipt"
"""The name under which receipts stand among a channel's destinations."""


def receipts_for(
    document: Document, envelope: Envelope, plan: Plan, status: ReceiptStatus, issues: Sequence[Issue],
    message: str, micros: int,
) -> tuple[NewDelivery, ...]:  # fmt: skip
    """One delivery for each receiver that is ours; none where the channel or the standard owes none.

    `message` is our own id of the message: the receipts' ids follow from it, so that judging anew makes the same.
    """
    settings = plan.receipt
    if settings is None:
        return ()
    found: list[NewDelivery] = []
    parties = plan.standard.receivers(document)
    for number, party in enumerate(parties):
        ours = party.identifier in settings.ours if settings.ours else number == 0
        own_id = _receipt_id(message, number)
        raw = plan.standard.receipt_for(document, status, issues, own_id, micros, number) if ours else None
        if raw is not None:
            found.append(
                NewDelivery(
                    DESTINATION,
                    settings.system,
                    raw,
                    plan.standard.media_type,
                    (hash_of(plan.keyring, DESTINATION + SEPARATOR + envelope.sender.identifier),),
                    reference=own_id,
                    required=False,
                    claim=_claim(envelope, party, parties[:number].count(party), plan.keyring),
                )
            )
    return tuple(found)


def with_receipts(received: Received, plan: Plan, document: Document, envelope: Envelope, verdict: Verdict) -> Verdict:
    """A positive verdict with the receipts that are owed now, or the note that they are owed when all is delivered.

    What a person has to decide first (quarantined) is not receipted. What a channel leaves out on purpose is: the
    sender has done its duty.
    """
    if plan.receipt is None or verdict.row is None or verdict.row.state == "quarantined":
        return verdict
    if plan.receipt.after == "delivered" and any(new.required for new in verdict.deliveries):
        return replace(verdict, owes=True)
    receipts = receipts_for(document, envelope, plan, ReceiptStatus.OK, (), received.id, received.micros)
    return replace(verdict, deliveries=(*verdict.deliveries, *receipts))


def _receipt_id(message: str, number: int) -> str:
    """The id of a receipt: a UUID made of the message's own. RFC 9562, 5.8 (version 8, the bits are ours)."""
    digest = bytearray(hashlib.sha256(f"{message}{SEPARATOR}{number}".encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def _claim(envelope: Envelope, receiver: Party, same: int, keyring: bytes) -> bytes:
    """`same`: how many receivers before it are known by the same identifier (two departments of one organisation)."""
    sender = envelope.sender
    parts = ["receipt", sender.system, sender.identifier, envelope.message_id, receiver.system, receiver.identifier]
    if same:
        parts.append(str(same))
    return hashlib.blake2b(SEPARATOR.join(parts).encode(), digest_size=16, key=keyring).digest()
