"""Which rule and which place of the message made each element: a traced run of the same mapping.

For people who write mappings. The answer names values' places; whoever shows it decides whether to show values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.mapping import Context
from engine.mapping.runtime import Made
from engine.mapping.shelf import LoadedMapping
from engine.standards import Document


@dataclass(frozen=True, slots=True)
class Explained:
    """One element that holds a value: where it is, what it holds, the rule that made it and the places it read."""

    entry: str
    path: str
    value: str
    rule: str
    places: tuple[str, ...]


def explain(mapping: LoadedMapping, document: Document, context: Context) -> list[Explained]:
    """Every element that the mapping makes of this message. Raises: ConfigError, MappingError."""
    run = mapping.ran(document, context, mapping.traced())
    made: dict[tuple[int, str], Made] = {(id(one.owner), one.element): one for one in run.trace}
    found: list[Explained] = []
    for body, number in run.roots:
        entry = run.entries[number]
        found += _walk(body, entry.resource["resourceType"], entry.key, made, None)
    return found


def _walk(
    value: Any, path: str, entry: str, made: dict[tuple[int, str], Made], rule: Made | None
) -> Iterator[Explained]:
    if isinstance(value, dict):
        if set(value) == {"reference"} and rule is not None:
            yield _explained(entry, path, "reference", rule)
            return
        for name, child in value.items():
            if name == "resourceType":
                continue
            # What a table gives as a whole has one rule: that of the element it stands in.
            yield from _walk(child, f"{path}.{name}", entry, made, made.get((id(value), name), rule))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _walk(child, f"{path}[{index}]" if len(value) > 1 else path, entry, made, rule)
    else:
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        # To whom a reference leads is known when the Bundle is written.
        yield _explained(entry, path, shown or "reference", rule)


def _explained(entry: str, path: str, value: str, rule: Made | None) -> Explained:
    """Places that are in the message, each once: of a union only one is."""
    places = dict.fromkeys(place for place in rule.places if place) if rule else ()
    return Explained(entry, path, value, rule.rule.at if rule else "", tuple(places))
