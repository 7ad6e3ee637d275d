"""What is to become of one message: what `judge` gives and what intake, router and replay carry out."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.channels import answers
from engine.channels.revision import Plan
from engine.message import Answer, AnswerKind, Envelope, Issue, Receipt, Severity
from engine.store import NewDelivery, VerdictRow


@dataclass(slots=True)
class Verdict:
    """What is to become of one message: the row to store, the answer to give, the deliveries to make.

    `identity` is the keyed hash that acceptance claims, None for a refusal (decision 9). `row` is None for a message
    that is only peeked at (`ack.after: stored`).
    """

    row: VerdictRow | None
    answer: Answer
    envelope: Envelope | None = None
    identity: bytes | None = None
    deliveries: tuple[NewDelivery, ...] = ()
    sha256: bytes = b""
    owes: bool = False
    """A receipt is owed when the required deliveries are final."""
    receipt: Receipt | None = None
    """What the message says, where it is itself a receipt."""


class Refusal(Exception):
    """Leaves the pipe with a verdict; never leaves `judge`."""

    def __init__(self, issues: tuple[Issue, ...], reason: str, reject: bool = False) -> None:
        self.issues, self.reason, self.reject = issues, reason, reject

    def words(self) -> str:
        """The reason as a list shows it: the step, and the first error with its place."""
        for issue in self.issues:
            if issue.severity is Severity.ERROR:
                found = f"{issue.code} {issue.place}".strip()
                return found if self.reason == issue.code else f"{self.reason}: {found}"
        return self.reason


def quarantined(verdict: Verdict, plan: Plan) -> Verdict:
    """The verdict when the message's id was used before with other content (decision 9)."""
    row = VerdictRow(plan.revision, "quarantined", "message id used before with other content")
    answer = answers.failed("id_reused", verdict.envelope)
    return replace(verdict, row=row, answer=answer, identity=None, deliveries=(), owes=False)


def positive(verdict: Verdict) -> bool:
    """Whether the sender is told yes."""
    return verdict.answer.kind is AnswerKind.ACCEPT
