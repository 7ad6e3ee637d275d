"""What becomes of a file by the answers to its messages, and the report that says why it was refused. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from engine.clock import as_datetime
from engine.message import AnswerKind
from engine.sources import Acknowledgement

_MOST_ISSUES = 100


class Fate(Enum):
    """Where a file goes."""

    STAYS = "stays"
    ACCEPTED = "accepted"
    REFUSED = "refused"


def fate_of(answers: Sequence[Acknowledgement]) -> Fate:
    """It stays while any of its messages is not stored; it is refused when any is; else it is accepted.

    A deadline that has passed (`ack.after: delivered`) is no refusal: the message is stored, its delivery goes on.
    """
    codes = {_code(each) for each in answers} - {"", "deadline"}
    if "not_stored" in codes:
        return Fate.STAYS
    return Fate.REFUSED if codes else Fate.ACCEPTED


def report_of(answers: Sequence[Acknowledgement], channel: str, micros: int) -> dict[str, object]:
    """Which messages of a file were refused, counted from 1, and why: codes, places and words, never content."""
    refused = [
        {
            "message": number,
            "answer": each.answer.kind.value,
            "code": _code(each),
            "text": each.answer.text,
            "issues": [
                {
                    "severity": issue.severity.value,
                    "code": issue.code,
                    "place": issue.place,
                    "text": issue.text,
                    "hint": issue.hint,
                }
                for issue in each.answer.issues[:_MOST_ISSUES]
            ],
        }
        for number, each in enumerate(answers, 1)
        if _code(each) not in ("", "deadline")
    ]
    return {**_heading(channel, micros), "messages": len(answers), "refused": refused}


def report_unread(code: str, text: str, channel: str, micros: int) -> dict[str, object]:
    """Why a file was not even read."""
    return {**_heading(channel, micros), "messages": 0, "code": code, "text": text, "refused": []}


def _heading(channel: str, micros: int) -> dict[str, object]:
    return {"channel": channel, "at": as_datetime(micros).isoformat(timespec="seconds")}


def _code(told: Acknowledgement) -> str:
    """Empty for yes."""
    answer = told.answer
    if answer.kind is AnswerKind.ACCEPT:
        return ""
    return answer.issues[0].code if answer.issues else answer.kind.value
