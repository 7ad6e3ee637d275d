"""`budstikke try`: the sandbox; what a channel would answer and send, without storing or sending anything."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from engine.channels.build import plans_of
from engine.channels.judge import judge
from engine.channels.lint import sound_site
from engine.channels.revision import Plan
from engine.channels.verdict import Verdict
from engine.cli import words
from engine.clock import SystemClock, uuid7
from engine.errors import EngineError, InvalidMessage
from engine.message import Received, Reception, Severity
from engine.plugins.builtin import full_registry


def try_file(
    file: Annotated[Path, typer.Argument(help="a file with one or more messages", exists=True, dir_okay=False)],
    channel: Annotated[str, typer.Option(help="channel; default: the one that takes this message type")] = "",
    site: Annotated[Path, typer.Option("--site", help="site folder")] = Path("."),
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document on stdout")] = False,
    fhir: Annotated[bool, typer.Option("--fhir/--no-fhir", help="show the FHIR it becomes")] = True,
) -> None:
    """Say field by field what is right and wrong with a message, the answer it would get and the FHIR it becomes.

    Nothing is stored and nothing is sent. Exit code 0 when it would be accepted, 1 when not.
    Example: budstikke try samples/hl7v2/adt_a01.hl7
    """
    plans = plans_of(sound_site(site, os.environ), full_registry(), make_keys=False)
    raw = file.read_bytes()
    plan = _plan(plans, channel, raw)
    tried = []
    for part in plan.standard.split(raw):
        micros = SystemClock().micros()
        received = Received(uuid7(micros), part, micros, Reception(plan.name))
        verdict = judge(received, plan)
        answer = plan.standard.acknowledge(part, verdict.answer, "TRY", micros)
        tried.append(_document(plan, verdict, answer))
    if as_json:
        words.show_json(tried)
    else:
        for each in tried:
            _print(each, fhir)
    raise typer.Exit(0 if all(each["accepted"] for each in tried) else 1)


def _plan(plans: dict[str, Plan], channel: str, raw: bytes) -> Plan:
    if channel:
        if channel not in plans:
            raise EngineError(f"no channel '{channel}'; there are: {', '.join(plans)}", code="try.channel")
        return plans[channel]
    first = next(iter(plans.values()))
    try:
        type_ = first.standard.envelope(first.standard.decode(raw, first.charset)).type
    except InvalidMessage:
        return first
    return next((plan for plan in plans.values() if type_ in plan.mappings), first)


def _document(plan: Plan, verdict: Verdict, answer: bytes) -> dict[str, object]:
    assert verdict.row is not None
    bundles = {each.destination: each.payload for each in verdict.deliveries}
    return {
        "channel": plan.name,
        "accepted": verdict.row.state in ("routed", "filtered"),
        "state": verdict.row.state,
        "reason": verdict.row.reason,
        "type": verdict.envelope.type if verdict.envelope else "",
        "issues": [
            {
                "severity": str(each.severity),
                "code": each.code,
                "place": each.place,
                "text": each.text,
                "rule": each.rule,
            }
            for each in sorted(verdict.row.issues, key=lambda issue: list(Severity).index(issue.severity))
        ],
        "answer": answer.decode("utf-8", "replace"),
        "deliveries": {name: _payload(payload) for name, payload in bundles.items()},
    }


def _payload(payload: bytes) -> object:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode("utf-8", "replace")


def _print(tried: dict[str, object], fhir: bool) -> None:
    print(f"channel {tried['channel']}: {tried['type']} would be {tried['state']} {tried['reason']}".rstrip())
    issues = tried["issues"]
    assert isinstance(issues, list)
    if issues:
        columns = ("severity", "code", "place", "text", "rule")
        words.show_table(columns, [tuple(str(each[name]) for name in columns) for each in issues])
    else:
        print("nothing to remark")
    print("answer:")
    print(str(tried["answer"]).replace("\r", "\n").rstrip())
    deliveries = tried["deliveries"]
    assert isinstance(deliveries, dict)
    for name, payload in deliveries.items() if fhir else ():
        print(f"to {name}:")
        shown = payload if isinstance(payload, str) else orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode()
        sys.stdout.write(shown.replace("\r", "\n") + "\n")
