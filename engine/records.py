"""What a store takes and gives, as values; shared by every store and all who use one (decision 6).

Times are micros since 1970 UTC. Hashes of identifiers are keyed: no value here holds a patient identifier in clear but
the envelope and the bytes themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.delivery import State, Step
from engine.message import Envelope, Issue


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """What was judged (states: decision 4). `route` says where to, why, by which mapping: JSON without content."""

    revision: str
    state: str
    reason: str
    issues: tuple[Issue, ...] = ()
    route: str = ""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to be made: mapped bytes for one destination.

    `keys` are the ordering keys (keyed 63-bit hashes); `identities` the conditional identities that must not be in
    flight twice to one system; `reference` the id it will be known by there (MSH-10 sent, MsgId), unique per system.
    """

    destination: str
    system: str
    payload: bytes
    content_type: str
    keys: tuple[int, ...]
    identities: tuple[int, ...] = ()
    reference: str = ""
    due: int = 0
    required: bool = True
    claim: bytes = b""
    """A keyed hash that one delivery may claim for good: a second one is left out, and its id is 0 (receipts)."""
    confirm_by: int = 0
    """By when the receiver's receipt is to have come; 0 where none is expected."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an arriving receipt makes of a delivery."""

    delivery: int
    step: Step


@dataclass(slots=True)
class Acceptance:
    """Commit 1: one received message with all that must be durable before it is answered (RELIABILITY 1).

    `identity` is the keyed 16-byte hash of (channel, sender, message id), or None where the message claims none
    (refused, unreadable, deliberate resend). With `verdict` None the message waits for the router (`after: stored`).
    """

    message: str
    channel: str
    standard: str
    raw: bytes
    sha256: bytes
    received: int
    peer: str
    envelope: Envelope | None
    answer: bytes
    verdict: VerdictRow | None
    deliveries: tuple[NewDelivery, ...] = ()
    identity: bytes | None = None
    identity_expires: int = 0
    certificate: str = ""
    replay_of: str = ""
    owes: bool = False
    """A receipt is owed when its required deliveries are final."""
    settles: tuple[Settlement, ...] = ()
    """What this message, a receipt, says of our own deliveries: in the same commit."""


@dataclass(slots=True)
class Accepted:
    """Durable. `seq` grows in commit order over the whole store; `deliveries` are ids in the order given."""

    seq: int
    deliveries: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The identity was claimed before, so nothing was stored: the first message, its content's hash, its answer."""

    message: str
    sha256: bytes
    answer: bytes


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery as the dispatcher takes it. The payload is read apart (`payload`)."""

    id: int
    message: str
    seq: int
    channel: str
    destination: str
    system: str
    state: State
    due: int
    attempts: int
    received: int
    keys: tuple[int, ...]
    identities: tuple[int, ...]
    reference: str
    reason: str
    required: bool
    content_type: str
    last_code: str = ""
    same_code: int = 0
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try, and what becomes of the delivery: written in one commit (commit 2).

    `code` is the outcome's stable code (`http.503`), `detail` holds no content, `answer` replaces the stored answer.
    """

    delivery: int
    started: int
    ended: int
    code: str
    detail: str
    step: Step
    answer: bytes | None = None


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as shown in a list: no content. `state` is computed from verdict and deliveries (decision 4)."""

    id: str
    seq: int
    channel: str
    standard: str
    received: int
    type: str
    message_id: str
    sender: str
    size: int
    state: str
    reason: str
    answer: bytes
    deliveries: int
    delivered: int


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try as shown."""

    delivery: int
    number: int
    started: int
    ended: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class MessageDetail:
    """All that is known of one message, content apart."""

    row: MessageRow
    envelope: Envelope | None
    peer: str
    sha256: bytes
    verdicts: tuple[VerdictRow, ...]
    deliveries: tuple[DeliveryRow, ...]
    attempts: tuple[AttemptRow, ...]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which message, and why. Append-only, hash-chained."""

    at: int
    actor: str
    action: str
    subject: str
    reason: str = ""
