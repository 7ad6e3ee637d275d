"""The stand-in inbox: a record system that takes KITH messages over HTTP, judges them and answers with an AppRec later.

It is the other side of the two promises that the engine makes: what is sent arrives as it should be, and what is
answered late, twice, negatively or never ends in the right state.

Why: it reads with the engine's own KITH reader, because what it must disagree about is how messages and receipts
travel. The judge of bytes is the schema, which is a file and not code; the national ones may be put in its place.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.clock import Clock, SystemClock

Sleep = Callable[[float], Awaitable[None]]
"""Waits so many seconds."""

Written = dict[str, object]
"""A plan or a fault in its JSON shape."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a stand-in inbox is started with.

    `reply_to`: the URL that receipts are posted to; "" sends none. `plan`: as `POST /plan` takes it. `folder`: where
    every message is kept as a file, and read again at start. `dropped`: a folder that messages may be put into instead
    of being posted. `xsd`: the folder of the schemas; None checks none.
    """

    reply_to: str = ""
    plan: Written = field(default_factory=dict)
    folder: Path | None = None
    dropped: Path | None = None
    xsd: Path | None = None
    clock: Clock = field(default_factory=SystemClock)
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    sleep: Sleep = asyncio.sleep
