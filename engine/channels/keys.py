"""Keys that a site makes once and keeps: for hashes of identifiers, and for resource ids in a journal.

Why a file and not the store: a copy of the store must not carry the key that turns its hashes back into identifiers.
The identity key of a journal is shared by every engine that feeds it and never rotated (decision 11).
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from engine.errors import ConfigError, Finding

SIZE = 32


def kept_key(path: Path, make: bool = True) -> bytes:
    """The key in this file; made with the machine's randomness when there is none yet. 32 bytes, mode 0600.

    With `make` False nothing is written: a key for this once, where only a try is wanted.

    Raises: ConfigError when the file is shorter than a key, or cannot be read or made.
    """
    try:
        if not path.exists():
            if not make:
                return secrets.token_bytes(SIZE)
            _make(path)
        key = bytes.fromhex(path.read_text("ascii").strip())
    except FileExistsError:
        return kept_key(path, make)
    except (OSError, ValueError) as error:
        text = f"key file cannot be used ({type(error).__name__})"
        raise ConfigError([Finding("E310", str(path), 0, 0, text, "restore it from backup")]) from None
    if len(key) < SIZE:
        raise ConfigError([Finding("E310", str(path), 0, 0, "key file is too short", "restore it from backup")])
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(SIZE) + "\n")
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
