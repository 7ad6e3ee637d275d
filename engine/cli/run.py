"""`budstikke run`: everything in one process."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine import app as engine_app
from engine import log
from engine.channels.lint import sound_site
from engine.channels.runner import Runner


def run(
    folder: Annotated[Path, typer.Argument(help="site folder, the one that holds channels.yaml")] = Path("."),
    log_format: Annotated[str, typer.Option(help="text or json")] = "text",
    level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR")] = "INFO",
) -> None:
    """Start all channels of a site and keep them running until SIGTERM or Ctrl-C.

    Example: budstikke run /srv/budstikke
    """
    if log_format not in ("text", "json"):
        raise typer.BadParameter("log format is text or json")
    log.configure(level, as_json=log_format == "json")
    site = sound_site(folder, os.environ)

    def started(runner: Runner) -> None:
        for channel in runner.channels:
            print(f"listening {channel.name} {channel.source.address}", flush=True)
        print("ready", flush=True)

    engine_app.run_loop(engine_app.serve(site, started))
    print("stopped", file=sys.stderr)
