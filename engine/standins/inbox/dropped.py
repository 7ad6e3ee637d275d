"""A folder that messages are put into, as an EDI client's: what is taken is moved to `taken/` inside it.

Only files that end in `.xml` are messages, and a name that begins with a dot is not finished yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from engine import log

_LOOK = 0.2


async def watch(folder: Path, take: Callable[[bytes], object]) -> None:
    """Take what is dropped, oldest first, until cancelled. What cannot be read, moved or kept is tried again.

    Why moved before it is taken, and back when that fails: so that no file is ever taken twice.
    """
    taken = folder / "taken"
    taken.mkdir(parents=True, exist_ok=True)
    while True:
        _take_all(folder, taken, take)
        await asyncio.sleep(_LOOK)


def _take_all(folder: Path, taken: Path, take: Callable[[bytes], object]) -> None:
    for path in sorted(folder.glob("[!.]*.xml"), key=_age):
        try:
            raw = path.read_bytes()
            moved = path.replace(taken / path.name)
            try:
                take(raw)
            except OSError:
                moved.replace(path)
                raise
        except OSError as failed:
            log.warning("standin.inbox.not_taken", type=type(failed).__name__)


def _age(path: Path) -> tuple[int, str]:
    try:
        return path.stat().st_mtime_ns, path.name
    except OSError:
        return 0, path.name
