"""The files of one mapping: its own and its includes, read, merged by name, not yet understood.

Names in the file win over includes, a later include over an earlier one; tables are searched code by code in that
order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from engine.errors import ConfigError
from engine.mapping.findings import Findings
from engine.mapping.prefixes import added, checked
from engine.mapping.xpaths import Prefixes
from engine.standards import Standard
from engine.yamlfile import YamlList, YamlMap, YamlNode, YamlScalar, load

Read = Callable[[str], str]
"""`read("hl7v2/adt")` gives the text of that file, site first. Raises: KeyError or OSError when there is none."""

_KEYS = {
    "mapping", "module", "version", "standard", "match", "include", "profile", "strict", "defaults", "ignore",
    "tables", "types", "groups", "entries", "cases", "namespaces", "alias",
}  # fmt: skip
_LEVELS = {"error": "error", "warn": "warning", "warning": "warning", "note": "note"}
_STRICT = ("invalid_values", "unknown_codes", "contradictions")


@dataclass(frozen=True, slots=True)
class Defined:
    """One named thing in a file: a table, type, group, entry or case."""

    file: str
    name: YamlScalar
    node: YamlNode


@dataclass(slots=True)
class Sources:
    """A mapping with its includes."""

    id: str
    file: str = ""
    version: str = ""
    standard: str = "hl7v2"
    paths: str = "er7"
    prefixes: Prefixes = field(default_factory=Prefixes)
    match: tuple[str, ...] = ()
    time_zone: str = ""
    strict: dict[str, str] = field(default_factory=dict)
    tables: dict[str, list[Defined]] = field(default_factory=dict)
    types: dict[str, Defined] = field(default_factory=dict)
    groups: dict[str, Defined] = field(default_factory=dict)
    entries: dict[str, Defined] = field(default_factory=dict)
    ignore: dict[str, str] = field(default_factory=dict)
    cases: list[Defined] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


def file_name(id: str) -> str:
    """The name that findings show for a mapping id."""
    return f"mappings/{id}.yaml"


def load_sources(id: str, read: Read, findings: Findings, standards: Mapping[str, Standard]) -> Sources:
    """Read a mapping and all it includes. What is wrong goes to `findings`."""
    sources = Sources(id, file_name(id))
    loader = _Loader(sources, read, findings, standards)
    loader.file(id, None, "")
    if sources.paths == "xml":
        checked(sources, findings)
    return sources


def amended(node: YamlMap, rest: YamlMap) -> YamlMap:
    """An entry's keys over those of the one it amends; of the body, element by element. `amends` is used up."""
    found = {name.text: (name, value) for name, value in rest.entries}
    for name, value in node.entries:
        below = found.get(name.text)
        if name.text == "amends":
            continue
        if name.text == "body" and below is not None and isinstance(value, YamlMap) and isinstance(below[1], YamlMap):
            elements = {key.text: (key, rule) for key, rule in below[1].entries}
            elements.update({key.text: (key, rule) for key, rule in value.entries})
            value = YamlMap(tuple(elements.values()), value.line, value.column)
        found[name.text] = (name, value)
    further = rest.entries if rest.get("amends") is not None else ()
    kept = tuple(pair for pair in further if pair[0].text == "amends")
    return YamlMap((*found.values(), *(pair for pair in kept if "amends" not in found)), node.line, node.column)


class _Loader:
    def __init__(self, sources: Sources, read: Read, findings: Findings, standards: Mapping[str, Standard]) -> None:
        self.sources, self.read, self.findings, self.standards = sources, read, findings, standards
        self.open: list[str] = []

    def file(self, id: str, asked: YamlScalar | None, asker: str) -> None:
        """One file; the mapping itself first, then its includes from the last to the first, so that the first to name a
        thing wins."""
        name = file_name(id)
        if name in self.sources.texts:
            return
        try:
            text = self.read(id)
        except (KeyError, OSError):
            place = asked or YamlScalar("", "plain", 0, 0)
            self.findings.add(
                "M101", asker or name, place, f"there is no mapping file '{id}'", "names are paths under mappings/"
            )
            return
        self.sources.texts[name] = text
        try:
            root = load(text, name)
        except ConfigError as error:
            self.findings.take(error)
            return
        if not isinstance(root, YamlMap):
            self.findings.add("M102", name, root, "a mapping file is a map of keys", "begin with mapping: and its id")
            return
        self.open.append(id)
        self.root(id, name, root, first=asked is None)
        self.open.pop()

    def root(self, id: str, file: str, root: YamlMap, first: bool) -> None:
        for key, _ in root.entries:
            if key.text not in _KEYS:
                self.findings.add(
                    "M103", file, key, f"the key '{key.text}' is unknown", self.findings.near(key.text, _KEYS)
                )
        named = root.get("mapping") or root.get("module")
        if not isinstance(named, YamlScalar) or named.text != id:
            place = named or root
            self.findings.add(
                "M104",
                file,
                place,
                f"the file must say 'mapping: {id}' or 'module: {id}'",
                "the id is its path under mappings/",
            )
        if first:
            self.header(file, root)
        self.definitions(file, root)
        include = root.get("include")
        for item in reversed(self.scalars(file, include, "include")):
            if item.text in self.open:
                self.findings.add("M105", file, item, f"'{item.text}' includes itself", "take one of the includes away")
            else:
                self.file(item.text, item, file)

    def header(self, file: str, root: YamlMap) -> None:
        sources = self.sources
        sources.version = self.text(file, root.get("version"), "version")
        standard = root.get("standard")
        sources.standard = self.text(file, standard, "standard")
        if root.get("mapping") is None:
            self.findings.add(
                "M104",
                file,
                root,
                "only a mapping can be run, and this is a module",
                "write mapping: instead of module:",
            )
        elif sources.standard not in self.standards:
            names = " or ".join(sorted(self.standards))
            self.findings.add("M106", file, standard or root, f"standard must be {names}", "write standard: hl7v2")
        known = self.standards.get(sources.standard)
        sources.paths = known.paths if known is not None else "er7"
        match = self.scalars(file, root.get("match"), "match")
        sources.match = tuple(item.text for item in match)
        for item in match:
            if known is not None and not known.is_match(item.text):
                hint = "write it as in MSH-9: ADT^A01" if known.paths == "er7" else "write dialog/2006-10-11"
                self.findings.add("M107", file, item, "not a message type", hint)
        strict = root.get("strict")
        if isinstance(strict, YamlMap):
            for key, value in strict.entries:
                if key.text not in _STRICT:
                    self.findings.add(
                        "M103", file, key, f"strict has no '{key.text}'", self.findings.near(key.text, _STRICT)
                    )
                elif not isinstance(value, YamlScalar) or value.text not in _LEVELS:
                    self.findings.add("M108", file, value, "not a severity", "write error, warn or note")
                else:
                    sources.strict[key.text] = _LEVELS[value.text]
        defaults = root.get("defaults")
        if isinstance(defaults, YamlMap):
            for key, value in defaults.entries:
                if key.text == "time_zone" and isinstance(value, YamlScalar):
                    sources.time_zone = value.text
                else:
                    self.findings.add(
                        "M103", file, key, f"defaults has no '{key.text}'", "time_zone is the only default"
                    )

    def definitions(self, file: str, root: YamlMap) -> None:
        sources = self.sources
        sources.prefixes = added(sources.prefixes, file, root, self.findings)
        for part, place in (("types", sources.types), ("groups", sources.groups)):
            for name, node in self.pairs(file, root.get(part), part):
                place.setdefault(name.text, Defined(file, name, node))
        for name, node in self.pairs(file, root.get("tables"), "tables"):
            sources.tables.setdefault(name.text, []).append(Defined(file, name, node))
        for name, node in self.pairs(file, root.get("ignore"), "ignore"):
            self.ignored(file, name, node)
        seen: set[str] = set()
        for node in self.items(file, root.get("entries"), "entries"):
            key = node.get("key") if isinstance(node, YamlMap) else None
            if not isinstance(key, YamlScalar):
                self.findings.add("M109", file, node, "an entry needs a key", "write - key: patient")
            elif key.text in seen:
                self.findings.add(
                    "M110", file, key, f"two entries have the key '{key.text}'", "keys are unique in a file"
                )
            else:
                seen.add(key.text)
                self.entry(file, key, node)
        if file == sources.file:
            for node in self.items(file, root.get("cases"), "cases"):
                title = node.get("name") if isinstance(node, YamlMap) else None
                if isinstance(title, YamlScalar):
                    sources.cases.append(Defined(file, title, node))
                else:
                    self.findings.add("M109", file, node, "a case needs a name", "write - name: what it shows")

    def entry(self, file: str, name: YamlScalar, node: YamlNode) -> None:
        """An entry, or the rest of one that a file above amends."""
        assert isinstance(node, YamlMap)
        present = self.sources.entries.get(name.text)
        if present is None:
            self.sources.entries[name.text] = Defined(file, name, node)
        elif isinstance(present.node, YamlMap) and present.node.get("amends") is not None:
            for _, value in node.entries:
                self.findings.belongs(value, file)
            merged = amended(present.node, node)
            self.sources.entries[name.text] = Defined(present.file, present.name, merged)

    def ignored(self, file: str, name: YamlScalar, node: YamlNode) -> None:
        if self.sources.paths == "xml":
            right = True
        else:
            right = re.fullmatch(r"[A-Z][A-Z0-9]{2}(-[1-9][0-9]*)?", name.text) is not None
        if not right:
            self.findings.add("M111", file, name, "not a field or segment", "write PV1-18: reason, or ZPI: reason")
        elif not isinstance(node, YamlScalar) or not node.text.strip():
            self.findings.add("M111", file, node, f"no reason for ignoring {name.text}", "say why nobody needs it")
        else:
            self.sources.ignore.setdefault(name.text, node.text)

    def text(self, file: str, node: YamlNode | None, key: str) -> str:
        if node is None:
            return ""
        if not isinstance(node, YamlScalar):
            self.findings.add("M112", file, node, f"'{key}' is one text")
            return ""
        return node.text

    def scalars(self, file: str, node: YamlNode | None, key: str) -> list[YamlScalar]:
        if isinstance(node, YamlScalar) and node.text:
            return [node]
        found: list[YamlScalar] = []
        for item in self.items(file, node, key):
            if isinstance(item, YamlScalar):
                found.append(item)
            else:
                self.findings.add("M112", file, item, f"'{key}' is a list of texts")
        return found

    def items(self, file: str, node: YamlNode | None, key: str) -> tuple[YamlNode, ...]:
        if node is None or (isinstance(node, YamlScalar) and not node.text):
            return ()
        if isinstance(node, YamlList):
            return node.items
        self.findings.add("M112", file, node, f"'{key}' is a list", "begin each item with '- '")
        return ()

    def pairs(self, file: str, node: YamlNode | None, key: str) -> tuple[tuple[YamlScalar, YamlNode], ...]:
        if node is None or (isinstance(node, YamlScalar) and not node.text):
            return ()
        if isinstance(node, YamlMap):
            return node.entries
        self.findings.add("M112", file, node, f"'{key}' is a map of names")
        return ()
