"""A watched folder: each file is one message or one batch, put away when all its messages are final.

Files are taken one after the other, by name or by time. Accepted: moved to `behandlet/`. Refused, all or one of its
messages: moved to `avvist/`, beside it a report without content. Not stored, not readable, still being written: it
stays, and is tried again. A crash before the move loses nothing and doubles nothing: the file is read again, intake
knows its messages by their identity and gives the first answer. (A refused message claims no identity: it is judged and
noted once more.) Nothing is ever deleted, no link is followed. Names may name a patient and stay out of logs: a file is
told by its inode number, which it keeps when it is moved (`find -inum`).

Why moved when final and not when answered: the move is the sender's only answer, and with `ack.after: stored` a message
may be refused, with any a delivery given up, after the answer; the report must say so. A file that waits keeps no other
waiting: it is looked at again every round. Who would rather see the folder empty writes `move_when: answered`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import log
from engine.clock import Clock, SystemClock
from engine.errors import ConfigError, Finding, StoreError
from engine.message import Issue, Reception
from engine.sources import Intake
from engine.sources.file_folder import Changed, Content, Folder, Passed
from engine.sources.file_ready import Found, ReadyWhen, Watch
from engine.sources.file_report import Child, Fate, children_of, fate_of, report_of, report_unread

_LOOK_AGAIN = 0.02
_SOONEST = 0.05
_LOOKS_MOST = 200
"""How many waiting files are looked at in vain in one round: each costs a read of the store."""
_STABLE = ReadyWhen(size_stable_for=10.0)


@dataclass(frozen=True, slots=True)
class FileSettings:
    """One folder. `every` in seconds, `max_message` in bytes of a whole file; `accepted` and `refused` are names of
    folders in it."""

    folder: str
    channel: str
    match: str = "*"
    every: float = 5.0
    ready: ReadyWhen = _STABLE
    by_modified: bool = False
    accepted: str = "behandlet"
    refused: str = "avvist"
    write_report: bool = True
    max_message: int = 25 * 1024 * 1024
    until_final: bool = True


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A file that is taken, and whose messages are not all final."""

    found: Found
    children: Sequence[Child]
    remarks: Sequence[Issue]


@dataclass(frozen=True, slots=True)
class _Settled:
    """Where an answered file goes, with its report."""

    into: Path
    report: Mapping[str, object] | None = None


class FileSource:
    """One watched folder of one channel."""

    def __init__(self, settings: FileSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._folder = Folder(
            Path(settings.folder), settings.match, settings.ready.marker, settings.accepted, settings.refused
        )
        self._watch = Watch(settings.ready, settings.by_modified)
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._waiting: dict[tuple[int, int, int], _Waiting] = {}
        self._answered: dict[tuple[int, int, int], _Settled] = {}
        self._told: set[tuple[object, ...]] = set()

    @property
    def address(self) -> str:
        """The folder."""
        return self._settings.folder

    async def start(self, intake: Intake) -> None:
        """Watch. Raises: ConfigError when the folder is not there or nothing can be moved in it."""
        try:
            await asyncio.to_thread(self._folder.prepare)
        except OSError as error:
            reason = error.strerror or "not a folder"
            text = f"cannot use the folder {self._settings.folder}: {reason}"
            hint = "make it, and let the engine write there"
            raise ConfigError([Finding("listen.folder", "", 0, 0, text, hint)]) from None
        self._task = asyncio.get_running_loop().create_task(self._run(intake))
        log.info("folder_watched", channel=self._settings.channel)

    async def stop(self, grace: float) -> None:
        """Take no other file; the one in hand is answered and put away within `grace` seconds."""
        self._stop.set()
        if self._task is None:
            return
        _, late = await asyncio.wait({self._task}, timeout=grace)
        if late:
            log.warning("file_unanswered", channel=self._settings.channel)
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self, intake: Intake) -> None:
        while not self._stop.is_set():
            wait = self._settings.every
            try:
                wait = await self._round(intake)
            except OSError as error:
                self._tell("folder_unreadable", 0, _name(error))
            except Exception as error:
                self._tell("folder_fault", 0, type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), wait)

    async def _round(self, intake: Intake) -> float:
        """Every file that is ready, once. How long to wait for the next round."""
        every = self._settings.every
        found, passed = await asyncio.to_thread(self._folder.files)
        self._told -= {told for told in self._told if told[0] == "folder_unreadable"}
        self._forget(found, passed)
        for other in passed:
            self._tell("file_passed_over", other.inode, other.kind, other.version)
        await self._look(intake)
        ready, soonest = self._watch.ready(found, self._clock.monotonic())
        for each in ready:
            if each.version in self._waiting:
                continue
            while intake.crowded() and not self._stop.is_set():  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_AGAIN)
            if self._stop.is_set() or not await self._take(each, intake):
                break
        return min(every, max(soonest, _SOONEST)) if soonest else every

    async def _look(self, intake: Intake) -> None:
        """Put away those whose messages are final by now; in turn, so that one that waits for days keeps nobody."""
        in_vain = 0
        for version, waiting in list(self._waiting.items()):
            if self._stop.is_set() or in_vain == _LOOKS_MOST:
                return
            del self._waiting[version]
            in_vain += not await self._look_at(waiting, intake)

    async def _look_at(self, waiting: _Waiting, intake: Intake) -> bool:
        """Whether it is at its end."""
        found = waiting.found
        try:
            if await _all_final(waiting.children, intake):
                await self._put_away(found, self._settled(waiting))
                return True
        except StoreError as error:
            self._tell("file_waits", found.inode, error.code, found.version)
        self._waiting[found.version] = waiting
        return False

    async def _take(self, found: Found, intake: Intake) -> bool:
        """One file. False when there is no use in trying the next one now."""
        settled = self._answered.get(found.version)
        if settled is not None:
            await self._put_away(found, settled)
            return True
        try:
            content = await asyncio.to_thread(self._folder.read, found, self._settings.max_message)
            return await self._hand_on(found, content, intake)
        except Changed:
            log.info("file_changed", channel=self._settings.channel, inode=found.inode)
        except OSError as error:
            if self._tell("file_unreadable", found.inode, _name(error), found.version):
                intake.refuse(b"", self._reception(found), "unreadable")
        except Exception as error:  # a fault of ours at one file must not end the others
            self._tell("file_fault", found.inode, type(error).__name__, found.version)
        return True

    async def _hand_on(self, found: Found, content: Content, intake: Intake) -> bool:
        """To intake, then put away or left to wait. False where it could not be stored."""
        settings, reception = self._settings, self._reception(found)
        if content.too_large:
            intake.refuse(content.raw, reception, "too_large")
            log.warning("file_too_large", channel=settings.channel, inode=found.inode)
            text = "file larger than this channel takes"
            report = report_unread("too_large", text, found.inode, settings.channel, self._clock.micros())
            await self._put_away(found, self._to(self._folder.refused, report))
            return True
        try:
            answers = await intake.receive(content.raw, reception)
        except StoreError as error:
            log.error("file_not_stored", channel=settings.channel, code=error.code)
            return False
        waiting = _Waiting(found, children_of(answers, settings.until_final), intake.remarks(content.raw))
        if fate_of(waiting.children) is Fate.STAYS:
            return False
        for remark in waiting.remarks:
            log.warning("file_remarked", channel=settings.channel, inode=found.inode, code=remark.code)
        await self._look_at(waiting, intake)
        return True

    async def _put_away(self, found: Found, settled: _Settled) -> None:
        self._answered[found.version] = settled
        try:
            await asyncio.to_thread(self._folder.put_away, found, settled.into, settled.report)
            del self._answered[found.version]
        except Changed:
            log.info("file_changed", channel=self._settings.channel, inode=found.inode)
        except OSError as error:
            self._tell("file_not_moved", found.inode, _name(error), found.version)

    def _settled(self, waiting: _Waiting) -> _Settled:
        """By what became of all its messages. A report also where only the batch is to be remarked on."""
        found, settings = waiting.found, self._settings
        fate = fate_of(waiting.children)
        log.info("file_" + fate.value, channel=settings.channel, inode=found.inode, count=len(waiting.children))
        if fate is Fate.ACCEPTED and not waiting.remarks:
            return _Settled(self._folder.accepted)
        report = report_of(waiting.children, waiting.remarks, found.inode, settings.channel, self._clock.micros())
        return self._to(self._folder.accepted if fate is Fate.ACCEPTED else self._folder.refused, report)

    def _to(self, into: Path, report: Mapping[str, object]) -> _Settled:
        return _Settled(into, report if self._settings.write_report else None)

    def _reception(self, found: Found) -> Reception:
        return Reception(self._settings.channel, self.address, f"file inode {found.inode}")

    def _forget(self, found: Sequence[Found], passed: Sequence[Passed]) -> None:
        """What is not there any more, or has changed, may be told of again."""
        there = {each.version for each in found} | {each.version for each in passed}
        self._waiting = {version: waiting for version, waiting in self._waiting.items() if version in there}
        self._answered = {version: settled for version, settled in self._answered.items() if version in there}
        self._told = {told for told in self._told if len(told) < 3 or told[2] in there}

    def _tell(self, event: str, inode: int, code: str, version: tuple[int, int, int] | None = None) -> bool:
        """Log a fault that may come back every round: the first time only. Whether it was that."""
        told = (event, code) if version is None else (event, code, version)
        if told in self._told:
            return False
        self._told.add(told)
        log.error(event, channel=self._settings.channel, inode=inode, code=code)
        return True


async def _all_final(children: Sequence[Child], intake: Intake) -> bool:
    """Ask for those that are under way, up to the first that still is; between two of them others have their turn."""
    for child in children:
        if not child.final:
            answer = intake.outcome(child.message)
            await asyncio.sleep(0)
            if answer is None:
                return False
            child.answer, child.final = answer, True
    return True


def _name(error: OSError) -> str:
    """`EACCES`, never the text, which may hold the file's name."""
    return errno.errorcode.get(error.errno or 0, type(error).__name__)
