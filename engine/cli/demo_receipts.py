"""The demo's receipts: what the stand-in inbox has really received."""

from __future__ import annotations

import socket

from engine.channels.runner import Runner
from engine.message import Receipt
from engine.standins.inbox.server import Inbox


def receipts_in(inbox: Inbox) -> list[Receipt]:
    """Every AppRec that has come, in order."""
    found = [arrival.examined.receipt for arrival in inbox.record.arrivals]
    return [each for each in found if each is not None]


def receipts_of(inbox: Inbox, runner: Runner, message: str) -> list[str]:
    """The statuses of those for one message, by our id of it."""
    detail = runner.store.message(message) if message else None
    wanted = detail.row.message_id if detail is not None else ""
    return [each.status.value for each in receipts_in(inbox) if wanted and each.original == wanted]


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
