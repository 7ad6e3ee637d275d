"""One MLLP connection of a source: bytes to frames, frames to their turns, answers back in the same order.

What cannot be a message is answered negatively and ends this connection only.
HL7 Transport Specification MLLP, release 1; MAPPING 3, items 11 to 14.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from engine import log
from engine.errors import EngineError
from engine.message import Reception
from engine.sources import Intake
from engine.sources.mllp_pace import JUNK_MOST, Pace
from engine.sources.mllp_turns import Refusal, Turns
from engine.standards.hl7v2.mllp import END, Frame, FrameReader, Received, TooLarge, frame

CLOSING_MOST = 5.0
"""Seconds for the other side to close, or to take the last answers."""
_END_BLOCK_ALONE = 1.0


@dataclass(slots=True)
class Terms:
    """What the connections of one source share, and what they ask of it. Times in seconds."""

    intake: Intake
    loop: asyncio.AbstractEventLoop
    channel: str
    max_message: int
    tolerate: frozenset[str]
    idle_timeout: float
    frame_timeout: float
    admit: Callable[[asyncio.BaseTransport], Reception | None]
    """The facts of a connection that may be had, None for one that is turned away."""
    hold: Callable[[MllpConnection], None]
    """Intake is crowded: call this connection's `release` when it no longer is."""
    gone: Callable[[], None]
    open: set[MllpConnection] = field(default_factory=set)


class MllpConnection(asyncio.Protocol):
    """One sender."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._reader = FrameReader(terms.max_message, terms.tolerate)
        self._paused = self._held = self._lost = self._ending = self._lingers = self._blocked = False
        self._pace = Pace(terms.loop.time())
        self._closing_since = self._blocked_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        reception = self._terms.admit(transport)
        if reception is None:
            self._ending = True
            self._transport.abort()
            return
        self._reception = reception
        self._turns = Turns(self._terms.intake, reception, self._answer, self._turned, self._abandon)
        self._terms.open.add(self)

    # ---- reading

    def data_received(self, data: bytes) -> None:
        if self._ending:
            return
        reader = self._reader
        found = reader.feed(data)
        if not reader.inside and not data.endswith(END):
            found += reader.idle()  # between frames: what was skipped is told at once, so that it can be bounded
        self._take(found, len(data))

    def _take(self, found: list[Received], size: int) -> None:
        for item in found:
            if isinstance(item, Frame):
                self._turns.put(item.message)
                self._pace.framed()
            elif isinstance(item, TooLarge):
                log.warning("mllp_too_large", channel=self._terms.channel)
                self._turns.put(Refusal(item.first, "too_large"))
            else:
                self._skip(item.count, item.first)
        self._pace.fed(self._terms.loop.time(), size, self._reader.inside, bool(found))
        if self._reader.inside and self._pace.endless(self._terms.max_message):
            self._give_up("mllp_endless")
        if found:
            self._turns.go()
        if self._turns.full:
            self._pause()
        if found and not self._held and self._terms.intake.crowded():
            self._held = True
            self._pause()
            self._terms.hold(self)

    def _skip(self, count: int, first: bytes) -> None:
        if self._pace.skipped(count, first):
            log.warning("mllp_junk", channel=self._terms.channel, count=count)
        if self._pace.junk > JUNK_MOST and not self._ending:
            self._refuse(first, "mllp_not_mllp")

    def _pause(self) -> None:
        if not self._paused and not self._lost:
            self._paused = True
            self._transport.pause_reading()

    def release(self) -> None:
        """Intake is not crowded any more."""
        self._held = False
        self._resume()

    def _resume(self) -> None:
        """Read again, unless there is still enough in hand."""
        if not self._paused or self._held or self._lost or self._ending:
            return
        if self._turns.low:
            self._paused = False
            self._pace.resumed(self._terms.loop.time())
            self._transport.resume_reading()

    # ---- answering

    def _answer(self, answer: bytes) -> None:
        if answer and not self._transport.is_closing():
            self._transport.write(frame(answer))
            self._pace.heard = self._terms.loop.time()

    def _turned(self) -> None:
        """One message is answered."""
        if self._paused:
            self._resume()
        if self._ending and not self._turns.busy:
            self._close()

    def _refuse(self, first: bytes, event: str) -> None:
        """Answer negatively after what is in hand, then close."""
        log.warning(event, channel=self._terms.channel)
        self._turns.put(Refusal(first, "framing"))
        self._ending = self._lingers = True
        self._pause()
        self._turns.go()

    def _give_up(self, event: str) -> None:
        """The unfinished frame will never be whole."""
        self._refuse(self._reader.give_up(), event)

    # ---- ending

    @property
    def busy(self) -> bool:
        """Whether something taken is not answered yet."""
        return self._turns.busy

    def end(self) -> None:
        """Take nothing more; close when what is in hand is answered."""
        self._ending = True
        self._lingers = False
        self._pause()
        if not self.busy:
            self._close()

    def eof_received(self) -> bool:
        """The sender has said all it will; True keeps the connection open for the answers still owed (not with TLS)."""
        if self._ending:
            return self.busy and self._transport.can_write_eof()
        self._take(self._reader.idle(), 0)
        self.end()
        return self.busy and self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """What was taken whole goes on without its sender."""
        self._lost = True
        self._terms.open.discard(self)
        self._terms.gone()
        self.resume_writing()
        if self._reader.inside:
            log.warning("mllp_cut", channel=self._terms.channel, bytes=self._reader.partial)
            with contextlib.suppress(EngineError):  # nobody is there to hear an answer
                self._terms.intake.refuse(self._reader.give_up(), self._reception, "framing")

    def abort(self) -> None:
        """Close now, whatever is unwritten."""
        self._transport.abort()

    def _abandon(self) -> None:
        """Intake failed us: nothing more is taken here."""
        self._ending = True
        self._close()

    def _close(self) -> None:
        if not self._closing_since:
            self._closing_since = self._terms.loop.time()
        if self._lingers and self._transport.can_write_eof() and not self._transport.is_closing():
            # To close with bytes unread would reset the connection, and the refusal might never be read.
            self._transport.write_eof()
            self._transport.resume_reading()
        else:
            self._transport.close()

    def pause_writing(self) -> None:
        """The sender does not take its answers: no more of its frames are handled meanwhile."""
        if not self._blocked and not self._lost:
            self._blocked = True
            self._blocked_since = self._terms.loop.time()
            self._turns.hold()

    def resume_writing(self) -> None:
        """It takes them again, or never will."""
        if self._blocked:
            self._blocked = False
            self._turns.release()

    def check(self, now: float) -> None:
        """Time passes: called by the source every now and then."""
        terms = self._terms
        if self._closing_since:
            if now - self._closing_since > CLOSING_MOST:
                self.abort()
        elif self._blocked:
            if now - self._blocked_since > terms.frame_timeout:
                log.warning("mllp_answers_not_taken", channel=terms.channel)
                self.abort()
        elif not self._paused and not self._ending:
            self._check_reading(now)

    def _check_reading(self, now: float) -> None:
        terms = self._terms
        if self._reader.inside and now - self._pace.heard > min(_END_BLOCK_ALONE, terms.frame_timeout / 2):
            found = self._reader.idle()
            if found:
                self._take(found, 0)
        if self._pace.late(now, terms.frame_timeout):
            self._give_up("mllp_frame_timeout")
        elif not self.busy and not self._reader.inside and now - self._pace.heard > terms.idle_timeout:
            log.info("mllp_idle", channel=terms.channel)
            self._close()
