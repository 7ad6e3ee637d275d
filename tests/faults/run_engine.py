"""The engine as a process of its own, to be killed; `--ack-early` breaks it on purpose, so that the oracle sees it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from engine import app, log
from engine.channels.intake import ChannelIntake
from engine.channels.lint import sound_site
from engine.channels.runner import Runner
from engine.channels.verdict import Verdict
from engine.message import Received
from engine.sources import Acknowledgement


def acknowledge_before_the_commit() -> None:
    """What no engine may do: the answer is given first, and the commit comes some milliseconds later."""
    commit = ChannelIntake._commit
    pending: set[asyncio.Task[Acknowledgement]] = set()

    async def early(self: ChannelIntake, received: Received, verdict: Verdict) -> Acknowledgement:
        async def later() -> Acknowledgement:
            await asyncio.sleep(0.02)
            return await commit(self, received, verdict)

        task = asyncio.create_task(later())
        pending.add(task)
        task.add_done_callback(pending.discard)
        return Acknowledgement(verdict.answer, self._spell(received.raw, verdict.answer, received.micros))

    ChannelIntake._commit = early  # type: ignore[method-assign]
    ChannelIntake.take = lambda *_: False  # type: ignore[method-assign]


def main(arguments: Sequence[str]) -> None:
    if "--ack-early" in arguments:
        acknowledge_before_the_commit()
    log.configure("CRITICAL")

    def started(runner: Runner) -> None:
        print("ready", flush=True)

    app.run_loop(app.serve(sound_site(Path(arguments[0]), os.environ), started))


if __name__ == "__main__":
    main(sys.argv[1:])
