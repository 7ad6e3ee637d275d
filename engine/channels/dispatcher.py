"""The dispatcher: due deliveries go out in order per key, as many at once as their system takes.

A delivery is *free* when it stands first in the queue of every ordering key it has (so a merge waits for, and blocks,
both patients), is due, and touches no conditional identity that is in flight at the same system (decision 11). After an
attempt its outcome is committed before the next delivery of a key may go: a crash in between must not turn order round.

Why lanes in memory and not a query per delivery: the store is the truth, but order is a graph, and asking SQL for its
free nodes at every step costs more than the sending. A lane is rebuilt from the store at start and when a person has
decided something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from engine import log
from engine.channels.alarm import Alarm
from engine.channels.lane import Item, Lane, System, code_of, detail_of
from engine.clock import Clock, Jitter
from engine.delivery import STATES, Ambiguous, Outcome, Standing, State, Step, Transient, next_state
from engine.destinations import Shipment
from engine.errors import StoreError
from engine.store import Attempt, DeliveryRow, Pending, Settlement, Store

PAGE = 2000


class Dispatcher:
    """All lanes of one engine. Lives on one event loop; every method is called from it."""

    def __init__(self, store: Store, lanes: Iterable[Lane], clock: Clock, jitter: Jitter) -> None:
        self.store, self.clock, self.jitter = store, clock, jitter
        self.lanes: Mapping[tuple[str, str], Lane] = {(lane.channel, lane.destination): lane for lane in lanes}
        self.systems: dict[str, System] = {lane.system.name: lane.system for lane in self.lanes.values()}
        self._alarm = Alarm(clock, self.wake)
        self._tasks: set[asyncio.Task[None]] = set()
        self._watched: dict[int, asyncio.Future[Step]] = {}
        self._stopping = False
        self.settled: Callable[[str], None] | None = None
        """Told of a message whose delivery is final, where its channel owes receipts after delivery."""
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    # ---- filling -------------------------------------------------------------------------------------------------

    def load(self) -> int:
        """Rebuild every lane from the store; what is in flight stays. How many deliveries wait."""
        count = 0
        for lane in self.lanes.values():
            lane.clear_waiting()
            count += self._fill(lane)
        self._pump_all()
        return count

    def _fill(self, lane: Lane) -> int:
        """Read on from where the lane's window ends, as far as the window allows."""
        count = 0
        while lane.room() > 0:
            rows = self.store.waiting(lane.channel, lane.destination, lane.last_seq, PAGE)
            for row in rows:
                if lane.add(Item(row)):
                    count += 1
                    self._settle_in(lane, row.id)
            if len(rows) < PAGE:
                lane.behind = False
                return count
        lane.behind = True
        return count

    def offer(self, rows: Iterable[DeliveryRow], payloads: Iterable[bytes]) -> None:
        """New deliveries, just committed, in commit order."""
        touched = set()
        for row, payload in zip(rows, payloads, strict=True):
            lane = self.lanes.get((row.channel, row.destination))
            # One that comes after newer ones (a receipt that waited) is in the window that has been read.
            newer = lane is not None and row.seq > lane.last_seq
            if lane is None or (newer and lane.behind):
                continue
            if newer and lane.room() <= 0:
                lane.behind = True
                continue
            keep = payload if lane.holds(len(payload)) else None
            if lane.add(Item(row, keep)):
                self._settle_in(lane, row.id)
                touched.add(lane.system)
        for system in touched:
            self._pump(system)

    def watch(self, delivery: int) -> asyncio.Future[Step]:
        """The step that ends or parks this delivery, or `ready` never: for `ack.after: delivered`."""
        future = self._watched.get(delivery)
        if future is None:
            future = self._watched[delivery] = asyncio.get_running_loop().create_future()
        return future

    def settle(self, settlements: Iterable[Settlement]) -> None:
        """What receipts have made of deliveries, just committed; one in flight follows when its attempt ends."""
        steps = {each.delivery: each.step for each in settlements}
        for lane in self.lanes.values():
            for item in [lane.items[each] for each in steps.keys() & lane.items.keys()]:
                if item.in_flight:
                    item.told = steps[item.id]
                else:
                    self._follow(lane, item, steps[item.id])

    def _settle_in(self, lane: Lane, delivery: int) -> None:
        item = lane.items[delivery]
        if lane.is_first(item):
            self._schedule(lane, item)

    def _schedule(self, lane: Lane, item: Item) -> None:
        """`item` is first on all its keys: now it waits for its time and its turn."""
        if item.scheduled or item.in_flight or item.blocking:
            return
        item.scheduled = True
        if item.due <= self.clock.micros():
            lane.ready.append(item)
        else:
            self._alarm.set(item, lane)

    # ---- time ----------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Look at the clock: what has become due goes to its lane. Called by the alarm, and by tests."""
        for item, lane in self._alarm.due():
            if lane.items.get(item.id) is item and not item.in_flight:
                lane.ready.append(item)
        self._pump_all()

    # ---- sending -------------------------------------------------------------------------------------------------

    def _pump_all(self) -> None:
        for system in self.systems.values():
            self._pump(system)

    def _pump(self, system: System) -> None:
        """Start what may start at this system, one lane after the other so that none starves."""
        if self._stopping:
            return
        idle = 0
        lanes = system.lanes
        while system.in_flight < system.limit and idle < len(lanes):
            lane = lanes[0]
            lanes.rotate(-1)
            item = lane.take()
            if item is None:
                idle += 1
                continue
            idle = 0
            self._start(lane, item)

    def _start(self, lane: Lane, item: Item) -> None:
        item.in_flight = True
        lane.system.enter(item)
        self._under_way += 1
        self._idle.clear()
        task = asyncio.get_running_loop().create_task(self._attempt(lane, item))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is None:
            return
        self._over()
        if not task.cancelled():
            log.error("dispatcher_fault", code=type(error).__name__)

    def _over(self) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()

    async def _attempt(self, lane: Lane, item: Item) -> None:
        """One delivery's try: payload, sending, deliver, outcome, commit 2; what follows comes when that is durable."""
        started = self.clock.micros()
        try:
            outcome = await self._send(lane, item)
        finally:
            lane.system.leave(item)
        self._pump(lane.system)
        code, now = code_of(outcome), self.clock.micros()
        item.count(code)
        standing = Standing(item.attempts, item.same_code, item.received)
        step = next_state(standing, outcome, lane.policy, now, self.jitter)
        attempt = Attempt(item.id, started, now, code, detail_of(outcome), step)
        if isinstance(outcome, Transient) and outcome.system_fault:
            log.error("system_fault", system=lane.system.name, code=outcome.code)
        # Where a repeat is harmless and nobody waits for the outcome, a commit of its own is not worth its sync.
        unhurried = lane.sender.idempotent and item.id not in self._watched and lane.is_alone(item)
        try:
            pending = self.store.record(attempt, unhurried)
        except StoreError as error:
            await self._record_later(lane, item, attempt, error)
            return
        pending.add_done(lambda: self._recorded(lane, item, attempt, pending))

    def _recorded(self, lane: Lane, item: Item, attempt: Attempt, pending: Pending[None]) -> None:
        """Commit 2 is done, or has failed."""
        try:
            pending.result()
        except StoreError as error:
            task = asyncio.get_running_loop().create_task(self._record_later(lane, item, attempt, error))
            self._tasks.add(task)
            task.add_done_callback(self._done)
            return
        self._over()
        self._follow(lane, item, attempt.step)

    async def _send(self, lane: Lane, item: Item) -> Outcome:
        try:
            payload = item.payload if item.payload is not None else self.store.payload(item.id)
            if not lane.sender.idempotent:
                await self.store.sending(item.id)
        except StoreError as error:
            return Transient(error.code)
        shipment = Shipment(
            item.id,
            item.message,
            lane.channel,
            payload,
            item.content_type,
            item.reference,
            item.attempts + 1,
            item.received,
        )
        try:
            return await lane.sender.deliver(shipment)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # a fault of ours in a destination must not end the lane; logged by type only
            log.error("destination_fault", destination=lane.destination, code=type(error).__name__)
            return Ambiguous("fault." + type(error).__name__)

    async def _record_later(self, lane: Lane, item: Item, attempt: Attempt, error: StoreError) -> None:
        """Commit 2 again until it holds: without it the key may not move on. Given up only when we are stopping."""
        wait = 0.2
        while not self._stopping:
            log.error("outcome_not_stored", channel=lane.channel, delivery=attempt.delivery, code=error.code)
            await asyncio.sleep(wait)
            wait = min(wait * 2, 10.0)
            try:
                await self.store.record(attempt)
            except StoreError as again:
                error = again
                continue
            self._follow(lane, item, attempt.step)
            break
        self._over()

    def _follow(self, lane: Lane, item: Item, step: Step) -> None:
        """What the new state means for this key's queue and for those who watch."""
        step = item.told or step
        item.in_flight = item.scheduled = False
        item.due = step.due
        words = STATES[step.state]
        if step.state is State.READY:
            self._schedule(lane, item)
        elif words.blocks and lane.policy.blocked_key == "hold":
            item.blocking = True
            item.payload = None
        else:
            for follower in lane.remove(item):
                self._schedule(lane, follower)
        if step.state is not State.READY:
            if lane.receipted and self.settled is not None:
                self.settled(item.message)
            watcher = self._watched.pop(item.id, None)
            if watcher is not None and not watcher.done():
                watcher.set_result(step)
            if step.state in (State.DEAD_LETTER, State.PARKED):
                log.error(
                    "delivery_" + step.state, channel=lane.channel, destination=lane.destination, delivery=item.id
                )
        if lane.behind and lane.room() > 0:
            self._fill(lane)
        self._pump(lane.system)

    # ---- ending --------------------------------------------------------------------------------------------------

    async def stop(self, grace: float) -> None:
        """Start nothing new; let what is in flight end and be recorded within `grace` seconds, then cut it."""
        self._stopping = True
        self._alarm.stop()
        try:
            await asyncio.wait_for(self._idle.wait(), grace)
        except TimeoutError:
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def busy(self) -> bool:
        """Whether an attempt is under way, or its outcome not durable yet."""
        return self._under_way > 0

    def waiting(self) -> int:
        """How many deliveries stand in the lanes' windows."""
        return sum(len(lane.items) for lane in self.lanes.values())
