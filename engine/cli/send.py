"""`budstikke send`: a sender, for trying a channel as a record system would."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from engine.plugins.builtin import full_registry
from engine.transport.mllp_client import MllpClient
from engine.transport.tls import ClientTls, client_context


def send(
    files: Annotated[list[Path], typer.Argument(help="HL7 v2 files, one or more messages in each", exists=True)],
    to: Annotated[str, typer.Option("--to", help="host:port")] = "127.0.0.1:2575",
    tls_ca: Annotated[Path | None, typer.Option(help="CA certificate: talk TLS")] = None,
    cert: Annotated[Path | None, typer.Option(help="our client certificate")] = None,
    key: Annotated[Path | None, typer.Option(help="its key")] = None,
    timeout: Annotated[float, typer.Option(help="seconds to wait for an answer")] = 30.0,
) -> None:
    """Send messages over MLLP and print each answer. Exit code 1 when one is not positive.

    Example: budstikke send samples/hl7v2/adt_a01.hl7 --to 127.0.0.1:2575
    """
    host, _, port = to.rpartition(":")
    if not host or not port.isdigit():
        raise typer.BadParameter("write --to as host:port, such as 127.0.0.1:2575")
    tls = None
    if tls_ca is not None:
        tls = client_context(ClientTls(str(tls_ca), str(cert or ""), str(key or "")))
    split = full_registry().standards["hl7v2"].split

    async def work() -> bool:
        good = True
        async with MllpClient(host, int(port), tls, timeout) as client:
            for file in files:
                for message in split(file.read_bytes()):
                    answer = (await client.send(message)).decode("utf-8", "replace").replace("\r", "\n").rstrip()
                    print(f"{file}:\n{answer}")
                    good = good and ("MSA|AA" in answer or "MSA|CA" in answer)
        return good

    try:
        good = asyncio.run(work())
    except (OSError, TimeoutError) as error:
        print(f"{to}: {type(error).__name__}: no answer; is the engine running there?", file=sys.stderr)
        raise typer.Exit(3) from None
    raise typer.Exit(0 if good else 1)
