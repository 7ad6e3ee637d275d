"""One page for people: what the journal holds, and what it was told to do wrong. No content, no identifiers."""

from __future__ import annotations

from html import escape

from engine.standins.journal.faults import Faults
from engine.standins.journal.journal import Journal

_SHOWN = 50
_CHANGES = 12
_STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1a1a1a}
table{border-collapse:collapse;margin:1rem 0}th,td{text-align:left;padding:.25rem 1.5rem .25rem 0;
border-bottom:1px solid #ccc}td.n{text-align:right}code{font-size:.9em}"""


def overview(journal: Journal, faults: Faults) -> str:
    """HTML: resources per type, the latest commits, faults."""
    stats = journal.stats()
    types = "".join(
        f"<tr><td><a href='/{kind}?_count=20'>{kind}</a><td class=n>{row['resources']}<td class=n>{row['versions']}"
        f"<td class=n>{row['with_several_versions']}"
        for kind, row in stats["types"].items()
    )
    commits = "".join(
        f"<tr><td class=n>{commit.number}<td>{commit.at}<td>{commit.kind}<td>"
        + ", ".join(
            f"<a href='/{c.resource}'>{c.resource}</a> {c.what} ({c.version})" for c in commit.changes[:_CHANGES]
        )
        + (f" and {len(commit.changes) - _CHANGES} more" if len(commit.changes) > _CHANGES else "")
        for commit in reversed(journal.ledger.commits[-_SHOWN:])
    )
    met = ", ".join(f"{escape(kind)} {count}" for kind, count in faults.met.items()) or "none"
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Stand-in journal</title><style>{_STYLE}</style>"
        f"<h1>Stand-in journal</h1><p>A small FHIR R4 server for demo and test. {stats['resources']} resources, "
        f"{stats['versions']} versions, {stats['commits']} commits. Faults met: {met}."
        "<p><a href='/metadata'>metadata</a> · <a href='/$stats'>$stats</a> · <a href='/$log'>$log</a> · "
        "<a href='/$faults'>$faults</a>"
        "<table><tr><th>type<th>resources<th>versions<th>with several versions"
        f"{types}</table><h2>Latest commits</h2><table><tr><th>number<th>at<th>kind<th>what{commits}</table></html>"
    )
