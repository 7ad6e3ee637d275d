"""Batches and transactions as Bundles: read into interactions, answered as a response Bundle. FHIR R4, 3.1.0.11."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from engine.standards.fhir import Resource
from engine.standins.journal import Refused, Remark, wire
from engine.standins.journal.asked import Asked, Reply, parse_url

_BUNDLE = frozenset(
    {"resourceType", "id", "meta", "implicitRules", "language", "identifier", "type", "timestamp", "total", "link"}
    | {"entry", "signature"}
)
_ENTRY = frozenset(
    {"id", "extension", "modifierExtension", "link", "fullUrl", "resource", "search", "request", "response"}
)
_REQUEST = frozenset(
    {"id", "extension", "modifierExtension", "method", "url"}
    | {"ifNoneMatch", "ifModifiedSince", "ifMatch", "ifNoneExist"}
)
_URN = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|urn:oid:[0-2](\.[0-9]+)+")


def entries_of(bundle: Resource, types: frozenset[str]) -> tuple[list[Asked], list[Refused | None]]:
    """The interactions of a batch or transaction, and for each what is wrong with it by itself.

    Raises: Refused (400, 422) for what is wrong with the Bundle as a whole.
    """
    _only(bundle, _BUNDLE, "Bundle")
    written = bundle.get("entry", [])
    if not isinstance(written, list) or not all(isinstance(entry, dict) for entry in written):
        raise Refused(422, Remark("structure", "entry is a list of objects", "Bundle.entry"))
    asked: list[Asked] = []
    wrong: list[Refused | None] = []
    seen: set[str] = set()
    for number, entry in enumerate(written):
        place = f"Bundle.entry[{number}]"
        url = entry.get("fullUrl")
        if isinstance(url, str) and url:
            if url in seen:
                raise Refused(400, Remark("invariant", "bdl-7: a fullUrl is used twice", f"{place}.fullUrl"))
            seen.add(url)
        try:
            asked.append(_entry(entry, place, types))
            wrong.append(None)
        except Refused as refused:
            asked.append(_unread(place))
            wrong.append(refused)
    return asked, wrong


_STAND_IN = {"request": {"method": "GET", "url": "metadata"}}


def envelope(bundle: Resource, wrong: Sequence[Refused | None]) -> Resource:
    """The Bundle without its resources, which are looked at one by one when their links are in place, and without
    what is refused already."""
    if not wrong:
        return bundle
    entries = [
        {name: value for name, value in entry.items() if name != "resource"} if refused is None else _STAND_IN
        for entry, refused in zip(bundle["entry"], wrong, strict=True)
    ]
    return {**bundle, "entry": entries}


def _unread(place: str) -> Asked:
    from_nothing = parse_url("Basic", frozenset())
    return Asked("", from_nothing, place=place)


def _only(node: dict[str, Any], names: frozenset[str], place: str) -> None:
    for name in node:
        if name not in names and name.removeprefix("_") not in names:
            raise Refused(422, Remark("structure", "an element that R4 does not have here", place))


def _text(node: dict[str, Any], name: str, place: str) -> str:
    value = node.get(name, "")
    if not isinstance(value, str) or (name in node and not value):
        raise Refused(422, Remark("structure", f"{name} is text, and not empty", f"{place}.{name}"))
    return value


def _entry(entry: dict[str, Any], place: str, types: frozenset[str]) -> Asked:
    _only(entry, _ENTRY, place)
    request = entry.get("request")
    if not isinstance(request, dict):
        raise Refused(400, Remark("required", "bdl-3: an entry without a request", place))
    _only(request, _REQUEST, f"{place}.request")
    method = _text(request, "method", f"{place}.request")
    if method not in ("GET", "POST", "PUT", "DELETE"):
        raise Refused(
            405, Remark("not-supported", "a method that this journal does not have", f"{place}.request.method")
        )
    full_url = _text(entry, "fullUrl", place)
    if full_url and not _URN.fullmatch(full_url) and not full_url.startswith(("http://", "https://")):
        raise Refused(400, Remark("value", "fullUrl is neither urn:uuid, urn:oid nor an address", f"{place}.fullUrl"))
    try:
        target = parse_url(_text(request, "url", f"{place}.request"), types)
    except Refused as refused:
        raise refused.at(f"{place}.request.url") from None
    resource = entry.get("resource")
    writes = method in ("POST", "PUT")
    if writes != isinstance(resource, dict) or (not writes and resource is not None):
        raise Refused(400, Remark("required", "POST and PUT have a resource, GET and DELETE have none", place))
    if method != "POST" and "ifNoneExist" in request:
        raise Refused(400, Remark("value", "ifNoneExist is for POST", f"{place}.request.ifNoneExist"))
    return Asked(
        method=method,
        target=target,
        resource=resource,
        full_url=full_url,
        if_match=_text(request, "ifMatch", f"{place}.request"),
        if_none_match=_text(request, "ifNoneMatch", f"{place}.request"),
        if_modified_since=_text(request, "ifModifiedSince", f"{place}.request"),
        if_none_exist=_text(request, "ifNoneExist", f"{place}.request"),
        place=place,
    )


def response(kind: str, replies: Sequence[Reply | Refused], with_resources: bool) -> bytes:
    """The response Bundle: one entry for each of the request's, in their order."""
    entries = [
        refused_entry(reply) if isinstance(reply, Refused) else _answered(reply, with_resources) for reply in replies
    ]
    bundle: Resource = {"resourceType": "Bundle", "type": f"{kind}-response"}
    if entries:
        bundle["entry"] = entries
    return wire.dump(bundle)


def _answered(reply: Reply, with_resources: bool) -> Resource:
    answer: Resource = {"status": reply.line}
    version = reply.version
    entry: Resource = {}
    if version is not None and not version.deleted:
        answer |= {"location": version.location, "etag": version.etag, "lastModified": version.updated}
        if with_resources and not reply.body:
            entry["resource"] = orjson.Fragment(version.body)
    if reply.body:
        entry["resource"] = orjson.Fragment(reply.body)
    return {**entry, "response": answer}


def refused_entry(refused: Refused) -> Resource:
    """An entry of a batch that was refused."""
    line = Reply(refused.status, "refused").line
    return {"response": {"status": line, "outcome": wire.outcome(refused.remarks)}}
