"""The errors of the engine: whose fault, where, and what to do; never a value from a message.

Why: the class of an error decides the acknowledgement (MODELS, Habits). `InvalidMessage` is the sender's to mend,
`ConfigError` and `MappingError` are ours, `StoreError` is the machine's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the linter has to say about a file: where, what, and what to write instead.

    `line` and `column` count from 1; 0 means the whole file.
    """

    code: str
    file: str
    line: int
    column: int
    text: str
    suggestion: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        tail = f"; {self.suggestion}" if self.suggestion else ""
        return f"{self.file}:{self.line}:{self.column} {self.code} {self.text}{tail}"


class EngineError(Exception):
    """Something went wrong. `code` is stable, `place` says where; the text never quotes content."""

    default_code = "engine"

    def __init__(self, text: str, *, code: str = "", place: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.code = code or self.default_code
        self.place = place

    def __str__(self) -> str:
        return f"{self.place} {self.text}".strip()


class ConfigError(EngineError):
    """A file of ours is wrong, found before start. Carries every finding, not only the first."""

    default_code = "config"

    def __init__(self, findings: list[Finding] | tuple[Finding, ...]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class InvalidMessage(EngineError):
    """The sender's message cannot be framed, decoded or read. Answered negatively.

    `reject` is True where HL7 says AR (unsupported or unreadable), False where it says AE (content).
    `standard_code` is the sender's own standard's code for it (HL7 table 0357, AppRec list 8221).
    """

    default_code = "invalid"

    def __init__(
        self, text: str, *, code: str = "", place: str = "", reject: bool = False, standard_code: str = ""
    ) -> None:
        super().__init__(text, code=code, place=place)
        self.reject = reject
        self.standard_code = standard_code


class MappingError(EngineError):
    """A mapping of ours failed at run time. `place` is file:line of the rule."""

    default_code = "mapping"


class StoreError(EngineError):
    """The store cannot keep what it is given: disk full, damaged, locked, or newer than we are."""

    default_code = "store"
