"""A folder takes files: one delivery, one file, whole or not at all.

The name comes from the delivery's reference, or the message's id, never from content. The same name with the same
content is the same delivery again; with other content it is a matter for a person.
Why: written beside, synced, renamed, folder synced: a reader of the folder, and a machine that loses power, see the
whole file or none.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path

from engine.delivery import Delivered, Outcome, Permanent, Transient
from engine.destinations import Shipment

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
_PIECE = 1024 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_RIGHTS = (errno.EACCES, errno.EPERM, errno.EROFS)
_FOLDER = (errno.ENOENT, errno.ENOTDIR)


@dataclass(frozen=True, slots=True)
class FileSettings:
    """Where files go and how their names end (`.json`)."""

    folder: str
    suffix: str = ".json"


class FileDestination:
    """One folder."""

    def __init__(self, settings: FileSettings) -> None:
        self._folder = Path(settings.folder)
        self._suffix = settings.suffix
        self._naming = threading.Lock()

    @property
    def idempotent(self) -> bool:
        """The same name with the same content is taken as delivered."""
        return True

    async def start(self) -> None:
        """Nothing is kept open; a missing folder is a delivery's affair."""

    async def stop(self) -> None:
        """Nothing is kept open."""

    async def deliver(self, shipment: Shipment) -> Outcome:
        """Write one file; delivered when it and its name are on the disk."""
        return await asyncio.to_thread(self._deliver, shipment)

    def _deliver(self, shipment: Shipment) -> Outcome:
        name = file_name(shipment.reference or shipment.message) + self._suffix
        partial = self._folder / f".{shipment.delivery}.{name}.part"
        try:
            written = self._write(partial, self._folder / name, shipment.payload)
        except OSError as error:
            return _outcome_of(error)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        if written is None:
            return Permanent(
                "file.other_content",
                park=True,
                hint="a file of this name with other content is there: compare, move it",
            )
        return Delivered("created=1" if written else "unchanged=1")

    def _write(self, partial: Path, final: Path, payload: bytes) -> bool | None:
        """True when written, False when it was there already, None when something else is there."""
        if not final.exists():
            with partial.open("wb") as sink:
                sink.write(payload)
                sink.flush()
                os.fsync(sink.fileno())
        with self._naming:  # no other delivery of ours may take the name between the look and the rename
            there = final.exists()
            if not there:
                partial.rename(final)
        if there and not _same(final, payload):
            return None
        self._sync_folder()
        return not there

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def file_name(reference: str) -> str:
    """A reference as a file name: itself where it is plain, else a hash of it, so that no two share a name by accident.

    >>> file_name("018f2c1e-7d00")
    '018f2c1e-7d00'
    >>> len(file_name("../etc/passwd"))
    64
    """
    return reference if _PLAIN.fullmatch(reference) else hashlib.sha256(reference.encode("utf-8")).hexdigest()


def _same(path: Path, payload: bytes) -> bool:
    if path.stat().st_size != len(payload):
        return False
    view = memoryview(payload)
    with path.open("rb") as source:
        for at in range(0, len(payload), _PIECE):
            if source.read(_PIECE) != view[at : at + _PIECE]:
                return False
    return True


def _outcome_of(error: OSError) -> Outcome:
    if error.errno in _FULL:
        return Transient("file.full")
    if error.errno in _RIGHTS:
        return Transient("file.permission", system_fault=True)
    if error.errno in _FOLDER:
        return Transient("file.folder", "the folder is not there", system_fault=True)
    return Transient("file.io", errno.errorcode.get(error.errno or 0, ""))
