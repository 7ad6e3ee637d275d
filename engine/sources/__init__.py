"""The contract of a source: where messages arrive (EIP Channel Adapter).

A source owns its wire: it de-frames, hands bytes to intake and writes back what intake says, in order on each
connection. It never acknowledges by itself and never drops a byte in silence. When intake is busy it stops reading
(back-pressure), so that no memory grows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.message import Answer, Issue, Reception


@dataclass(slots=True)
class Acknowledgement:
    """The answer to one message: what it says, and its bytes in the message's own standard.

    `spelled` is empty where the sender wants no answer, where none may be given, or where the standard has none on this
    connection (KITH). Wires that have words of their own, such as HTTP's status, take those from `answer`.
    `message` is the stored message (of a repeat: the first one), empty where nothing is stored; `message_id` is the
    sender's own id, where it could be read.
    """

    answer: Answer
    spelled: bytes = b""
    message: str = ""
    message_id: str = ""


class Intake(Protocol):
    """What a source may ask of the engine."""

    async def receive(self, raw: bytes, reception: Reception) -> Sequence[Acknowledgement]:
        """Take one frame; the answers to write, in order, once they are durable. One frame may hold several messages.

        Where an answer spells nothing, none is written on wires that have no other words. Never raises for what the
        sender did; raises StoreError when nothing can be stored and not even a negative answer could be formed.
        """
        ...

    def take(
        self, raw: bytes, reception: Reception, answered: Callable[[Sequence[Acknowledgement] | None], None]
    ) -> bool:
        """As `receive`, without waiting: `answered` is called with the answers once they are durable, with None when
        none can be given. False, and nothing done, where it needs more than its commit: `receive` it then.

        Why: a task for each message costs as much as judging it.
        """
        ...

    def refuse(self, raw: bytes, reception: Reception, code: str) -> bytes:
        """The negative answer to something that cannot be taken at all (too large, broken framing), without storing
        its content; what could be noted of it is stored. `raw` is its beginning."""
        ...

    def outcome(self, message: str) -> Answer | None:
        """What became of a stored message: None while it is not judged or a required delivery is under way; then yes,
        or its refusal. It may change again when a person decides. Raises: StoreError."""
        ...

    def remarks(self, raw: bytes) -> Sequence[Issue]:
        """What is to be said of a reception as a whole and of no message in it: a batch whose trailer counts others."""
        ...

    def crowded(self) -> bool:
        """True while the writer's uncommitted queue is above its bound: stop reading, look again soon."""
        ...


class Source(Protocol):
    """One listening or polling source of one channel."""

    async def start(self, intake: Intake) -> None:
        """Begin to take messages. Raises: ConfigError when an address cannot be had."""
        ...

    async def stop(self, grace: float) -> None:
        """Take no new message; let what is taken be answered within `grace` seconds; then close."""
        ...

    @property
    def address(self) -> str:
        """Where it listens, for people: `127.0.0.1:2575`; the real port where 0 was asked for."""
        ...
