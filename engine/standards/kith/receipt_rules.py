"""Why a message is answered with a negative receipt: the rules that must reject, each with its code in list 8221.

| rule | code | decided from |
| --- | --- | --- |
| the message id is no UUID | E10 | the message |
| the patient lacks a name, or a national number or else birth date and sex | E36 | the message |
| an attachment of a type that the message's own rules forbid | T99 | the message |
| the personal signature, its certificate, a revocation | S01, S02, S03, S99 | what is known here |
| discharge letter or answer for a patient without a journal | E35 | what is known here |
| the receiver is not ours (may reject) | E21 | what is known here |

Nothing else rejects here: an unknown code, a wrong code system, a wrong check digit, a date that is none, text that is
missing are told in another way. An emergency referral is always accepted if it can be read: its findings are warnings.
A receipt has no findings: it is never answered with a receipt.

HITS 1168 (use of AppRec); HIS 80415.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from engine.message import Issue, Severity
from engine.standards.kith.catalogue import standard_of
from engine.standards.kith.elements import code_of, step
from engine.standards.kith.envelope import written_id, written_type
from engine.standards.kith.patient import identified, patients_of
from engine.standards.kith.reader import Family, KithDocument, reports_of
from engine.standards.kith.selection import main_payload
from engine.standards.kith.words import issue_of

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CITIZEN = "DIALOG_INNBYGGER_"
"""Services of Helsenorge: some of them concern nobody yet (a connection test, a list of what is offered)."""
_NEEDS_JOURNAL = ("/epikrise/", "/labsvar/")
_EMERGENCY = "0"
_MOST = 20
"""Findings of one rule that are told: a hostile head may name a hundred thousand patients."""

_ATTACHED = {
    "DIALOG_HELSEFAGLIG": frozenset(
        {"application/pdf", "image/jpeg", "image/jpg", "image/pjpeg", "image/png", "image/x-png"}
    )
}
"""Which types of attachment a message's own rules allow, where they say so (HIS 1077)."""


@dataclass(frozen=True, slots=True)
class KnownHere:
    """What only the receiver knows; None and "" where nobody has looked.

    `signature` is one of our codes: `kith.signature`, `kith.certificate`, `kith.certificate_revoked`,
    `kith.signature_other`. `journal`: whether the patient has one here. `receiver`: whether the receiver is ours.
    """

    signature: str = ""
    journal: bool | None = None
    receiver: bool | None = None


NOTHING = KnownHere()


def receipt_findings(document: KithDocument, known: KnownHere = NOTHING) -> list[Issue]:
    """What decides status 2, in the order of the table, at most twenty of each rule.

    Warnings alone for an emergency referral.
    """
    if document.family is Family.APPREC:
        return []
    found = [issue for rule in RULES for issue in islice(rule(document, known), _MOST)]
    if found and emergency_referral(document):
        return [replace(issue, severity=Severity.WARNING) for issue in found]
    return found


def emergency_referral(document: KithDocument) -> bool:
    """A referral of priority 0, in any version (lists 8304, 8306)."""
    main = main_payload(document)
    if main is None or "/henvisning/" not in main.namespace:
        return False
    holders = reports_of(document) if document.family is Family.MESSAGE else [main.element]
    return any(code_of(holder, "ReqServ", "Priority") == _EMERGENCY for holder in holders)


def _message_id(document: KithDocument, known: KnownHere) -> Iterator[Issue]:
    found = written_id(document)
    if found and not _UUID.fullmatch(found):
        yield issue_of("kith.message_id", "MsgHead/MsgInfo/MsgId" if _headed(document) else "Message/MsgId")


def _patient(document: KithDocument, known: KnownHere) -> Iterator[Issue]:
    main = main_payload(document)
    standard = standard_of(main.namespace) if main else None
    if standard is None or not standard.patient or written_type(document).startswith(_CITIZEN):
        return
    patients = patients_of(document)
    for patient in patients:
        if not identified(patient):
            yield issue_of("kith.patient", document.place(patient.element))
    if _headed(document):
        if not patients:
            yield issue_of("kith.patient", "MsgHead/MsgInfo")
        return
    for report in reports_of(document):
        if all(step(report, subject) is None for subject in ("Patient", "Material", "Animal")):
            yield issue_of("kith.patient", document.place(report))


def _attachments(document: KithDocument, known: KnownHere) -> Iterator[Issue]:
    allowed = _ATTACHED.get(written_type(document))
    for attachment in document.attachments if allowed else ():
        kind = attachment.mime_type.partition(";")[0].strip().lower()
        if allowed and kind and kind not in allowed:
            yield issue_of("kith.attachment_type", document.place(attachment.element))


def _signature(document: KithDocument, known: KnownHere) -> Iterator[Issue]:
    if known.signature:
        yield issue_of(known.signature, f"{document.family.value}/Signature")


def _journal(document: KithDocument, known: KnownHere) -> Iterator[Issue]:
    if known.journal is False and any(part in document.namespace for part in _NEEDS_JOURNAL):
        for patient in patients_of(document):
            yield issue_of("kith.no_journal", document.place(patient.element))


def _receiver(document: KithDocument, known: KnownHere) -> Iterator[Issue]:
    if known.receiver is False:
        yield issue_of("kith.receiver", "MsgHead/MsgInfo/Receiver" if _headed(document) else "Message")


def _headed(document: KithDocument) -> bool:
    return document.family is Family.MSGHEAD


RULES: tuple[Callable[[KithDocument, KnownHere], Iterator[Issue]], ...] = (
    _message_id,
    _patient,
    _attachments,
    _signature,
    _journal,
    _receiver,
)
