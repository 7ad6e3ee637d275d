"""One page for people: what has come, what was wrong with it, how it was answered. No content, no names."""

from __future__ import annotations

from html import escape

from engine.clock import as_datetime
from engine.standins.inbox.arrivals import Arrival, Arrivals
from engine.standins.inbox.plan import Plan

_SHOWN = 200
_STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1a1a1a}
table{border-collapse:collapse;margin:1rem 0}th,td{text-align:left;padding:.25rem 1.5rem .25rem 0;vertical-align:top;
border-bottom:1px solid #ccc}td.n{text-align:right}code{font-size:.9em}"""


def overview(arrivals: Arrivals, plan: Plan, faults: str) -> str:
    """HTML: the plan, then the newest arrivals first; `faults` says what was done wrong on purpose."""
    every = list(arrivals)
    receipts = sum(one.examined.receipt is not None for one in every)
    rows = "".join(_row(one) for one in reversed(every[-_SHOWN:]))
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Stand-in inbox</title><style>{_STYLE}</style>"
        f"<h1>Stand-in inbox</h1><p>A record system that takes KITH messages. {len(every) - receipts} messages, "
        f"{receipts} receipts. Plan: {escape(plan.receipts)}, code {escape(plan.code)}, after {plan.after:g} s. "
        f"Faults met: {escape(faults) or 'none'}.<p><a href='/messages'>messages</a> · <a href='/plan'>plan</a>"
        "<table><tr><th>number<th>received<th>type<th>sender<th>bytes<th>what<th>answered"
        f"{rows}</table></html>"
    )


def _row(one: Arrival) -> str:
    envelope = one.examined.envelope
    answered = ", ".join(f"status {sent.status} {sent.state}" for sent in one.receipts)
    return (
        f"<tr><td class=n><a href='/messages/{one.number}'>{one.number}</a>"
        f"<td>{as_datetime(one.micros).isoformat(timespec='seconds')}<td>{escape(envelope.type if envelope else '')}"
        f"<td>{escape(envelope.sender.identifier if envelope else '')}<td class=n>{len(one.raw)}<td>{_what(one)}"
        f"<td>{answered}"
    )


def _what(one: Arrival) -> str:
    parts = [f"duplicate of {one.first}"] if one.first else []
    if one.examined.receipt is not None:
        parts.append(f"receipt, status {one.examined.receipt.status.value}")
    parts += [escape(f"{issue.code} {issue.place}".strip()) for issue in one.examined.issues]
    return "<br>".join(parts) or "valid"
