"""The store of resources: every version, what is current, and the index. In memory, one thread."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.standards.fhir import Resource
from engine.standins.journal import wire
from engine.standins.journal.index import Criteria, Key, every, keys_of
from engine.standins.journal.links import Slot, slots, targets


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one resource, sealed. `body` is its JSON; a deletion has none. `method` is what made it.

    `content` is the digest of what was said, without version and time; `updated` a FHIR instant in UTC.
    """

    type: str
    id: str
    number: int
    updated: str
    method: str
    body: bytes = b""
    content: bytes = b""
    referred: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}"

    @property
    def deleted(self) -> bool:
        return not self.body

    @property
    def etag(self) -> str:
        return f'W/"{self.number}"'

    @property
    def location(self) -> str:
        return f"{self.type}/{self.id}/_history/{self.number}"


def seal(
    resource: Resource,
    number: int,
    updated: str,
    method: str,
    address: str,
    found: list[Slot] | None = None,
    content: bytes = b"",
) -> Version:
    """The next version of a resource: its id must be set; version and time are written into `meta`.

    `found` are its links and `content` its digest, when they are known already.
    """
    content = content or wire.content_digest(resource)
    meta = {**resource.get("meta", {}), "versionId": str(number), "lastUpdated": updated}
    kind, identity = resource["resourceType"], resource["id"]
    rest = {name: value for name, value in resource.items() if name not in ("resourceType", "id", "meta")}
    written = wire.dump({"resourceType": kind, "id": identity, "meta": meta, **rest})
    body = bytes(memoryview(written))  # a copy of the right size: what orjson gives keeps all of its 4 KB buffer
    referred = targets(slots(resource) if found is None else found, address)
    keys = keys_of(resource, referred, address)
    return Version(kind, identity, number, updated, method, body, content, tuple(referred), tuple(keys))


class Store:
    """All versions of all resources. A deleted resource keeps its versions, the last of them a deletion."""

    def __init__(self) -> None:
        self.histories: dict[str, list[Version]] = {}
        # Why: most keys have one resource; a dict for each would take more room than the resources.
        self._index: dict[Key, str | dict[str, None]] = {}

    def newest(self, reference: str) -> Version | None:
        """The newest version of `Type/id`, a deletion too; None if there never was one."""
        history = self.histories.get(reference)
        return history[-1] if history else None

    def live(self, reference: str) -> Version | None:
        """The newest version of `Type/id`, unless it is deleted."""
        version = self.newest(reference)
        return version if version is not None and not version.deleted else None

    def versions(self) -> Iterator[Version]:
        """Every version there is."""
        for history in self.histories.values():
            yield from history

    def with_key(self, key: Key) -> Collection[str]:
        """The resources (`Type/id`) that have a key now."""
        held = self._index.get(key, ())
        return (held,) if isinstance(held, str) else held

    def find(self, resource_type: str, criteria: Criteria) -> list[str]:
        """The resources (`Type/id`) that a question is true of, oldest first as a rule."""
        if not criteria:
            return list(self.with_key(every(resource_type)))
        first, *others = sorted(criteria, key=lambda group: sum(len(self.with_key(key)) for key in group))
        found = dict.fromkeys(reference for key in first for reference in self.with_key(key))
        return [
            reference
            for reference in found
            if all(any(reference in self.with_key(key) for key in group) for group in others)
        ]

    def add(self, versions: Iterable[Version]) -> None:
        """Make versions the newest of their resources."""
        for version in versions:
            history = self.histories.setdefault(version.reference, [])
            self._reindex(version.reference, history[-1].keys if history else (), version.keys)
            history.append(version)

    def take_back(self, versions: Iterable[Version]) -> None:
        """Undo `add` of the same versions."""
        for version in versions:
            history = self.histories[version.reference]
            history.pop()
            self._reindex(version.reference, version.keys, history[-1].keys if history else ())
            if not history:
                del self.histories[version.reference]

    def _reindex(self, reference: str, before: Sequence[Key], after: Sequence[Key]) -> None:
        for key in set(before).difference(after):
            held = self._index[key]
            if isinstance(held, str) or len(held) == 1:
                del self._index[key]
            else:
                del held[reference]
        for key in set(after).difference(before):
            held = self._index.setdefault(key, reference)
            if isinstance(held, dict):
                held[reference] = None
            elif held != reference:
                self._index[key] = {held: None, reference: None}
