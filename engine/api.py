"""All that a plugin may import. What is not named here is private and may change without a word.

A plugin is a distribution with an entry point in the group `budstikke.plugins` that names a function taking a
`Registry` (see `engine.plugins`). It may offer a message standard today; sources, destinations and functions follow.
"""

from engine.clock import Clock
from engine.delivery import Ambiguous, Delivered, Outcome, Permanent, Transient
from engine.errors import ConfigError, EngineError, Finding, InvalidMessage, MappingError, StoreError
from engine.message import (
    Answer,
    AnswerKind,
    Envelope,
    Issue,
    Party,
    Receipt,
    ReceiptError,
    ReceiptStatus,
    Received,
    Reception,
    Severity,
)
from engine.standards import Charset, Document, Standard, Unit

__all__ = [
    "Ambiguous",
    "Answer",
    "AnswerKind",
    "Charset",
    "Clock",
    "ConfigError",
    "Delivered",
    "Document",
    "EngineError",
    "Envelope",
    "Finding",
    "InvalidMessage",
    "Issue",
    "MappingError",
    "Outcome",
    "Party",
    "Permanent",
    "Receipt",
    "ReceiptError",
    "ReceiptStatus",
    "Received",
    "Reception",
    "Severity",
    "Standard",
    "StoreError",
    "Transient",
    "Unit",
]
