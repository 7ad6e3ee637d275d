"""Entries and links become a transaction Bundle, written the way one journal wants it (decision 11).

`by_id`: own is `PUT Type/id`; mention is the same with `ifNoneMatch: *`, which the destination turns into a look
whether the resource is there. `conditional`: own is `PUT Type?identifier=...`; mention is a POST with `ifNoneExist`.
Criteria with identifiers stand inside the transaction's body only. In both, `fullUrl` and references are
`urn:uuid:<id>`, so the journal links what it writes.

Only the link slots of the entries are filled in; everything else is copied where it must differ, so the same entries
can be rendered for one journal after the other. Dump each Bundle before the next is rendered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.message import Issue, Severity
from engine.standards.fhir import Entry, Identity, Link, Resource, Verb
from engine.standards.fhir.identity import TAG, URI, Writing, criterion, identifier_shape, resource_id
from engine.standards.fhir.merging import merged
from engine.standards.fhir.provenance import Origin, document_reference, origin_identity, provenance

__all__ = ["Origin", "Rendered", "Writing", "render"]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A Bundle ready to validate and dump.

    `identities` are the business identities (`Type|system|value`) that must not be in flight twice to the same
    journal; empty where resources are written by id. `issues` are contradictions between entries.
    """

    bundle: dict[str, Any]
    identities: tuple[str, ...]
    issues: tuple[Issue, ...] = ()


def render(entries: Sequence[Entry], links: Sequence[Link], writing: Writing, origin: Origin) -> Rendered:
    """One message's Bundle for one journal. The trees are not walked."""
    key = writing.identity_key
    conditional = writing.mode == "conditional"
    ids: dict[tuple[str, str, str], str] = {}
    urns: list[str] = []
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        kind = entry.resource["resourceType"]
        known = (kind, entry.identity.system, entry.identity.value)
        if known not in ids:
            ids[known] = resource_id(key, kind, entry.identity)
        urn = "urn:uuid:" + ids[known]
        urns.append(urn)
        groups.setdefault(urn, []).append(entry)
    for link in links:
        link.slot["reference"] = urns[link.entry]
    written: list[dict[str, Any]] = []
    owned: list[str] = []
    issues: list[Issue] = []
    identities: list[str] = []
    patient: str | None = None
    for urn, group in groups.items():
        first = group[0]
        resource, verb, contradicting = (first.resource, first.verb, ()) if len(group) == 1 else merged(group)
        kind = resource["resourceType"]
        issues += [_contradiction(kind, name) for name in contradicting]
        if verb is Verb.OWN:
            owned.append(urn)
        if patient is None and kind == "Patient":
            patient = urn
        if conditional:
            written.append(_conditional(urn, resource, verb, first.identity))
            if not first.identity.derived:
                identities.append(f"{kind}|{first.identity.system}|{first.identity.value}")
        else:
            written.append(_by_id(urn, resource, verb))
    written += _origin_entries(origin, writing, owned or list(groups), patient)
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "transaction"}
    if written:
        bundle["entry"] = written
    return Rendered(bundle, tuple(identities), tuple(issues))


def _by_id(urn: str, resource: Resource, verb: Verb) -> dict[str, Any]:
    identity, kind = urn[9:], resource["resourceType"]
    request = {"method": "PUT", "url": f"{kind}/{identity}"}
    if verb is Verb.MENTION:
        request["ifNoneMatch"] = "*"
    return {
        "fullUrl": urn,
        "resource": {"resourceType": kind, "id": identity, **_without_id(resource)},
        "request": request,
    }


def _conditional(urn: str, resource: Resource, verb: Verb, identity: Identity) -> dict[str, Any]:
    kind = resource["resourceType"]
    resource = _without_id(resource)
    if identity.derived:
        resource, condition = _marked(urn, resource)
    else:
        condition = criterion("identifier", identity.system, identity.value)
    if verb is Verb.OWN:
        request = {"method": "PUT", "url": f"{kind}?{condition}"}
    else:
        request = {"method": "POST", "url": kind, "ifNoneExist": condition}
    return {"fullUrl": urn, "resource": resource, "request": request}


def _marked(urn: str, resource: Resource) -> tuple[Resource, str]:
    """A copy that carries its own derived identity, and the criterion that finds it."""
    kind = resource["resourceType"]
    shape = identifier_shape(kind)
    if shape == "list" or (shape == "one" and "identifier" not in resource):
        mark = {"system": URI, "value": urn}
        identifier: Any = [*resource.get("identifier", ()), mark] if shape == "list" else mark
        return {**resource, "identifier": identifier}, criterion("identifier", URI, urn)
    meta = resource.get("meta", {})
    tags = [*meta.get("tag", ()), {"system": TAG, "code": urn[9:]}]
    return {**resource, "meta": {**meta, "tag": tags}}, criterion("_tag", TAG, urn[9:])


def _without_id(resource: Resource) -> Resource:
    return {name: value for name, value in resource.items() if name != "id"} if "id" in resource else resource


def _origin_entries(origin: Origin, writing: Writing, targets: list[str], patient: str | None) -> list[dict[str, Any]]:
    """DocumentReference (where the channel keeps originals) and Provenance (where there is something to speak of)."""
    made: list[Resource] = []
    document: str | None = None
    identity = origin_identity(origin)
    if origin.include_original:
        document = "urn:uuid:" + resource_id(writing.identity_key, "DocumentReference", identity)
        made.append(document_reference(origin, patient))
    if targets:
        made.append(provenance(origin, targets, document))
    entries = []
    for resource in made:
        urn = "urn:uuid:" + resource_id(writing.identity_key, resource["resourceType"], identity)
        if writing.mode == "by_id":
            entries.append(_by_id(urn, resource, Verb.OWN))
        else:
            entries.append(_conditional(urn, resource, Verb.MENTION, identity))
    return entries


def _contradiction(kind: str, element: str) -> Issue:
    text = "two entries with the same identity differ; the owned one or else the first is kept"
    return Issue(Severity.WARNING, "map.contradiction", text, place=f"{kind}.{element}")
