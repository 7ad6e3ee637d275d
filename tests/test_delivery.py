"""The table of decision 4: what becomes of a delivery after one attempt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.delivery import (
    RECEIPT,
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
    after_receipt,
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


YES, NO = State.CONFIRMED, State.DEAD_LETTER
SETTLED = [
    pytest.param(State.READY, "", YES, NO, id="faster than the first attempt"),
    pytest.param(State.READY, "http.timeout", YES, NO, id="nobody knew whether it arrived"),
    pytest.param(State.CLAIMED, "", YES, NO, id="claimed"),
    pytest.param(State.SENDING, "", YES, NO, id="faster than the answer on the connection"),
    pytest.param(State.DELIVERED, "202", YES, NO, id="delivered"),
    pytest.param(State.DELIVERED, "no receipt in time", YES, NO, id="late, and marked for it"),
    pytest.param(State.PARKED, "http.timeout", YES, NO, id="a person should have decided"),
    pytest.param(State.DEAD_LETTER, "expired: http.timeout", YES, NO, id="late, after we had given up"),
    pytest.param(State.DEAD_LETTER, "receipt: E10", None, None, id="refused before"),
    pytest.param(State.DEAD_LETTER, "receipt: status 2", None, None, id="refused before, without a code"),
    pytest.param(State.CONFIRMED, "receipt", None, None, id="confirmed before"),
    pytest.param(State.SUPERSEDED, "by 12", None, None, id="something newer went first"),
    pytest.param(State.HANDLED, "told by telephone", None, None, id="a person closed it"),
]


@pytest.mark.parametrize(("state", "reason", "yes", "no"), SETTLED)
def test_an_arriving_receipt_settles_what_is_open_and_the_first_one_stands(
    state: State, reason: str, yes: State | None, no: State | None
) -> None:
    positive, negative = after_receipt(state, reason, True, ""), after_receipt(state, reason, False, "E10")
    assert (positive and positive.state, negative and negative.state) == (yes, no)
    for made in (positive, negative):
        if made is not None:
            # Whatever comes then changes nothing: what the step says is known again as told.
            assert after_receipt(made.state, made.reason, True, "") is None
            assert after_receipt(made.state, made.reason, False, "E20") is None


def test_every_state_has_its_row_in_the_table_of_receipts() -> None:
    assert {row.values[0] for row in SETTLED} == set(STATES)


def test_what_a_receipt_makes_is_final_has_no_time_and_says_that_a_receipt_did_it() -> None:
    for positive, code in ((True, ""), (True, "E99"), (False, "E10")):
        made = after_receipt(State.DELIVERED, "", positive, code)
        assert made is not None and STATES[made.state].final and made.due == 0
        assert made.reason.startswith(RECEIPT.rstrip(": ")) and made.reason.endswith(code or "receipt")
    refused = after_receipt(State.SENDING, "", False, "E10")
    assert refused is not None and refused.hint


def test_nothing_that_is_still_under_way_or_given_up_by_us_outlives_a_receipt() -> None:
    for state, words in STATES.items():
        if words.blocks:
            assert after_receipt(state, "", True, "") is not None
            assert after_receipt(state, "", False, "E10") is not None
