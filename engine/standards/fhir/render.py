"""Entries and links become a transaction Bundle, written the way one journal wants it (decision 11).

`by_id`: own is `PUT Type/id`; mention is the same with `ifNoneMatch: *`, which the destination turns into a look
whether the resource is there. `conditional`: own is `PUT Type?identifier=...`; mention is a POST with `ifNoneExist`.
Criteria with identifiers stand inside the transaction's body only. In both, `fullUrl` and references are
`urn:uuid:<id>`, so the journal links what it writes.

Only the link slots of the entries are filled in, and `id` where a resource has one; everything else is copied where it
must differ, so the same entries can be rendered for one journal after the other. Dump each Bundle before the next is
rendered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.message import Issue, Severity
from engine.standards.fhir import Entry, Identity, Link, Resource, Verb
from engine.standards.fhir.identity import TAG, URI, Writing, criterion, identifier_shape, ids_of, urns_of
from engine.standards.fhir.merging import merged
from engine.standards.fhir.provenance import (
    Origin,
    document_reference,
    instant,
    named_digest,
    origin_identity,
    provenance,
)

__all__ = ["Origin", "Rendered", "Writing", "render"]


@dataclass(slots=True)
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
    urns = urns_of(writing.identity_key)(entries)
    for link in links:
        link.slot["reference"] = urns[link.entry]
    issues: list[Issue] = []
    if len(set(urns)) != len(urns):
        entries, urns, issues = _joined(entries, urns)
    written: list[dict[str, Any]] = []
    identities: list[str] = []
    owned: list[str] = []
    patient: str | None = None
    conditional = writing.mode == "conditional"
    own = Verb.OWN
    for entry, urn in zip(entries, urns, strict=True):
        resource, verb = entry.resource, entry.verb
        if verb is own:
            owned.append(urn)
        if patient is None and resource["resourceType"] == "Patient":
            patient = urn
        if conditional:
            written.append(_conditional(urn, resource, verb, entry.identity))
            if not entry.identity.derived:
                identities.append(f"{resource['resourceType']}|{entry.identity.system}|{entry.identity.value}")
        else:
            written.append(_by_id(urn, resource, verb))
    written += _origin_entries(origin, writing, owned or urns, patient)
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "transaction"}
    if written:
        bundle["entry"] = written
    return Rendered(bundle, tuple(identities), tuple(issues))


def _joined(entries: Sequence[Entry], urns: Sequence[str]) -> tuple[list[Entry], list[str], list[Issue]]:
    """One entry for each identity, in the order of the first of each, and what contradicts."""
    groups: dict[str, list[Entry]] = {}
    for entry, urn in zip(entries, urns, strict=True):
        groups.setdefault(urn, []).append(entry)
    issues: list[Issue] = []
    joined: list[Entry] = []
    for group in groups.values():
        first = group[0]
        if len(group) > 1:
            resource, verb, contradicting = merged(group)
            issues += [_contradiction(resource["resourceType"], name) for name in contradicting]
            first = Entry(first.key, resource, verb, first.identity)
        joined.append(first)
    return joined, list(groups), issues


def _by_id(urn: str, resource: Resource, verb: Verb) -> dict[str, Any]:
    identity, kind = urn[9:], resource["resourceType"]
    if "id" in resource:
        resource["id"] = identity
    else:
        resource = {"resourceType": kind, "id": identity, **resource}
    request = {"method": "PUT", "url": f"{kind}/{identity}"}
    if verb is Verb.MENTION:
        request["ifNoneMatch"] = "*"
    return {"fullUrl": urn, "resource": resource, "request": request}


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
    if "id" in resource:
        resource = resource.copy()
        del resource["id"]
    return resource


def _origin_entries(origin: Origin, writing: Writing, targets: list[str], patient: str | None) -> list[dict[str, Any]]:
    """DocumentReference (where the channel keeps originals) and Provenance (where there is something to speak of)."""
    made = ids_of(writing.identity_key)
    identity = origin_identity(origin)
    text = f"|{identity.system}|{identity.value}"
    digest, when = named_digest(origin.sha256), instant(origin.received)
    resources: list[tuple[str, Resource]] = []
    document: str | None = None
    if origin.include_original:
        document = "urn:uuid:" + made("DocumentReference" + text)
        resources.append((document, document_reference(origin, patient, digest, when)))
    if targets:
        resource = provenance(origin, targets, document, digest, when)
        resources.append(("urn:uuid:" + made("Provenance" + text), resource))
    if writing.mode == "by_id":
        return [_by_id(urn, resource, Verb.OWN) for urn, resource in resources]
    return [_conditional(urn, resource, Verb.MENTION, identity) for urn, resource in resources]


def _contradiction(kind: str, element: str) -> Issue:
    text = "two entries with the same identity differ; the owned one or else the first is kept"
    return Issue(Severity.WARNING, "map.contradiction", text, place=f"{kind}.{element}")
