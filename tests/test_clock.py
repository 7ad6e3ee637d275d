"""Time and ids are passed in, sort by time and have the right shape."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from engine.clock import ManualClock, as_datetime, uuid7


@given(st.integers(0, 2**47 * 1000), st.integers(0, 2**76 - 1))
def test_an_id_is_a_uuid_version_7(micros: int, entropy: int) -> None:
    made = uuid.UUID(uuid7(micros, lambda _: entropy))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == micros // 1000


@given(st.integers(0, 2**46), st.integers(1, 10**9))
def test_ids_sort_by_time(millis: int, later: int) -> None:
    assert uuid7(millis * 1000) < uuid7((millis + later) * 1000)


def test_a_manual_clock_moves_only_when_told_to() -> None:
    clock = ManualClock(0)
    clock.advance(1.5)
    assert (clock.micros(), clock.monotonic()) == (1_500_000, 1.5)
    clock.step(-3600)
    assert clock.monotonic() == 1.5
    assert as_datetime(0).isoformat() == "1970-01-01T00:00:00+00:00"
