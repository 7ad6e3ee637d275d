"""`budstikke try`: the sandbox; what a channel would answer and send, without storing or sending anything.

The verdict is `judge`'s and nobody else's (decision 1). Everything printed may hold patient data: it is the file's own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from engine.channels.build import plans_of
from engine.channels.judge import judge
from engine.channels.lint import sound_site
from engine.channels.revision import Plan
from engine.channels.site import Site
from engine.channels.sources import FileSource
from engine.cli import words
from engine.cli.trying_answer import back
from engine.cli.trying_channel import chosen
from engine.cli.trying_sections import sections_of
from engine.cli.trying_show import Tried, as_json, issue_json, show, show_issues
from engine.cli.trying_structure import structure_report
from engine.cli.trying_words import Language, phrase
from engine.clock import SystemClock, uuid7
from engine.message import Received, Reception
from engine.plugins.builtin import full_registry


def try_file(
    file: Annotated[Path, typer.Argument(help="a file with one or more messages", exists=True, dir_okay=False)],
    channel: Annotated[str, typer.Option(help="channel; default: the one that takes this message type")] = "",
    site: Annotated[Path, typer.Option("--site", help="site folder")] = Path("."),
    json: Annotated[bool, typer.Option("--json", help="all of it as one JSON document")] = False,
    fhir: Annotated[bool, typer.Option("--fhir/--no-fhir", help="show the FHIR it becomes, whole")] = False,
    language: Annotated[Language, typer.Option(help="language of the headings", envvar="BUDSTIKKE_LANGUAGE")] = "en",
) -> None:
    """Say what is right and wrong with a message, the answer it would get and the FHIR it becomes.

    Nothing is stored and nothing is sent. Exit code 0 when all would be accepted, 1 when not, 2 for wrong use.
    Example: budstikke try samples/hl7v2/adt_a01.hl7 --fhir
    """
    raw = file.read_bytes()
    if not raw:
        raise typer.BadParameter("the file is empty", param_hint="FILE")
    read = sound_site(site, os.environ)
    plan = chosen(plans_of(read, full_registry(), make_keys=False), channel, raw)
    remarks = plan.standard.wrapping(raw)
    tried = [try_message(part, plan, read) for part in plan.standard.split(raw)]
    if json:
        words.show_json(
            {
                "file": file.name,
                "accepted": all(each.accepted for each in tried),
                "remarks": [issue_json(issue) for issue in remarks],
                "messages": [as_json(each) for each in tried],
            }
        )
    else:
        if remarks:
            print(f"{phrase('batch', language)}:")
            show_issues(remarks, language)
        for number, each in enumerate(tried, 1):
            show(each, number, len(tried), fhir, language)
    raise typer.Exit(0 if all(each.accepted for each in tried) else 1)


def try_message(raw: bytes, plan: Plan, site: Site | None = None) -> Tried:
    """One message through a channel, as far as `judge` goes. `site` says by which way messages come to it."""
    micros = SystemClock().micros()
    received = Received(uuid7(micros), raw, micros, Reception(plan.name))
    verdict = judge(received, plan)
    source = site.config.channels[plan.name].source if site else None
    folders = (source.after_success.move, source.after_reject.move) if isinstance(source, FileSource) else ("", "")
    returned = back(received, verdict, plan, source.type if source else "", folders)
    maps = any(target.writing is not None for target in plan.targets)
    receipts = plan.standard.name == "kith"
    structure = structure_report(raw) if plan.standard.name == "hl7v2" else ()
    return Tried(plan.name, plan.standard.name, verdict, sections_of(verdict, maps, receipts), returned, structure)
