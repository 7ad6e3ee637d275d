"""How long a sender may take for a frame."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.sources.mllp_pace import JUNK_MOST, SLOWEST, Pace


def test_a_frame_in_time_is_not_late():
    pace = Pace(100.0)
    pace.fed(100.0, 10, inside=True, fresh=False)
    assert not pace.late(129.0, 30.0)
    pace.fed(129.0, 10, inside=False, fresh=True)
    assert not pace.late(500.0, 30.0)


@given(st.lists(st.floats(0.01, 5.0), min_size=1, max_size=50))
def test_bytes_that_trickle_win_no_time(waits):
    pace = Pace(0.0)
    now = 1.0
    pace.fed(now, 1, inside=True, fresh=False)
    for wait in waits:
        now += wait
        pace.fed(now, 1, inside=True, fresh=False)
    assert pace.late(32.0, 30.0)


def test_a_large_frame_that_comes_steadily_has_the_time_it_needs():
    pace = Pace(0.0)
    for second in range(1, 200):
        pace.fed(float(second), 2 * SLOWEST, inside=True, fresh=False)
        assert not pace.late(float(second), 30.0)


def test_a_new_frame_has_a_new_time():
    pace = Pace(0.0)
    pace.fed(1.0, 10, inside=True, fresh=False)
    pace.fed(30.0, 10, inside=True, fresh=True)
    assert not pace.late(59.0, 30.0) and pace.late(61.0, 30.0)


def test_our_own_pause_is_not_the_senders():
    pace = Pace(0.0)
    pace.fed(1.0, 10, inside=True, fresh=False)
    pace.resumed(100.0)
    assert not pace.late(120.0, 30.0) and pace.late(131.0, 30.0)


def test_junk_has_a_frames_time_and_fillers_have_none():
    pace = Pace(0.0)
    assert not pace.skipped(3, b"\x00 \x00")
    pace.fed(1.0, 3, inside=False, fresh=True)
    assert not pace.late(100.0, 30.0)
    assert pace.skipped(3, b"GET") and not pace.skipped(3, b"GET")
    pace.fed(100.0, 6, inside=False, fresh=True)
    pace.fed(120.0, 6, inside=False, fresh=True)
    assert pace.late(131.0, 30.0)


def test_a_frame_far_above_the_limit_is_endless():
    pace = Pace(0.0)
    pace.fed(1.0, JUNK_MOST, inside=True, fresh=False)
    assert not pace.endless(100)
    pace.fed(1.0, 2000, inside=True, fresh=False)
    assert pace.endless(100)
