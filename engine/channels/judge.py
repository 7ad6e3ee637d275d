"""The one pure judge (decision 1): bytes and a plan in, a verdict out. No store, no clock, no I/O.

Steps, each with its name in the verdict's reason: decode, envelope, gate, conformance, filter, map, render, validate.
An issue of severity error refuses the whole message, never a part of it (decision 10).
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

import orjson

from engine.channels import answers
from engine.channels.gate import admit, conformance, mapping_for
from engine.channels.identity import hash_of, identity_of, order_keys_of
from engine.channels.receipting import receipts_for, with_receipts
from engine.channels.revision import Plan, Target
from engine.channels.verdict import Refusal, Verdict
from engine.errors import InvalidMessage, MappingError
from engine.mapping import CompiledMapping, Context, Mapped
from engine.message import Envelope, Issue, Receipt, ReceiptStatus, Received, Severity
from engine.standards import Document
from engine.standards.fhir.dump import dump
from engine.standards.fhir.render import Origin, render
from engine.standards.fhir.validator import validate
from engine.store import NewDelivery, VerdictRow


def judge(received: Received, plan: Plan) -> Verdict:
    """The verdict on one message. Never raises for what a sender or a mapping did."""
    sha256 = hashlib.sha256(received.raw).digest()
    envelope: Envelope | None = None
    document: Document | None = None
    try:
        document, envelope = _read(received, plan)
        notes = conformance(document, plan)
        receipt = _receipt(document, plan)
        if receipt is not None:
            return _arrived(received, plan, document, envelope, notes, sha256, receipt)
        if plan.accept_only is not None and not plan.accept_only(document):
            row = VerdictRow(plan.revision, "filtered", plan.otherwise or "not taken by this channel", notes)
            verdict = Verdict(
                row, answers.accepted(envelope), envelope, identity_of(envelope, plan, document), sha256=sha256
            )
        else:
            verdict = _route(received, plan, document, envelope, notes, sha256, _chosen(plan, document))
        return with_receipts(received, plan, document, envelope, verdict)
    except Refusal as refusal:
        return _refused(received, plan, document, envelope, refusal, sha256)
    except Exception as error:  # a fault of ours: the message is kept for a person, its neighbours go on
        row = VerdictRow(plan.revision, "quarantined", "fault." + type(error).__name__)
        return Verdict(row, answers.failed("fault", envelope), envelope, sha256=sha256)


def peek(received: Received, plan: Plan) -> Verdict:
    """Only what `ack.after: stored` needs: readable, who, which id. The router judges the rest later."""
    sha256 = hashlib.sha256(received.raw).digest()
    try:
        document, envelope = _read(received, plan) if plan.dedup else (None, _peeked(received, plan))
    except Refusal as refusal:
        return _refused(received, plan, None, None, refusal, sha256)
    identity = identity_of(envelope, plan, document)
    return Verdict(None, answers.accepted(envelope), envelope, identity, sha256=sha256)


def _kind(plan: Plan, reject: bool) -> bool:
    return plan.invalid_kind == "AR" if plan.invalid_kind else reject


def _refused(
    received: Received,
    plan: Plan,
    document: Document | None,
    envelope: Envelope | None,
    refusal: Refusal,
    sha256: bytes,
) -> Verdict:
    """Invalid: told by a receipt where one is owed and can be written, else on the connection."""
    receipts: tuple[NewDelivery, ...] = ()
    if plan.receipt is not None:
        with contextlib.suppress(InvalidMessage):
            # A message that has not been let in is read for it once more.
            document = document or plan.standard.decode(received.raw, plan.charset)
            told = envelope or plan.standard.envelope(document)
            status = ReceiptStatus.REJECTED
            receipts = receipts_for(document, told, plan, status, refusal.issues, received.id, received.micros)
    row = VerdictRow(plan.revision, "invalid", refusal.words(), refusal.issues)
    answer = answers.refused(envelope, refusal.issues, _kind(plan, refusal.reject), bool(receipts))
    return Verdict(row, answer, envelope, deliveries=receipts, sha256=sha256)


def _read(received: Received, plan: Plan) -> tuple[Document, Envelope]:
    try:
        document = plan.standard.decode(received.raw, plan.charset)
        envelope = plan.standard.envelope(document)
    except InvalidMessage as error:
        raise Refusal((answers.issue_of(error),), error.code, error.reject) from None
    admit(envelope, plan)
    return document, envelope


def _peeked(received: Received, plan: Plan) -> Envelope:
    try:
        envelope = plan.standard.peek(received.raw, plan.charset)
    except InvalidMessage as error:
        raise Refusal((answers.issue_of(error),), error.code, error.reject) from None
    admit(envelope, plan)
    return envelope


def _map(
    received: Received, plan: Plan, document: Document, envelope: Envelope, mapping: CompiledMapping
) -> tuple[Mapped, list[Issue]]:
    namespace = "urn:x-budstikke:" + quote(envelope.sender.identifier or "unknown", safe=":@.-_~")
    context = Context(envelope, received.micros, plan.time_zone, namespace, plan.tables)
    try:
        mapped = mapping.run(document, context)
    except MappingError as error:
        issue = Issue(Severity.ERROR, error.code, "the mapping failed", rule=error.place)
        raise Refusal((issue,), "mapping") from None
    issues = list(mapped.issues)
    if plan.unread is not None:
        unread = mapping.unread(document, mapped)
        if plan.unread is not Severity.NOTE:
            unread = [replace(issue, severity=plan.unread) for issue in unread]
        issues.extend(unread)
    if any(issue.severity is Severity.ERROR for issue in issues):
        raise Refusal(tuple(issues), "mapping")
    return mapped, issues


def _chosen(plan: Plan, document: Document) -> list[Target]:
    chosen = []
    for target in plan.targets:
        if target.when is None or target.when(document):
            chosen.append(target)
            if plan.first_match:
                break
    return chosen


def _receipt(document: Document, plan: Plan) -> Receipt | None:
    try:
        return plan.standard.receipt_of(document)
    except InvalidMessage as error:
        raise Refusal((answers.issue_of(error),), error.code, error.reject) from None


def _arrived(
    received: Received,
    plan: Plan,
    document: Document,
    envelope: Envelope,
    notes: tuple[Issue, ...],
    sha256: bytes,
    receipt: Receipt,
) -> Verdict:
    """A receipt settles deliveries of ours; what a mapping of this channel makes of it is delivered besides."""
    names = plan.standard.matches(envelope)
    takers = [
        target
        for target in _chosen(plan, document)
        if target.writing is not None and not set(names).isdisjoint(target.mappings or plan.mappings)
    ]
    if takers:
        verdict = _route(received, plan, document, envelope, notes, sha256, takers)
    else:
        row = VerdictRow(plan.revision, "accepted", "", notes)
        identity = identity_of(envelope, plan, document)
        verdict = Verdict(row, answers.accepted(envelope), envelope, identity, sha256=sha256)
    verdict.receipt = receipt
    return verdict


def _route(
    received: Received,
    plan: Plan,
    document: Document,
    envelope: Envelope,
    notes: tuple[Issue, ...],
    sha256: bytes,
    targets: Sequence[Target],
) -> Verdict:
    identity = identity_of(envelope, plan, document)
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
            mapping = mapping_for(target.mappings or plan.mappings, envelope, plan.standard)
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
                confirm_by=received.micros + int(target.receipt_within * 1_000_000) if target.receipt_within else 0,
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
        raise Refusal(tuple(issues), "validate")
    conditional = tuple(hash_of(plan.keyring, identity) for identity in rendered.identities)
    return dump(rendered.bundle), conditional
