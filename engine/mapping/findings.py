"""What is wrong with a mapping's files, all of it, each with its place and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

from engine.errors import ConfigError, Finding
from engine.standards.fhir.r4 import R4


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

    def add(
        self,
        code: str,
        file: str,
        node: Placed,
        text: str,
        suggestion: str = "",
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        finding = Finding(code, file, node.line, node.column, text, suggestion, severity)
        if finding not in self.found:
            self.found.append(finding)

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
