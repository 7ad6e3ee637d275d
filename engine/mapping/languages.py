"""The two languages that paths are written in, as a compiled mapping meets a message: what it is bound to, and its run.

A mapping is generated once and bound to what differs from message to message: the separators of an ER7 message, the
namespaces of an XML message. Each binding is made once.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Protocol, cast
from zoneinfo import ZoneInfo

from lxml import etree

from engine.mapping import Context, Mapped
from engine.mapping.accounting import Accounts
from engine.mapping.groups import Group, Scope, grouped
from engine.mapping.marks import Mark
from engine.mapping.runtime import Run
from engine.mapping.sources import Sources
from engine.mapping.trees import NONE, NOTHING, ROOT, Paths, Way, every, first, whole
from engine.mapping.xmlaccounts import Ignored, XmlAccounts
from engine.mapping.xmlrun import XmlRun, evaluated
from engine.mapping.xnodes import CALLS
from engine.mapping.xpaths import Chain, Named, Prefixes, located
from engine.message import Envelope, Issue, Party
from engine.standards import Document, Standard, Times, Tree
from engine.standards.hl7v2 import paths
from engine.standards.hl7v2.er7 import Er7Document
from engine.standards.hl7v2.separators import Separators

_UNKNOWN = "urn:x-budstikke:unknown"


class Language(Protocol):
    """How one mapping meets the messages of its standard."""

    def takes(self, document: Document) -> bool:
        """Whether a document is of this kind at all."""
        ...

    def key(self, document: Document) -> Hashable:
        """What the generated code must be bound to for this message."""
        ...

    def scope(self, key: Hashable) -> dict[str, object]:
        """The names that generated code reads with."""
        ...

    def run(self, document: Document, context: Context, zone: ZoneInfo, strict: dict[str, str]) -> Run:
        """A run at its beginning."""
        ...

    def read(self, run: Run) -> object:
        """What the accounts need of a run at its end."""
        ...

    def unread(self, document: Document, mapped: Mapped) -> list[Issue]:
        """What no rule read."""
        ...


class Er7Language:
    """HL7 v2 in ER7."""

    def __init__(self, message: Group, marks: tuple[Mark, ...], ignore: Mapping[str, str]) -> None:
        self.message = message
        self.accounts = Accounts(marks, ignore)

    def takes(self, document: Document) -> bool:
        return isinstance(document, Er7Document)

    def key(self, document: Document) -> Hashable:
        return cast("Er7Document", document).separators

    def scope(self, key: Hashable) -> dict[str, object]:
        return paths.bound(cast("Separators", key))

    def run(self, document: Document, context: Context, zone: ZoneInfo, strict: dict[str, str]) -> Run:
        er7 = cast("Er7Document", document)
        return Run(
            er7,
            context,
            grouped(er7, self.message),
            zone,
            strict,
            paths.bound(er7.separators),
            tables=bool(context.tables),
            sender=object() if context.tables else (context.namespace, er7.offset, context.time_zone),
            offset=er7.offset,
            namespace=context.namespace or _UNKNOWN,
        )

    def read(self, run: Run) -> object:
        return None

    def unread(self, document: Document, mapped: Mapped) -> list[Issue]:
        return self.accounts.unread(cast("Er7Document", document), mapped.made)


class XmlLanguage:
    """XML with namespaces."""

    def __init__(self, prefixes: Prefixes, ignore: Mapping[str, str]) -> None:
        self.prefixes, self.ignore = prefixes, ignore
        self.accounts: dict[str, XmlAccounts] = {}
        self.paths: dict[str, Paths] = {}

    def takes(self, document: Document) -> bool:
        return hasattr(document, "variant") and hasattr(document, "message")

    def key(self, document: Document) -> Hashable:
        variant = cast("Tree", document).variant
        return variant if any(variant in uris for uris in self.prefixes.namespaces.values()) else ""

    def scope(self, key: Hashable) -> dict[str, object]:
        bound = self.prefixes.bound(str(key))
        return {
            **CALLS,
            "first": first,
            "every": every,
            "Q": lambda prefix, local: f"{{{bound[prefix]}}}{local}",
            "X": lambda text: evaluated(etree.XPath(text, namespaces=bound)),
            "NOWHERE": NOTHING,
            "NONE": NONE,
            "NO": [],
            "ROOT": ROOT,
            "Way": self.paths.setdefault(str(key), Paths()).way,
        }

    def run(self, document: Document, context: Context, zone: ZoneInfo, strict: dict[str, str]) -> Run:
        return XmlRun(
            document,
            context,
            Scope({}, {}),
            zone,
            strict,
            {},
            tables=bool(context.tables),
            sender=object() if context.tables else (context.namespace, "", context.time_zone),
            namespace=context.namespace or _UNKNOWN,
            whole=whole(cast("Tree", document).message),
        )

    def read(self, run: Run) -> object:
        return (run.whole, run.ways, run.reads) if isinstance(run, XmlRun) else None

    def unread(self, document: Document, mapped: Mapped) -> list[Issue]:
        if not isinstance(mapped.read, tuple):
            return []
        nodes, ways, reads = mapped.read
        key = str(self.key(document))
        accounts = self.accounts.get(key)
        if accounts is None:
            accounts = self.accounts[key] = self._accounts(key)
        return accounts.unread(cast("Tree", document), nodes, ways, reads)

    def _accounts(self, variant: str) -> XmlAccounts:
        bound = self.prefixes.bound(variant)
        paths = self.paths.setdefault(variant, Paths())
        ignored: list[Ignored] = []
        everywhere = set()
        for text in self.ignore:
            if text.startswith("@"):
                everywhere.add(text[1:])
            else:
                for chain in located(text, self.prefixes).chains:
                    ignored.append((_way(_steps(chain, bound), paths), chain.attribute))
        return XmlAccounts(ignored, frozenset(everywhere))


def _way(steps: tuple[str, ...], paths: Paths) -> Way:
    """The path with these steps."""
    return paths.way(_way(steps[:-1], paths), steps[-1]) if steps else ROOT


def xml_run(document: Document) -> XmlRun:
    """A run that maps nothing: for a condition, which only asks."""
    envelope = Envelope("", "", "", "", Party(""), Party(""))
    nodes = whole(cast("Tree", document).message)
    return XmlRun(document, Context(envelope, 0), Scope({}, {}), ZoneInfo("UTC"), {}, {}, whole=nodes)


def _steps(chain: Chain, bound: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(_name(step, bound) for step in chain.steps)


def _name(step: Named, bound: Mapping[str, str]) -> str:
    return f"{{{bound[step.prefix]}}}{step.local}"


def times_of(times: Times) -> dict[str, object]:
    """The functions of one standard's times, those of whole times remembered: results of one order repeat theirs."""
    return {
        "BadTime": times.BadTime,
        "to_date": times.date,
        "to_time": times.time,
        "dated": lru_cache(maxsize=4096)(times.date_time),
        "moment": lru_cache(maxsize=4096)(times.instant),
    }


def language_of(standard: Standard, sources: Sources, message: Group, marks: tuple[Mark, ...]) -> Language:
    """How a mapping meets the messages of its standard."""
    if standard.paths == "xml":
        return XmlLanguage(sources.prefixes, sources.ignore)
    return Er7Language(message, marks, sources.ignore)
