"""The sandbox on paper: sections with words, tables on a terminal and plain lines elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import orjson

from engine.channels.receipting import DESTINATION as RECEIPT
from engine.channels.verdict import Verdict
from engine.cli import words
from engine.cli.trying_answer import Back
from engine.cli.trying_sections import Found, Section, Standing
from engine.cli.trying_words import Language, heading, phrase, standing
from engine.message import Issue
from engine.store import NewDelivery

_COLUMNS = ("severity", "code", "place", "text", "hint", "rule")


@dataclass(frozen=True, slots=True)
class Tried:
    """One message of the file: what was found, what comes back, what is sent where."""

    channel: str
    standard: str
    verdict: Verdict
    sections: Sequence[Found]
    back: Back
    structure: Sequence[str] = ()

    @property
    def accepted(self) -> bool:
        """Whether it would be taken, delivered or not."""
        return self.verdict.row is not None and self.verdict.row.state in ("routed", "filtered")


def as_json(tried: Tried) -> dict[str, object]:
    """All of it, for scripts."""
    row, envelope = tried.verdict.row, tried.verdict.envelope
    assert row is not None
    return {
        "channel": tried.channel,
        "standard": tried.standard,
        "type": envelope.type if envelope else "",
        "version": envelope.version if envelope else "",
        "message_id": envelope.message_id if envelope else "",
        "accepted": tried.accepted,
        "state": row.state,
        "reason": row.reason,
        "sections": {
            found.section.value: {"standing": found.standing.value, "issues": [issue_json(one) for one in found.issues]}
            for found in tried.sections
        },
        "answer": {"status": tried.back.status, "text": tried.back.text, "moved": tried.back.moved},
        "receipt": tried.back.receipt,
        "receipt_owed": tried.back.owed,
        "deliveries": {each.destination: _payload(each.payload) for each in _sent(tried.verdict)},
        "structure": list(tried.structure),
    }


def _sent(verdict: Verdict) -> list[NewDelivery]:
    """What goes to the destinations; receipts are shown for themselves."""
    return [each for each in verdict.deliveries if each.destination != RECEIPT]


def issue_json(issue: Issue) -> dict[str, str]:
    """One issue, the standard's code beside ours."""
    return {name: str(getattr(issue, name)) for name in (*_COLUMNS, "standard_code")}


def show(tried: Tried, number: int, count: int, fhir: bool, language: Language) -> None:
    """One message on stdout."""
    row, envelope = tried.verdict.row, tried.verdict.envelope
    assert row is not None
    of = f"{phrase('message', language)} {number} {phrase('of', language)} {count}, " if count > 1 else ""
    verdict = phrase("accepted" if tried.accepted else "refused", language)
    what = f"{tried.standard} {envelope.type} {envelope.version}".rstrip() if envelope else tried.standard
    reason = f" ({row.state}{': ' + row.reason if row.reason else ''})"
    _title(f"{of}{what}, {phrase('channel', language)} {tried.channel}: {verdict}{reason}")
    for place, found in enumerate(tried.sections, 1):
        count_of = f" ({len(found.issues)})" if found.issues else ""
        print(f"{place}. {heading(found.section, language)}: {standing(found.standing, language)}{count_of}")
        show_issues(found.issues, language)
    _show_answer(tried.back, language)
    if tried.back.receipt:
        print(f"{phrase('receipt' if tried.back.owed else 'receipt_if', language)}:\n{tried.back.receipt}")
    elif any(
        found.section is Section.RECEIPT_RULES and found.standing is not Standing.NOT_ASKED for found in tried.sections
    ):
        print(f"{phrase('receipt', language)}: {phrase('no_receipt', language)}")
    for delivery in _sent(tried.verdict):
        _show_delivery(delivery.destination, delivery.payload, fhir, language)
    if tried.structure:
        print(f"{phrase('structure', language)}:")
        for line in tried.structure:
            print(f"  {line}")


def show_issues(issues: Sequence[Issue], language: Language) -> None:
    """A table of those columns in which something stands."""
    if not issues:
        return
    names = [name for name in _COLUMNS if any(getattr(issue, name) for issue in issues)]
    rows = [[_cell(issue, name, language) for name in names] for issue in issues]
    words.show_table([phrase(name, language) for name in names], rows)


def _cell(issue: Issue, name: str, language: Language) -> str:
    text = str(getattr(issue, name))
    return phrase(text, language) if name == "severity" else text


def _show_answer(back: Back, language: Language) -> None:
    status = f" HTTP {back.status}" if back.status else ""
    moved = f" {phrase('moved', language)} {back.moved}/" if back.moved else ""
    none = "" if back.text or status or moved else f" {phrase('no_answer', language)}"
    print(f"{phrase('answer', language)}:{status}{moved}{none}")
    if back.text:
        problem = _payload(back.text.encode())
        print(back.text if isinstance(problem, str) else orjson.dumps(problem, option=orjson.OPT_INDENT_2).decode())


def _show_delivery(destination: str, payload: bytes, fhir: bool, language: Language) -> None:
    content = _payload(payload)
    intro = f"{phrase('sent', language)} {destination}:"
    if isinstance(content, str):
        print(f"{intro} {len(payload)} {phrase('bytes', language)}")
        if fhir:
            print(content.replace("\r", "\n"))
        return
    counted = Counter(str(one.get("resourceType", "?")) for one in _resources(content))
    listed = ", ".join(f"{name} {times}" for name, times in sorted(counted.items()))
    print(f"{intro} {sum(counted.values())} {phrase('resources', language)}: {listed or phrase('none', language)}")
    if fhir:
        print(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())


def _resources(content: object) -> list[dict[str, object]]:
    """The resources of a Bundle."""
    entries = cast("dict[str, list[dict[str, dict[str, object]]]]", content).get("entry", [])
    return [entry.get("resource", {}) for entry in entries]


def _payload(payload: bytes) -> object:
    """JSON where it is an object, else the text."""
    try:
        content = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode("utf-8", "replace")
    return content if isinstance(content, dict) else payload.decode("utf-8", "replace")


def _title(text: str) -> None:
    print(text)
    print("-" * min(len(text), 100))
