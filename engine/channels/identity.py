"""What makes a repeat of a message known: a keyed hash, for the store never holds what it is made of (decision 9)."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from engine.channels.revision import Plan
from engine.message import Envelope
from engine.standards import Document

SEPARATOR = "\x1f"


def identity_of(envelope: Envelope, plan: Plan, document: Document | None = None) -> bytes:
    """The keyed hash that a repeat of this message would have too (decision 9); of a document where `dedup` is set.

    Why two hashes: the first is of the beginning alone, so that ids which follow each other stand on one page of the
    store's index. A page of its own for each message would cost more than all the rest of storing it.
    """
    if plan.dedup and document is not None:
        parts = [value(document) for value in plan.dedup]
    else:
        sender = envelope.sender
        parts = [envelope.message_id, sender.system, sender.identifier, sender.name]
    text = SEPARATOR.join([plan.name, *parts])
    rest = hashlib.blake2b(text.encode(), digest_size=10, key=plan.keyring).digest()
    return _beginning(plan.name, parts[0][:-2], plan.keyring) + rest


@lru_cache(maxsize=256)
def _beginning(channel: str, start: str, keyring: bytes) -> bytes:
    text = channel + SEPARATOR + start
    return hashlib.blake2b(text.encode(), digest_size=6, key=keyring).digest()
