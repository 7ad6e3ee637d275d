"""A channel as it runs: everything `judge` needs, made once from config and never changed (decision 15)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from engine.delivery import Policy
from engine.mapping import CompiledMapping
from engine.message import Severity
from engine.standards import Charset, Document, Standard
from engine.standards.fhir.render import Writing

Condition = Callable[[Document], bool]
Value = Callable[[Document], str]


class After(StrEnum):
    """When the sender is told (decision 8)."""

    STORED = "stored"
    VALIDATED = "validated"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class Target:
    """One destination of one channel. `writing` is None where the original bytes are sent on unmapped.

    `mappings` are its own, by message type; empty where it takes what the channel's mappings make.
    """

    name: str
    system: str
    policy: Policy
    writing: Writing | None = None
    when: Condition | None = None
    when_text: str = ""
    required: bool = True
    receipt_within: float = 0.0
    """Seconds in which the receiver's receipt must have come; 0: none is expected."""
    mappings: Mapping[str, CompiledMapping] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipting:
    """How a channel's receipts go back: by which system, when, and whose they are.

    `after` is `validated` (in the commit that accepts or refuses) or `delivered` (when the required deliveries are
    final). `ours`: identifiers of the receivers that we answer for; none: the primary receiver.
    """

    system: str
    policy: Policy
    after: str = "validated"
    ours: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """One channel of one revision.

    `keyring` is the site's key for hashes of identifiers (identity, ordering); it never leaves the machine.
    """

    name: str
    revision: str
    standard: Standard
    mappings: Mapping[str, CompiledMapping]
    """By message type (`ADT^A01`)."""
    targets: tuple[Target, ...]
    keyring: bytes
    after: After = After.VALIDATED
    deadline: float = 30.0
    charset: Charset = field(default_factory=Charset)
    conformance: Severity | Literal["off"] | None = None
    """The weight of departures from the standard, all of them; None: as the standard weighs each."""
    unread: Severity | None = Severity.NOTE
    processing: frozenset[str] = frozenset({"P", "T", "D"})
    accept_only: Condition | None = None
    otherwise: str = ""
    dedup: tuple[Value, ...] = ()
    dedup_window: float = 7 * 86400.0
    order_by: tuple[Value, ...] = ()
    unmatched: str = "quarantine"
    first_match: bool = False
    keep_original: bool = True
    time_zone: str = "Europe/Oslo"
    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    senders: tuple[tuple[str, str], ...] = ()
    """Who may send, as (MSH-3, MSH-4) or what the standard has for them; an empty text is not compared; none: all."""
    receipt: Receipting | None = None
    """How this channel sends receipts, if it does: what they tell is not told on the connection too."""
    invalid_kind: str = ""
    """`AE` or `AR` where the channel overrides the kind of a refusal."""

    def target(self, name: str) -> Target:
        """The destination of that name. Raises: KeyError."""
        for target in self.targets:
            if target.name == name:
                return target
        raise KeyError(name)
