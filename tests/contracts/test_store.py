"""What every store promises (engine/store/__init__.py). A new store is done when this is green over it."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.clock import uuid7
from engine.delivery import State, Step
from engine.errors import StoreError
from engine.message import Envelope, Issue, Party, Severity
from engine.store import (
    Acceptance,
    Accepted,
    Attempt,
    AuditEntry,
    Duplicate,
    NewDelivery,
    Settlement,
    Store,
    VerdictRow,
)
from engine.store.sqlite import open_store

NOW = 1_768_460_400_000_000
ROUTED = VerdictRow("rev-1", "routed", "", (), '{"journal": "hl7v2/adt"}')
Opener = Callable[[], Store]


@pytest.fixture(params=["sqlite"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the same store again and again."""
    return lambda: open_store(tmp_path / "new" / "store.db", inline_limit=100_000)


@pytest.fixture
def store(opener: Opener) -> Iterator[Store]:
    opened = opener()
    yield opened
    opened.close()


def envelope(number: int = 1) -> Envelope:
    sender, receiver = Party("SYKEHUS", "urn:oid:1", "DIPS"), Party("KOMMUNE")
    return Envelope("hl7v2", f"M{number}", "ADT^A01", "2.5.1", sender, receiver, "20260115", "c", "P", "8859/1", "AL")


def new_delivery(destination: str = "journal", **changes: object) -> NewDelivery:
    return replace(NewDelivery(destination, "fhir", b'{"a":1}', "application/json", keys=(7, 3)), **changes)


def acceptance(number: int = 1, *, deliveries: int = 1, raw: bytes = b"", **changes: object) -> Acceptance:
    raw = raw or b"MSH|^~\\&|%d" % number
    made = Acceptance(
        message=uuid7(NOW + number * 100_000_000, entropy=lambda bits: number),
        channel="adt",
        standard="hl7v2",
        raw=raw,
        sha256=hashlib.sha256(raw).digest(),
        received=NOW + number,
        peer="10.0.0.1:40000",
        envelope=envelope(number),
        answer=b"AA %d" % number,
        verdict=ROUTED,
        deliveries=tuple(new_delivery() for _ in range(deliveries)),
        identity=number.to_bytes(16, "big"),
    )
    return replace(made, **changes)


def accepted(store: Store, one: Acceptance) -> Accepted:
    result = store.accept(one).wait(10)
    assert isinstance(result, Accepted)
    return result


def attempt(delivery: int, state: State, code: str = "http.503", due: int = 0, **changes: object) -> Attempt:
    return replace(Attempt(delivery, NOW, NOW + 5, code, "503", Step(state, due, f"{code} 503", "look")), **changes)


def waiting_ids(store: Store, after: int = 0, limit: int = 100) -> list[int]:
    return [row.id for row in store.waiting("adt", "journal", after, limit)]


# --- accepting


def test_what_was_accepted_is_read_back_exactly_after_a_restart(opener: Opener) -> None:
    first = opener()
    issue = Issue(Severity.WARNING, "hl7.required", "text", "PID[1]-3", "101", "a.yaml:3", "hint")
    one = acceptance(raw=bytes(range(256)), verdict=replace(ROUTED, issues=(issue,)), certificate="CN=x")
    accepted(first, one)
    first.close()
    second = opener()
    detail = second.message(one.message)
    assert detail is not None
    assert second.original(one.message) == bytes(range(256))
    assert (detail.envelope, detail.peer, detail.sha256) == (one.envelope, one.peer, one.sha256)
    assert detail.verdicts == (replace(ROUTED, issues=(issue,)),)
    assert (detail.row.sender, detail.row.type, detail.row.size) == ("SYKEHUS", "ADT^A01", 256)
    assert second.payload(detail.deliveries[0].id) == b'{"a":1}'
    second.close()


def test_seq_grows_with_every_acceptance_also_over_a_restart(opener: Opener) -> None:
    first = opener()
    seqs = [accepted(first, acceptance(n)).seq for n in (1, 2, 3)]
    first.close()
    second = opener()
    seqs.append(accepted(second, acceptance(4)).seq)
    second.close()
    assert seqs == sorted(set(seqs))


def test_a_claimed_identity_makes_the_next_one_a_duplicate_with_the_first_answer(store: Store) -> None:
    one = acceptance(1)
    accepted(store, one)
    again = store.accept(replace(acceptance(2), identity=one.identity)).wait(10)
    assert again == Duplicate(one.message, one.sha256, b"AA 1")
    assert len(store.messages()) == 1


def test_of_many_with_one_identity_at_once_exactly_one_is_accepted(store: Store) -> None:
    results = [p.wait(10) for p in [store.accept(acceptance(n, identity=b"i" * 16)) for n in range(1, 21)]]
    first = results[0]
    assert isinstance(first, Accepted)
    assert all(isinstance(r, Duplicate) and r.answer == b"AA 1" for r in results[1:])
    assert len(waiting_ids(store)) == 1


def test_messages_without_an_identity_are_never_duplicates(store: Store) -> None:
    for number in (1, 2, 3):
        accepted(store, acceptance(number, identity=None))
    assert len(store.messages()) == 3


def test_an_expired_identity_may_be_claimed_anew_and_by_one_only(store: Store) -> None:
    accepted(store, acceptance(1, identity=b"i" * 16, identity_expires=NOW + 10))
    early = store.accept(acceptance(2, identity=b"i" * 16, received=NOW + 9, identity_expires=NOW + 99)).wait(10)
    late = [
        store.accept(acceptance(n, identity=b"i" * 16, received=NOW + 10, identity_expires=NOW + 99)) for n in (3, 4)
    ]
    assert isinstance(early, Duplicate)
    assert [type(p.wait(10)) for p in late] == [Accepted, Duplicate]
    assert late[1].result().message == acceptance(3).message


def test_a_settled_answer_is_what_a_duplicate_gets(store: Store) -> None:
    one = acceptance(1)
    delivery = accepted(store, one).deliveries[0]
    store.settle_answer(one.message, b"AE late").wait(10)
    first = store.accept(acceptance(2, identity=one.identity)).wait(10)
    store.record(attempt(delivery, State.DELIVERED, "delivered", answer=b"AA settled")).wait(10)
    second = store.accept(acceptance(3, identity=one.identity)).wait(10)
    assert (first.answer, second.answer, store.messages()[0].answer) == (b"AE late", b"AA settled", b"AA settled")


def test_a_bad_record_fails_alone(store: Store) -> None:
    bad = [
        acceptance(2, verdict=replace(ROUTED, state="unheard of")),
        acceptance(3, deliveries=0, channel=object()),
        replace(acceptance(4), deliveries=(new_delivery(keys=(1 << 70,)),)),
        replace(acceptance(5), message=acceptance(1).message),
        replace(acceptance(6), envelope=replace(envelope(), message_id="\udc80")),
    ]
    pending = [store.accept(one) for one in [acceptance(1), *bad, acceptance(7)]]
    outcomes: list[str] = []
    for one in pending:
        try:
            one.wait(10)
            outcomes.append("accepted")
        except StoreError as error:
            outcomes.append("refused")
            assert "unheard" not in str(error)
    assert outcomes == ["accepted", *["refused"] * 5, "accepted"]
    assert len(store.messages()) == 2
    assert accepted(store, acceptance(2)).seq


def test_a_reference_is_unique_within_its_system(store: Store) -> None:
    accepted(store, acceptance(1, deliveries=0, verdict=ROUTED, identity=None))
    first, twice, elsewhere = (acceptance(n, deliveries=0) for n in (2, 3, 4))
    one = new_delivery(reference="ref")
    accepted(store, replace(first, deliveries=(one,)))
    with pytest.raises(StoreError):
        store.accept(replace(twice, deliveries=(one,))).wait(10)
    accepted(store, replace(elsewhere, deliveries=(replace(one, system="other"),)))


def test_payloads_above_the_limit_are_kept_whole_and_leave_with_their_last_user(store: Store) -> None:
    large = bytes(range(256)) * 800
    one = replace(acceptance(1, raw=large), deliveries=(new_delivery(payload=large),))
    two = replace(acceptance(2, raw=large), deliveries=(new_delivery(payload=large[::-1]),))
    first, second = accepted(store, one), accepted(store, two)
    assert store.original(one.message) == store.payload(first.deliveries[0]) == large
    assert store.payload(second.deliveries[0]) == large[::-1]
    for delivery in first.deliveries + second.deliveries:
        store.record(attempt(delivery, State.DELIVERED, "delivered")).wait(10)
        with pytest.raises(StoreError):
            store.payload(delivery)
    assert store.original(one.message) == store.original(two.message) == large


# --- unjudged messages


def test_a_message_without_a_verdict_waits_for_the_router_until_it_is_routed(store: Store) -> None:
    many = [acceptance(n, verdict=None, deliveries=0) for n in range(1, 6)]
    for one in many:
        accepted(store, one)
    assert list(store.unrouted(3)) == [one.message for one in many[:3]]
    routed = [store.route(one.message, ROUTED, [new_delivery()]) for one in many[:2]]
    assert [len(p.wait(10).deliveries) for p in routed] == [1, 1]
    assert list(store.unrouted(10)) == [one.message for one in many[2:]]
    assert store.counts() == {"waiting": 2, "received": 3}


def test_a_replay_adds_a_newer_verdict_and_deliveries_in_the_message_s_old_place(store: Store) -> None:
    one = acceptance(1)
    old = accepted(store, one)
    accepted(store, acceptance(2))
    newer = replace(ROUTED, revision="rev-2")
    replays = [store.route(one.message, replace(newer, reason=str(n)), [new_delivery()]) for n in (1, 2)]
    ids = [old.deliveries[0], *(p.wait(10).deliveries[0] for p in replays)]
    detail = store.message(one.message)
    assert detail is not None
    assert [v.revision for v in detail.verdicts] == ["rev-1", "rev-2", "rev-2"]
    assert detail.row.reason == "2"
    assert waiting_ids(store)[:3] == ids
    assert {row.seq for row in store.waiting("adt", "journal", 0, 3)} == {old.seq}


def test_routing_a_message_that_is_not_there_fails_alone(store: Store) -> None:
    one = acceptance(1, verdict=None, deliveries=0)
    accepted(store, one)
    unknown, known = store.route("no such message", ROUTED, []), store.route(one.message, ROUTED, [new_delivery()])
    with pytest.raises(StoreError):
        unknown.wait(10)
    assert known.wait(10).seq


# --- dispatch


def test_waiting_gives_a_lane_in_seq_order_page_by_page(store: Store) -> None:
    seqs = [accepted(store, acceptance(n)).seq for n in range(1, 8)]
    accepted(store, replace(acceptance(8), deliveries=(new_delivery("archive"),)))
    accepted(store, replace(acceptance(9), channel="lab"))
    pages: list[list[int]] = []
    after = 0
    while page := store.waiting("adt", "journal", after, 3):
        pages.append([row.seq for row in page])
        after = page[-1].seq
    assert pages == [seqs[0:3], seqs[3:6], seqs[6:7]]


def test_a_page_never_ends_between_deliveries_of_one_message(store: Store) -> None:
    first = accepted(store, acceptance(1, deliveries=3))
    second = accepted(store, acceptance(2))
    page = store.waiting("adt", "journal", 0, 2)
    assert [row.id for row in page] == list(first.deliveries)
    assert waiting_ids(store, after=page[-1].seq) == list(second.deliveries)


def test_a_delivery_row_holds_what_the_dispatcher_needs(store: Store) -> None:
    new = new_delivery(keys=(9, 5, 9), identities=(4,), reference="r-1", due=NOW + 7, required=False)
    one = replace(acceptance(1), deliveries=(new,))
    delivery = accepted(store, one).deliveries[0]
    (row,) = store.waiting("adt", "journal", 0, 10)
    assert (row.id, row.message, row.state, row.due) == (delivery, one.message, State.READY, NOW + 7)
    assert (sorted(row.keys), row.identities, row.reference) == ([5, 9], (4,), "r-1")
    assert (row.received, row.required, row.content_type) == (one.received, False, "application/json")


def test_an_attempt_moves_the_delivery_and_counts_repeated_codes(store: Store) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    for code in ("http.503", "http.503", "timeout"):
        store.record(attempt(delivery, State.READY, code, due=NOW + 60)).wait(10)
    (row,) = store.waiting("adt", "journal", 0, 10)
    assert (row.attempts, row.last_code, row.same_code) == (3, "timeout", 1)
    assert (row.due, row.reason, row.hint) == (NOW + 60, "timeout 503", "look")
    detail = store.message(row.message)
    assert detail is not None
    assert [(a.number, a.code) for a in detail.attempts] == [(1, "http.503"), (2, "http.503"), (3, "timeout")]


def test_every_try_is_kept_whatever_a_person_decides_between(store: Store) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    store.record(attempt(delivery, State.READY, "timeout")).wait(10)
    store.record(attempt(delivery, State.DEAD_LETTER, "http.400", started=NOW + 1, detail="bad")).wait(10)
    store.retry(delivery, NOW).wait(10)
    tries = [("timeout", "503"), ("http.400", "bad")]
    assert seen_tries(store) == tries
    store.sending(delivery).wait(10)
    together = [
        store.record(attempt(delivery, State.DELIVERED, "delivered")),
        store.record(attempt(delivery, State.CONFIRMED, "receipt")),
        store.record(attempt(delivery, State.READY, "too late")),
    ]
    for pending in together:
        pending.wait(10)
    assert seen_tries(store) == [*tries, ("delivered", "503"), ("receipt", "503"), ("too late", "503")]


def seen_tries(store: Store) -> list[tuple[str, str]]:
    """Codes and details by number, which grows by one."""
    detail = store.message(acceptance(1).message)
    assert detail is not None
    tries = sorted(detail.attempts, key=lambda one: one.number)
    assert [one.number for one in tries] == list(range(1, len(tries) + 1))
    return [(one.code, one.detail) for one in tries]


@pytest.mark.parametrize("state", [State.DELIVERED, State.CONFIRMED, State.SUPERSEDED, State.HANDLED])
def test_keys_and_bytes_go_at_a_final_state(store: Store, state: State) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    store.record(attempt(delivery, state)).wait(10)
    assert waiting_ids(store) == []
    with pytest.raises(StoreError):
        store.payload(delivery)
    detail = store.message(acceptance(1).message)
    assert detail is not None
    assert (detail.deliveries[0].state, detail.deliveries[0].keys) == (state, ())


@pytest.mark.parametrize("state", [State.READY, State.CLAIMED, State.SENDING, State.PARKED, State.DEAD_LETTER])
def test_what_blocks_keeps_its_place_its_keys_and_its_bytes(store: Store, state: State) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    store.record(attempt(delivery, state)).wait(10)
    (row,) = store.waiting("adt", "journal", 0, 10)
    assert (row.id, row.state, sorted(row.keys)) == (delivery, state, [3, 7])
    assert store.payload(delivery) == b'{"a":1}'


def test_a_dead_letter_without_keys_blocks_nothing_and_may_still_be_retried(store: Store) -> None:
    delivery = accepted(store, replace(acceptance(1), deliveries=(new_delivery(keys=()),))).deliveries[0]
    store.record(attempt(delivery, State.DEAD_LETTER)).wait(10)
    assert waiting_ids(store) == []
    assert store.retry(delivery, NOW).wait(10) is True
    assert waiting_ids(store) == [delivery]


def test_recovery_makes_claimed_and_sending_ready_again(opener: Opener) -> None:
    first = opener()
    ids = [accepted(first, acceptance(n)).deliveries[0] for n in (1, 2, 3)]
    first.record(attempt(ids[0], State.CLAIMED)).wait(10)
    first.sending(ids[1]).wait(10)
    first.close()
    second = opener()
    assert second.recover() == 2
    rows = {row.id: row for row in second.waiting("adt", "journal", 0, 10)}
    assert [rows[i].state for i in ids] == [State.READY] * 3
    assert rows[ids[1]].reason == "ambiguous: restart"
    assert second.recover() == 0
    second.close()


def test_sending_needs_a_delivery_that_is_ready(store: Store) -> None:
    done, ready = (accepted(store, acceptance(n)).deliveries[0] for n in (1, 2))
    store.handle(done, "closed").wait(10)
    late, good = store.sending(done), store.sending(ready)
    with pytest.raises(StoreError):
        late.wait(10)
    good.wait(10)
    assert [row.state for row in store.waiting("adt", "journal", 0, 9)] == [State.SENDING]


@pytest.mark.parametrize(
    ("state", "allowed"),
    [(State.READY, False), (State.PARKED, True), (State.DEAD_LETTER, True), (State.HANDLED, False)],
)
def test_only_parked_and_dead_letters_are_retried(store: Store, state: State, allowed: bool) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    store.record(attempt(delivery, state)).wait(10)
    assert store.retry(delivery, NOW + 99).wait(10) is allowed
    assert store.retry(987654, NOW).wait(10) is False
    if allowed:
        (row,) = store.waiting("adt", "journal", 0, 9)
        assert (row.state, row.due, row.same_code, row.attempts) == (State.READY, NOW + 99, 0, 1)
        assert store.payload(delivery) == b'{"a":1}'


def test_a_handled_delivery_sets_its_keys_free_and_stays_handled(store: Store) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    assert store.handle(delivery, "phoned the ward").wait(10) is True
    assert store.handle(delivery, "again").wait(10) is False
    assert waiting_ids(store) == []
    store.record(attempt(delivery, State.READY)).wait(10)
    detail = store.message(acceptance(1).message)
    assert detail is not None
    assert (detail.deliveries[0].state, detail.deliveries[0].reason) == (State.HANDLED, "phoned the ward")
    assert len(detail.attempts) == 1


@pytest.mark.parametrize("state", [State.CONFIRMED, State.DEAD_LETTER])
def test_a_receipt_settles_what_was_delivered(store: Store, state: State) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    store.record(attempt(delivery, State.DELIVERED, "delivered")).wait(10)
    store.record(attempt(delivery, state, "receipt")).wait(10)
    detail = store.message(acceptance(1).message)
    assert detail is not None
    assert detail.deliveries[0].state == state
    assert waiting_ids(store) == []


@pytest.mark.parametrize("size", [3, 200_000], ids=["bytes in the store", "bytes in a file"])
def test_a_receipt_that_comes_before_the_outcome_sets_keys_and_bytes_free(store: Store, size: int) -> None:
    new = new_delivery(payload=b"x" * size)
    delivery = accepted(store, replace(acceptance(1), deliveries=(new,))).deliveries[0]
    receipt = Settlement(delivery, Step(State.CONFIRMED, reason="received"))
    accepted(store, acceptance(2, deliveries=0, settles=(receipt,)))
    detail = store.message(acceptance(1).message)
    assert detail is not None
    assert (detail.deliveries[0].state, detail.deliveries[0].keys) == (State.CONFIRMED, ())
    assert waiting_ids(store) == []
    with pytest.raises(StoreError):
        store.payload(delivery)


def test_a_dead_letter_by_receipt_has_no_bytes_left_to_retry(store: Store) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    for state in (State.DELIVERED, State.DEAD_LETTER):
        store.record(attempt(delivery, state)).wait(10)
    with pytest.raises(StoreError, match="replay"):
        store.retry(delivery, NOW).wait(10)


def test_writes_to_one_delivery_are_taken_in_the_order_given(store: Store) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    pending = [store.sending(delivery), store.record(attempt(delivery, State.PARKED))]
    pending += [store.retry(delivery, NOW), store.sending(delivery), store.record(attempt(delivery, State.DELIVERED))]
    for one in pending:
        one.wait(10)
    detail = store.message(acceptance(1).message)
    assert detail is not None
    assert (detail.deliveries[0].state, detail.deliveries[0].attempts) == (State.DELIVERED, 2)


def test_an_attempt_on_an_unknown_delivery_fails_alone(store: Store) -> None:
    delivery = accepted(store, acceptance(1)).deliveries[0]
    unknown, known = store.record(attempt(99, State.READY)), store.record(attempt(delivery, State.DELIVERED))
    with pytest.raises(StoreError):
        unknown.wait(10)
    known.wait(10)
    assert store.counts() == {"delivered": 1}


# --- what people read


def computed(store: Store, verdict: VerdictRow | None, steps: list[tuple[bool, State]]) -> str:
    new = tuple(new_delivery(f"d{n}", required=required) for n, (required, _) in enumerate(steps))
    ids = accepted(store, replace(acceptance(1, verdict=verdict), deliveries=new)).deliveries
    for delivery, (_, state) in zip(ids, steps, strict=True):
        store.record(attempt(delivery, state)).wait(10)
    (row,) = store.messages()
    assert store.counts() == {row.state: 1}
    assert list(store.messages(state=row.state)) == [row]
    return row.state


STATES_OF_A_MESSAGE = {
    "no verdict yet": (None, [], "received"),
    "invalid": ("invalid", [], "invalid"),
    "invalid, its receipt on the way": ("invalid", [(True, State.READY)], "invalid"),
    "quarantined": ("quarantined", [], "quarantined"),
    "filtered": ("filtered", [], "filtered"),
    "one under way": ("routed", [(True, State.DELIVERED), (True, State.READY)], "waiting"),
    "sending": ("routed", [(True, State.SENDING)], "waiting"),
    "one parked": ("routed", [(True, State.READY), (True, State.PARKED)], "parked"),
    "one dead": ("routed", [(True, State.DELIVERED), (True, State.DEAD_LETTER)], "dead_letter"),
    "an optional one dead": ("routed", [(True, State.DELIVERED), (False, State.DEAD_LETTER)], "dead_letter"),
    "an optional one under way": ("routed", [(True, State.DELIVERED), (False, State.READY)], "delivered"),
    "a receipt has come": ("routed", [(True, State.CONFIRMED), (True, State.DELIVERED)], "confirmed"),
    "all there": ("routed", [(True, State.DELIVERED), (True, State.SUPERSEDED)], "delivered"),
    "one closed by a person": ("routed", [(True, State.DELIVERED), (True, State.HANDLED)], "handled"),
}


@pytest.mark.parametrize(("verdict", "steps", "word"), STATES_OF_A_MESSAGE.values(), ids=STATES_OF_A_MESSAGE.keys())
def test_a_message_s_state_is_computed(
    store: Store, verdict: str | None, steps: list[tuple[bool, State]], word: str
) -> None:
    assert computed(store, None if verdict is None else replace(ROUTED, state=verdict), steps) == word


def test_a_replay_that_is_delivered_makes_a_handled_message_delivered(store: Store) -> None:
    one = acceptance(1)
    store.handle(accepted(store, one).deliveries[0], "replayed").wait(10)
    assert store.messages()[0].state == "handled"
    delivery = store.route(one.message, ROUTED, [new_delivery()]).wait(10).deliveries[0]
    assert store.messages()[0].state == "waiting"
    store.record(attempt(delivery, State.DELIVERED)).wait(10)
    row = store.messages()[0]
    assert (row.state, row.deliveries, row.delivered) == ("delivered", 2, 1)


def test_messages_are_listed_newest_first_and_filtered(store: Store) -> None:
    for number in range(1, 7):
        accepted(store, acceptance(number, channel="adt" if number % 2 else "lab"))
    seqs = [row.seq for row in store.messages()]
    assert seqs == sorted(seqs, reverse=True)
    assert [row.message_id for row in store.messages(channel="lab", limit=2)] == ["M6", "M4"]
    assert [row.seq for row in store.messages(before_seq=seqs[1], limit=2)] == seqs[2:4]
    assert [row.channel for row in store.messages(message_id="M3")] == ["adt"]
    assert list(store.messages(state="dead_letter")) == []


def test_a_message_is_found_by_an_unambiguous_beginning_of_its_id(store: Store) -> None:
    one, other = acceptance(1), acceptance(2)
    accepted(store, one)
    accepted(store, other)
    found = store.message(one.message[:13])
    assert found is not None
    assert found.row.id == one.message
    assert store.message("ffffffff") is None
    assert store.message(one.message[:8] + "%") is None
    with pytest.raises(StoreError):
        store.message(one.message[:7])
    accepted(store, replace(acceptance(3), message=one.message[:-1] + "f"))
    with pytest.raises(StoreError):
        store.message(one.message[:20])


def test_content_that_is_not_there_is_a_store_error(store: Store) -> None:
    for read in (lambda: store.original("nothing"), lambda: store.payload(1001)):
        with pytest.raises(StoreError):
            read()


# --- audit and care


def test_the_audit_trail_is_kept_in_order_and_intact(store: Store) -> None:
    entries = [AuditEntry(NOW + n, "nurse", "retry", f"m{n}", "phoned") for n in range(5)]
    for pending in [store.audit(entry) for entry in entries]:
        pending.wait(10)
    assert list(store.audit_trail(3)) == entries[:1:-1]
    assert store.audit_intact()


def test_a_revision_is_remembered_the_first_time(store: Store) -> None:
    for now in (1, 2):
        store.revision_seen("rev-1", "first", now).wait(10)


def test_free_space_is_a_number_of_bytes(store: Store) -> None:
    assert store.free_space() > 0


def test_closing_commits_what_waits_and_refuses_what_comes_later(opener: Opener) -> None:
    store = opener()
    pending = [store.accept(acceptance(n)) for n in range(1, 200)]
    store.close()
    store.close()
    assert all(isinstance(one.result(), Accepted) for one in pending)
    late = store.accept(acceptance(500))
    with pytest.raises(StoreError, match="closed"):
        late.wait(10)
    with pytest.raises(StoreError, match="closed"):
        store.messages()
    again = opener()
    assert len(again.messages(limit=1000)) == 199
    assert again.pending_writes() == 0
    again.close()


def test_writes_from_many_threads_are_all_kept(store: Store) -> None:
    def write(start: int) -> None:
        for number in range(start, start + 50):
            accepted(store, acceptance(number))

    threads = [threading.Thread(target=write, args=(1 + 100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(waiting_ids(store, limit=1000)) == 200


async def test_writes_are_awaited_on_the_loop(store: Store) -> None:
    results = await asyncio.gather(*(_awaited(store, n) for n in range(1, 100)))
    assert all(isinstance(result, Accepted) for result in results)
    with pytest.raises(StoreError):
        await store.accept(acceptance(1, identity=None))


async def _awaited(store: Store, number: int) -> object:
    return await store.accept(acceptance(number))
