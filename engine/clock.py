"""Time, identities and jitter, all passed in: nothing in the engine reads the machine's clock behind its caller's back.

Wall time is an `int`, microseconds since 1970-01-01T00:00:00Z. Durations are seconds as `float`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

Jitter = Callable[[], float]
"""A number in [0, 1): `random.random` in production, a constant in tests."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Wall time for what is stored, monotonic time for what is waited for."""

    def micros(self) -> int:
        """Wall time, microseconds since 1970 UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, from an unnamed start."""
        ...


class SystemClock:
    """The machine's clock."""

    def micros(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, micros: int = 1_768_460_400_000_000) -> None:
        self._micros = micros
        self._monotonic = 0.0

    def micros(self) -> int:
        return self._micros

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass on both clocks."""
        self._micros += int(seconds * 1_000_000)
        self._monotonic += seconds

    def step(self, seconds: float) -> None:
        """Step the wall clock alone, as an operator or NTP does."""
        self._micros += int(seconds * 1_000_000)


def as_datetime(micros: int) -> datetime:
    """Aware UTC datetime of a stored time."""
    return EPOCH + timedelta(microseconds=micros)


def uuid7(micros: int, entropy: Callable[[int], int] = random.getrandbits) -> str:
    """A UUID version 7 for a wall time: sorts by time, text form in lower case. RFC 9562, 5.7.

    `entropy` gives so many random bits. Why not the system's each time: an id is no secret, and the call gives the
    interpreter lock away. This one is seeded by the system, and anew in a forked child.
    """
    time_ = f"{micros // 1000 & 0xFFFF_FFFF_FFFF:012x}"
    tail = f"{entropy(76) & ~(0xC << 60) | 0x8 << 60:019x}"
    return f"{time_[:8]}-{time_[8:]}-7{tail[:3]}-{tail[3:7]}-{tail[7:]}"


def system_jitter() -> Jitter:
    """Jitter for production."""
    return random.random
