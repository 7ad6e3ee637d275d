"""Writes carried out together or not at all; a single write is a transaction of one. FHIR R4, 3.1.0.11.2.

Order: deletions, creates, updates, then reads. Everything is found, checked and sealed first; then all versions are
added in one step, reads run, the ledger is written, and on any failure the step is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import unquote

from engine.clock import Clock, as_datetime
from engine.standins.journal import Refused, Remark, Rules, Validate
from engine.standins.journal.asked import Asked, Reply
from engine.standins.journal.checks import Integrity, check_r4, check_shape, placed, refuse_overlap
from engine.standins.journal.conditional import Resolver, Write
from engine.standins.journal.ledger import Change, Ledger
from engine.standins.journal.links import Slot, rewrite, slots
from engine.standins.journal.r4 import TYPES
from engine.standins.journal.store import Store, Version, seal
from engine.standins.journal.wire import content_digest

ORDER = {"DELETE": 0, "POST": 1, "PUT": 2}

Read = Callable[[Asked], Reply]


class Transactions:
    """Carries out writes on the store."""

    def __init__(
        self, store: Store, ledger: Ledger, resolver: Resolver, rules: Rules, clock: Clock, validate: Validate | None
    ) -> None:
        self.store = store
        self.ledger = ledger
        self.resolver = resolver
        self.rules = rules
        self.clock = clock
        self.validate = validate
        self.integrity = Integrity(store, resolver.address, rules.integrity)

    def perform(self, entries: Sequence[Asked], kind: str, read: Read) -> list[Reply]:
        """Carry out all entries, answers in their order; `kind` is the interaction's name for the log.

        Raises: Refused, and then nothing has changed.
        """
        at = as_datetime(self.clock.micros()).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        writes: list[Write] = []
        for entry in sorted((e for e in entries if e.method in ORDER), key=lambda e: ORDER[e.method]):
            with placed(entry):
                writes.append(self.resolver.resolve(entry))
        refuse_overlap(writes)
        found = self._prepare(writes)
        staged = self._seal(writes, found, at)
        for write in writes:
            with placed(write.asked):
                self.integrity.check(write, found.get(write.reference, ()), staged)
        self.store.add(staged.values())
        try:
            replies = self._replies(entries, writes, read)
            if writes:
                changes = tuple(Change(w.reference, _number(self.store.newest(w.reference)), w.what) for w in writes)
                self.ledger.append(at, kind, changes, list(staged.values()))
        except BaseException as broken:
            self.store.take_back(staged.values())
            if isinstance(broken, OSError):
                raise Refused(500, Remark("no-store", "the journal's file takes nothing more")) from None
            raise
        return replies

    def _prepare(self, writes: Sequence[Write]) -> dict[str, list[Slot]]:
        """Set ids, rewrite links, refuse what is not R4. Answers the links of each resource that is written."""
        places = {w.asked.full_url: w.reference for w in writes if w.asked.full_url and w.action != "delete"}
        found: dict[str, list[Slot]] = {}
        for write in writes:
            if write.action in ("create", "update"):
                with placed(write.asked):
                    found[write.reference] = self._prepare_one(write, places)
        return found

    def _prepare_one(self, write: Write, places: dict[str, str]) -> list[Slot]:
        resource, asked = write.resource, write.asked
        kind = asked.target.type
        check_shape(resource, kind)
        resource["id"] = write.reference.partition("/")[2]
        found = slots(resource)
        root = asked.full_url.rpartition(f"/{kind}/")[0] if asked.full_url.startswith("http") else ""
        rewrite(found, places, root)
        for slot in found:
            if slot.name == "reference" and "?" in slot.text and "://" not in slot.text:
                self._resolve_condition(slot, bool(asked.place))
        if self.validate is not None:
            check_r4(resource, self.validate)
        return found

    def _resolve_condition(self, slot: Slot, inside: bool) -> None:
        """A conditional reference `Type?query`, allowed in transactions only. FHIR R4, 3.1.0.11.2."""
        kind, _, query = slot.text.partition("?")
        if not inside or kind not in TYPES:
            raise Refused(422, Remark("value", "a reference that is a search, outside a transaction"))
        match = self.resolver.match(kind, query if "=" in query else unquote(query))
        if match is None:
            raise Refused(422, Remark("not-found", "a conditional reference that nothing matches"))
        slot.node["reference"] = match.reference

    def _seal(self, writes: Sequence[Write], found: dict[str, list[Slot]], at: str) -> dict[str, Version]:
        """The new version of every resource that changes; an update that changes nothing makes none."""
        staged: dict[str, Version] = {}
        for write in writes:
            before = write.before
            number = _number(before) + 1
            if write.action == "delete":
                kind, _, identity = write.reference.partition("/")
                staged[write.reference] = Version(kind, identity, number, at, "DELETE")
            elif write.action != "keep":
                with placed(write.asked):
                    content = content_digest(write.resource)
                    if self._is_equal(write, content):
                        write.what = "unchanged"
                        continue
                    links, method = found[write.reference], write.asked.method
                    staged[write.reference] = seal(
                        write.resource, number, at, method, self.resolver.address, links, content
                    )
        return staged

    def _is_equal(self, write: Write, content: bytes) -> bool:
        """Whether an update says nothing that the newest version does not say, and so makes none."""
        if write.action != "update" or write.before is None or not self.rules.equal_makes_no_version:
            return False
        return write.before.content == content

    def _replies(self, entries: Sequence[Asked], writes: Sequence[Write], read: Read) -> list[Reply]:
        replies: dict[int, Reply] = {}
        for write in writes:
            replies[id(write.asked)] = Reply(write.status, write.what, self.store.newest(write.reference))
        for entry in entries:
            if entry.method not in ORDER:
                with placed(entry):
                    replies[id(entry)] = read(entry)
        return [replies[id(entry)] for entry in entries]


def _number(version: Version | None) -> int:
    return version.number if version is not None else 0
