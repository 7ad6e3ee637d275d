"""What the inbox has taken: every message in order of arrival, in memory and, where wished, each in a file.

Files are named by number, `000001.xml`, and hold the exact bytes; a number is no secret, a message id may be one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.clock import as_datetime
from engine.message import Party, Receipt
from engine.standins.inbox.examination import Examined

_NUMBERED = "[0-9]" * 6 + "*.xml"


@dataclass(slots=True)
class Sent:
    """One receipt of ours: `state` is waiting, sent or failed; `answer` the HTTP status it got, 0 for none."""

    id: str
    status: str
    state: str = "waiting"
    answer: int = 0


@dataclass(slots=True)
class Arrival:
    """One message that came: `number` counts from 1, `first` is the number of the one it repeats (0: none)."""

    number: int
    micros: int
    raw: bytes = field(repr=False)
    examined: Examined = field(repr=False)
    first: int = 0
    receipts: list[Sent] = field(default_factory=list)

    def shown(self) -> dict[str, object]:
        """For JSON: what may be told without content; of a receipt its codes, never what is added to them."""
        envelope, receipt = self.examined.envelope, self.examined.receipt
        return {
            "id": self.number,
            "received": as_datetime(self.micros).isoformat(timespec="milliseconds"),
            "bytes": len(self.raw),
            "message_id": envelope.message_id if envelope else "",
            "type": envelope.type if envelope else "",
            "version": envelope.version if envelope else "",
            "conversation": envelope.conversation if envelope else "",
            "sender": _party(envelope.sender) if envelope else None,
            "receiver": _party(envelope.receiver) if envelope else None,
            "duplicate_of": self.first or None,
            "valid": self.examined.valid,
            "by_schema": self.examined.by_schema,
            "issues": [
                {
                    "severity": issue.severity.value,
                    "code": issue.code,
                    "list_8221": issue.standard_code,
                    "place": issue.place,
                    "text": issue.text,
                }
                for issue in self.examined.issues
            ],
            "receipt": _receipt(receipt) if receipt else None,
            "answered": [
                {"id": one.id, "status": one.status, "state": one.state, "http": one.answer or None}
                for one in self.receipts
            ],
        }


class Arrivals:
    """All arrivals. A duplicate has the message id of one before it from the same sender."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._all: list[Arrival] = []
        self._first: dict[tuple[str, str, str], int] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Arrival]:
        return iter(self._all)

    def numbered(self, number: int) -> Arrival | None:
        """The arrival of that number."""
        return self._all[number - 1] if 0 < number <= len(self._all) else None

    def stored(self) -> list[tuple[Path, int]]:
        """The files that an earlier run has left, in order, with the time of each in microseconds."""
        found = sorted(self._folder.glob(_NUMBERED), key=lambda path: int(path.stem)) if self._folder else []
        return [(path, path.stat().st_mtime_ns // 1000) for path in found]

    def add(self, raw: bytes, examined: Examined, micros: int, new: bool = True) -> Arrival:
        """Take one; it is on disk before this returns. `new` False: it lies there already. Raises: OSError."""
        number = len(self._all) + 1
        if self._folder is not None and new:
            _write(self._folder / f"{number:06d}.xml", raw)
        envelope = examined.envelope
        first = 0
        if envelope is not None:
            key = (envelope.sender.system, envelope.sender.identifier, envelope.message_id.lower())
            first = self._first.setdefault(key, number)
        arrival = Arrival(number, micros, raw, examined, first if first != number else 0)
        self._all.append(arrival)
        return arrival


def _write(path: Path, raw: bytes) -> None:
    """Whole or not at all, also when the process ends here."""
    unfinished = path.with_suffix(".part")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _party(party: Party) -> dict[str, str]:
    return {"identifier": party.identifier, "system": party.system}


def _receipt(receipt: Receipt) -> dict[str, object]:
    return {
        "status": receipt.status.value,
        "original": receipt.original,
        "errors": [{"code": error.code, "system": error.system} for error in receipt.errors],
    }
