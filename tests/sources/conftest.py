"""A scripted intake and plain MLLP senders for the sources' tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
import uvloop

from engine.message import Answer, AnswerKind, Issue, Reception
from engine.sources import Acknowledgement


@dataclass
class ScriptedIntake:
    """Answers `ACK ` and the beginning of each message; keeps what it was given. `gate` closed holds every answer."""

    received: list[bytes] = field(default_factory=list)
    receptions: list[Reception] = field(default_factory=list)
    refused: list[tuple[bytes, str]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    noted: asyncio.Event = field(default_factory=asyncio.Event)
    full: bool = False
    error: Exception | None = None
    answer: Answer = field(default_factory=lambda: Answer(AnswerKind.ACCEPT))
    answers: list[Sequence[bytes]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    outcomes: dict[str, Answer] = field(default_factory=dict)
    said: Sequence[Issue] = ()
    in_hand: int = 0
    turn: bool = False
    most_in_hand: int = 0

    async def receive(self, raw: bytes, reception: Reception) -> Sequence[Acknowledgement]:
        self.received.append(raw)
        self.receptions.append(reception)
        self.came.set()
        self.in_hand += 1
        self.most_in_hand = max(self.most_in_hand, self.in_hand)
        await self.gate.wait()
        self.in_hand -= 1
        if self.error is not None:
            raise self.error
        spelled = self.answers.pop(0) if self.answers else (b"ACK " + raw[:40],)
        told = [Acknowledgement(self.answer, each) for each in spelled]
        for each, message in zip(told, self.messages, strict=False):
            each.message = message
        return told

    def take(
        self, raw: bytes, reception: Reception, answered: Callable[[Sequence[Acknowledgement] | None], None]
    ) -> bool:
        """Every other message is answered without a task of the source's."""
        self.turn = not self.turn
        if not self.turn:
            return False

        def done(task: asyncio.Task[Sequence[Acknowledgement]]) -> None:
            answered(None if task.exception() else task.result())

        asyncio.get_running_loop().create_task(self.receive(raw, reception)).add_done_callback(done)
        return True

    def refuse(self, raw: bytes, reception: Reception, code: str) -> bytes:
        self.refused.append((raw, code))
        self.noted.set()
        return b"NAK " + code.encode()

    def outcome(self, message: str) -> Answer | None:
        return self.outcomes.get(message)

    def remarks(self, raw: bytes) -> Sequence[Issue]:
        return self.said

    def crowded(self) -> bool:
        return self.full


@pytest.fixture
async def intake() -> ScriptedIntake:
    made = ScriptedIntake()
    made.gate.set()
    return made


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(config, item):
    """Every source works on both event loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
