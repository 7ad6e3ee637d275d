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
    "framing": ("framing broken or incomplete", "207"),
}
"""Our codes with their words and HL7 table 0357 code (205 duplicate key, 207 application internal error)."""


def accepted(envelope: Envelope | None, issues: tuple[Issue, ...] = ()) -> Answer:
    """The positive answer; in enhanced mode the commit acknowledgement. Warnings ride along."""
    told = tuple(issue for issue in issues if issue.severity is Severity.WARNING)
    return Answer(AnswerKind.ACCEPT, told, commit=enhanced(envelope))


def refused(envelope: Envelope | None, issues: tuple[Issue, ...], reject: bool) -> Answer:
    """The negative answer to content (AE) or to what we do not take at all (AR)."""
    kind = AnswerKind.REJECT if reject else AnswerKind.ERROR
    told = tuple(issue for issue in issues if issue.severity is not Severity.NOTE)
    return Answer(kind, told, commit=enhanced(envelope))


def failed(code: str, envelope: Envelope | None = None) -> Answer:
    """The negative answer for one of `TEXTS`."""
    text, standard_code = TEXTS[code]
    issue = Issue(Severity.ERROR, code, text, standard_code=standard_code)
    return Answer(AnswerKind.ERROR, (issue,), text=text, commit=enhanced(envelope))


def enhanced(envelope: Envelope | None) -> bool:
    """Whether the sender asked for enhanced mode with a commit acknowledgement (MSH-15 valued and not NE)."""
    return bool(envelope) and envelope is not None and envelope.accept_ack not in ("", "NE")


def owed(envelope: Envelope | None, answer: Answer) -> bool:
    """Whether this answer is wanted at all: MSH-15 (commit) or MSH-16 (application), AL NE ER SU. HL7 table 0155.

    Original mode (both empty) always is. With MSH-15 `NE` and MSH-16 valued the application acknowledgement is the one.
    """
    if envelope is None or not (envelope.accept_ack or envelope.application_ack):
        return True
    wish = envelope.accept_ack if enhanced(envelope) else (envelope.application_ack or "NE")
    if wish == "NE":
        return False
    if wish == "ER":
        return answer.kind is not AnswerKind.ACCEPT
    if wish == "SU":
        return answer.kind is AnswerKind.ACCEPT
    return True


def issue_of(error: InvalidMessage) -> Issue:
    """An error of reading as the issue that the sender is told."""
    return Issue(Severity.ERROR, error.code, error.text, place=error.place, standard_code=error.standard_code)
