"""Reading: a resource, a version, a history, a search with its pages.

FHIR R4, 3.1.0.2 (read), 3.1.0.3 (vread), 3.1.0.9 (search), 3.1.0.10 (history).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from engine.standards.fhir import Resource
from engine.standins.journal import Refused, Remark, wire
from engine.standins.journal.asked import Asked, Reply
from engine.standins.journal.conditional import not_modified
from engine.standins.journal.index import criteria
from engine.standins.journal.store import Store, Version

PAGE = 100
LARGEST_PAGE = 1000
OPEN_SEARCHES = 256


@dataclass(frozen=True, slots=True)
class _Search:
    """A search whose later pages are still to be asked for: what it found when it was made, and its first address."""

    found: tuple[str, ...]
    count: int
    link: str


class Reader:
    """Answers every read on the store. Later pages have opaque addresses, so no criteria stand in a URL of ours."""

    def __init__(self, store: Store, new_id: Callable[[], str], address: str) -> None:
        self.store = store
        self.new_id = new_id
        self.address = address
        self._searches: OrderedDict[str, _Search] = OrderedDict()

    def read(self, asked: Asked) -> Reply:
        """Read, vread, history or search, by what the target says. Raises: Refused (400, 404, 405, 410)."""
        target = asked.target
        if asked.method != "GET":
            raise Refused(405, Remark("not-supported", "an interaction that this journal does not have"))
        if not target.id:
            return self.search(target.type, target.pairs, target.query or "")
        history = self.store.histories.get(target.reference)
        if not history:
            raise Refused(404, Remark("not-found", "there is no such resource"))
        if target.history:
            return Reply(200, "read", body=self._history(history, target.pairs))
        version = history[-1]
        if target.version:
            version = next((v for v in history if str(v.number) == target.version), version)
            if str(version.number) != target.version:
                raise Refused(404, Remark("not-found", "there is no such version"))
        if version.deleted:
            raise Refused(410, Remark("deleted", "the resource is deleted"))
        if not_modified(asked, version):
            return Reply(304, "read", version)
        return Reply(200, "read", version, version.body)

    def search(self, resource_type: str, pairs: Sequence[tuple[str, str]], query: str) -> Reply:
        """The first page of a search. `query` is shown as the self link."""
        found = tuple(self.store.find(resource_type, criteria(resource_type, pairs, self.address)))
        count = _count(pairs)
        link = f"{self.address}/{resource_type}" + (f"?{query}" if query else "")
        return Reply(200, "search", body=self._page(_Search(found, count, link), 0))

    def page(self, token: str, start: int) -> Reply:
        """A later page. Raises: Refused (410 when the search is forgotten)."""
        search = self._searches.get(token)
        if search is None:
            raise Refused(410, Remark("not-found", "the search is forgotten; ask it again"))
        return Reply(200, "search", body=self._page(search, start, token))

    def _page(self, search: _Search, start: int, token: str = "") -> bytes:
        links = [{"relation": "self", "url": f"{self.address}/_page/{token}/{start}" if token else search.link}]
        end = start + search.count
        if search.count and end < len(search.found):
            token = token or self._keep(search)
            links.append({"relation": "next", "url": f"{self.address}/_page/{token}/{end}"})
        versions = (self.store.live(reference) for reference in search.found[start:end])
        entries = [
            {"fullUrl": f"{self.address}/{version.reference}", "resource": orjson.Fragment(version.body),
             "search": {"mode": "match"}}
            for version in versions
            if version is not None
        ]  # fmt: skip
        return _bundle("searchset", len(search.found), links, entries)

    def _keep(self, search: _Search) -> str:
        token = self.new_id()
        self._searches[token] = search
        if len(self._searches) > OPEN_SEARCHES:
            self._searches.popitem(last=False)
        return token

    def _history(self, history: list[Version], pairs: Sequence[tuple[str, str]]) -> bytes:
        reference = history[-1].reference
        if any(name not in ("_count", "_format") for name, _ in pairs):
            raise Refused(400, Remark("not-supported", "a parameter that this journal does not know"))
        links = [{"relation": "self", "url": f"{self.address}/{reference}/_history"}]
        newest = list(reversed(history))[: _count(pairs)]
        entries = [self._past(version, history) for version in newest]
        return _bundle("history", len(history), links, entries)

    def _past(self, version: Version, history: list[Version]) -> Resource:
        """One entry of a history: what was asked for then, and what was answered."""
        before = history[version.number - 2] if version.number > 1 else None
        status = "204 No Content" if version.deleted else "200 OK"
        if not version.deleted and (before is None or before.deleted):
            status = "201 Created"
        url = version.type if version.method == "POST" else version.reference
        entry: Resource = {"fullUrl": f"{self.address}/{version.reference}"}
        if not version.deleted:
            entry["resource"] = orjson.Fragment(version.body)
        entry["request"] = {"method": version.method, "url": url}
        entry["response"] = {"status": status, "etag": version.etag, "lastModified": version.updated}
        return entry


def _count(pairs: Sequence[tuple[str, str]]) -> int:
    written = [text for name, text in pairs if name == "_count"]
    if not written:
        return PAGE
    if not written[-1].isdecimal():
        raise Refused(400, Remark("value", "_count is a number from 0"))
    return min(int(written[-1]), LARGEST_PAGE)


def _bundle(kind: str, total: int, links: list[dict[str, str]], entries: list[dict[str, Any]]) -> bytes:
    bundle: Resource = {"resourceType": "Bundle", "type": kind, "total": total, "link": links}
    if entries:
        bundle["entry"] = entries
    return wire.dump(bundle)
