"""What makes a repeat of a message known, and what keeps messages in order: keyed hashes.

The store never holds what they are made of. Decisions 9 and 11.
"""

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


def hash_of(keyring: bytes, text: str) -> int:
    """A keyed hash that fits a signed 64-bit column: what is stored instead of an identifier."""
    digest = hashlib.blake2b(text.encode(), digest_size=8, key=keyring).digest()
    return int.from_bytes(digest, "big") >> 1


def order_keys_of(document: Document, envelope: Envelope, plan: Plan) -> tuple[int, ...]:
    """The ordering keys: the channel's own fields, else every patient identifier, else the sender (decision 11)."""
    if plan.order_by:
        texts = [value(document) for value in plan.order_by]
    else:
        texts = list(plan.standard.order_keys(document))
    keys = {hash_of(plan.keyring, text) for text in texts if text}
    return tuple(sorted(keys)) or (hash_of(plan.keyring, "sender" + SEPARATOR + envelope.sender.identifier),)
