"""The journal without a network: interactions in, replies out, each one step that nothing can come between."""

from __future__ import annotations

import uuid
from collections import Counter
from itertools import pairwise
from typing import Any

from engine.standards.fhir import Resource
from engine.standins.journal import Options, Refused, Remark
from engine.standins.journal.asked import Asked, Reply
from engine.standins.journal.bundles import entries_of, envelope, response
from engine.standins.journal.checks import check_r4
from engine.standins.journal.conditional import Resolver
from engine.standins.journal.ledger import Ledger
from engine.standins.journal.reads import Reader
from engine.standins.journal.store import Store
from engine.standins.journal.transactions import Transactions


class Journal:
    """One journal: its resources, its rules, its ledger. `address` is its own URL, without a slash at the end."""

    def __init__(self, options: Options, address: str = "") -> None:
        self.rules = options.rules
        self.address = address
        self.store = Store()
        self.ledger = Ledger(options.state, self.store, address)
        new_id = options.new_id or _uuid
        resolver = Resolver(self.store, options.rules, new_id, address)
        self.reader = Reader(self.store, _uuid, address)
        self.transactions = Transactions(
            self.store, self.ledger, resolver, options.rules, options.clock, options.validate
        )
        self.refused: Counter[int] = Counter()
        self.identifiers_in_urls = 0

    def one(self, asked: Asked, kind: str) -> Reply:
        """A single interaction. Raises: Refused."""
        if asked.method == "GET":
            return self.reader.read(asked)
        return self.transactions.perform([asked], kind, self.reader.read)[0]

    def bundle(self, bundle: Resource, with_resources: bool) -> bytes:
        """A batch or a transaction; answers the response Bundle. Raises: Refused, and then nothing has changed."""
        if bundle.get("resourceType") != "Bundle" or bundle.get("type") not in ("batch", "transaction"):
            raise Refused(400, Remark("value", "the address of the server takes batches and transactions only"))
        kind: str = bundle["type"]
        entries, wrong = entries_of(bundle, self.rules.types)
        for refused in wrong:
            if refused is not None and kind == "transaction":
                raise refused
        if self.transactions.validate is not None:
            check_r4(envelope(bundle, wrong), self.transactions.validate)
        if kind == "transaction":
            replies = self.transactions.perform(entries, kind, self.reader.read)
            return response(kind, replies, with_resources)
        answers = [refused or self._entry(entry) for entry, refused in zip(entries, wrong, strict=True)]
        return response(kind, answers, with_resources)

    def _entry(self, entry: Asked) -> Reply | Refused:
        """One entry of a batch, by itself."""
        entry.place, place = "", entry.place
        try:
            return self.one(entry, "batch")
        except Refused as refused:
            self.refused[refused.status] += 1
            return refused.at(place)

    def stats(self) -> dict[str, Any]:
        """Counts for people and oracles: per type, over all, and what should never happen."""
        types: dict[str, dict[str, int]] = {}
        for history in self.store.histories.values():
            row = types.setdefault(history[0].type, dict.fromkeys(_COLUMNS, 0))
            row["resources"] += 0 if history[-1].deleted else 1
            row["deleted"] += 1 if history[-1].deleted else 0
            row["versions"] += len(history)
            row["with_several_versions"] += 1 if len(history) > 1 else 0
            row["with_equal_neighbours"] += any(a.content == b.content and not a.deleted for a, b in pairwise(history))
        return {
            "types": dict(sorted(types.items())),
            "resources": sum(row["resources"] for row in types.values()),
            "versions": sum(row["versions"] for row in types.values()),
            "transactions": sum(commit.kind == "transaction" for commit in self.ledger.commits),
            "commits": len(self.ledger.commits),
            "refused": {str(status): count for status, count in sorted(self.refused.items())},
            "identifiers_in_urls": self.identifiers_in_urls,
        }

    def close(self) -> None:
        """Let go of the state file."""
        self.ledger.close()


_COLUMNS = ("resources", "deleted", "versions", "with_several_versions", "with_equal_neighbours")


def _uuid() -> str:
    return str(uuid.uuid4())
