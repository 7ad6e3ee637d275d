"""FHIR JSON in and out, with the digits of decimals as they were written. FHIR R4, 2.6.2."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import orjson

from engine.standards.fhir import Decimal, Resource
from engine.standins.journal import Refused, Remark

_OPTIONS = orjson.OPT_PASSTHROUGH_SUBCLASS
_SORTED = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_SORT_KEYS


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are unique, as FHIR JSON demands."""
    node = dict(pairs)
    if len(node) != len(pairs):
        raise ValueError("a name is used twice in one object")
    return node


def _no_constant(text: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")


_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_once)


def _as_number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(value.encode())
    raise TypeError(type(value).__name__)


def load(body: bytes) -> Resource:
    """One JSON object from UTF-8 bytes. Raises: Refused (400) for what is no JSON object."""
    try:
        value = _DECODER.decode(body.decode("utf-8").strip(" \t\r\n"))
    except (ValueError, RecursionError):
        raise Refused(400, Remark("invalid", "the body is not JSON in UTF-8 with unique names")) from None
    if not isinstance(value, dict):
        raise Refused(400, Remark("structure", "the body is not a JSON object"))
    return value


def dump(value: Any, options: int = _OPTIONS) -> bytes:
    """JSON in UTF-8. Raises: Refused (400) for text that UTF-8 cannot say (a lone surrogate)."""
    try:
        return orjson.dumps(value, _as_number, options)
    except orjson.JSONEncodeError:
        raise Refused(400, Remark("invalid", "text that is not valid Unicode, or nesting too deep")) from None


def content_digest(resource: Resource) -> bytes:
    """SHA-256 over all but `meta.versionId` and `meta.lastUpdated`; the order of names does not count."""
    meta = resource.get("meta")
    if isinstance(meta, dict):
        kept = {name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")}
        resource = {name: value for name, value in resource.items() if name != "meta"}
        if kept:
            resource["meta"] = kept
    return hashlib.sha256(dump(resource, _SORTED)).digest()


def outcome(remarks: Sequence[Remark]) -> Resource:
    """An OperationOutcome. FHIR R4, OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(remark) for remark in remarks]}


def _issue(remark: Remark) -> Resource:
    issue: Resource = {"severity": remark.severity, "code": remark.code, "diagnostics": remark.text}
    if remark.expression:
        issue["expression"] = [remark.expression]
    return issue
