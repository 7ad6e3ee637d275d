"""Two entries that speak of the same resource become one.

Elements that only one of them has are joined, lists are united, and where two single values differ one wins and the
difference is reported: silently choosing would hide a mapping that contradicts itself.
"""

from __future__ import annotations

from typing import Any

from engine.standards.fhir import Entry, Resource, Verb


def merged(entries: list[Entry]) -> tuple[Resource, Verb, tuple[str, ...]]:
    """The resource, the verb, and the names of the elements that contradict.

    What is owned wins over what is mentioned; among equals the first wins. No entry is changed.
    """
    ranked = sorted(entries, key=lambda entry: entry.verb is not Verb.OWN)
    resource = dict(ranked[0].resource)
    contradicting: list[str] = []
    for entry in ranked[1:]:
        for name, value in entry.resource.items():
            if name not in resource:
                resource[name] = value
            elif isinstance(value, list) and isinstance(resource[name], list):
                resource[name] = _united(resource[name], value)
            elif not _covers(resource[name], value):
                contradicting.append(name)
    return resource, ranked[0].verb, tuple(dict.fromkeys(contradicting))


def _united(first: list[Any], second: list[Any]) -> list[Any]:
    return [*first, *(item for item in second if not any(_covers(have, item) for have in first))]


def _covers(have: Any, item: Any) -> bool:
    """Whether `item` says nothing that `have` does not say."""
    if isinstance(have, dict) and isinstance(item, dict):
        return all(name in have and _covers(have[name], value) for name, value in item.items())
    if isinstance(have, list) and isinstance(item, list):
        return all(any(_covers(one, other) for one in have) for other in item)
    return bool(have == item)
