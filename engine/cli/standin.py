"""`budstikke standin NAME`: real small servers to send to, for trying and for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.errors import ConfigError, Finding
from engine.standins.inbox import Options
from engine.standins.inbox import server as inbox_server
from engine.standins.inbox.plan import RECEIPTS, Plan
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


@app.command("inbox")
def inbox(
    port: Annotated[int, typer.Option(help="port on loopback; 0 for any")] = 8091,
    reply_to: Annotated[str, typer.Option(help="URL that receipts are posted to; none are sent without it")] = "",
    receipts: Annotated[str, typer.Option(help=", ".join(RECEIPTS))] = "positive",
    code: Annotated[str, typer.Option(help="reason of a negative receipt, list 8221")] = "X99",
    after: Annotated[str, typer.Option(help="how long a receipt waits, as 500ms or 5s; late alone means 5s")] = "",
    folder: Annotated[Path | None, typer.Option(help="keep every message here, and read them again at start")] = None,
    dropped: Annotated[Path | None, typer.Option(help="take messages that are put here, too")] = None,
    xsd: Annotated[Path, typer.Option(help="folder of the schemas")] = Path("xsd"),
) -> None:
    """A record system that takes KITH messages by HTTP, says what is wrong with them and answers with an AppRec.

    Messages are posted as application/xml to any address; / shows them, /messages lists them as JSON, and POST /plan
    changes what happens to the next ones.

    Example: budstikke standin inbox --port 8091 --reply-to http://127.0.0.1:8080/apprec --receipts late --after 20s
    """
    plan: dict[str, object] = {"receipts": receipts, "code": code, **({"after": after} if after else {})}
    try:
        Plan().changed(plan)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None
    if not xsd.is_dir():
        raise ConfigError((Finding("E220", str(xsd), 0, 0, "there is no folder of schemas here", "name it by --xsd"),))
    inbox_server.run(Options(reply_to=reply_to, plan=plan, folder=folder, dropped=dropped, xsd=xsd), port=port)
