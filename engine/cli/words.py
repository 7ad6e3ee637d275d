"""How the command line shows things: tables and colours on a terminal, plain lines elsewhere.

Colours never carry meaning alone: the word stands there too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import orjson
from rich.console import Console
from rich.table import Table

from engine.clock import as_datetime

STATE_STYLES = {
    "delivered": "green",
    "confirmed": "green",
    "waiting": "cyan",
    "received": "cyan",
    "filtered": "dim",
    "handled": "dim",
    "invalid": "yellow",
    "quarantined": "yellow",
    "parked": "red",
    "dead_letter": "red",
}


def terminal() -> bool:
    """Whether a person is looking."""
    return sys.stdout.isatty()


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> None:
    """A table on a terminal; tab-separated lines, the first naming the columns, elsewhere."""
    if not terminal():
        print("\t".join(columns))
        for row in rows:
            print("\t".join(row))
        return
    table = Table(*columns, title=title or None, title_justify="left", header_style="bold")
    for row in rows:
        table.add_row(*(f"[{STATE_STYLES[cell]}]{cell}[/]" if cell in STATE_STYLES else plain(cell) for cell in row))
    Console().print(table)


def plain(text: str) -> str:
    """Text in which square brackets are no markup."""
    return text.replace("[", "\\[")


def show_json(value: object) -> None:
    """One JSON document on stdout, for scripts."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def when(micros: int) -> str:
    """A stored time for people: UTC, to the second."""
    return as_datetime(micros).strftime("%Y-%m-%d %H:%M:%S")
