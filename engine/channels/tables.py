"""The site's code tables: pairs written in the config, or columns of a CSV file beside it.

A CSV file is UTF-8 with a header line, separated by comma or semicolon. A code that stands twice with another value is
an error: which one was meant is not ours to say.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping

from engine.channels.config import TablePart
from engine.channels.scalars import did_you_mean
from engine.channels.site import Site
from engine.errors import ConfigError, Finding

Pairs = Mapping[str, str]


def site_tables(site: Site, wanted: Mapping[str, str]) -> dict[str, Pairs]:
    """What a channel lays under its mappings' tables: `wanted` is a mapping's name for a table, and the site's.

    Raises: ConfigError as `every_table`; KeyError for a table that the linter would have refused (E201).
    """
    tables = every_table(site) if wanted else {}
    return {inner: tables[outer] for inner, outer in wanted.items()}


def every_table(site: Site) -> dict[str, Pairs]:
    """Every table by name, and by `name.column` where it comes from a file; `name` alone is its first column.

    Raises: ConfigError (E210 a file that cannot be used, E211 a code twice) with every finding.
    """
    tables: dict[str, Pairs] = {}
    findings: list[Finding] = []
    for name, part in site.config.tables.items():
        if part.map is not None:
            tables[name] = part.map
            continue
        try:
            columns = _columns(site, name, part)
        except ConfigError as error:
            findings.extend(error.findings)
            continue
        tables[name] = columns[part.columns[0]]
        tables.update({f"{name}.{column}": pairs for column, pairs in columns.items()})
    if findings:
        raise ConfigError(findings)
    return tables


def tables_revision(tables: Mapping[str, Pairs]) -> str:
    """Hash over the content of tables: part of a channel's revision (decision 15)."""
    rows = sorted((name, code, value) for name, pairs in tables.items() for code, value in pairs.items())
    return hashlib.sha256(repr(rows).encode("utf-8")).hexdigest()


def _columns(site: Site, name: str, part: TablePart) -> dict[str, dict[str, str]]:
    shown, line, column = site.where(("tables", name, "file"))

    def wrong(code: str, text: str, hint: str) -> ConfigError:
        return ConfigError([Finding(code, shown, line, column, text, hint)])

    assert part.file is not None and part.key is not None
    path = site.beside(part.file)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise wrong("E210", f"the table's file {part.file} is not there", f"it is looked for at {path}") from None
    except (OSError, UnicodeDecodeError):
        raise wrong("E210", f"the table's file {part.file} cannot be read", "save it as UTF-8 text") from None
    first = text.partition("\n")[0]
    rows = list(csv.reader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ","))
    header = [cell.strip() for cell in rows[0]] if rows else []
    for wanted in (part.key, *part.columns):
        if wanted not in header:
            hint = did_you_mean(wanted, header) or "the first line names the columns"
            raise wrong("E210", f"{part.file} has no column '{wanted}'", hint)
    at = header.index(part.key)
    found: dict[str, dict[str, str]] = {wanted: {} for wanted in part.columns}
    for number, row in enumerate(rows[1:], start=2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) < len(header):
            raise ConfigError([Finding("E210", part.file, number, 1, "a line with too few columns", "complete it")])
        for wanted, pairs in found.items():
            value = cells[header.index(wanted)]
            if pairs.setdefault(cells[at], value) != value:
                text = f"the code in column '{part.key}' stands twice with different values of '{wanted}'"
                raise ConfigError([Finding("E211", part.file, number, 1, text, "remove one of the lines")])
    return found
