"""What one party sent, in one shape for all standards: envelope, issues, the answer owed.

Nothing here knows a standard, a store or a socket.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Party:
    """Sender or receiver: an identifier and the system that gave it, as written in the message.

    HL7 v2: MSH-3 application, MSH-4 facility (`identifier` = facility or else application). KITH: HER-id and friends.
    """

    identifier: str
    system: str = ""
    name: str = ""


@dataclass(slots=True)
class Envelope:
    """Who sent what to whom: the same shape for every standard. Values as written, decoded to text, never changed.

    Why not frozen, as here and there below: a frozen one takes five times as long to make, and each message makes one.
    """

    standard: str
    message_id: str
    type: str
    version: str
    sender: Party
    receiver: Party
    sent: str = ""
    conversation: str = ""
    processing: str = ""
    charset: str = ""
    accept_ack: str = ""
    application_ack: str = ""


class Severity(StrEnum):
    """How bad: an error refuses the whole message (decision 10), a warning and a note do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Issue:
    """Something to say about a message. Never quotes content.

    `code` is ours and stable (`hl7.required`, `map.unknown_code`); `place` is in the standard's words
    (`PID[1]-3[2].1`); `standard_code` is the standard's (HL7 table 0357 such as `101`); `rule` is file:line of ours.
    """

    severity: Severity
    code: str
    text: str
    place: str = ""
    standard_code: str = ""
    rule: str = ""
    hint: str = ""


class AnswerKind(StrEnum):
    """The three words of HL7 table 0008 that every transport can say in its own way."""

    ACCEPT = "accept"
    ERROR = "error"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told on the same connection.

    `commit` asks for the enhanced-mode commit acknowledgement (CA, CE, CR) instead of AA, AE, AR. `receipted`: a
    refusal that a receipt tells, in a message of its own; a wire with words of its own then says that it took the
    message and no more.
    """

    kind: AnswerKind
    issues: tuple[Issue, ...] = ()
    text: str = ""
    commit: bool = False
    receipted: bool = False


class ReceiptStatus(StrEnum):
    """What the receiving application did with a message: AppRec, list 8258.

    3 is for claims alone: taken, with an error in one of the parts.
    """

    OK = "1"
    REJECTED = "2"
    PART_REJECTED = "3"


@dataclass(frozen=True, slots=True)
class ReceiptError:
    """One reason in a receipt: `code` in the list `system` (an OID), its display, and what is added to it."""

    code: str
    system: str = ""
    text: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as it arrived: what became of `original`, the id of a message that we sent.

    `sender` is who received the message and `receiver` who sent it. Values as written.
    """

    status: ReceiptStatus
    original: str
    errors: tuple[ReceiptError, ...]
    sender: Party
    receiver: Party
    original_type: str = ""
    original_sent: str = ""


@dataclass(frozen=True, slots=True)
class Reception:
    """The facts of one reception, known before anything is decoded. `certificate` is the client's subject."""

    channel: str
    listener: str = ""
    peer: str = ""
    certificate: str = ""


@dataclass(slots=True)
class Received:
    """One message as it came: exact bytes after de-framing, and when (microseconds since 1970 UTC)."""

    id: str
    raw: bytes
    micros: int
    reception: Reception
