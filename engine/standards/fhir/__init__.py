"""FHIR R4 (4.0.1) as plain dicts: what mappings state, how it is written, and whether it is R4.

Why: mapping states intent, the receiving system's config says how it is written (`by_id` or `conditional`), a pure
function renders the bytes (decision 11). So one mapped message can be written to two journals in two ways, and neither
needs a second mapping. References between entries are slots (`Link`) and not text, so rendering fills them without a
walk through the tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

Resource = dict[str, Any]
"""A FHIR resource in JSON shape; decimals are `Decimal` (below), dates and codes `str`."""


class Decimal(str):
    """A FHIR decimal with its digits as received: text until it is dumped, then a JSON number. FHIR R4, 2.24.0.1."""

    __slots__ = ()


class Verb(StrEnum):
    """What a mapping wants done: `own` replaces the whole resource, `mention` creates it only if there is none."""

    OWN = "own"
    MENTION = "mention"


class Identity(NamedTuple):
    """How a resource is known again.

    `derived` is False for a business identifier (`system` and `value` stand in `resource.identifier`), True for one
    made of others (`value` = the parent's identity and parts, joined by `|`).
    """

    system: str
    value: str
    derived: bool = False


@dataclass(slots=True)
class Entry:
    """One resource that a message speaks of: the mapping's entry name, the resource, the verb, the identity.

    An `id` in the resource is a place for the one that rendering gives it. The resource is of this message alone; what
    it holds may be `shared` with others.
    """

    key: str
    resource: Resource
    verb: Verb
    identity: Identity


@dataclass(slots=True)
class Link:
    """A reference still to be filled: `slot["reference"]` shall point to `entries[entry]`."""

    slot: dict[str, Any]
    entry: int
