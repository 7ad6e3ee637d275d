"""The table of decision 4: what becomes of a delivery after one attempt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.delivery import (
    STATES,
    Ambiguous,
    Delivered,
    Outcome,
    Permanent,
    Policy,
    Standing,
    State,
    Step,
    Transient,
    backoff,
    next_state,
)

NOW = 1_768_460_400_000_000
SECOND = 1_000_000
POLICY = Policy(initial=2, factor=2, maximum=300, jitter=0.2, give_up_after=3600)


def middle() -> float:
    return 0.5


def step(outcome: Outcome, *, attempts: int = 1, same: int = 1, age: float = 0, policy: Policy = POLICY) -> Step:
    return next_state(Standing(attempts, same, NOW - int(age * SECOND)), outcome, policy, NOW, middle)


@pytest.mark.parametrize(
    ("outcome", "keywords", "state"),
    [
        pytest.param(Delivered("201"), {}, State.DELIVERED, id="delivered"),
        pytest.param(Transient("http.503"), {}, State.READY, id="transient waits"),
        pytest.param(Transient("http.503"), {"age": 3599}, State.DEAD_LETTER, id="transient expires by age"),
        pytest.param(Transient("http.409", tries=3), {"same": 2}, State.READY, id="conflict is tried again"),
        pytest.param(Transient("http.409", tries=3), {"same": 3}, State.PARKED, id="conflict is parked when tries end"),
        pytest.param(Ambiguous("http.timeout"), {}, State.READY, id="ambiguous is repeated"),
        pytest.param(
            Ambiguous("http.timeout"), {"policy": Policy(on_ambiguous="park")}, State.PARKED, id="ambiguous is parked"
        ),
        pytest.param(Permanent("http.422"), {}, State.DEAD_LETTER, id="permanent"),
        pytest.param(Permanent("http.412", park=True), {}, State.PARKED, id="several match is parked"),
    ],
)
def test_each_outcome_leads_to_its_state(outcome: Outcome, keywords: dict[str, object], state: State) -> None:
    assert step(outcome, **keywords).state is state  # type: ignore[arg-type]


def test_retry_after_is_a_lower_bound_not_a_replacement() -> None:
    assert step(Transient("http.503", after=60)).due == NOW + 60 * SECOND
    assert step(Transient("http.503", after=1), attempts=6).due == NOW + 64 * SECOND


def test_a_dead_letter_by_age_says_that_it_expired() -> None:
    assert step(Transient("http.503"), age=4000).reason == "expired: http.503"


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_backoff_grows_to_its_ceiling_and_is_spread_by_jitter(attempts: int, share: float) -> None:
    wait = backoff(POLICY, attempts, lambda: share)
    base = min(2 * 2 ** (min(attempts, 60) - 1), 300)
    assert base * 0.8 <= wait <= base * 1.2


@given(
    st.sampled_from(
        [
            Delivered(),
            Transient("a"),
            Transient("a", after=1e6),
            Transient("a", tries=1),
            Ambiguous("b"),
            Permanent("c"),
        ]
    ),
    st.integers(1, 1000),
    st.floats(0, 1e7),
)
def test_every_step_is_final_or_has_a_time(outcome: Outcome, attempts: int, age: float) -> None:
    made = step(outcome, attempts=attempts, same=attempts, age=age)
    assert made.state in STATES
    if made.state is State.READY:
        assert NOW <= made.due <= NOW - int(age * SECOND) + 3600 * SECOND
    else:
        assert made.due == 0


def test_only_states_that_are_over_or_given_up_are_final() -> None:
    assert {state for state, words in STATES.items() if not words.final} == {
        State.READY,
        State.CLAIMED,
        State.SENDING,
        State.PARKED,
    }
    assert {state for state, words in STATES.items() if words.final and words.blocks} == {State.DEAD_LETTER}
