"""The messages of one connection, handed to intake one after the other, their answers given back in the same order.

What was taken whole goes on also when its sender has gone meanwhile: without an answer it will be sent again, and then
be known. Knows no socket.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine import log
from engine.errors import StoreError
from engine.message import Reception
from engine.sources import Acknowledgement, Intake

FRAMES_IN_HAND = 4
BYTES_IN_HAND = 1024 * 1024
"""At the one or above the other the connection is not read."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What cannot be taken: its beginning, and why."""

    first: bytes = field(repr=False)
    code: str


class Turns:
    """One connection's queue. `answer` writes; `turned` is called after each message, `failed` when intake fails.

    Why not one task for each message: most need nothing but their commit, and a task costs as much as judging them.
    """

    def __init__(
        self,
        intake: Intake,
        reception: Reception,
        answer: Callable[[bytes], None],
        turned: Callable[[], None],
        failed: Callable[[], None],
    ) -> None:
        self._intake, self._reception = intake, reception
        self._answer, self._turned, self._failed = answer, turned, failed
        self._queue: deque[bytes | Refusal] = deque()
        self._bytes = self._size = 0
        self._task: asyncio.Task[None] | None = None
        self._taken = self._held = self._handing = False

    @property
    def busy(self) -> bool:
        """Whether something taken is not answered yet."""
        return self._taken or bool(self._queue)

    @property
    def full(self) -> bool:
        """Whether enough is in hand."""
        return len(self._queue) >= FRAMES_IN_HAND or self._bytes > BYTES_IN_HAND

    @property
    def low(self) -> bool:
        """Whether there is room again."""
        return len(self._queue) < FRAMES_IN_HAND // 2 and self._bytes <= BYTES_IN_HAND

    def put(self, item: bytes | Refusal) -> None:
        """Queue a message; `go` hands it on."""
        self._queue.append(item)
        if isinstance(item, bytes):
            self._bytes += len(item)

    def hold(self) -> None:
        """The sender does not take its answers: hand on no more of its messages."""
        self._held = True

    def release(self) -> None:
        """It takes them again, or never will."""
        self._held = False
        self.go()

    def go(self) -> None:
        """Hand on what waits, unless something is on its way. An answer that comes at once comes back to this loop."""
        if self._handing:
            return
        self._handing = True
        try:
            while self._queue and not self._taken and not self._held:
                item = self._queue.popleft()
                self._taken = True
                try:
                    self._hand_on(item)
                except Exception as error:
                    self._fail(error)
        finally:
            self._handing = False

    def _hand_on(self, item: bytes | Refusal) -> None:
        intake = self._intake
        if isinstance(item, Refusal):
            self._answer(intake.refuse(item.first, self._reception, item.code))
            self._over(())
            return
        self._size = len(item)
        if not intake.take(item, self._reception, self._over):
            self._task = asyncio.get_running_loop().create_task(self._receive(item))

    async def _receive(self, item: bytes) -> None:
        try:
            self._over(await self._intake.receive(item, self._reception))
        except Exception as error:
            self._fail(error)

    def _over(self, answers: Sequence[Acknowledgement] | None) -> None:
        """This one is answered. None where ours failed: no answer, the sender keeps its message and sends it again."""
        if answers is None:
            self._fail(None)
            return
        for answer in answers:
            self._answer(answer.spelled)
        self._bytes -= self._size
        self._size = 0
        self._taken = False
        self._task = None
        self.go()
        self._turned()

    def _fail(self, error: Exception | None) -> None:
        channel = self._reception.channel
        if isinstance(error, StoreError):
            log.error("mllp_not_stored", channel=channel, code=error.code)
        else:
            log.error("mllp_intake_failed", channel=channel, code=type(error).__name__)
        self._queue.clear()
        self._taken = False
        self._task = None
        self._failed()
