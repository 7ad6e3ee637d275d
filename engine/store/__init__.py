"""The contract of the store (decisions 6 and 7): the one truth; brokers and memory only hint.

Five small doors: intake, dispatch, query, audit, care. Writes are plain calls that return a `Pending`, complete when
its commit is durable; one writer takes all that waits into one transaction and one fsync. Reads are synchronous calls.

Why: no coroutines, so that a command line, a worker and a test use the same door as the event loop; one writer, because
SQLite shares one fsync over everything that waits (PERFORMANCE 4).
Times are micros since 1970 UTC. Hashes of identifiers are keyed: no column holds a patient identifier.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from engine.delivery import State, Step
from engine.message import Envelope, Issue

T = TypeVar("T", covariant=True)


class Pending(Protocol[T]):
    """The result of a write that is not durable yet. Await it on the loop, or `wait` for it elsewhere."""

    def wait(self, timeout: float | None = None) -> T:
        """Block until durable. Raises: StoreError, TimeoutError."""

    def add_done(self, call: Callable[[], None]) -> None:
        """Call when done: at once if it is, else from the store's `wake` (the loop's thread)."""

    def result(self) -> T:
        """The value, once done. Raises: StoreError."""

    def __await__(self) -> Generator[object, None, T]: ...


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


class IntakeDoor(Protocol):
    """What intake and the router write."""

    def accept(self, acceptance: Acceptance) -> Pending[Accepted | Duplicate]:
        """Commit 1. Message, payload, verdict, deliveries and identity in one transaction, or nothing."""

    def route(self, message: str, verdict: VerdictRow, deliveries: Sequence[NewDelivery]) -> Pending[Accepted]:
        """The commit of the router (a message stored unjudged) or of a replay: a newer verdict and its deliveries."""

    def settle_answer(self, message: str, answer: bytes) -> Pending[None]:
        """Replace the stored answer (`ack.after: delivered`), so that a duplicate gets the settled one."""

    def pending_writes(self) -> int:
        """How much the writer has not committed yet: sources pause reading above a bound (decision 7)."""


class DispatchDoor(Protocol):
    """What the dispatcher reads and writes."""

    def waiting(self, channel: str, destination: str, after_seq: int, limit: int) -> Sequence[DeliveryRow]:
        """Unfinished deliveries of one lane, and dead letters that hold a key, after `after_seq`, by seq."""

    def payload(self, delivery: int) -> bytes:
        """The mapped bytes of one unfinished delivery. Raises: StoreError when they are gone."""

    def sending(self, delivery: int) -> Pending[None]:
        """Make `sending` durable before the first byte leaves (destinations that are not idempotent)."""

    def record(self, attempt: Attempt, unhurried: bool = False) -> Pending[None]:
        """Commit 2: attempt and new state; keys and mapped bytes go at a final state (a dead letter keeps both).
        `unhurried` where nothing waits for it: it may share the next commit, if one comes soon."""

    def recover(self) -> int:
        """At start: claimed back to ready; sending back to ready with reason `ambiguous: restart`. How many."""

    def unrouted(self, limit: int) -> Sequence[str]:
        """Messages stored without a verdict, oldest first."""

    def retry(self, delivery: int, now: int) -> Pending[bool]:
        """A person's decision: ready again now, with the same bytes. False when it is not parked or dead."""

    def handle(self, delivery: int, reason: str) -> Pending[bool]:
        """A person's decision: closed with a reason (`handled`), its keys set free."""


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


class QueryDoor(Protocol):
    """What people and commands read."""

    def messages(
        self, *, channel: str = "", state: str = "", message_id: str = "", before_seq: int = 0, limit: int = 50
    ) -> Sequence[MessageRow]:
        """Newest first, key-set paged by `before_seq`."""

    def message(self, message: str) -> MessageDetail | None:
        """One message by its id or a beginning of 8 characters or more. Raises: StoreError when it fits several."""

    def original(self, message: str) -> bytes:
        """The exact bytes received. Raises: StoreError when retention took them."""

    def counts(self) -> dict[str, int]:
        """Messages by computed state."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what to which message, and why. Append-only, hash-chained."""

    at: int
    actor: str
    action: str
    subject: str
    reason: str = ""


class AuditDoor(Protocol):
    """The audit table."""

    def audit(self, entry: AuditEntry) -> Pending[None]:
        """Append one entry; each row holds the hash of the one before."""

    def audit_trail(self, limit: int = 100) -> Sequence[AuditEntry]:
        """Newest first."""

    def decisions(self) -> int:
        """A number that grows with every audit entry, also one that another process has written."""

    def audit_intact(self) -> bool:
        """Whether the chain of hashes holds from the first row to the last."""


class CareDoor(Protocol):
    """Opening, closing, looking after."""

    def free_space(self) -> int:
        """Bytes free where the store lives."""

    def revision_seen(self, revision: str, description: str, now: int) -> Pending[None]:
        """Remember a config revision the first time it is used."""

    def close(self) -> None:
        """Commit what waits, checkpoint, close. Idempotent."""


class Store(IntakeDoor, DispatchDoor, QueryDoor, AuditDoor, CareDoor, Protocol):
    """The whole store."""
