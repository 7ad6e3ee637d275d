"""The one pure judge (decision 1): bytes and a plan in, a verdict out. No store, no clock, no I/O.

Steps, each with its name in the verdict's reason: decode, envelope, gate, conformance, filter, map, render, validate.
An issue of severity error refuses the whole message, never a part of it (decision 10).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

import orjson

from engine.channels import answers
from engine.channels.identity import hash_of, identity_of, order_keys_of
from engine.channels.revision import Plan, Target
from engine.errors import InvalidMessage, MappingError
from engine.mapping import CompiledMapping, Context, Mapped
from engine.message import Answer, AnswerKind, Envelope, Issue, ReceiptStatus, Received, Severity
from engine.standards import Document, Gate, Standard
from engine.standards.fhir.dump import dump
from engine.standards.fhir.render import Origin, render
from engine.standards.fhir.validator import validate
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


class _Refusal(Exception):
    """Leaves the pipe with a verdict; never leaves this module."""

    def __init__(self, issues: tuple[Issue, ...], reason: str, reject: bool = False) -> None:
        self.issues, self.reason, self.reject = issues, reason, reject

    def words(self) -> str:
        """The reason as a list shows it: the step, and the first error with its place."""
        for issue in self.issues:
            if issue.severity is Severity.ERROR:
                found = f"{issue.code} {issue.place}".strip()
                return found if self.reason == issue.code else f"{self.reason}: {found}"
        return self.reason


def judge(received: Received, plan: Plan) -> Verdict:
    """The verdict on one message. Never raises for what a sender or a mapping did."""
    sha256 = hashlib.sha256(received.raw).digest()
    envelope: Envelope | None = None
    document: Document | None = None
    try:
        document, envelope = _read(received, plan)
        notes = _conformance(document, plan)
        if plan.accept_only is not None and not plan.accept_only(document):
            row = VerdictRow(plan.revision, "filtered", plan.otherwise or "not taken by this channel", notes)
            answer = answers.accepted(envelope)
            return Verdict(row, answer, envelope, identity_of(envelope, plan, document), sha256=sha256)
        return _route(received, plan, document, envelope, notes, sha256)
    except _Refusal as refusal:
        row = VerdictRow(plan.revision, "invalid", refusal.words(), refusal.issues)
        receipted = _receipted(received, plan, document, refusal)
        answer = answers.refused(envelope, refusal.issues, _kind(plan, refusal.reject), receipted)
        return Verdict(row, answer, envelope, sha256=sha256)
    except Exception as error:  # a fault of ours: the message is kept for a person, its neighbours go on
        row = VerdictRow(plan.revision, "quarantined", "fault." + type(error).__name__)
        return Verdict(row, answers.failed("fault", envelope), envelope, sha256=sha256)


def peek(received: Received, plan: Plan) -> Verdict:
    """Only what `ack.after: stored` needs: readable, who, which id. The router judges the rest later."""
    sha256 = hashlib.sha256(received.raw).digest()
    try:
        document, envelope = _read(received, plan) if plan.dedup else (None, _peeked(received, plan))
    except _Refusal as refusal:
        row = VerdictRow(plan.revision, "invalid", refusal.words(), refusal.issues)
        receipted = _receipted(received, plan, None, refusal)
        answer = answers.refused(None, refusal.issues, _kind(plan, refusal.reject), receipted)
        return Verdict(row, answer, sha256=sha256)
    identity = identity_of(envelope, plan, document)
    return Verdict(None, answers.accepted(envelope), envelope, identity, sha256=sha256)


def quarantined(verdict: Verdict, plan: Plan) -> Verdict:
    """The verdict when the message's id was used before with other content (decision 9)."""
    row = VerdictRow(plan.revision, "quarantined", "message id used before with other content")
    return replace(verdict, row=row, answer=answers.failed("id_reused", verdict.envelope), identity=None, deliveries=())


def _kind(plan: Plan, reject: bool) -> bool:
    return plan.invalid_kind == "AR" if plan.invalid_kind else reject


def _receipted(received: Received, plan: Plan, document: Document | None, refusal: _Refusal) -> bool:
    """Whether a receipt can tell this refusal. A message that has not been let in is read for it once more."""
    if not plan.receipts:
        return False
    try:
        if document is None:
            document = plan.standard.decode(received.raw, plan.charset)
            plan.standard.envelope(document)
    except InvalidMessage:
        return False
    status = ReceiptStatus.REJECTED
    receipt = plan.standard.receipt_for(document, status, refusal.issues, received.id, received.micros)
    return receipt is not None


def _read(received: Received, plan: Plan) -> tuple[Document, Envelope]:
    try:
        document = plan.standard.decode(received.raw, plan.charset)
        envelope = plan.standard.envelope(document)
    except InvalidMessage as error:
        raise _Refusal((answers.issue_of(error),), error.code, error.reject) from None
    _admit(envelope, plan)
    return document, envelope


def _peeked(received: Received, plan: Plan) -> Envelope:
    try:
        envelope = plan.standard.peek(received.raw, plan.charset)
    except InvalidMessage as error:
        raise _Refusal((answers.issue_of(error),), error.code, error.reject) from None
    _admit(envelope, plan)
    return envelope


def _admit(envelope: Envelope, plan: Plan) -> None:
    """Whether this channel takes messages of this sender and processing id at all."""
    if plan.senders and not any(_is(envelope, *sender) for sender in plan.senders):
        raise _Refusal((plan.standard.turned_away(Gate.SENDER, envelope),), Gate.SENDER)
    if envelope.processing and envelope.processing not in plan.processing:
        raise _Refusal((plan.standard.turned_away(Gate.PROCESSING, envelope),), Gate.PROCESSING, reject=True)


def _is(envelope: Envelope, application: str, facility: str) -> bool:
    """Whether the envelope's sender calls itself so."""
    sender = envelope.sender
    return (not application or sender.name == application) and (not facility or sender.identifier == facility)


def _conformance(document: Document, plan: Plan) -> tuple[Issue, ...]:
    notes = list(document.issues)
    if plan.conformance != "off":
        found = plan.standard.conformance(document)
        if plan.conformance is not None:
            found = [replace(issue, severity=plan.conformance) for issue in found]
        notes.extend(found)
    if any(issue.severity is Severity.ERROR for issue in notes):
        raise _Refusal(tuple(notes), "conformance")
    return tuple(notes)


def _mapping(known: Mapping[str, CompiledMapping], envelope: Envelope, standard: Standard) -> CompiledMapping:
    mapping = next((known[match] for match in standard.matches(envelope) if match in known), None)
    if mapping is None:
        raise _Refusal((standard.turned_away(Gate.TYPE, envelope, known),), Gate.TYPE, reject=True)
    return mapping


def _map(
    received: Received, plan: Plan, document: Document, envelope: Envelope, mapping: CompiledMapping
) -> tuple[Mapped, list[Issue]]:
    namespace = "urn:x-budstikke:" + quote(envelope.sender.identifier or "unknown", safe=":@.-_~")
    context = Context(envelope, received.micros, plan.time_zone, namespace, plan.tables)
    try:
        mapped = mapping.run(document, context)
    except MappingError as error:
        issue = Issue(Severity.ERROR, error.code, "the mapping failed", rule=error.place)
        raise _Refusal((issue,), "mapping") from None
    issues = list(mapped.issues)
    if plan.unread is not None:
        unread = mapping.unread(document, mapped)
        if plan.unread is not Severity.NOTE:
            unread = [replace(issue, severity=plan.unread) for issue in unread]
        issues.extend(unread)
    if any(issue.severity is Severity.ERROR for issue in issues):
        raise _Refusal(tuple(issues), "mapping")
    return mapped, issues


def _chosen(plan: Plan, document: Document) -> list[Target]:
    chosen = []
    for target in plan.targets:
        if target.when is None or target.when(document):
            chosen.append(target)
            if plan.first_match:
                break
    return chosen


def _route(
    received: Received, plan: Plan, document: Document, envelope: Envelope, notes: tuple[Issue, ...], sha256: bytes
) -> Verdict:
    identity = identity_of(envelope, plan, document)
    targets = _chosen(plan, document)
    if not targets:
        state = "quarantined" if plan.unmatched == "quarantine" else "filtered"
        row = VerdictRow(plan.revision, state, "no destination takes it", notes)
        return Verdict(row, answers.accepted(envelope), envelope, identity, sha256=sha256)
    keys = order_keys_of(document, envelope, plan)
    issues = list(notes)
    used: list[str] = []
    made: dict[str, Mapped] = {}
    deliveries: list[NewDelivery] = []
    for target in targets:
        conditional: tuple[int, ...] = ()
        if target.writing is None:
            payload, kind = received.raw, plan.standard.media_type
        else:
            mapping = _mapping(target.mappings or plan.mappings, envelope, plan.standard)
            if mapping.id not in made:
                made[mapping.id], more = _map(received, plan, document, envelope, mapping)
                issues += more
                used.append(f"{mapping.id}|{mapping.revision}")
            mapped = made[mapping.id]
            payload, conditional = _render(received, plan, target, envelope, mapping, mapped, sha256, issues)
            kind = "application/fhir+json"
        deliveries.append(
            NewDelivery(
                target.name,
                target.system,
                payload,
                kind,
                keys,
                conditional,
                f"{received.id}-{target.name}",
                0,
                target.required,
            )
        )
    route = {"destinations": [target.name for target in targets], "mappings": used}
    row = VerdictRow(plan.revision, "routed", "", tuple(issues), orjson.dumps(route).decode())
    answer = answers.accepted(envelope, tuple(issues))
    return Verdict(row, answer, envelope, identity, tuple(deliveries), sha256)


def _render(
    received: Received,
    plan: Plan,
    target: Target,
    envelope: Envelope,
    mapping: CompiledMapping,
    mapped: Mapped,
    sha256: bytes,
    issues: list[Issue],
) -> tuple[bytes, tuple[int, ...]]:
    assert target.writing is not None
    origin = Origin(
        channel=plan.name,
        message=received.id,
        message_id=envelope.message_id,
        message_type=envelope.type,
        sender=envelope.sender,
        mapping=mapping.id,
        mapping_revision=mapping.revision,
        revision=plan.revision,
        sha256=sha256,
        received=received.micros,
        raw=received.raw,
        content_type=plan.standard.media_type,
        include_original=plan.keep_original,
    )
    rendered = render(mapped.entries, mapped.links, target.writing, origin)
    issues += rendered.issues
    wrong = validate(rendered.bundle)
    if wrong:
        issues += wrong
        raise _Refusal(tuple(issues), "validate")
    conditional = tuple(hash_of(plan.keyring, identity) for identity in rendered.identities)
    return dump(rendered.bundle), conditional


def positive(verdict: Verdict) -> bool:
    """Whether the sender is told yes."""
    return verdict.answer.kind is AnswerKind.ACCEPT
