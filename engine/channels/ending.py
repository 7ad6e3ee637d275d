"""What became of one stored message, as an answer: the one that `ack.after: delivered` gives, without a deadline.

A parked delivery waits for a person, so the message is still under way; but not longer than half the time for which its
identity is remembered: who keeps a file until then and reads it once more must be told that it is a repeat.
"""

from __future__ import annotations

from dataclasses import replace

from engine.channels import answers
from engine.delivery import STATES, State
from engine.message import Answer, Severity
from engine.store import DeliveryRow, MessageDetail

_GIVEN_UP = {State.DEAD_LETTER, State.PARKED}


def outcome_of(detail: MessageDetail | None, now: int, remembered: float) -> Answer | None:
    """None while it is under way. `now` in micros, `remembered` in seconds. A message that retention took is at its
    end: nothing is taken that is not."""
    if detail is None:
        return answers.accepted(None)
    if not detail.verdicts:
        return None
    verdict, envelope = detail.verdicts[-1], detail.envelope
    if verdict.state == "invalid":
        return answers.refused(envelope, verdict.issues, reject=False)
    if verdict.state == "quarantined" and verdict.reason.startswith("fault."):
        return answers.failed("fault", envelope)
    # A replay makes new deliveries: the newest of each destination counts.
    newest = {row.destination: row for row in detail.deliveries if row.required}.values()
    late = now - detail.row.received > remembered / 2 * 1_000_000
    if not late and any(row.state is State.PARKED or not STATES[row.state].final for row in newest):
        return None
    lost = [row for row in newest if row.state in _GIVEN_UP or not STATES[row.state].final]
    return _not_delivered(lost, detail) if lost else answers.accepted(envelope)


def _not_delivered(lost: list[DeliveryRow], detail: MessageDetail) -> Answer:
    """The refusal, with what each destination said: its reasons hold no content."""
    answer = answers.failed("not_delivered", detail.envelope)
    told = [
        replace(
            answer.issues[0],
            severity=Severity.ERROR,
            place=f"destination {row.destination}",
            text=f"{row.state}: {STATES[row.state].words}",
            hint=row.reason,
        )
        for row in lost
    ]
    return replace(answer, issues=tuple(told))
