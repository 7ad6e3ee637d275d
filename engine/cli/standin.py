"""`budstikke standin NAME`: real small servers to send to, for trying and for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.standins.journal import server

app = typer.Typer(help="Servers that stand in for the real ones.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def standins() -> None:
    """Servers that stand in for the real ones."""


@app.command("journal")
def journal(
    port: Annotated[int, typer.Option(help="port on loopback; 0 for any")] = 8090,
    state: Annotated[Path | None, typer.Option(help="file that keeps its resources over restarts")] = None,
) -> None:
    """A FHIR R4 server in memory, strict about what R4 is; its front page shows what it holds.

    Example: budstikke standin journal --port 8090
    """
    server.run(port=port, state=state)
