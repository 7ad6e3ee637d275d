"""Large payloads as content-addressed files beside the store: `payload/ab/abcdef...`, named by SHA-256.

A file is on disk, whole, under its name and in its folder before any row points at it: written under another name,
fsynced, renamed, and the folder fsynced. Bytes go from the message's own buffer to the kernel, with no copy of ours.
"""

from __future__ import annotations

import os
from pathlib import Path

from engine.errors import StoreError

SLICE = 4 << 20


class PayloadFiles:
    """One folder of payload files. Names are `ab/abcdef...`, as the rows hold them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @staticmethod
    def name(sha256: bytes) -> str:
        text = sha256.hex()
        return f"{text[:2]}/{text}"

    def write(self, sha256: bytes, content: bytes) -> str:
        """Make `content` durable and return its name. Raises: OSError."""
        name = self.name(sha256)
        path = self.folder / name
        if path.exists() and path.stat().st_size == len(content):
            # Renamed before, perhaps by a process that died before its folder was synced.
            _sync_folder(path.parent)
            return name
        made = not path.parent.exists()
        for folder in (self.folder, path.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            _write_synced(part, content)
            os.replace(part, path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
        if made:
            _sync_folder(self.folder)
            _sync_folder(self.folder.parent)
        return name

    def read(self, name: str) -> bytes:
        """The bytes. Raises: StoreError when the file is gone."""
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise StoreError(f"a payload file cannot be read ({error.strerror})", code="store.payload_gone") from None

    def remove(self, name: str) -> None:
        """Remove it, if it is there."""
        (self.folder / name).unlink(missing_ok=True)


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view[:SLICE]) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
