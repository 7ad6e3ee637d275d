"""The contract of a compiled mapping: a document in, intents out; no I/O, no clock, no values in errors.

The language is described in `engine/mapping/README.md` and its grammar in `engine/expression`. A mapping is compiled
once to Python source (`budstikke map show --source`), cached by content and immutable afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, field
from typing import Protocol

from engine.message import Envelope, Issue
from engine.standards import Document
from engine.standards.fhir import Entry, Link


@dataclass(frozen=True, slots=True)
class Context:
    """What a run may know besides the document: envelope, when it was received, the channel's zone and tables.

    `namespace` qualifies identifiers without an owner; `received` is wall time in micros, stored with the message.
    """

    envelope: Envelope
    received: int
    time_zone: str = "Europe/Oslo"
    namespace: str = ""
    tables: MappingABC[str, MappingABC[str, str]] = field(default_factory=dict)


@dataclass(slots=True)
class Mapped:
    """What a mapping made of one message. An issue of severity error refuses the whole message (decision 10).

    `made`: the names of all its entries that were made, also of those that fell together with another. `read`: what the
    accounts of its standard need of the run.
    """

    entries: list[Entry]
    links: list[Link]
    issues: list[Issue]
    made: frozenset[str] = frozenset()
    read: object = None


class CompiledMapping(Protocol):
    """One mapping, ready to run."""

    @property
    def id(self) -> str:
        """Its path under `mappings/` without ending: `hl7v2/adt`."""
        ...

    @property
    def revision(self) -> str:
        """Hash over its effective text, its includes and tables: stands in Provenance."""
        ...

    @property
    def standard(self) -> str:
        """`hl7v2`, `kith` or `fhir`."""
        ...

    @property
    def types(self) -> tuple[str, ...]:
        """The message types it takes, as in `Envelope.type`: `ADT^A01`."""
        ...

    def run(self, document: Document, context: Context) -> Mapped:
        """Map one message. Raises: MappingError."""
        ...

    def unread(self, document: Document, mapped: Mapped) -> list[Issue]:
        """Each populated unit that no rule read and no `$ignore` names."""
        ...
