"""The contract of a destination: where messages are delivered (EIP Channel Adapter).

A destination makes one attempt and returns its outcome as a value; queueing, retry, order and time-outs over attempts
are the dispatcher's, written once around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from engine.delivery import Outcome


@dataclass(frozen=True, slots=True)
class Shipment:
    """One attempt: the bytes and what a destination may need to name them. `reference` stays the same over retries."""

    delivery: int
    message: str
    channel: str
    payload: bytes
    content_type: str
    reference: str
    attempt: int
    received: int


class Destination(Protocol):
    """One system that takes messages."""

    @property
    def idempotent(self) -> bool:
        """Whether repeating a send is harmless; if not, `sending` is made durable before the first byte leaves."""
        ...

    async def start(self) -> None:
        """Open what is kept open. Must not fail because the other side is down: that is a delivery's affair."""
        ...

    async def deliver(self, shipment: Shipment) -> Outcome:
        """One attempt. Returns the outcome; raises only for programming errors, which the dispatcher treats as
        ambiguous and logs by type."""
        ...

    async def stop(self) -> None:
        """Close connections."""
        ...
