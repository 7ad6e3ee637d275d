"""The answer table (decision 8): what the sender is told for each verdict, and what is durable by then.

| verdict | ack.after | told | HTTP, HL7 v2 | HTTP, KITH | file goes | durable by then |
| --- | --- | --- | --- | --- | --- | --- |
| accepted, routed, filtered | validated | accept | 200 | 202 | accepted | message, verdict, deliveries, identity, it |
| stored, not yet judged | stored | accept | 200 | 202 | accepted | message, identity, this answer |
| all required delivered in time | delivered | accept | 200 | 202 | accepted | the above and each required outcome |
| a required delivery failed | delivered | error | 502 | 502 | refused | the above |
| the deadline passed | delivered | error | 504 | 504 | accepted | the above; delivery goes on |
| invalid, and a receipt tells it | any | error, receipted | - | 202 | refused | message, verdict, receipt |
| invalid: content | any | error (AE) | 422 | 422 | refused | message and verdict; a mended message may pass |
| invalid: unreadable, unsupported type, version, processing id | any | reject (AR) | 400 | 400 | refused | the same |
| duplicate of an accepted message | any | the first answer again | 200 | 202 | accepted | the first message |
| same id, other content | any | error (AE) | 409 | 409 | refused | message, quarantined; no receipt |
| a fault of ours | any | error (AE) | 500 | 500 | refused | message, quarantined; no receipt |
| larger than the channel takes | any | error (AE) | 413 | 413 | refused | its beginning, as invalid |
| the store cannot keep it | any | error (AE) | 503 | 503 | stays | nothing; the sender keeps it |

Over MLLP the told code is the answer. HTTP's statuses are written in `engine.sources.http_answer`, the fate of a file
in `engine.sources.file_report`; the test of this module holds them together. Never both a receipt and a 4xx: a refusal
is receipted only where the channel sends receipts and the standard can write one for this message (`receipt_for`), else
the status tells it. A standard that spells no acknowledgement (KITH) has an empty first answer: a duplicate is accepted
again, or under `delivered` told what is true of the first message now.

HL7 v2.5.1, 2.9.2 and 2.9.3; a crash before the commit means no answer, a crash after it means that the sender repeats
the message and gets the stored answer.
"""

from __future__ import annotations

from engine.errors import InvalidMessage
from engine.message import Answer, AnswerKind, Envelope, Issue, Severity

TEXTS = {
    "id_reused": ("message id used before with other content", "205"),
    "not_stored": ("cannot be stored now, send it again later", "207"),
    "deadline": ("stored, but not delivered in time; delivery goes on", "207"),
    "not_delivered": ("stored, but refused by the receiving system", "207"),
    "too_large": ("message larger than this channel takes", "207"),
    "fault": ("cannot be handled now; it is kept and looked into", "207"),
    "unreadable": ("file cannot be read", "207"),
    "framing": ("framing broken or incomplete", "207"),
}
"""Our codes with their words and HL7 table 0357 code (205 duplicate key, 207 application internal error)."""


_ACCEPTED = Answer(AnswerKind.ACCEPT)
_COMMITTED = Answer(AnswerKind.ACCEPT, commit=True)


WISHES = frozenset({"AL", "NE", "ER", "SU"})
"""HL7 table 0155. Anything else in MSH-15 and MSH-16 asks for nothing: who writes it still waits for an answer."""


def accepted(envelope: Envelope | None, issues: tuple[Issue, ...] = ()) -> Answer:
    """The positive answer; in enhanced mode the commit acknowledgement. Warnings ride along."""
    commit = _form(envelope, AnswerKind.ACCEPT) == "commit"
    if not issues:
        return _COMMITTED if commit else _ACCEPTED
    told = tuple(issue for issue in issues if issue.severity is Severity.WARNING)
    return Answer(AnswerKind.ACCEPT, told, commit=commit)


def refused(envelope: Envelope | None, issues: tuple[Issue, ...], reject: bool, receipted: bool = False) -> Answer:
    """The negative answer to content (AE) or to what we do not take at all (AR); `receipted`: a receipt tells it."""
    kind = AnswerKind.REJECT if reject else AnswerKind.ERROR
    told = tuple(issue for issue in issues if issue.severity is not Severity.NOTE)
    return Answer(kind, told, commit=_form(envelope, kind) == "commit", receipted=receipted)


def failed(code: str, envelope: Envelope | None = None) -> Answer:
    """The negative answer for one of `TEXTS`."""
    text, standard_code = TEXTS[code]
    issue = Issue(Severity.ERROR, code, text, standard_code=standard_code)
    commit = _form(envelope, AnswerKind.ERROR) == "commit"
    return Answer(AnswerKind.ERROR, (issue,), text=text, commit=commit)


def owed(envelope: Envelope | None, answer: Answer) -> bool:
    """Whether the sender wants this answer at all, by MSH-15 and MSH-16."""
    return _form(envelope, answer.kind) != ""


def _form(envelope: Envelope | None, kind: AnswerKind) -> str:
    """The form in which MSH-15 and MSH-16 want this answer: `commit`, `application`, or none of them.

    Neither stated is original mode. Else the commit acknowledgement where MSH-15 asks for one of this kind, or the
    application acknowledgement where only MSH-16 does: one connection carries one answer. HL7 table 0155.
    """
    if envelope is None or not WISHES & {envelope.accept_ack, envelope.application_ack}:
        return "application"
    if _asked(envelope.accept_ack, kind):
        return "commit"
    return "application" if _asked(envelope.application_ack, kind) else ""


def _asked(wish: str, kind: AnswerKind) -> bool:
    good = kind is AnswerKind.ACCEPT
    return wish == "AL" or (wish == "SU" and good) or (wish == "ER" and not good)


def issue_of(error: InvalidMessage) -> Issue:
    """An error of reading as the issue that the sender is told."""
    return Issue(Severity.ERROR, error.code, error.text, place=error.place, standard_code=error.standard_code)
