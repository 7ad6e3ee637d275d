"""Invariants of Bundle, and of resources that contain others. FHIR R4, 2.36 (Bundle), 2.26 (DomainResource)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from engine.standards.fhir.rule import Json, Rule, any_of

_WITH_REQUEST = {"batch", "transaction", "history"}
_WITH_RESPONSE = {"batch-response", "transaction-response", "history"}


def usual(bundle: Json) -> bool:
    """A transaction of which each entry has a resource, a request and a fullUrl of its own, and nothing else."""
    entries = bundle.get("entry", ())
    urls = {e["fullUrl"] for e in entries if len(e) == 3 and "resource" in e and "request" in e and "fullUrl" in e}
    return bundle["type"] == "transaction" and len(urls) == len(entries)


def _of_entries(key: str, text: str, holds: Callable[[Json], bool]) -> Rule:
    return Rule(key, text, holds=holds, needs=("type", "entry"), settled=usual)


def _all_have(name: str, kinds: set[str]) -> Rule:
    key = "bdl-3" if name == "request" else "bdl-4"

    def holds(bundle: Json) -> bool:
        wanted = bundle["type"] in kinds
        return (not wanted) not in [name in entry for entry in bundle["entry"]]

    return _of_entries(key, f"entry.{name} goes with {', '.join(sorted(kinds))} only", holds)


def _found(bundle: Json) -> bool:
    return bundle["type"] == "searchset" or True not in ["search" in entry for entry in bundle["entry"]]


def _distinct(bundle: Json) -> bool:
    if bundle["type"] == "history":
        return True
    urls = [entry["fullUrl"] for entry in bundle["entry"] if "fullUrl" in entry]
    if len(urls) == len(set(urls)):
        return True
    versions = [
        (entry["fullUrl"], entry.get("resource", {}).get("meta", {}).get("versionId"))
        for entry in bundle["entry"]
        if "fullUrl" in entry
    ]
    return len(versions) == len(set(versions))


def _document(bundle: Json) -> bool:
    return bundle["type"] != "document" or (
        "timestamp" in bundle and {"system", "value"} <= set(bundle.get("identifier", ()))
    )


def _begins(bundle: Json) -> bool:
    first = {"document": "Composition", "message": "MessageHeader"}.get(bundle["type"])
    return first is None or bundle["entry"][0].get("resource", {}).get("resourceType") == first


def _strings(value: Any) -> Iterator[str]:
    """Every text in a tree under `reference`, or under a name that may hold a url."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str):
        yield value


def _contained_is_used(resource: Json) -> bool:
    used = {text for text in _strings({k: v for k, v in resource.items() if k != "contained"}) if text[:1] == "#"}
    for one in resource["contained"]:
        inside = {text for text in _strings(one) if text[:1] == "#"}
        others = {t for other in resource["contained"] if other is not one for t in _strings(other) if t[:1] == "#"}
        if "#" + one.get("id", "") not in used | others and "#" not in inside:
            return False
    return True


def _no_meta(key: str, *names: str) -> Rule:
    return Rule(
        key,
        f"a contained resource has no meta.{' or meta.'.join(names)}",
        holds=lambda resource: all(name not in one.get("meta", ()) for one in resource["contained"] for name in names),
        needs=("contained",),
    )


DOMAIN: tuple[Rule, ...] = (
    Rule(
        "dom-2",
        "a contained resource contains no other",
        holds=lambda resource: all("contained" not in one for one in resource["contained"]),
        needs=("contained",),
    ),
    Rule("dom-3", "a contained resource must be referred to", holds=_contained_is_used, needs=("contained",)),
    _no_meta("dom-4", "versionId", "lastUpdated"),
    _no_meta("dom-5", "security"),
)
"""For every DomainResource."""

RULES: Mapping[str, tuple[Rule, ...]] = {
    "Bundle": (
        Rule(
            "bdl-1",
            "total is for searchset and history only",
            holds=lambda bundle: bundle["type"] in ("searchset", "history"),
            needs=("total", "type"),
        ),
        _of_entries("bdl-2", "entry.search is for searchset only", _found),
        _all_have("request", _WITH_REQUEST),
        _all_have("response", _WITH_RESPONSE),
        _of_entries("bdl-7", "fullUrl must be unique", _distinct),
        Rule("bdl-9", "a document needs identifier and timestamp", holds=_document, needs=("type",), settled=usual),
        _of_entries("bdl-11", "the first entry is not what this type begins with", _begins),
    ),
    "Bundle.entry": (
        any_of("bdl-5", "resource", "request", "response"),
        Rule(
            "bdl-8",
            "fullUrl must not name a version",
            holds=lambda entry: "/_history/" not in entry["fullUrl"],
            needs=("fullUrl",),
        ),
    ),
}
"""By type. bdl-9 also says bdl-10, bdl-11 also bdl-12."""
