"""What became of a message, for those who keep something until its end: a watched folder keeps its file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.channels.ending import outcome_of
from engine.delivery import State
from engine.message import Answer, AnswerKind, Issue, Severity
from engine.store import DeliveryRow, MessageDetail, MessageRow, VerdictRow

RECEIVED = 1_000_000_000
WEEK = 7 * 86_400.0
BAD = Issue(Severity.ERROR, "hl7.required", "in words", "PID[1]-3[1]")


def delivery(state: State, destination: str = "journal", required: bool = True, id: int = 1) -> DeliveryRow:
    return DeliveryRow(
        id, "m", 1, "adt", destination, destination, state, 0, 1, RECEIVED, (), (), "r", "http.422 invalid", required,
        "application/fhir+json",
    )  # fmt: skip


def detail(*deliveries: DeliveryRow, state: str = "routed", reason: str = "", judged: bool = True) -> MessageDetail:
    row = MessageRow("m", 1, "adt", "hl7v2", RECEIVED, "ADT^A08", "M1", "EPJ", 10, "", "", b"", 1, 0)
    issues = (BAD,) if state == "invalid" else ()
    verdicts = (VerdictRow("r1", state, reason, issues),) if judged else ()
    return MessageDetail(row, None, "", b"", verdicts, deliveries, ())


def codes(answer: Answer | None) -> list[str] | None:
    return None if answer is None else [issue.code for issue in answer.issues]


UNDER_WAY = [State.READY, State.CLAIMED, State.SENDING, State.PARKED]
GOOD = [State.DELIVERED, State.CONFIRMED, State.SUPERSEDED, State.HANDLED]


@pytest.mark.parametrize("state", State)
def test_every_state_of_a_delivery_is_under_way_good_or_given_up(state: State) -> None:
    expected = None if state in UNDER_WAY else [] if state in GOOD else ["not_delivered"]
    assert codes(outcome_of(detail(delivery(state)), RECEIVED, WEEK)) == expected


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        pytest.param(None, [], id="retention took it"),
        pytest.param(detail(judged=False), None, id="stored and not yet judged"),
        pytest.param(detail(), [], id="no destination takes it"),
        pytest.param(detail(state="filtered"), [], id="left out"),
        pytest.param(detail(state="invalid"), ["hl7.required"], id="refused after it was stored"),
        pytest.param(detail(state="quarantined", reason="fault.KeyError"), ["fault"], id="a fault of ours"),
        pytest.param(detail(state="quarantined", reason="no destination takes it"), [], id="held for a person"),
        pytest.param(detail(delivery(State.DEAD_LETTER, required=False)), [], id="a copy does not count"),
        pytest.param(detail(delivery(State.READY, required=False)), [], id="a copy is not waited for"),
        pytest.param(
            detail(delivery(State.DELIVERED), delivery(State.READY, "archive", id=2)), None, id="one is under way"
        ),
        pytest.param(
            detail(delivery(State.DEAD_LETTER), delivery(State.DELIVERED, id=2)), [], id="replayed, and delivered then"
        ),
    ],
)
def test_what_became_of_a_message(what: MessageDetail | None, expected: list[str] | None) -> None:
    assert codes(outcome_of(what, RECEIVED, WEEK)) == expected


def test_a_refusal_names_the_destination_and_why_it_gave_up() -> None:
    answer = outcome_of(detail(delivery(State.DEAD_LETTER)), RECEIVED, WEEK)
    assert answer is not None and answer.kind is AnswerKind.ERROR
    assert (answer.issues[0].place, answer.issues[0].hint) == ("destination journal", "http.422 invalid")


@pytest.mark.parametrize("state", UNDER_WAY)
def test_nobody_waits_so_long_that_the_identity_is_forgotten(state: State) -> None:
    """A file that is read again after that would be taken as a new one."""
    waits = detail(delivery(state))
    late = RECEIVED + int(WEEK / 2 * 1_000_000)
    assert outcome_of(waits, late, WEEK) is None
    assert codes(outcome_of(waits, late + 1, WEEK)) == ["not_delivered"]
    assert outcome_of(replace(waits, verdicts=()), late, WEEK) is None
