"""A lane: the deliveries of one channel to one destination, and who stands before whom.

Pure bookkeeping, no clock and no loop. A window by sequence number: everything unfinished up to `last_seq` is here, the
rest waits in the store (`behind`).
"""

from __future__ import annotations

from collections import deque

from engine.delivery import Delivered, Outcome, Policy, State, Step
from engine.destinations import Destination
from engine.store import DeliveryRow

WINDOW = 20_000
BYTES = 64 * 1024 * 1024


class Item:
    """A delivery in a lane."""

    __slots__ = (
        "attempts", "blocking", "content_type", "due", "id", "identities", "in_flight", "keys", "last_code", "message",
        "payload", "received", "reference", "same_code", "scheduled", "seq", "told",
    )  # fmt: skip

    def __init__(self, row: DeliveryRow, payload: bytes | None = None) -> None:
        self.id, self.seq, self.message = row.id, row.seq, row.message
        self.keys, self.identities = row.keys, row.identities
        self.due, self.attempts, self.received = row.due, row.attempts, row.received
        self.reference, self.content_type = row.reference, row.content_type
        self.last_code, self.same_code = row.last_code, row.same_code
        self.payload = payload
        self.blocking = row.state in (State.PARKED, State.DEAD_LETTER)
        self.scheduled = self.in_flight = False
        self.told: Step | None = None
        """What a receipt has made of it while it was in flight: stands, whatever the attempt comes to."""

    def count(self, code: str) -> None:
        """One more attempt, with this outcome code."""
        self.attempts += 1
        self.same_code = self.same_code + 1 if code == self.last_code else 1
        self.last_code = code


class System:
    """A receiving system over all channels: how many at once, and which conditional identities are in flight."""

    def __init__(self, name: str, limit: int) -> None:
        self.name, self.limit = name, limit
        self.in_flight = 0
        self.lanes: deque[Lane] = deque()
        self._identities: set[int] = set()

    def enter(self, item: Item) -> None:
        """An attempt begins."""
        self.in_flight += 1
        self._identities.update(item.identities)

    def leave(self, item: Item) -> None:
        """An attempt is over at the wire."""
        self.in_flight -= 1
        self._identities.difference_update(item.identities)

    def collides(self, item: Item) -> bool:
        """Whether a conditional identity of this delivery is in flight: conditional writes are no lock (DESIGN 6)."""
        return not self._identities.isdisjoint(item.identities)


class Lane:
    """The queue of one (channel, destination)."""

    def __init__(
        self,
        channel: str,
        destination: str,
        system: System,
        policy: Policy,
        sender: Destination,
        receipted: bool = False,
    ) -> None:
        self.channel, self.destination = channel, destination
        self.receipted = receipted
        """Whether a receipt may wait for what becomes of its deliveries."""
        self.system, self.policy, self.sender = system, policy, sender
        self.items: dict[int, Item] = {}
        self.ready: deque[Item] = deque()
        self.last_seq = 0
        self.behind = False
        self._queues: dict[int, deque[Item]] = {}
        self._bytes = 0
        system.lanes.append(self)

    def room(self) -> int:
        """How many more the window takes."""
        return WINDOW - len(self.items)

    def holds(self, size: int) -> bool:
        """Whether a payload of this size may stay in memory until it is sent."""
        return self._bytes + size <= BYTES

    def add(self, item: Item) -> bool:
        """Stand in line, after everything with a lower sequence number. False when it stands here already, or when it
        was given up and the policy lets others pass."""
        self.last_seq = max(self.last_seq, item.seq)
        if item.id in self.items or (item.blocking and self.policy.blocked_key != "hold"):
            return False
        self.items[item.id] = item
        self._bytes += len(item.payload or b"")
        for key in item.keys:
            queue = self._queues.setdefault(key, deque())
            if queue and queue[-1].seq > item.seq:
                place = next(index for index, other in enumerate(queue) if other.seq > item.seq)
                queue.insert(place, item)
            else:
                queue.append(item)
        return True

    def is_first(self, item: Item) -> bool:
        """Whether nothing unfinished with a lower sequence number shares a key."""
        return all(self._queues[key][0] is item for key in item.keys)

    def is_alone(self, item: Item) -> bool:
        """Whether nothing shares a key with it, before it or behind."""
        return all(len(self._queues.get(key, ())) <= 1 for key in item.keys)

    def take(self) -> Item | None:
        """The next one that is ready and collides with nothing in flight at the system."""
        for _ in range(len(self.ready)):
            item = self.ready.popleft()
            if self.items.get(item.id) is not item or item.in_flight or item.blocking:
                continue
            if self.system.collides(item):
                self.ready.append(item)
                continue
            return item
        return None

    def remove(self, item: Item) -> list[Item]:
        """It is over: out of every queue. Those that now stand first on all their keys."""
        self.items.pop(item.id, None)
        self._bytes -= len(item.payload or b"")
        free: dict[int, Item] = {}
        for key in item.keys:
            queue = self._queues.get(key)
            if not queue:
                continue
            if queue[0] is item:
                queue.popleft()
            else:
                queue.remove(item)
            if not queue:
                del self._queues[key]
            elif self.is_first(queue[0]):
                free[queue[0].id] = queue[0]
        return list(free.values())

    def clear_waiting(self) -> None:
        """Forget everything but what is in flight: the store will tell anew."""
        flying = [item for item in self.items.values() if item.in_flight]
        self.items.clear()
        self._queues.clear()
        self.ready.clear()
        self._bytes = 0
        self.behind = False
        for item in flying:
            self.add(item)
        self.last_seq = 0


def code_of(outcome: Outcome) -> str:
    """The stable code of an outcome, as stored with the attempt."""
    return "delivered" if isinstance(outcome, Delivered) else outcome.code


def detail_of(outcome: Outcome) -> str:
    """The words of an outcome, as stored with the attempt; the hint of a permanent one rides along."""
    hint = getattr(outcome, "hint", "")
    return f"{outcome.detail}; {hint}" if hint else outcome.detail
