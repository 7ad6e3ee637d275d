"""What a sender is told over HTTP: the answer table (decision 8) as status codes. Pure.

| answer | status | body |
| --- | --- | --- |
| accepted | 200 | the acknowledgement, as the message's standard spells it |
| accepted, and the standard spells nothing here (KITH), or the sender wants no answer | 202 | none |
| refused, and a receipt tells it, in a message of its own | 202 | none |
| refused: content (AE) | 422 | the acknowledgement, else a problem |
| refused: unreadable, unsupported type, version or processing id (AR) | 400 | the same |
| same id, other content | 409 | the same |
| a receiver refused it (`ack.after: delivered`) | 502 | the same |
| not delivered by the deadline; delivery goes on | 504 | the same |
| a fault of ours; it is kept | 500 | the same |
| not stored: the sender keeps it | 503, Retry-After | the same |

Why: HAPI's HL7-over-HTTP answers every acknowledgement with 200, by a decision of HL7's transport group, and its client
reads the body whatever the status. Senders that look at the status alone must not take a refusal for a yes. With the
acknowledgement as body of a 4xx both kinds are told the truth. Refused content is never a 5xx: senders repeat those.
RFC 9110, 15; RFC 9457 (problem+json); HL7 table 0008.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from engine.message import AnswerKind, Issue
from engine.sources import Acknowledgement

PROBLEM = "application/problem+json"
KIND = "urn:x-budstikke:problem:"
"""Before our code, as the `type` of a problem."""
STATUS = {
    "not_stored": 503,
    "fault": 500,
    "deadline": 504,
    "not_delivered": 502,
    "id_reused": 409,
    "too_large": 413,
    "framing": 400,
}
WORSE = (200, 202, 400, 413, 422, 409, 504, 502, 500, 503)
"""Of several messages in one body the worst is told: what was not stored must be sent again, whatever else is said."""
LATER = 30
"""Seconds after which a sender may try again."""
_WORDS = {AnswerKind.ACCEPT: "accepted", AnswerKind.ERROR: "refused", AnswerKind.REJECT: "refused"}
_MOST_ISSUES = 100


@dataclass(frozen=True, slots=True)
class Told:
    """A whole response but for its connection."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def told(answers: Sequence[Acknowledgement], content_type: str) -> Told:
    """The response to one body, which held one or more messages. `content_type` is that of the spelled answers.

    Several spelled answers follow each other, as the messages did.
    """
    status = max((status_of(each) for each in answers), key=WORSE.index, default=202)
    spelled = b"".join(each.spelled for each in answers)
    if spelled:
        return Told(status, spelled, {"Content-Type": content_type, **_later(status)})
    if status < 300:
        return Told(202)
    first = next(each for each in answers if status_of(each) == status)
    issues = first.answer.issues
    code = issues[0].code if issues else _WORDS[first.answer.kind]
    title = first.answer.text or (issues[0].text if issues else _WORDS[first.answer.kind])
    return problem(status, code, title, issues)


def status_of(told: Acknowledgement) -> int:
    """The status of one answer."""
    answer = told.answer
    if answer.kind is AnswerKind.ACCEPT or answer.receipted:
        return 200 if told.spelled else 202
    code = answer.issues[0].code if answer.issues else ""
    return STATUS.get(code, 400 if answer.kind is AnswerKind.REJECT else 422)


def problem(status: int, code: str, title: str, issues: Sequence[Issue] = (), **headers: str) -> Told:
    """A refusal in words of our own: code, words, and each issue with its place. Never content. RFC 9457, 3."""
    body: dict[str, object] = {"type": KIND + code, "title": title, "status": status, "code": code}
    if issues:
        body["issues"] = [
            {name: value for name in ("severity", "code", "place", "text", "hint") if (value := getattr(issue, name))}
            for issue in issues[:_MOST_ISSUES]
        ]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Told(status, orjson.dumps(body), {"Content-Type": PROBLEM, **_later(status), **named})


def _later(status: int) -> dict[str, str]:
    return {"Retry-After": str(LATER)} if status == 503 else {}
