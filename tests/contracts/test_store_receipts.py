"""What every store promises of receipts: claims made once for good, debts that are paid, and what arriving ones settle.

One who sends receipts relies on the claim, one who waits for them on the settlement; both live in the commit of the
message that they belong to (decisions 9 and 10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.delivery import Delivered, Permanent, Policy, Standing, State, Step, Transient, after_receipt, next_state
from engine.errors import StoreError
from engine.store import Acceptance, Accepted, Attempt, Duplicate, NewDelivery, Settlement, Store
from engine.store.sqlite import SqliteStore, open_store
from tests.contracts.test_store import NOW, ROUTED, acceptance, accepted, attempt, new_delivery, waiting_ids

Opener = Callable[[], SqliteStore]
CLAIM, OTHER = b"c" * 16, b"d" * 16
POSITIVE = Step(State.CONFIRMED, reason="receipt:")
NEGATIVE = Step(State.DEAD_LETTER, reason="receipt: E10", hint="mend it")


@pytest.fixture(params=["sqlite"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the same store again and again."""
    return lambda: open_store(tmp_path / "store.db", inline_limit=1000)


@pytest.fixture
def store(opener: Opener) -> Iterator[SqliteStore]:
    opened = opener()
    yield opened
    assert opened._connection.execute("PRAGMA foreign_key_check").fetchall() == []
    opened.close()


def receipt(claim: bytes = CLAIM, **changes: object) -> NewDelivery:
    return replace(new_delivery("receipt", required=False, claim=claim, keys=(9,)), **changes)


def receipted(number: int, claim: bytes = CLAIM, **changes: object) -> Acceptance:
    """A message with one delivery and the receipt for it."""
    return replace(acceptance(number), deliveries=(new_delivery(), receipt(claim)), **changes)


def receipts_made(store: Store) -> list[int]:
    return [row.id for row in store.waiting("adt", "receipt", 0, 100)]


def only(store: Store, number: int = 1) -> int:
    """The one delivery of message `number`."""
    (row,) = store.awaiting(f"M{number}")
    return row.id


def state_of(store: Store, delivery: int) -> tuple[State, str]:
    (row,) = [row for number in range(1, 9) for row in store.awaiting(f"M{number}") if row.id == delivery]
    return row.state, row.reason


def settle(store: Store, delivery: int, step: Step, number: int = 50) -> Accepted | Duplicate:
    """A receipt arrives that settles it."""
    one = replace(acceptance(number), deliveries=(), settles=(Settlement(delivery, step),))
    return store.accept(one).wait(10)


# --- claims


def test_a_claim_is_made_once_and_the_second_delivery_that_makes_it_is_left_out_with_the_id_0(store: Store) -> None:
    first = accepted(store, receipted(1))
    second = accepted(store, receipted(2))
    assert [id > 0 for id in first.deliveries] == [True, True]
    assert [id > 0 for id in second.deliveries] == [True, False]
    assert receipts_made(store) == [first.deliveries[1]]
    assert waiting_ids(store) == [first.deliveries[0], second.deliveries[0]]


def test_of_two_that_make_one_claim_in_one_commit_the_first_gets_it(store: Store) -> None:
    pending = [store.accept(receipted(number)) for number in (1, 2, 3)]
    results = [each.wait(10) for each in pending]
    assert [result.deliveries[1] > 0 for result in results] == [True, False, False]  # type: ignore[union-attr]


def test_two_deliveries_of_one_message_that_make_one_claim_are_one(store: Store) -> None:
    result = accepted(store, replace(acceptance(1), deliveries=(receipt(), receipt(OTHER), receipt())))
    assert [id > 0 for id in result.deliveries] == [True, True, False]
    assert receipts_made(store) == [id for id in result.deliveries if id]


def test_what_stands_behind_one_that_is_left_out_has_the_id_that_it_is_told(store: Store) -> None:
    accepted(store, receipted(1))
    made = (receipt(), new_delivery(payload=b"behind"), receipt(OTHER, payload=b"other"))
    result = accepted(store, replace(acceptance(2), deliveries=made))
    assert [store.payload(id) for id in result.deliveries if id] == [b"behind", b"other"]


def test_a_claim_stands_after_a_restart(opener: Opener) -> None:
    first = opener()
    accepted(first, receipted(1))
    first.close()
    second = opener()
    assert accepted(second, receipted(2)).deliveries[1] == 0
    second.close()


def test_a_claim_stands_when_its_delivery_is_over_and_when_it_was_given_up(store: Store) -> None:
    for number, claim, state in ((1, CLAIM, State.DELIVERED), (2, OTHER, State.DEAD_LETTER)):
        made = accepted(store, receipted(number, claim)).deliveries[1]
        store.record(attempt(made, state)).wait(10)
        assert accepted(store, receipted(number + 4, claim)).deliveries[1] == 0


def test_a_message_that_cannot_be_stored_takes_its_claim_back_and_spoils_no_neighbours(store: Store) -> None:
    bad = receipted(1, certificate=object())
    pending = [store.accept(each) for each in (bad, receipted(2, OTHER), receipted(3), receipted(4))]
    with pytest.raises(StoreError):
        pending[0].wait(10)
    results = [each.wait(10) for each in pending[1:]]
    assert [result.deliveries[1] > 0 for result in results] == [True, True, False]  # type: ignore[union-attr]


def test_a_duplicate_makes_no_claim(store: Store) -> None:
    one = accepted(store, acceptance(1))
    again = replace(receipted(2), identity=acceptance(1).identity)
    assert isinstance(store.accept(again).wait(10), Duplicate)
    assert one.seq and accepted(store, receipted(3)).deliveries[1] > 0


def test_a_replay_makes_no_second_receipt_but_its_other_deliveries(store: Store) -> None:
    one = receipted(1)
    accepted(store, one)
    anew = (new_delivery(payload=b"anew"), receipt())
    result = store.route(one.message, ROUTED, anew).wait(10)
    assert result.deliveries[0] > 0 and result.deliveries[1] == 0
    assert store.payload(result.deliveries[0]) == b"anew"


def test_a_large_receipt_that_is_left_out_leaves_no_file_behind(opener: Opener, tmp_path: Path) -> None:
    store = opener()
    accepted(store, receipted(1))
    accepted(store, replace(acceptance(2), deliveries=(receipt(payload=b"x" * 5000),)))
    store.close()
    assert [each for each in (tmp_path / "payload").rglob("*") if each.is_file()] == []


# --- debts


def test_a_message_owes_until_the_receipt_is_made_and_is_listed_oldest_first(store: Store) -> None:
    ones = [acceptance(number, owes=True, deliveries=0) for number in (1, 2)]
    for one in ones:
        accepted(store, one)
    accepted(store, acceptance(3))
    assert list(store.owing(10)) == [one.message for one in ones]
    assert list(store.owing(1)) == [ones[0].message]
    result = store.route(ones[0].message, None, (receipt(),)).wait(10)
    assert list(store.owing(10)) == [ones[1].message]
    assert receipts_made(store) == list(result.deliveries)


def test_the_list_of_debts_is_read_on_from_where_it_ended(store: Store) -> None:
    ones = [acceptance(number, owes=True, deliveries=0) for number in range(1, 6)]
    for one in ones:
        accepted(store, one)
    assert list(store.owing(2, after=ones[1].message)) == [one.message for one in ones[2:4]]
    assert list(store.owing(2, after=ones[4].message)) == []


@pytest.mark.parametrize("state", list(State))
def test_a_debt_is_due_when_no_required_delivery_is_under_way(store: Store, state: State) -> None:
    one = acceptance(1, owes=True)
    delivery = accepted(store, one).deliveries[0]
    assert list(store.owing(10)) == []
    store.record(attempt(delivery, state)).wait(10)
    waits = state in (State.READY, State.CLAIMED, State.SENDING, State.PARKED)
    assert list(store.owing(10)) == ([] if waits else [one.message])


def test_a_delivery_that_is_not_required_holds_no_debt_back(store: Store) -> None:
    one = replace(acceptance(1, owes=True), deliveries=(new_delivery(required=False),))
    accepted(store, one)
    assert list(store.owing(10)) == [one.message]


def test_a_debt_outlives_a_restart_and_is_paid_once(opener: Opener) -> None:
    first = opener()
    one = acceptance(1, owes=True, deliveries=0)
    accepted(first, one)
    first.close()
    second = opener()
    made = [second.route(one.message, None, (receipt(),)) for _ in range(2)]
    assert [each.wait(10).deliveries[0] > 0 for each in made] == [True, False]
    detail = second.message(one.message)
    assert detail is not None and len(detail.verdicts) == 1 and list(second.owing(10)) == []
    second.close()


def test_a_routed_message_may_owe_too(store: Store) -> None:
    one = acceptance(1, verdict=None, deliveries=0)
    accepted(store, one)
    assert list(store.owing(10)) == []
    store.route(one.message, ROUTED, (), True).wait(10)
    assert list(store.owing(10)) == [one.message]


# --- what arriving receipts settle


def test_the_deliveries_of_a_message_are_found_by_the_id_that_its_sender_gave_it(store: Store) -> None:
    for number in (1, 2):
        accepted(store, acceptance(number, deliveries=2))
    accepted(store, acceptance(3, envelope=None))
    assert [row.seq for row in store.awaiting("M2")] == [2, 2]
    assert store.awaiting("M9") == [] and store.awaiting("") == []


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("positive", [True, False], ids=["positive", "negative"])
def test_what_a_receipt_settles_is_what_the_table_says_and_frees_what_the_state_frees(
    store: SqliteStore, state: State, positive: bool
) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    (store.handle(delivery, "closed") if state is State.HANDLED else store.record(attempt(delivery, state))).wait(10)
    before = state_of(store, delivery)
    step = after_receipt(*before, positive, "E10")
    told = POSITIVE if positive else NEGATIVE
    assert isinstance(settle(store, delivery, step or told), Accepted)
    after = state_of(store, delivery)
    assert after == (before if step is None else (step.state, step.reason))
    count = store._reader._all
    held = after[0] in (State.READY, State.CLAIMED, State.SENDING, State.PARKED, State.DEAD_LETTER)
    held = held and state is not State.DELIVERED
    assert count("SELECT keys <> '' FROM delivery") == [(held,)]
    assert count("SELECT count(payload) FROM delivery") == [(1 if held else 0,)]


def test_a_confirmed_delivery_has_no_bytes_left_and_lets_the_next_of_its_key_go(
    store: SqliteStore, tmp_path: Path
) -> None:
    big = replace(acceptance(1), deliveries=(new_delivery(payload=b"x" * 5000),))
    delivery = accepted(store, big).deliveries[0]
    store.record(attempt(delivery, State.DEAD_LETTER)).wait(10)
    settle(store, delivery, POSITIVE)
    assert waiting_ids(store) == []
    with pytest.raises(StoreError):
        store.payload(delivery)
    store._spill.drain()
    assert [each for each in (tmp_path / "payload").rglob("*") if each.is_file()] == []


def test_a_receipt_settles_in_the_commit_of_its_own_message_and_not_at_all_when_that_is_a_duplicate(
    store: Store,
) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    first = replace(acceptance(2), deliveries=())
    accepted(store, first)
    again = replace(acceptance(3), deliveries=(), identity=first.identity, settles=(Settlement(delivery, POSITIVE),))
    assert isinstance(store.accept(again).wait(10), Duplicate)
    assert state_of(store, delivery)[0] is State.READY
    bad = replace(acceptance(4), deliveries=(), certificate=object(), settles=(Settlement(delivery, POSITIVE),))
    with pytest.raises(StoreError):
        store.accept(bad).wait(10)
    assert state_of(store, delivery)[0] is State.READY


@pytest.mark.parametrize("steps", [(POSITIVE, NEGATIVE), (NEGATIVE, POSITIVE)], ids=["yes first", "no first"])
def test_of_two_receipts_that_were_judged_before_either_was_stored_the_first_stands(
    store: Store, steps: tuple[Step, Step]
) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    store.record(attempt(delivery, State.DELIVERED)).wait(10)
    pending = [
        store.accept(replace(acceptance(number), deliveries=(), settles=(Settlement(delivery, step),)))
        for number, step in zip((2, 3), steps, strict=True)
    ]
    for each in pending:
        each.wait(10)
    assert state_of(store, delivery) == (steps[0].state, steps[0].reason)


OUTCOMES = [
    pytest.param(Delivered("202"), id="delivered"),
    pytest.param(Transient("http.503"), id="to be tried again"),
    pytest.param(Permanent("http.422"), id="refused"),
]


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("step", [POSITIVE, NEGATIVE], ids=["positive", "negative"])
@pytest.mark.parametrize("together", [True, False], ids=["in one commit", "later"])
def test_a_receipt_that_is_faster_than_the_answer_on_the_connection_stands(
    store: Store, outcome: Delivered | Transient | Permanent, step: Step, together: bool
) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    store.sending(delivery).wait(10)
    becomes = next_state(Standing(1, 1, NOW), outcome, Policy(), NOW, lambda: 0.5)
    one = replace(acceptance(2), deliveries=(), settles=(Settlement(delivery, step),))
    settling = store.accept(one)
    if not together:
        settling.wait(10)
    store.record(Attempt(delivery, NOW, NOW + 5, "code", "", becomes)).wait(10)
    assert state_of(store, delivery) == (step.state, step.reason)
    detail = store.message(acceptance(1).message)
    assert detail is not None and [each.code for each in detail.attempts] == ["code"]


def test_what_a_receipt_refused_before_its_bytes_were_gone_may_be_retried_by_a_person(store: Store) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    store.record(attempt(delivery, State.PARKED)).wait(10)
    settle(store, delivery, NEGATIVE)
    assert store.retry(delivery, NOW).wait(10) is True
    store.record(attempt(delivery, State.DELIVERED)).wait(10)
    assert state_of(store, delivery)[0] is State.DELIVERED


def test_a_routed_receipt_settles_in_the_commit_of_its_verdict(store: Store) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    one = acceptance(2, verdict=None, deliveries=0)
    accepted(store, one)
    assert state_of(store, delivery)[0] is State.READY
    store.route(one.message, ROUTED, (), False, (Settlement(delivery, POSITIVE),)).wait(10)
    assert state_of(store, delivery)[0] is State.CONFIRMED


# --- receipts that do not come


def test_what_is_delivered_and_not_confirmed_in_time_is_marked_once_also_over_a_restart(opener: Opener) -> None:
    first = opener()
    late = accepted(first, replace(acceptance(1), deliveries=(new_delivery(confirm_by=NOW + 10),))).deliveries[0]
    first.record(attempt(late, State.DELIVERED)).wait(10)
    assert list(first.overdue(NOW + 9).wait(10)) == []
    assert list(first.overdue(NOW + 10).wait(10)) == [late]
    assert state_of(first, late) == (State.DELIVERED, "no receipt in time")
    assert list(first.overdue(NOW + 99).wait(10)) == []
    first.close()
    second = opener()
    assert list(second.overdue(NOW + 99).wait(10)) == []
    settle(second, late, POSITIVE)
    assert state_of(second, late)[0] is State.CONFIRMED
    second.close()


@pytest.mark.parametrize("state", [state for state in State if state is not State.DELIVERED])
def test_only_what_was_delivered_waits_for_a_receipt(store: Store, state: State) -> None:
    one = replace(acceptance(1), deliveries=(new_delivery(confirm_by=NOW + 10),))
    store.record(attempt(accepted(store, one).deliveries[0], state)).wait(10)
    assert list(store.overdue(NOW + 99).wait(10)) == []


def test_what_a_receipt_has_settled_or_nobody_expects_one_for_is_never_overdue(store: Store) -> None:
    for number, step in ((1, POSITIVE), (2, NEGATIVE)):
        one = replace(acceptance(number), deliveries=(new_delivery(confirm_by=NOW + 10),))
        delivery = accepted(store, one).deliveries[0]
        store.record(attempt(delivery, State.DELIVERED)).wait(10)
        settle(store, delivery, step, 50 + number)
    other = accepted(store, acceptance(3)).deliveries[0]
    store.record(attempt(other, State.DELIVERED)).wait(10)
    assert list(store.overdue(NOW + 99).wait(10)) == []
