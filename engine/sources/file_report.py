"""What becomes of a file by what became of its messages, and the report that says why it was refused. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from engine.clock import as_datetime
from engine.message import Answer, AnswerKind, Issue
from engine.sources import Acknowledgement

_MOST_ISSUES = 100
_OPEN = ("", "deadline", "not_delivered")
"""Told so, a message may still be under way: its deliveries go on."""


class Fate(Enum):
    """Where a file goes."""

    STAYS = "stays"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(slots=True)
class Child:
    """One message of a file: what was told of it last, and whether that is final."""

    answer: Answer
    message: str = ""
    message_id: str = ""
    final: bool = True

    @property
    def code(self) -> str:
        """Empty for yes."""
        if self.answer.kind is AnswerKind.ACCEPT:
            return ""
        return self.answer.issues[0].code if self.answer.issues else self.answer.kind.value


def children_of(answers: Sequence[Acknowledgement], until_final: bool) -> list[Child]:
    """The messages of a file by their first answers. `until_final`: yes is not enough, it must be delivered too."""
    children = [Child(told.answer, told.message, told.message_id) for told in answers]
    for child in children:
        child.final = not (until_final and child.message and child.code in _OPEN)
    return children


def fate_of(children: Sequence[Child]) -> Fate:
    """It stays while any of its messages is not stored; it is refused when any is, or when there is none; else it is
    accepted.

    A deadline that has passed (`ack.after: delivered`) is no refusal: the message is stored, its delivery goes on.
    """
    codes = {each.code for each in children} - {"", "deadline"}
    if "not_stored" in codes:
        return Fate.STAYS
    return Fate.REFUSED if codes or not children else Fate.ACCEPTED


def report_of(
    children: Sequence[Child], remarks: Sequence[Issue], inode: int, channel: str, micros: int
) -> dict[str, object]:
    """Which messages of a file were refused, counted from 1, and why: codes, places and words, never content.

    `message_id` is the sender's, `stored_as` ours. The file's name may name a patient: it is the report's own name and
    does not stand in it; the inode number does.
    """
    refused = [
        {
            "message": number,
            "message_id": child.message_id,
            "stored_as": child.message,
            "answer": child.answer.kind.value,
            "code": child.code,
            "text": child.answer.text,
            "issues": [_told(issue) for issue in child.answer.issues[:_MOST_ISSUES]],
        }
        for number, child in enumerate(children, 1)
        if child.code not in ("", "deadline")
    ]
    told = [_told(issue) for issue in remarks[:_MOST_ISSUES]]
    heading = _heading(inode, channel, micros)
    return {**heading, "messages": len(children), "refused": refused, "remarks": told}


def report_unread(code: str, text: str, inode: int, channel: str, micros: int) -> dict[str, object]:
    """Why a file was not even read."""
    return {**_heading(inode, channel, micros), "messages": 0, "code": code, "text": text, "refused": [], "remarks": []}


def _heading(inode: int, channel: str, micros: int) -> dict[str, object]:
    return {"inode": inode, "channel": channel, "at": as_datetime(micros).isoformat(timespec="seconds")}


def _told(issue: Issue) -> dict[str, str]:
    return {
        "severity": issue.severity.value,
        "code": issue.code,
        "place": issue.place,
        "text": issue.text,
        "hint": issue.hint,
    }
