"""Sources to a Python module: everything checked, then generated, `exec`d once for each set of separators.

Raises ConfigError with every finding. Warnings alone do not stop it.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import cast

from engine.errors import ConfigError, Finding
from engine.mapping import functions
from engine.mapping.entries import Entries
from engine.mapping.findings import Findings
from engine.mapping.groups import Group, read_groups
from engine.mapping.languages import Language, language_of, times_of
from engine.mapping.module import Module
from engine.mapping.nodes import Nodes
from engine.mapping.polish import polished, spared
from engine.mapping.reads import Reads
from engine.mapping.runtime import Rule, Run
from engine.mapping.sources import Sources
from engine.mapping.tables import Table, TableReader
from engine.mapping.templates import Templates
from engine.mapping.terms import Terms
from engine.mapping.values import Kept, as_code, as_uri
from engine.standards import Document, Standard
from engine.standards.fhir import Decimal, Verb
from engine.standards.fhir.r4 import R4
from engine.standards.fhir.shared import share
from engine.standards.hl7v2 import paths

VERSION = "6"
"""Part of every mapping's revision: a change of what the compiler makes is a change of it."""

_STRICT = {"invalid_values": "error", "unknown_codes": "warning", "contradictions": "error"}


@dataclass(slots=True)
class Program:
    """One mapping as Python: its source, and the function for each binding to messages."""

    text: str
    globals: dict[str, object]
    code: types.CodeType
    language: Language
    strict: dict[str, str]
    warnings: tuple[Finding, ...]
    bound: dict[Hashable, Callable[[Run], None]] = field(default_factory=dict)

    def run_for(self, document: Document) -> Callable[[Run], None]:
        """`run` with this message's separators or namespaces for constants.

        A sender who keeps changing them costs time, not memory.
        """
        key = self.language.key(document)
        found = self.bound.get(key)
        if found is None:
            if len(self.bound) >= 16:
                self.bound.clear()
            scope = {**self.globals, **self.language.scope(key)}
            exec(self.code, scope)
            found = self.bound[key] = cast("Callable[[Run], None]", scope["run"])
        return found


def compile_sources(
    sources: Sources,
    r4: R4,
    findings: Findings,
    standard: Standard,
    site: Mapping[str, Mapping[str, str]] | None = None,
    trace: bool = False,
) -> Program:
    """Raises: ConfigError."""
    strict = {**_STRICT, **sources.strict}
    reader = TableReader(findings, strict["unknown_codes"], site or {})
    tables: dict[str, Table] = {name: reader.table(name, found) for name, found in sources.tables.items()}
    groups = read_groups(sources.groups, findings)
    if findings.errors:
        raise ConfigError(findings.found)
    module = Module(r4, sources, findings, tables, groups, trace)
    reads = Reads(module)
    terms = Terms(module, reads)
    module.terms = terms
    templates = module.templates = Templates(module, reads, terms)
    nodes = Nodes(module, reads, terms)
    module.nodes = nodes
    entries = Entries(module, reads, terms, templates, nodes)
    module.entries = entries
    entries.emit()
    if findings.errors:
        raise ConfigError(findings.found)
    text = _text(module)
    scope = {**_globals(), **times_of(standard.times), **module.globals}
    code = compile(text, f"<mapping {sources.id}>", "exec")
    warnings = tuple(finding for finding in findings.found if finding.severity == "warning")
    message = Group("", inner=[group for group in groups.values() if not group.outer])
    language = language_of(standard, sources, message, tuple(module.marks.found))
    return Program(text, scope, code, language, strict, warnings)


def _text(module: Module) -> str:
    """Functions first, since writing them may still make constants."""
    body = spared(polished(module.functions.text()))
    pads = module.padding()
    head = [
        f"# {module.sources.id}: generated, not to be edited. R, C, S separate repetitions, components, sub-components."
    ]
    spaced: list[str] = []
    for line in body:
        if line.startswith("def "):
            spaced += ["", ""]
        spaced.append(line)
    return "\n".join([*head, *module.top.text(), *pads, *spaced]) + "\n"


def _globals() -> dict[str, object]:
    return {
        **{name: row.call for name, row in functions.FUNCTIONS.items()},
        "integer": functions.integer,
        "numeric": functions.numeric,
        "numbers": functions.numbers,
        "BadValue": functions.BadValue,
        "Decimal": Decimal,
        "share": share,
        "Rule": Rule,
        "OWN": Verb.OWN,
        "MENTION": Verb.MENTION,
        "missing": paths.missing,
        "NOWHERE": paths.missing("MSH"),
        "Kept": Kept,
        "as_code": as_code,
        "as_uri": as_uri,
    }
