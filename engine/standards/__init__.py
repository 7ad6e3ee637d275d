"""The contract of a message standard (decision 3): pure functions from bytes to values and back.

A new standard is one folder here and one line in `engine/plugins/builtin.py`. Nothing here reads a clock, a file or a
socket.

Why `paths` and not `compile_path` (decision 3): a path becomes code inside a whole mapping, with loops, templates and
accounts around it, which a call for each path cannot give. A standard says which of two path languages its documents
are read by, ER7's or XPath, and mapping has one front end for each; a third XML standard needs no other. The place of a
unit is in the standard's own words; the numbers beside it are HL7 v2's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol, Self
from zoneinfo import ZoneInfo

from lxml import etree

from engine.message import Answer, Envelope, Issue, Party, Receipt, ReceiptStatus


@dataclass(frozen=True, slots=True)
class Charset:
    """How bytes become text where the message does not say: `default`, then strict UTF-8, then `fallback`."""

    default: str = ""
    fallback: str = "cp1252"


@dataclass(frozen=True, slots=True)
class Unit:
    """One populated unit of a message, for accounting (decision 13): HL7 v2 segment, field, repetition, component."""

    place: str
    segment: str
    occurrence: int
    field: int
    repetition: int
    component: int


class Gate(StrEnum):
    """Why a channel does not take a message that can be read: its stable code."""

    SENDER = "gate.sender"
    PROCESSING = "gate.processing"
    TYPE = "gate.type"


Read = Callable[[str], bytes]
"""`read("kith/msghead-1.2.xsd")` gives the bytes of a file of a standard, the site's own first (decision 5).

Raises: KeyError or OSError when there is none.
"""


class Document(Protocol):
    """A parsed message. What a mapping reads from it is the standard's own affair."""

    @property
    def issues(self) -> Sequence[Issue]:
        """What reading it found odd: charset, line ends, stray bytes."""
        ...


class Tree(Document, Protocol):
    """A document that is read by XPath."""

    @property
    def message(self) -> etree._Element:
        """The root of the message: where paths begin."""
        ...

    @property
    def variant(self) -> str:
        """The namespace that chooses among those of a prefix with several: that of the main payload."""
        ...

    def place(self, element: etree._Element) -> str:
        """Where an element stands in the message, in words; no content."""
        ...


class Times(Protocol):
    """How a standard writes times, as functions to FHIR's. They raise BadTime, whose `code` says what is wrong."""

    @property
    def BadTime(self) -> type[ValueError]: ...
    @property
    def date(self) -> Callable[[str], str]: ...
    @property
    def date_time(self) -> Callable[[str, ZoneInfo, str], tuple[str, str]]: ...
    @property
    def instant(self) -> Callable[[str, ZoneInfo, str], tuple[str, str]]: ...
    @property
    def time(self) -> Callable[[str], str]: ...


class Standard(Protocol):
    """One message standard."""

    @property
    def paths(self) -> Literal["er7", "xml"]:
        """The path language that its documents are read by; with `xml` they are a `Tree`."""
        ...

    @property
    def times(self) -> Times:
        """How it writes times."""
        ...

    @property
    def namespaces(self) -> Mapping[str, str]:
        """Prefixes that a channel's conditions may use; none for ER7."""
        ...

    @property
    def name(self) -> str:
        """As written in YAML: `hl7v2`, `kith`."""
        ...

    @property
    def media_type(self) -> str:
        """Of the original, for DocumentReference and files: `x-application/hl7-v2+er7`."""
        ...

    @property
    def media_types(self) -> Sequence[str]:
        """What an HTTP source takes its messages by where the channel names none, in lower case."""
        ...

    def with_files(self, read: Read) -> Self:
        """The same standard with the files that a site gives it (schemas), read and checked now.

        Why a call and not at registration: a standard is registered before there is a site.
        Raises: ConfigError for a file that is missing or does not hold.
        """
        ...

    def split(self, raw: bytes) -> Sequence[bytes]:
        """The messages in one reception, in order: one as a rule, several in a batch or a careless frame.

        Never loses a byte that belongs to a message; bytes that hold no message at all come back as one part.
        """
        ...

    def wrapping(self, raw: bytes) -> Sequence[Issue]:
        """Where the wrapping of a batch does not fit what is in it: counts that differ, an end that is missing."""
        ...

    def decode(self, raw: bytes, charset: Charset) -> Document:
        """Read one message. Linear in its size, lazy inside. Raises: InvalidMessage."""
        ...

    def envelope(self, document: Document) -> Envelope:
        """Who, to whom, what, when. Raises: InvalidMessage when type or message id is missing."""
        ...

    def peek(self, raw: bytes, charset: Charset) -> Envelope:
        """`envelope(decode(raw, charset))`, the same values and errors, without reading further than it must.

        Why: `ack.after: stored` answers from the envelope alone. Raises: InvalidMessage.
        """
        ...

    def acknowledge(self, raw: bytes, answer: Answer, control_id: str, micros: int) -> bytes:
        """The answer to `raw`, also when `raw` cannot be decoded: with what can be read of its header.

        Empty bytes where no answer may be given (an acknowledgement is never acknowledged), and always for a standard
        whose transport answers by itself (KITH over HTTP).
        """
        ...

    def matches(self, envelope: Envelope) -> Sequence[str]:
        """What a mapping may name to take such a message (its `match`), the most special first: `ADT^A01`."""
        ...

    def is_match(self, text: str) -> bool:
        """Whether a mapping of this standard may name that in its `match`."""
        ...

    def turned_away(self, gate: Gate, envelope: Envelope, taken: Collection[str] = ()) -> Issue:
        """Why a channel does not take this message, with the place and the code that the standard has for it.

        `taken` is what the channel's mappings take, as they name it in `match`.
        """
        ...

    def receivers(self, document: Document) -> Sequence[Party]:
        """Everyone in health care whom the message is sent to: the primary receiver, then the copy receivers."""
        ...

    def receipt_for(
        self,
        document: Document,
        status: ReceiptStatus,
        issues: Sequence[Issue],
        receipt_id: str,
        micros: int,
        receiver: int = 0,
    ) -> bytes | None:
        """The receipt owed for a message: a message of its own, sent later (decision 10).

        Its reasons are the errors among `issues`. `receiver` is the place among `receivers` of who answers; each
        of them that is ours owes one. None where none is owed: a standard without receipts, a receipt itself, a sender
        that cannot be read.
        """
        ...

    def receipt_of(self, document: Document) -> Receipt | None:
        """What a receipt says, None for a message that is none. Raises: InvalidMessage when it cannot be told."""
        ...

    def conformance(self, document: Document) -> Sequence[Issue]:
        """Where the message departs from its standard: structure, cardinality, lexical form, tables.

        Each with the severity that the standard's own rules give it; a channel may weigh them otherwise. Called in the
        thread that judges the message: what is compiled and not safe to share is kept by thread.
        """
        ...

    def order_keys(self, document: Document) -> tuple[str, ...]:
        """What must stay in order: every patient identifier that the message names, merged ones included."""
        ...

    def populated(self, document: Document) -> Iterator[Unit]:
        """Every populated unit, in message order."""
        ...
