"""Compiled mappings by id: loaded, checked, compiled, immutable, kept by content.

`read` gives the text of a mapping file, site first and shipped second (decision 5); this module opens no file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.errors import ConfigError, Finding, MappingError
from engine.mapping import Context, Mapped
from engine.mapping.compiler import VERSION, Program, compile_sources
from engine.mapping.findings import Findings
from engine.mapping.runtime import Run
from engine.mapping.sources import Read, Sources, file_name, load_sources
from engine.message import Issue
from engine.standards import Document, Standard
from engine.standards.fhir import r4
from engine.standards.hl7v2.standard import Hl7v2

ZONE = "Europe/Oslo"
"""Of times without an offset where neither message, channel nor mapping says."""

SiteTables = Mapping[str, Mapping[str, str]]


@dataclass(slots=True)
class LoadedMapping:
    """One mapping, ready to run. `reader`: the standard that its messages are of."""

    id: str
    revision: str
    reader: Standard
    types: tuple[str, ...]
    version: str
    sources: Sources
    program: Program
    site: SiteTables
    zones: dict[str, ZoneInfo] = field(default_factory=dict)
    _traced: Program | None = None

    @property
    def standard(self) -> str:
        """The standard's name."""
        return self.reader.name

    @property
    def source(self) -> str:
        """The generated Python."""
        return self.program.text

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What the linter has to say and does not refuse."""
        return self.program.warnings

    def run(self, document: Document, context: Context) -> Mapped:
        """Map one message. Raises: MappingError."""
        run = self.ran(document, context, self.program)
        read = self.program.language.read(run)
        return Mapped(run.entries, run.links, run.issues, frozenset(run.keys), read)

    def ran(self, document: Document, context: Context, program: Program) -> Run:
        """A run with all it knows at its end."""
        language = program.language
        if not language.takes(document):
            raise MappingError(f"this mapping reads {self.standard}", code="mapping.standard", place=self.id)
        zone = self.zone(context.time_zone or self.sources.time_zone or ZONE)
        run = language.run(document, context, zone, program.strict)
        try:
            program.run_for(document)(run)
        except Exception as error:
            # A fault of the generated code is ours. Its text may quote content, so only its kind is told.
            raise MappingError(
                f"the mapping failed ({type(error).__name__})", code="mapping.fault", place=self.id
            ) from error
        if len(run.issues) > 1:
            run.issues = list(dict.fromkeys(run.issues))
        return run

    def unread(self, document: Document, mapped: Mapped) -> list[Issue]:
        """Each populated unit that no rule reads and no `ignore` names."""
        language = self.program.language
        return language.unread(document, mapped) if language.takes(document) else []

    def traced(self) -> Program:
        """The same mapping compiled to say what made each element; slower, for people."""
        if self._traced is None:
            findings = Findings(r4.load())
            sources = load_sources(self.id, _kept(self.sources), findings, {self.standard: self.reader})
            self._traced = compile_sources(sources, findings.r4, findings, self.reader, self.site, trace=True)
        return self._traced

    def zone(self, name: str) -> ZoneInfo:
        found = self.zones.get(name)
        if found is None:
            try:
                found = self.zones[name] = ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise MappingError(f"there is no time zone '{name}'", code="mapping.zone", place=self.id) from error
        return found


def load_mapping(
    id: str, read: Read, site: SiteTables | None = None, standards: Mapping[str, Standard] | None = None
) -> LoadedMapping:
    """Read, check and compile a mapping; without `standards` one from HL7 v2.

    Raises: ConfigError with every finding.
    """
    findings = Findings(r4.load())
    known = standards or {"hl7v2": Hl7v2()}
    sources = load_sources(id, read, findings, known)
    if findings.errors:
        raise ConfigError(findings.found)
    standard = known[sources.standard]
    program = compile_sources(sources, findings.r4, findings, standard, site)
    return LoadedMapping(
        id, _revision(sources, site or {}), standard, sources.match, sources.version, sources, program, site or {}
    )


def _kept(sources: Sources) -> Read:
    """Reads the texts that a mapping was made from, whatever has happened to the files since."""
    return lambda id: sources.texts[file_name(id)]


def _revision(sources: Sources, site: SiteTables) -> str:
    """Hash over the files, the site's tables and the compiler's version."""
    parts = [VERSION, sources.id]
    for name in sorted(sources.texts):
        parts += [name, sources.texts[name]]
    for name in sorted(set(site) & set(sources.tables)):
        parts += [name, *(f"{code}={target}" for code, target in sorted(site[name].items()))]
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()
