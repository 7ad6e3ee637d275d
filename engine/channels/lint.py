"""The linter: what is wrong with a site's config that its types cannot say. All findings, none hidden by another.

Codes: E201 unknown system, policy, table or mapping · E202 two sources on one address or folder · E203
`route.unmatched` missing · E205 unknown field · E207 not a path · E208 system of the wrong kind · E209 policy over two
levels · E210 table's file · E211 code twice in a table · E213 certificate's file · E214 client certificate that
nobody asks for · E212 and E215 to E218 in `selection` · E219 in `receipt_findings` · X100 to X104 expressions. Warnings
(W) stand in `cautions` and `receipt_findings`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from engine import expression as tree
from engine.channels.cautions import cautions
from engine.channels.channel import Channel
from engine.channels.conditions import column_in, parsed, used
from engine.channels.places import Steps, place_of
from engine.channels.policies import BUILT_IN
from engine.channels.receipt_findings import expectation_findings, receipt_findings
from engine.channels.scalars import did_you_mean, nearest
from engine.channels.selection import Taken, selection_findings
from engine.channels.site import Site, load_site
from engine.channels.sources import FileSource
from engine.channels.systems import Hl7v2Sender
from engine.channels.tables import every_table
from engine.errors import ConfigError, Finding

CERTAIN = {"E201", "E202", "E205", "E207", "E208", "E209", "E210", "E211", "E213", "E214", "E219"}
"""Findings that hold whatever else is refused in the file."""

ANY_HOST = {"0.0.0.0", "::", "*"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the linter may know besides the config.

    `mappings`: what is known of every mapping that exists, by id; None when nobody has looked. `standards`: those that
    are registered.
    `named`: names that the file declares although their block is unsound (`Reading.named`). `now`: for certificates.
    """

    mappings: Mapping[str, Taken] | None = None
    standards: Collection[str] | None = None
    named: Mapping[str, frozenset[str]] = field(default_factory=dict)
    now: datetime | None = None


def lint(site: Site, around: Surroundings | None = None) -> tuple[Finding, ...]:
    """Every finding, in the order of the file."""
    linter = _Linter(site, around or Surroundings())
    findings = [*linter.findings(), *cautions(site, around.now if around else None)]
    return tuple(sorted(set(findings), key=lambda finding: (finding.line, finding.column, finding.code)))


def sound_site(folder: Path, env: Mapping[str, str]) -> Site:
    """The site in `folder`, loaded and linted: what may be started. Warnings do not stop it.

    Raises: ConfigError with every error of the reader, or of the linter.
    """
    site = load_site(folder, env)
    errors = [finding for finding in lint(site) if finding.severity == "error"]
    if errors:
        raise ConfigError(errors)
    return site


class _Linter:
    def __init__(self, site: Site, around: Surroundings) -> None:
        self.site, self.config, self.around = site, site.config, around
        named = around.named
        self.systems = set(site.config.systems) | named.get("systems", frozenset())
        self.policies = set(site.config.policies) | named.get("policies", frozenset()) | set(BUILT_IN)

    def at(self, path: Steps, code: str, text: str, hint: str = "") -> Finding:
        return Finding(code, *self.site.where(path), text, hint)

    def findings(self) -> Iterator[Finding]:
        yield from self.policy_parents()
        yield from self.listeners()
        tables, broken = self.tables()
        yield from broken
        yield from expectation_findings(self.site)
        for name, channel in self.config.channels.items():
            here: Steps = ("channels", name)
            yield from self.names(channel, here)
            yield from receipt_findings(self.site, name, self.systems, self.policies)
            yield from self.table_names(channel, here, tables)
            yield from self.mapping_names(channel, here)
            yield from selection_findings(self.site, name, self.around.mappings or {}, self.around.standards)
            yield from self.fields(channel, here)
            yield from self.conditions(channel, here)
            if channel.route.unmatched is None and all(part.when for part in channel.destinations.values()):
                hint = "write route: {unmatched: quarantine} or {unmatched: store_only}"
                yield self.at(here, "E203", "every destination has a condition; route.unmatched is missing", hint)

    def policy_parents(self) -> Iterator[Finding]:
        for name, policy in self.config.policies.items():
            path = ("policies", name, "extends")
            if policy.extends is None:
                continue
            if policy.extends not in self.policies:
                hint = did_you_mean(policy.extends, self.policies)
                yield self.at(path, "E201", f"unknown policy '{policy.extends}'", hint)
            parent = self.config.policies.get(policy.extends)
            if parent is not None and parent.extends is not None and policy.extends != name:
                hint = f"extend '{parent.extends}', or write the values here"
                yield self.at(path, "E209", f"'{policy.extends}' extends another policy itself", hint)

    def listeners(self) -> Iterator[Finding]:
        seen: list[tuple[str, int, str]] = []
        watched: dict[Path, str] = {}
        for name, channel in self.config.channels.items():
            source = channel.source
            if isinstance(source, FileSource):
                other = watched.setdefault(self.site.beside(source.path).resolve(), name)
                if other != name:
                    path = ("channels", name, "source", "path")
                    yield self.at(path, "E202", f"channel '{other}' watches this folder too", "take another folder")
                continue
            host, port = source.address
            for other_host, other_port, other in seen:
                if port and port == other_port and (host == other_host or {host, other_host} & ANY_HOST):
                    path = ("channels", name, "source", "listen")
                    yield self.at(path, "E202", f"channel '{other}' listens on this address too", "take another port")
            seen.append((host, port, name))

    def tables(self) -> tuple[set[str], Sequence[Finding]]:
        known = {name for name, part in self.config.tables.items()}
        known |= {f"{name}.{column}" for name, part in self.config.tables.items() for column in part.columns}
        known |= self.around.named.get("tables", frozenset())
        try:
            every_table(self.site)
        except ConfigError as error:
            return known, error.findings
        return known, ()

    def names(self, channel: Channel, here: Steps) -> Iterator[Finding]:
        for sender in channel.source.senders:
            path = (*here, "source", "from")
            system = self.config.systems.get(sender)
            if sender not in self.systems:
                yield self.at(path, "E201", f"unknown system '{sender}'", did_you_mean(sender, self.systems))
            elif system is not None and not isinstance(system, Hl7v2Sender):
                yield self.at(path, "E208", f"'{sender}' is no sender", "name a system of type hl7v2_sender")
            elif system is not None and system.allow.client_cert_subject and self.asks_none(channel):
                text = f"'{sender}' is known by its certificate, and this listener asks for none"
                yield self.at(path, "E214", text, "write client_ca:, or remove client_cert_subject")
        for name, part in channel.destinations.items():
            block = (*here, "destinations", name)
            if part.system not in self.systems:
                hint = did_you_mean(part.system, self.systems)
                yield self.at((*block, "system"), "E201", f"unknown system '{part.system}'", hint)
            elif isinstance(self.config.systems.get(part.system), Hl7v2Sender):
                hint = "name a system of type fhir, http, mllp or file"
                yield self.at((*block, "system"), "E208", f"'{part.system}' is a sender and takes no messages", hint)
            if part.policy not in self.policies:
                hint = did_you_mean(part.policy, self.policies)
                yield self.at((*block, "policy"), "E201", f"unknown policy '{part.policy}'", hint)

    def asks_none(self, channel: Channel) -> bool:
        """Whether senders connect, and are not asked for a certificate."""
        return not isinstance(channel.source, FileSource) and channel.source.client_ca is None

    def table_names(self, channel: Channel, here: Steps, tables: set[str]) -> Iterator[Finding]:
        for inner, outer in channel.tables.items():
            if outer not in tables:
                path = (*here, "tables", inner)
                yield self.at(path, "E201", f"unknown table '{outer}'", did_you_mean(outer, tables))

    def mapping_names(self, channel: Channel, here: Steps) -> Iterator[Finding]:
        known = self.around.mappings
        if known is None:
            return
        wanted = [((*here, "mapping", index), name) for index, name in enumerate(channel.mapping)]
        for name, part in channel.destinations.items():
            if part.mapping is not None:
                wanted.append(((*here, "destinations", name, "mapping"), part.mapping))
        for path, mapping in wanted:
            if mapping not in known:
                hint = nearest(mapping, known) or f"it is looked for as mappings/{mapping}.yaml"
                yield self.at(path, "E201", f"unknown mapping '{mapping}'", hint)

    def fields(self, channel: Channel, here: Steps) -> Iterator[Finding]:
        for name, part in channel.fields.items():
            path = (*here, "fields", name, "path")
            try:
                found = parsed(part.path, place_of(self.site.tree, path), self.site.file)
            except ConfigError as error:
                yield from error.findings
                continue
            if not isinstance(found, tree.Path | tree.Else) or any(use.declared for use in used(found)):
                yield self.at(path, "E207", "not a path into the message", "write it as PID-3.1 or MSH-9.2")
        listed = [("order_by", channel.order_by or ()), ("dedup", channel.dedup.key)]
        for key, names in listed:
            for name in names:
                if name not in channel.fields and not self.predeclared(name):
                    path = (*here, "dedup", "key") if key == "dedup" else (*here, key)
                    hint = nearest(name, channel.fields) or "declare it under fields:, or write MSH-10"
                    yield self.at(self.item(path, name), "E205", f"unknown field '{name}'", hint)

    def item(self, path: Steps, name: str) -> Steps:
        """The place of one name in a list, where the list is written as one."""
        for index in range(64):
            node = place_of(self.site.tree, (*path, index))
            if getattr(node, "text", None) == name:
                return (*path, index)
        return path

    def predeclared(self, name: str) -> bool:
        """Paths into MSH need no declaration."""
        segment, _, rest = name.partition("-")
        return segment == "MSH" and bool(rest) and all(part.isdigit() for part in rest.split("."))

    def conditions(self, channel: Channel, here: Steps) -> Iterator[Finding]:
        written = [((*here, "accept_only"), channel.accept_only)]
        written += [((*here, "destinations", name, "when"), part.when) for name, part in channel.destinations.items()]
        for path, text in written:
            if text is None:
                continue
            node = place_of(self.site.tree, path)
            try:
                expression = parsed(text, node, self.site.file)
            except ConfigError as error:
                yield from error.findings
                continue
            for use in used(expression):
                if use.declared and use.name not in channel.fields:
                    hint = nearest(use.name, channel.fields) or "declare it under fields:"
                    where = self.site.file, node.line, column_in(node, use.column)
                    yield Finding("E205", *where, f"unknown field '{use.name}'", hint)
