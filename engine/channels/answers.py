"""The answer table (decision 8): what the sender is told for each verdict, and what is durable by then.

| verdict | ack.after | told | durable by then |
| --- | --- | --- | --- |
| accepted, routed, filtered | validated | accept | message, verdict, deliveries, identity, this answer |
| stored, not yet judged | stored | accept | message, identity, this answer |
| all required delivered in time | delivered | accept | the above and each required outcome |
| a required delivery failed, or the deadline passed | delivered | error | the above; delivery goes on |
| invalid: content | any | error (AE) | message and verdict; no identity is claimed, so a mended message may pass |
| invalid: unreadable, unsupported type, version or processing id | any | reject (AR) | message and verdict |
| duplicate of an accepted message | any | the first answer again, byte for byte | the first message |
| same id, other content | any | error (AE) | message, quarantined |
| the store cannot keep it | any | error (AE) | nothing; the sender keeps it |

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


def refused(envelope: Envelope | None, issues: tuple[Issue, ...], reject: bool) -> Answer:
    """The negative answer to content (AE) or to what we do not take at all (AR)."""
    kind = AnswerKind.REJECT if reject else AnswerKind.ERROR
    told = tuple(issue for issue in issues if issue.severity is not Severity.NOTE)
    return Answer(kind, told, commit=_form(envelope, kind) == "commit")


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
