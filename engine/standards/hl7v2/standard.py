"""HL7 version 2 as a message standard: what mapping and channels see of this folder."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, Self

from engine.message import Answer, Envelope, Issue, Party, ReceiptStatus
from engine.standards import Charset, Document, Gate, Read, Times, Unit
from engine.standards.hl7v2 import times
from engine.standards.hl7v2.ack import acknowledge
from engine.standards.hl7v2.conformance import conformance
from engine.standards.hl7v2.envelope import envelope_of, peek
from engine.standards.hl7v2.er7 import NULL, SEPARATED_NAMES, Er7Document, Segment, read
from engine.standards.hl7v2.gates import turned_away
from engine.standards.hl7v2.split import split, wrapping

_TYPE = re.compile(r"[A-Z][A-Z0-9]{2}(\^[A-Z0-9]{3})?")


class Hl7v2:
    """HL7 v2 in ER7, any version. Implements `engine.standards.Standard`."""

    name = "hl7v2"
    paths: Literal["er7"] = "er7"
    namespaces: Mapping[str, str] = {}

    @property
    def times(self) -> Times:
        return times

    @property
    def media_type(self) -> str:
        return "x-application/hl7-v2+er7"

    @property
    def media_types(self) -> Sequence[str]:
        return ("application/hl7-v2", "x-application/hl7-v2+er7", "text/plain")

    def with_files(self, read: Read) -> Self:
        """Itself: its tables are part of the engine."""
        return self

    def split(self, raw: bytes) -> Sequence[bytes]:
        return split(raw)

    def wrapping(self, raw: bytes) -> Sequence[Issue]:
        return wrapping(raw)

    def decode(self, raw: bytes, charset: Charset) -> Er7Document:
        return read(raw, charset)

    def envelope(self, document: Document) -> Envelope:
        return envelope_of(_er7(document))

    def peek(self, raw: bytes, charset: Charset) -> Envelope:
        return peek(raw, charset)

    def acknowledge(self, raw: bytes, answer: Answer, control_id: str, micros: int) -> bytes:
        return acknowledge(raw, answer, control_id, micros)

    def matches(self, envelope: Envelope) -> Sequence[str]:
        """The message type as in MSH-9: `ADT^A01`."""
        return (envelope.type,)

    def is_match(self, text: str) -> bool:
        return _TYPE.fullmatch(text) is not None

    def turned_away(self, gate: Gate, envelope: Envelope, taken: Collection[str] = ()) -> Issue:
        return turned_away(gate, envelope, taken)

    def receivers(self, document: Document) -> Sequence[Party]:
        return (envelope_of(_er7(document)).receiver,)

    def receipt_for(
        self,
        document: Document,
        status: ReceiptStatus,
        issues: Sequence[Issue],
        receipt_id: str,
        micros: int,
        receiver: int = 0,
    ) -> None:
        """None: HL7 v2 answers on the same connection, and owes nothing after that."""
        return

    def receipt_of(self, document: Document) -> None:
        """None: an acknowledgement comes on the connection that the message went out on."""
        return

    def conformance(self, document: Document) -> Sequence[Issue]:
        return conformance(_er7(document))

    def order_keys(self, document: Document) -> tuple[str, ...]:
        """Identifier values alone, of PID-3 and MRG-1 (PID-2 and PID-4 where PID-3 is empty), blanks removed.

        Why: two senders name the authority of one identifier differently, and must still share its key. Keys that are
        equal by chance cost a wait, keys that differ by spelling cost the order.
        """
        er7 = _er7(document)
        keys: dict[str, None] = {}
        for segment in er7.named.get("PID", ()):
            found = _identifiers(er7, segment, 3)
            for value in found or (*_identifiers(er7, segment, 2), *_identifiers(er7, segment, 4)):
                keys[value] = None
        for segment in er7.named.get("MRG", ()):
            for value in _identifiers(er7, segment, 1):
                keys[value] = None
        return tuple(keys)

    def populated(self, document: Document) -> Iterator[Unit]:
        """Every component with content, null included, in message order; MSH-1 and MSH-2 are not content."""
        er7 = _er7(document)
        separators = er7.separators
        blank = " " + separators.subcomponent
        for segment in er7.segments:
            at = f"{segment.name}[{segment.number}]"
            first = 3 if segment.name in SEPARATED_NAMES else 1
            for number, field in enumerate(segment.fields[first:], first):
                if not field:
                    continue
                repetitions = field.split(separators.repetition) if separators.repetition else [field]
                for repetition, text in enumerate(repetitions, 1):
                    for component, value in enumerate(text.split(separators.component), 1):
                        if value.strip(blank):
                            place = f"{at}-{number}[{repetition}].{component}"
                            yield Unit(place, segment.name, segment.number, number, repetition, component)


def _er7(document: Document) -> Er7Document:
    if not isinstance(document, Er7Document):
        raise TypeError("a document of another standard")
    return document


def _identifiers(document: Er7Document, segment: Segment, number: int) -> list[str]:
    """First components of a field's repetitions, without blanks, empties and nulls."""
    fields = segment.fields
    if len(fields) <= number or not fields[number]:
        return []
    separators = document.separators
    found = []
    repetitions = fields[number].split(separators.repetition) if separators.repetition else [fields[number]]
    for repetition in repetitions:
        value = repetition.split(separators.component, 1)[0]
        if separators.subcomponent:
            value = value.split(separators.subcomponent, 1)[0]
        value = "".join(document.unescape(value).split())
        if value and value != NULL:
            found.append(value)
    return found
