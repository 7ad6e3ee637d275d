"""Concept maps of a mapping: code to code, or code to coding, and what an unknown code becomes.

Tables of one name are searched code by code: file, includes, site tables (decision 13).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.mapping.findings import Findings
from engine.mapping.sources import Defined
from engine.yamlfile import YamlMap, YamlNode, YamlScalar

_LEVELS = {"error": "error", "warn": "warning", "warning": "warning", "note": "note"}
_UNMAPPED = ("error", "warn", "note", "ignore", "keep")


@dataclass(frozen=True, slots=True)
class Target:
    """What a code becomes."""

    code: str
    display: str = ""
    system: str = ""

    def coding(self, system: str) -> dict[str, str]:
        """FHIR Coding; the target's own system, or the table's."""
        own = self.system or system
        made = {"system": own} if own else {}
        made["code"] = self.code
        if self.display:
            made["display"] = self.display
        return made


@dataclass(slots=True)
class Table:
    """One table. `level` is the severity of an unknown code ("" for silence), `fallback` what it becomes."""

    name: str
    file: str
    place: YamlNode
    system: str = ""
    targets: dict[str, Target] = field(default_factory=dict)
    level: str = ""
    keep: bool = False
    fallback: Target | None = None
    stated: bool = False

    @property
    def silent(self) -> bool:
        """Nothing comes of an unknown code, not even a word."""
        return not self.level and not self.keep and self.fallback is None

    @property
    def total(self) -> bool:
        """It gives something for every code, or refuses the message."""
        return self.keep or self.fallback is not None or (self.stated and self.level == "error")


class TableReader:
    """Reads the definitions of one table name into one table."""

    def __init__(self, findings: Findings, unknown_codes: str, site: Mapping[str, Mapping[str, str]]) -> None:
        self.findings, self.unknown_codes, self.site = findings, unknown_codes, site

    def table(self, name: str, definitions: list[Defined]) -> Table:
        first = definitions[0]
        table = Table(name, first.file, first.name, level=self.unknown_codes)
        for definition in definitions:
            if isinstance(definition.node, YamlMap):
                self.definition(table, definition.file, definition.node)
            else:
                self.findings.add(
                    "M201", definition.file, definition.node, f"table '{name}' is a map", "write map: {A: b}"
                )
        for code, target in self.site.get(name, {}).items():
            table.targets.setdefault(code, Target(target))
        return table

    def definition(self, table: Table, file: str, node: YamlMap) -> None:
        for key, value in node.entries:
            if key.text == "map" and isinstance(value, YamlMap):
                for code, target in value.entries:
                    read = self.target(file, target)
                    if read is not None:
                        table.targets.setdefault(code.text, read)
            elif key.text == "system" and isinstance(value, YamlScalar):
                table.system = table.system or value.text
            elif key.text == "unmapped":
                if not table.stated:
                    self.unmapped(table, file, value)
            elif key.text not in ("map", "system", "title", "source"):
                known = ("map", "system", "unmapped", "title", "source")
                self.findings.add(
                    "M202", file, key, f"a table has no '{key.text}'", self.findings.near(key.text, known)
                )
            elif not isinstance(value, YamlScalar):
                self.findings.add("M202", file, value, f"'{key.text}' of a table is not of this shape")

    def target(self, file: str, node: YamlNode) -> Target | None:
        if isinstance(node, YamlScalar) and node.text:
            return Target(node.text)
        if isinstance(node, YamlMap):
            parts = {key: value.text for key, value in node if isinstance(value, YamlScalar)}
            unknown = [key for key, _ in node.entries if key.text not in ("code", "display", "system")]
            for key in unknown:
                self.findings.add("M203", file, key, f"a code has no '{key.text}'", "write code, display, system")
            if parts.get("code") and not unknown:
                return Target(parts["code"], parts.get("display", ""), parts.get("system", ""))
        self.findings.add("M203", file, node, "a code is a text or {code, display, system}")
        return None

    def unmapped(self, table: Table, file: str, node: YamlNode) -> None:
        table.stated = True
        if isinstance(node, YamlScalar) and node.text in _UNMAPPED:
            table.keep = node.text == "keep"
            table.level = _LEVELS.get(node.text, "")
            return
        if isinstance(node, YamlMap):
            parts = dict(node)
            level, code = parts.get("level"), parts.get("code")
            if set(parts) <= {"code", "level", "display", "system"} and (level is not None or code is not None):
                table.level = ""
                if isinstance(level, YamlScalar) and level.text in _LEVELS:
                    table.level = _LEVELS[level.text]
                elif level is not None:
                    self.findings.add("M204", file, level, "not a severity", "write error, warn or note")
                if isinstance(code, YamlMap):
                    table.fallback = self.target(file, code)
                elif code is not None:
                    inner = tuple((key, value) for key, value in node.entries if key.text != "level")
                    table.fallback = self.target(file, YamlMap(inner, node.line, node.column))
                return
        self.findings.add(
            "M204",
            file,
            node,
            "not a rule for unknown codes",
            "write error, warn, note, ignore, keep or {code: x, level: warn}",
        )
