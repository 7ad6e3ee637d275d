"""What is wrong with a mapping's files, all of it, each with its place and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol, TypeVar

from engine.errors import ConfigError, Finding
from engine.standards.fhir.r4 import R4
from engine.yamlfile import YamlList, YamlMap, YamlNode, YamlScalar

Made = TypeVar("Made", YamlScalar, YamlMap)


class Placed(Protocol):
    """Anything with a line and a column: a YAML node."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class Findings:
    """Collects findings while a mapping is read and compiled."""

    def __init__(self, r4: R4) -> None:
        self.r4 = r4
        self.found: list[Finding] = []
        self.files: dict[int, str] = {}
        self.kept: list[YamlNode] = []

    def add(
        self,
        code: str,
        file: str,
        node: Placed,
        text: str,
        suggestion: str = "",
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        finding = Finding(code, self.file_of(node, file), node.line, node.column, text, suggestion, severity)
        if finding not in self.found:
            self.found.append(finding)

    def belongs(self, node: YamlNode, file: str) -> None:
        """A node, with all in it, that stands in another file than what it was merged into."""
        if id(node) in self.files:
            return
        self.files[id(node)] = file
        self.kept.append(node)
        inner = node.items if isinstance(node, YamlList) else ()
        if isinstance(node, YamlMap):
            inner = tuple(part for pair in node.entries for part in pair)
        for part in inner:
            self.belongs(part, file)

    def like(self, made: Made, node: YamlNode) -> Made:
        """A node that we made, in the file of the one it was made from."""
        file = self.files.get(id(node))
        if file is not None:
            self.belongs(made, file)
        return made

    def file_of(self, node: object, default: str) -> str:
        """The file that a node stands in."""
        return self.files.get(id(node), default)

    def take(self, error: ConfigError) -> None:
        """Keep what another reader found."""
        self.found.extend(finding for finding in error.findings if finding not in self.found)

    def near(self, name: str, among: Iterable[str]) -> str:
        """`did you mean 'x'?`, or nothing."""
        best = self.r4.suggest(name, among)
        return f"did you mean '{best}'?" if best else ""

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.found if finding.severity == "error"]
