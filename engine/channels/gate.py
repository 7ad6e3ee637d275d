"""Whether a channel takes a message at all: sender, processing id, conformance, a mapping for its type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from engine.channels.revision import Plan
from engine.channels.verdict import Refusal
from engine.mapping import CompiledMapping
from engine.message import Envelope, Issue, Severity
from engine.standards import Document, Gate, Standard


def admit(envelope: Envelope, plan: Plan) -> None:
    """Whether this channel takes messages of this sender and processing id at all."""
    if plan.senders and not any(_is(envelope, *sender) for sender in plan.senders):
        raise Refusal((plan.standard.turned_away(Gate.SENDER, envelope),), Gate.SENDER)
    if envelope.processing and envelope.processing not in plan.processing:
        raise Refusal((plan.standard.turned_away(Gate.PROCESSING, envelope),), Gate.PROCESSING, reject=True)


def _is(envelope: Envelope, application: str, facility: str) -> bool:
    """Whether the envelope's sender calls itself so."""
    sender = envelope.sender
    return (not application or sender.name == application) and (not facility or sender.identifier == facility)


def conformance(document: Document, plan: Plan) -> tuple[Issue, ...]:
    notes = list(document.issues)
    if plan.conformance != "off":
        found = plan.standard.conformance(document)
        if plan.conformance is not None:
            found = [replace(issue, severity=plan.conformance) for issue in found]
        notes.extend(found)
    if any(issue.severity is Severity.ERROR for issue in notes):
        raise Refusal(tuple(notes), "conformance")
    return tuple(notes)


def mapping_for(known: Mapping[str, CompiledMapping], envelope: Envelope, standard: Standard) -> CompiledMapping:
    mapping = next((known[match] for match in standard.matches(envelope) if match in known), None)
    if mapping is None:
        raise Refusal((standard.turned_away(Gate.TYPE, envelope, known),), Gate.TYPE, reject=True)
    return mapping
