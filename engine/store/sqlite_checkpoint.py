"""Checkpoints beside the writer: what is in the write-ahead log goes into the file while commits go on.

Why: a checkpoint within a commit makes everybody in that commit wait some ten milliseconds. One beside it never quite
catches up with steady load, so the writer's own (`wal_autocheckpoint`) stays as the end of the log's growth; it then
finds little left to do. Nothing hangs on this thread: when it fails, the writer's own does it all.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

from engine.store.sqlite_schema import connect

PAUSE = 0.05
"""Seconds from one checkpoint to the next, at least."""


class Checkpoints:
    """The thread; it starts with the first commit and has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._due = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def committed(self) -> None:
        """Something was committed. Called by the writer's thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="store-checkpoints", daemon=True)
            self._thread.start()
        self._due.set()

    def close(self) -> None:
        """End, after the checkpoint that runs. Idempotent; nothing may be committed after it."""
        self._stop.set()
        self._due.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        with suppress(sqlite3.Error):
            connection = connect(self._path)
            try:
                while not self._stop.wait(PAUSE):
                    self._due.wait()
                    self._due.clear()
                    if not self._stop.is_set():
                        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            finally:
                connection.close()
