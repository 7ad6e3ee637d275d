"""Logging from an allow-list: one event, one line, and no field that could hold patient data.

ERROR: someone must act; WARNING: recovered; INFO: start, stop, change. No raw bytes, no field values, no exception
text from a parser.
"""

from __future__ import annotations

import json
import logging
import sys

ALLOWED = frozenset(
    {
        *("channel", "listener", "port", "destination", "system", "message", "delivery", "attempt"),
        *("state", "code", "reason_code", "bytes", "milliseconds", "count", "due"),
        *("revision", "standard", "type", "path", "inode"),
    }
)

_LOGGER = logging.getLogger("budstikke")


def event(level: int, name: str, **fields: str | int | float) -> None:
    """Write one event with allow-listed fields only.

    Raises: ValueError for a field that is not on the list, so that a test and not a reader finds it.
    """
    unknown = fields.keys() - ALLOWED
    if unknown:
        raise ValueError(f"log fields not on the allow-list: {sorted(unknown)}")
    if _LOGGER.isEnabledFor(level):
        _LOGGER.log(level, name, extra={"fields": fields})


def error(name: str, **fields: str | int | float) -> None:
    """Someone must act."""
    event(logging.ERROR, name, **fields)


def warning(name: str, **fields: str | int | float) -> None:
    """Something went wrong and was recovered."""
    event(logging.WARNING, name, **fields)


def info(name: str, **fields: str | int | float) -> None:
    """Start, stop, change."""
    event(logging.INFO, name, **fields)


class _Line(logging.Formatter):
    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self.as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, str | int | float] = getattr(record, "fields", {})
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z")
        if self.as_json:
            return json.dumps({"time": stamp, "level": record.levelname, "event": record.getMessage(), **fields})
        tail = " ".join(f"{key}={value}" for key, value in fields.items())
        return f"{stamp} {record.levelname:<7} {record.getMessage()} {tail}".rstrip()


def configure(level: str = "INFO", as_json: bool = False) -> None:
    """Send the engine's events to stderr; called by the command line, never on import."""
    sink = logging.StreamHandler(sys.stderr)
    sink.setFormatter(_Line(as_json))
    _LOGGER.handlers[:] = [sink]
    _LOGGER.setLevel(level)
    _LOGGER.propagate = False
