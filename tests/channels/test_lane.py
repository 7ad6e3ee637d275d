"""Who stands before whom in a lane: order per key, merges over two keys, parallel everywhere else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.channels.lane import Item, Lane, System
from engine.delivery import Outcome, Policy, State
from engine.destinations import Shipment
from engine.store import DeliveryRow


class Nowhere:
    idempotent = True

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def deliver(self, shipment: Shipment) -> Outcome:
        raise AssertionError("no lane test sends")


def lane(limit: int = 100) -> Lane:
    return Lane("adt", "journal", System("journal", limit), Policy(), Nowhere())


def item(seq: int, *keys: int, identities: tuple[int, ...] = (), state: State = State.READY) -> Item:
    return Item(
        DeliveryRow(
            seq, f"m{seq}", seq, "adt", "journal", "journal", state, 0, 0, 0, keys, identities, f"m{seq}", "", True, ""
        )
    )


def test_a_merge_waits_for_both_patients_and_blocks_both() -> None:
    it = lane()
    a, b, merge, later_a, other = item(1, 10), item(2, 20), item(3, 10, 20), item(4, 10), item(5, 30)
    for each in (a, b, merge, later_a, other):
        it.add(each)
    assert [it.is_first(each) for each in (a, b, merge, later_a, other)] == [True, True, False, False, True]
    assert it.remove(a) == []
    assert it.remove(b) == [merge]
    assert not it.is_first(later_a)
    assert it.remove(merge) == [later_a]


def test_a_late_offer_with_a_lower_number_still_stands_before() -> None:
    it = lane()
    it.add(item(5, 10))
    it.add(early := item(3, 10))
    assert it.is_first(early)


def test_the_same_delivery_stands_in_line_once() -> None:
    it = lane()
    assert it.add(item(1, 10))
    assert not it.add(item(1, 10))


def test_a_conditional_identity_in_flight_holds_others_that_touch_it() -> None:
    it = lane()
    one, two = item(1, 10, identities=(7,)), item(2, 20, identities=(7,))
    it.add(one)
    it.add(two)
    it.ready.extend([one, two])
    taken = it.take()
    assert taken is one
    it.system.enter(one)
    assert it.take() is None
    it.system.leave(one)
    assert it.take() is two


@given(st.lists(st.sets(st.integers(0, 5), max_size=3), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_whatever_the_pace_no_key_sees_its_deliveries_out_of_order(keys: list[set[int]], rnd: object) -> None:
    it = lane()
    items = [item(seq, *sorted(each)) for seq, each in enumerate(keys, 1)]
    for each in items:
        it.add(each)
    free = [each for each in items if it.is_first(each)]
    done: list[Item] = []
    while free:
        pick = free.pop(rnd.randrange(len(free)))  # type: ignore[attr-defined]
        done.append(pick)
        free.extend(it.remove(pick))
    assert {each.id for each in done} == {each.id for each in items}
    for key in range(6):
        order = [each.seq for each in done if key in each.keys]
        assert order == sorted(order)
