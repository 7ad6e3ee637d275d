"""Conditions on interactions: which resource a write is about, and whether it may go on. FHIR R4, 3.1.0.4 to 3.1.0.8.

All is decided against what was there before the request, so entries of one transaction never match one another.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from engine.standards.fhir import Resource
from engine.standins.journal import Refused, Remark, Rules
from engine.standins.journal.asked import Asked, parse_pairs
from engine.standins.journal.index import criteria
from engine.standins.journal.store import Store, Version

_ETAG = re.compile(r'(?:W/)?"([A-Za-z0-9\-.]{1,64})"')


@dataclass(slots=True)
class Write:
    """A write whose resource is known. `before` is its newest version; `action` is create, update, delete or keep."""

    asked: Asked
    reference: str
    action: str
    before: Version | None = None
    status: int = 200
    what: str = ""

    @property
    def resource(self) -> Resource:
        resource = self.asked.resource
        if resource is None:
            raise Refused(400, Remark("required", "a write without a resource"))
        return resource


class Resolver:
    """Finds for each write the resource it is about, by id or by condition."""

    def __init__(self, store: Store, rules: Rules, new_id: Callable[[], str], address: str) -> None:
        self.store = store
        self.rules = rules
        self.new_id = new_id
        self.address = address

    def resolve(self, asked: Asked) -> Write:
        """Raises: Refused (400, 404, 405, 409, 412)."""
        if asked.method == "POST":
            return self._create(asked)
        if asked.method == "PUT":
            return self._update(asked)
        return self._delete(asked)

    def match(self, resource_type: str, query: str) -> Version | None:
        """The one resource that a condition is true of, or none. Raises: Refused (400; 412 where several match)."""
        if query.startswith("?"):
            raise Refused(400, Remark("value", "a condition is what follows the question mark, without it"))
        asked = criteria(resource_type, parse_pairs(query), self.address)
        if not asked:
            raise Refused(400, Remark("value", "a condition without a search parameter"))
        found = self.store.find(resource_type, asked)
        if len(found) > 1:
            raise Refused(412, Remark("multiple-matches", f"{len(found)} resources match the condition"))
        return self.store.live(found[0]) if found else None

    def _create(self, asked: Asked) -> Write:
        target = asked.target
        if target.id:
            raise Refused(405, Remark("not-supported", "POST is for a type, PUT for a resource"))
        if asked.if_none_exist:
            found = self.match(target.type, asked.if_none_exist)
            if found is not None:
                return Write(asked, found.reference, "keep", found, 200, "matched")
        return Write(asked, f"{target.type}/{self.new_id()}", "create", None, 201, "created")

    def _update(self, asked: Asked) -> Write:
        target = asked.target
        given = (asked.resource or {}).get("id")
        if target.query is not None and not target.id:
            return self._conditional_update(asked, given)
        if not target.id or target.history or target.version:
            raise Refused(405, Remark("not-supported", "PUT is for a resource or for a condition"))
        if given != target.id:
            raise Refused(400, Remark("value", "the resource's id is not the id in the URL", f"{target.type}.id"))
        return self._write_at(asked, target.reference)

    def _conditional_update(self, asked: Asked, given: object) -> Write:
        kind = asked.target.type
        found = self.match(kind, asked.target.query or "")
        if found is not None:
            if given is not None and given != found.id:
                raise Refused(400, Remark("value", "the resource's id is not that of the match", f"{kind}.id"))
            return self._write_at(asked, found.reference)
        if given is None:
            return self._write_at(asked, f"{kind}/{self.new_id()}", own=True)
        if self.store.live(f"{kind}/{given}") is not None:
            raise Refused(409, Remark("conflict", "nothing matches, but the resource's id is taken", f"{kind}.id"))
        return self._write_at(asked, f"{kind}/{given}")

    def _write_at(self, asked: Asked, reference: str, own: bool = False) -> Write:
        before = self.store.newest(reference)
        live = before if before is not None and not before.deleted else None
        check_if_match(asked.if_match, live)
        if asked.if_none_match and live is not None and _same(asked.if_none_match, live):
            if self.rules.existing_fails:
                raise Refused(412, Remark("conflict", "If-None-Match: the resource exists"))
            return Write(asked, reference, "keep", live, 304, "kept")
        if live is not None:
            return Write(asked, reference, "update", before, 200, "updated")
        if before is None and not own and not self.rules.update_create:
            raise Refused(405, Remark("not-supported", "this journal gives the ids; there is no such resource"))
        return Write(asked, reference, "create", before, 201, "created")

    def _delete(self, asked: Asked) -> Write:
        target = asked.target
        if target.history or target.version or (not target.id and target.query is None):
            raise Refused(405, Remark("not-supported", "DELETE is for a resource or for a condition"))
        if target.id:
            live = self.store.live(target.reference)
        else:
            live = self.match(target.type, target.query or "")
            if live is None:
                raise Refused(404, Remark("not-found", "nothing matches the condition"))
        check_if_match(asked.if_match, live)
        if live is None:
            return Write(asked, target.reference, "keep", None, 204, "absent")
        return Write(asked, live.reference, "delete", live, 204, "deleted")


def check_if_match(text: str, live: Version | None) -> None:
    """Version aware writing. Raises: Refused (412; 400 for what is no ETag). FHIR R4, 3.1.0.1.1."""
    if not text:
        return
    if text.strip() != "*" and not _ETAG.findall(text):
        raise Refused(400, Remark("value", "If-Match is not an ETag"))
    if live is None or not _same(text, live):
        raise Refused(412, Remark("conflict", "If-Match: the resource has another version"))


def _same(text: str, live: Version) -> bool:
    return text.strip() == "*" or str(live.number) in _ETAG.findall(text)


def not_modified(asked: Asked, version: Version) -> bool:
    """Whether a conditional read is answered 304. RFC 9110, 13.2.2."""
    if asked.if_none_match:
        return _same(asked.if_none_match, version)
    if not asked.if_modified_since:
        return False
    try:
        since = parsedate_to_datetime(asked.if_modified_since)
        return datetime.fromisoformat(version.updated).replace(microsecond=0) <= since
    except (ValueError, TypeError):
        return False
