"""`budstikke check` and `budstikke schema`: what is wrong with a site, where, and what to write instead.

Exit codes of `check`: 0 nothing wrong (warnings allowed unless --strict), 1 findings, 2 wrong use.
SARIF 2.1.0 is what code review tools read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import typer
from rich.console import Console
from rich.text import Text

from engine.channels.build import mapping_reader
from engine.channels.files import MAPPINGS, SchemaFiles
from engine.channels.lint import CERTAIN, Surroundings, lint
from engine.channels.schema import json_schema
from engine.channels.selection import UNKNOWN, Taken, standard_of
from engine.channels.site import FILE, Reading, Site, read_site
from engine.errors import ConfigError, Finding
from engine.mapping.conditions import compile_condition, compile_value
from engine.mapping.shelf import load_mapping
from engine.plugins import Registry
from engine.plugins.builtin import full_registry

_STYLES = {"error": "bold red", "warning": "yellow"}


def check(
    folder: Annotated[Path, typer.Argument(help="site folder, the one that holds channels.yaml")] = Path("."),
    output: Annotated[
        Literal["text", "json", "sarif"], typer.Option("--format", help="how findings are shown")
    ] = "text",
    strict: Annotated[bool, typer.Option("--strict", help="warnings fail too")] = False,
) -> None:
    """Say what is wrong with a site before it starts: its config, its tables, the mappings it names.

    Example: budstikke check /srv/budstikke --format json
    """
    if folder.name == FILE and folder.is_file():
        folder = folder.parent
    if not folder.is_dir():
        raise typer.BadParameter(f"there is no folder {folder}", param_hint="FOLDER")
    reading, findings = findings_of(folder)
    if output == "json":
        _write(_as_json(findings))
    elif output == "sarif":
        _write(_as_sarif(findings))
    else:
        _show(reading, findings)
    wrong = [finding for finding in findings if strict or finding.severity == "error"]
    raise typer.Exit(1 if wrong else 0)


def schema(
    language: Annotated[Literal["en", "nb"], typer.Option(help="language of the hover help")] = "en",
) -> None:
    """Print the JSON Schema of channels.yaml, for editors.

    Example: budstikke schema > channels.schema.json
    """
    _write(json_schema(language))


def findings_of(folder: Path) -> tuple[Reading, tuple[Finding, ...]]:
    """What was read and everything there is to say about it, in the order of the file."""
    reading = read_site(folder, os.environ)
    findings = list(reading.findings)
    if reading.site is not None:
        taken, broken = _mappings(reading.site)
        registry = full_registry()
        found = lint(reading.site, Surroundings(taken, registry.standards, reading.named, datetime.now(UTC)))
        # Where values were refused, the rest may look odd only because they are missing: names stay certain.
        findings.extend(one for one in found if not reading.findings or one.code in CERTAIN)
        findings.extend(broken)
        findings.extend(_files(reading.site, registry, taken))
        if not any(one.severity == "error" for one in findings):
            findings.extend(_expressions(reading.site, registry, taken))
    return reading, tuple(sorted(set(findings), key=lambda finding: (finding.file, finding.line, finding.column)))


def _files(site: Site, registry: Registry, taken: Mapping[str, Taken]) -> list[Finding]:
    """What is wrong with the files of the standards that the site's channels speak."""
    findings: list[Finding] = []
    for name in sorted({standard_of(channel, taken) for channel in site.config.channels.values()}):
        try:
            if name in registry.standards:
                registry.standards[name].with_files(SchemaFiles(site.folder))
        except ConfigError as error:
            findings.extend(error.findings)
    return findings


def _mappings(site: Site) -> tuple[dict[str, Taken], list[Finding]]:
    """Every mapping that exists, with the message types of those that the site names; what does not compile."""
    folders = (site.folder / "mappings", MAPPINGS)
    found = {
        path.relative_to(folder).with_suffix("").as_posix() for folder in folders for path in folder.rglob("*.yaml")
    }
    taken = dict.fromkeys(found, UNKNOWN)
    findings: list[Finding] = []
    read = mapping_reader(site.folder)
    channels = site.config.channels.values()
    named = {name for channel in channels for name in channel.mapping}
    named |= {part.mapping for channel in channels for part in channel.destinations.values() if part.mapping}
    for name in sorted(named & found):
        try:
            mapping = load_mapping(name, read, standards=full_registry().standards)
            taken[name] = Taken(mapping.standard, mapping.types)
            findings.extend(mapping.warnings)
        except ConfigError as error:
            findings.extend(error.findings)
    return taken, findings


def _expressions(site: Site, registry: Registry, taken: Mapping[str, Taken]) -> list[Finding]:
    """Conditions and fields that parse but mean nothing to the standard, such as an unknown function."""
    findings: list[Finding] = []
    for name, channel in site.config.channels.items():
        here: tuple[str, ...] = ("channels", name)
        standard = registry.standards[standard_of(channel, taken)]
        paths = {field: part.path for field, part in channel.fields.items()}
        conditions = [((*here, "destinations", key, "when"), part.when) for key, part in channel.destinations.items()]
        for path, text in [((*here, "accept_only"), channel.accept_only), *conditions]:
            try:
                if text is not None:
                    compile_condition(text, site.where(path), paths, standard)
            except ConfigError as error:
                findings.extend(error.findings)
        for field, text in paths.items():
            try:
                compile_value(text, site.where((*here, "fields", field, "path")), None, standard)
            except ConfigError as error:
                findings.extend(error.findings)
    return findings


def _show(reading: Reading, findings: Sequence[Finding]) -> None:
    """One line a finding, the severity as a word; colours only where a person looks."""
    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        line = Text(f"{finding.file}:{finding.line}:{finding.column} ")
        line.append(finding.severity, style=_STYLES[finding.severity])
        line.append(f" {finding.code} {finding.text}")
        if finding.suggestion:
            line.append(f"; {finding.suggestion}", style="dim")
        console.print(line)
    errors, warnings = _count(findings)
    if findings:
        console.print(f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}")
    elif reading.site is not None:
        channels = reading.site.config.channels
        console.print(f"{reading.site.file}: nothing wrong, {len(channels)} channel{'s' * (len(channels) != 1)}")


def _count(findings: Sequence[Finding]) -> tuple[int, int]:
    errors = sum(finding.severity == "error" for finding in findings)
    return errors, len(findings) - errors


def _as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    errors, warnings = _count(findings)
    return {"findings": [_fields(finding) for finding in findings], "errors": errors, "warnings": warnings}


def _fields(finding: Finding) -> dict[str, Any]:
    return {
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "severity": finding.severity,
        "code": finding.code,
        "text": finding.text,
        "suggestion": finding.suggestion,
    }


def _as_sarif(findings: Sequence[Finding]) -> dict[str, Any]:
    rules = [{"id": code} for code in sorted({finding.code for finding in findings})]
    results = [
        {
            "ruleId": finding.code,
            "level": finding.severity,
            "message": {"text": "; ".join(part for part in (finding.text, finding.suggestion) if part)},
            "locations": [{"physicalLocation": _location(finding)}],
        }
        for finding in findings
    ]
    run = {
        "tool": {"driver": {"name": "budstikke", "rules": rules}},
        "results": results,
        "columnKind": "unicodeCodePoints",
    }
    return {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}


def _location(finding: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": {"uri": Path(finding.file).as_posix()}}
    if finding.line:
        location["region"] = {"startLine": finding.line, "startColumn": max(finding.column, 1)}
    return location


def _write(document: object) -> None:
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")
