"""`budstikke messages`: where is it, what became of it, send it again."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from engine.channels import replay as again
from engine.channels.build import plans_of, store_path
from engine.channels.lint import sound_site
from engine.channels.revision import Plan
from engine.channels.site import Site
from engine.cli import words
from engine.clock import SystemClock
from engine.errors import EngineError
from engine.message import Issue
from engine.plugins.builtin import full_registry
from engine.store import MessageDetail, MessageRow, Store
from engine.store.sqlite import open_store

app = typer.Typer(help="List, show, replay and retry messages.", no_args_is_help=True, rich_markup_mode=None)

SiteFolder = Annotated[Path, typer.Option("--site", help="site folder, the one that holds channels.yaml")]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on stdout")]
Reason = Annotated[str, typer.Option("--reason", help="why; kept in the audit trail")]


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Site, Store]]:
    """The site and its store; the engine may be running beside."""
    site = sound_site(folder, os.environ)
    path = store_path(site)
    if not path.exists():
        raise EngineError(f"no store at {path}; has the engine run with this site?", code="store.none")
    store = open_store(path)
    try:
        yield site, store
    finally:
        store.close()


@app.command("list")
def list_messages(
    site: SiteFolder = Path("."),
    channel: Annotated[str, typer.Option(help="only this channel")] = "",
    state: Annotated[str, typer.Option(help="only this state: waiting, delivered, invalid, dead_letter ...")] = "",
    limit: Annotated[int, typer.Option(help="at most so many, newest first")] = 50,
    before: Annotated[int, typer.Option(help="page on: only messages with a lower number")] = 0,
    as_json: AsJson = False,
) -> None:
    """Newest messages first, with state, answer and reason; no content.

    Example: budstikke messages list --state invalid
    """
    with opened(site) as (_, store):
        rows = store.messages(channel=channel, state=state, before_seq=before, limit=limit)
    if as_json:
        words.show_json([row_document(row) for row in rows])
        return
    columns = ("nr", "id", "received (UTC)", "channel", "type", "sender", "state", "delivered", "reason")
    words.show_table(columns, [_row(row) for row in rows])
    if len(rows) == limit and rows:
        print(f"more: --before {rows[-1].seq}", file=sys.stderr)


def _row(row: MessageRow) -> tuple[str, ...]:
    share = f"{row.delivered}/{row.deliveries}" if row.deliveries else ""
    return (
        str(row.seq), row.id, words.when(row.received), row.channel, row.type, row.sender, row.state, share, row.reason,
    )  # fmt: skip


def row_document(row: MessageRow) -> dict[str, object]:
    """A row of the list as a script wants it."""
    return {
        "number": row.seq,
        "id": row.id,
        "received": words.when(row.received),
        "channel": row.channel,
        "type": row.type,
        "message_id": row.message_id,
        "sender": row.sender,
        "bytes": row.size,
        "state": row.state,
        "reason": row.reason,
        "deliveries": row.deliveries,
        "delivered": row.delivered,
    }


@app.command("show")
def show(
    message: Annotated[str, typer.Argument(help="id, or its first 8 characters or more")],
    site: SiteFolder = Path("."),
    original: Annotated[bool, typer.Option("--original", help="the bytes received, to stdout (audited)")] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """One message: envelope, verdict with its issues, deliveries, attempts.

    Example: budstikke messages show 019c2a7e-5d31
    """
    with opened(site) as (_, store):
        detail = store.message(message)
        if detail is None:
            raise EngineError("no message with that id; `budstikke messages list` shows them", code="messages.unknown")
        if original:
            person = _person(reason)
            store.audit(again.audited(person, "show_original", detail.row.id)).wait()
            sys.stdout.buffer.write(store.original(detail.row.id))
            return
    if as_json:
        words.show_json(detail_document(detail))
    else:
        _print_detail(detail)


def _issue(issue: Issue) -> dict[str, str]:
    return {
        "severity": str(issue.severity),
        "code": issue.code,
        "place": issue.place,
        "text": issue.text,
        "rule": issue.rule,
        "standard_code": issue.standard_code,
        "hint": issue.hint,
    }


def detail_document(detail: MessageDetail) -> dict[str, object]:
    """All of a message but its content, as a script wants it."""
    return {
        **row_document(detail.row),
        "peer": detail.peer,
        "sha256": detail.sha256.hex(),
        "verdicts": [
            {
                "state": each.state,
                "reason": each.reason,
                "revision": each.revision,
                "issues": list(map(_issue, each.issues)),
            }
            for each in detail.verdicts
        ],
        "deliveries": [
            {
                "id": each.id,
                "destination": each.destination,
                "state": str(each.state),
                "attempts": each.attempts,
                "reason": each.reason,
                "due": words.when(each.due) if each.due else "",
            }
            for each in detail.deliveries
        ],
        "attempts": [
            {
                "delivery": each.delivery,
                "number": each.number,
                "started": words.when(each.started),
                "milliseconds": (each.ended - each.started) // 1000,
                "code": each.code,
                "detail": each.detail,
            }
            for each in detail.attempts
        ],
    }


def _print_detail(detail: MessageDetail) -> None:
    row = detail.row
    print(f"message   {row.id}  (nr {row.seq})")
    print(
        f"received  {words.when(row.received)} UTC on {row.channel} from {detail.peer or 'unknown'}, {row.size} bytes"
    )
    print(f"envelope  {row.standard} {row.type}  id {row.message_id}  from {row.sender}")
    print(f"state     {row.state}  {row.reason}".rstrip())
    for verdict in detail.verdicts:
        print(f"verdict   {verdict.state} {verdict.reason}  revision {verdict.revision[:12]}")
        for issue in verdict.issues:
            tail = f"  ({issue.rule})" if issue.rule else ""
            print(f"  {issue.severity:<8} {issue.code:<22} {issue.place:<16} {issue.text}{tail}")
    for delivery in detail.deliveries:
        due = f"  next try {words.when(delivery.due)}" if delivery.state == "ready" and delivery.due else ""
        head = f"delivery  {delivery.destination}: {delivery.state} after {delivery.attempts} attempts"
        print(f"{head}  {delivery.reason}{due}".rstrip())
        for attempt in (each for each in detail.attempts if each.delivery == delivery.id):
            milliseconds = (attempt.ended - attempt.started) // 1000
            took = f"{milliseconds:>6} ms  {attempt.code}  {attempt.detail}"
            print(f"  {attempt.number:>3}. {words.when(attempt.started)}  {took}".rstrip())


def _person(reason: str) -> again.Person:
    return again.Person(getpass.getuser(), SystemClock().micros(), reason)


def _plans(site: Site) -> dict[str, Plan]:
    return plans_of(site, full_registry())


@app.command("replay")
def replay(
    message: Annotated[str, typer.Argument(help="id, or its first 8 characters or more")],
    site: SiteFolder = Path("."),
    reason: Reason = "",
    preview: Annotated[bool, typer.Option("--preview", help="show what would be sent now; do nothing")] = False,
    as_json: AsJson = False,
) -> None:
    """Judge the stored original anew, with today's mappings, and deliver what comes of it.

    Example: budstikke messages replay 019c2a7e --reason "table mended"
    """
    with opened(site) as (loaded, store):
        if preview:
            _, verdict, payloads = again.preview(store, _plans(loaded), message)
            print(f"{verdict.state} {verdict.reason}".rstrip(), file=sys.stderr)
            for issue in verdict.issues:
                print(f"  {issue.severity} {issue.code} {issue.place} {issue.text}", file=sys.stderr)
            for payload in payloads:
                sys.stdout.write(payload.decode("utf-8", "replace") + "\n")
            raise typer.Exit(0 if verdict.state in ("routed", "filtered") else 1)
        done = again.replay(store, _plans(loaded), message, _person(reason))
    _tell(done, as_json)


@app.command("retry")
def retry(
    message: Annotated[str, typer.Argument(help="id, or its first 8 characters or more")],
    site: SiteFolder = Path("."),
    destination: Annotated[list[str] | None, typer.Option(help="only to this destination; may be repeated")] = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Send the same bytes again: what is parked or given up becomes ready now.

    Example: budstikke messages retry 019c2a7e --destination journal --reason "journal mended"
    """
    with opened(site) as (_, store):
        done = again.retry(store, message, destination or [], _person(reason))
    _tell(done, as_json)


def _tell(done: again.Replayed, as_json: bool) -> None:
    state = done.verdict.state if done.verdict else "ready"
    if as_json:
        words.show_json({"message": done.message, "state": state, "deliveries": list(done.deliveries)})
    else:
        print(f"{done.message} {state}, {len(done.deliveries)} deliveries ready")
    if state not in ("ready", "routed", "filtered"):
        raise typer.Exit(1)
