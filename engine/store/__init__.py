"""The contract of the store (decisions 6 and 7): the one truth; brokers and memory only hint.

Five small doors: intake, dispatch, query, audit, care. Writes are plain calls that return a `Pending`, complete when
its commit is durable; one writer takes all that waits into one transaction and one fsync. Reads are synchronous calls.

Why: no coroutines, so that a command line, a worker and a test use the same door as the event loop; one writer, because
SQLite shares one fsync over everything that waits (PERFORMANCE 4).
Times are micros since 1970 UTC. Hashes of identifiers are keyed: no column holds a patient identifier.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Protocol, TypeVar

from engine.records import (
    Acceptance as Acceptance,
)
from engine.records import (
    Accepted as Accepted,
)
from engine.records import (
    Attempt as Attempt,
)
from engine.records import (
    AttemptRow as AttemptRow,
)
from engine.records import (
    AuditEntry as AuditEntry,
)
from engine.records import (
    DeliveryRow as DeliveryRow,
)
from engine.records import (
    Duplicate as Duplicate,
)
from engine.records import (
    MessageDetail as MessageDetail,
)
from engine.records import (
    MessageRow as MessageRow,
)
from engine.records import (
    NewDelivery as NewDelivery,
)
from engine.records import (
    Settlement as Settlement,
)
from engine.records import (
    VerdictRow as VerdictRow,
)

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


class IntakeDoor(Protocol):
    """What intake and the router write."""

    def accept(self, acceptance: Acceptance) -> Pending[Accepted | Duplicate]:
        """Commit 1. Message, payload, verdict, deliveries and identity in one transaction, or nothing."""

    def route(
        self,
        message: str,
        verdict: VerdictRow | None,
        deliveries: Sequence[NewDelivery],
        owes: bool = False,
        settles: Sequence[Settlement] = (),
    ) -> Pending[Accepted]:
        """The commit of the router (a message stored unjudged) or of a replay: a newer verdict and its deliveries.

        Without a verdict: the receipt that the message owed.
        """

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

    def owing(self, limit: int, after: str = "") -> Sequence[str]:
        """Messages that owe a receipt and have no required delivery under way, oldest first; those after `after`."""

    def awaiting(self, message_id: str) -> Sequence[DeliveryRow]:
        """Deliveries of the messages with this id, whatever their state: those that a receipt may speak of."""

    def overdue(self, now: int) -> Pending[Sequence[int]]:
        """Mark delivered deliveries whose receipt should have come by now, each once: which ones."""

    def retry(self, delivery: int, now: int) -> Pending[bool]:
        """A person's decision: ready again now, with the same bytes. False when it is not parked or dead."""

    def handle(self, delivery: int, reason: str) -> Pending[bool]:
        """A person's decision: closed with a reason (`handled`), its keys set free."""


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
