"""MLLP framing: bytes in, messages out. Knows no socket and no clock.

A frame is VT, the message, FS, CR. Accepted besides: the end block without its CR when the next frame begins or the
line falls idle; FS inside a message where neither CR nor VT follows; bytes between frames, skipped and counted. MAPPING
3, items 11 to 13. HL7 v2.5.1 implementation guide: Transport Specification MLLP, release 1, 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

VT, FS, CR = 0x0B, 0x1C, 0x0D
START, END = b"\x0b", b"\x1c\r"
NO_START_BLOCK = "no_start_block"
"""Tolerance: MSH begins a frame also where VT is missing."""

_FIRST = 2048
_END = re.compile(rb"\x1c[\r\x0b]")
_HEADER = b"MSH"
_BEGIN_OR_HEADER = re.compile(rb"\x0b|MSH")


@dataclass(frozen=True, slots=True)
class Frame:
    """One message, without its framing bytes."""

    message: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Junk:
    """Bytes between frames that were skipped; line ends are not counted. `first` are at most its first eight."""

    count: int
    first: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A frame above the limit, told once and as soon as it is; `first` is enough of it to read its header."""

    first: bytes = field(repr=False)


Received = Frame | Junk | TooLarge


def frame(message: bytes) -> bytes:
    """The message between its start and end block."""
    return START + message + END


class FrameReader:
    """The state of one connection's byte stream. `limit` is the most bytes a message may have.

    Linear in the bytes fed, however they are cut; holds at most `limit` bytes and one read.
    """

    def __init__(self, limit: int, tolerate: frozenset[str] = frozenset()) -> None:
        self._limit = limit
        self._headers_begin = NO_START_BLOCK in tolerate
        self._buffer = bytearray()
        self._scanned = 0
        self._inside = False
        self._skipping = False
        self._junk = 0
        self._junk_first = b""

    @property
    def inside(self) -> bool:
        """Whether a frame has begun and not ended: the time for which a sender may be silent is short now."""
        return self._inside

    @property
    def partial(self) -> int:
        """Bytes held of the unfinished frame, one for its start block; 0 between frames."""
        return len(self._buffer) + 1 if self._inside else 0

    def feed(self, data: bytes) -> list[Received]:
        """What `data` completes, in order."""
        whole = len(data) - 2
        if data[:1] == START and data.find(b"\x1c", 1) == whole and data[-1] == CR and self._between(whole):
            return [Frame(data[1:whole])]
        buffer = self._buffer
        buffer += data
        found: list[Received] = []
        at = 0
        while True:
            if not self._inside:
                begin = self._begin(at, found)
                if begin < 0:
                    at = -begin - 1
                    break
                at = begin
                self._inside = True
                self._scanned = at
            match = _END.search(buffer, self._scanned)
            if match is None:
                at = self._hold(at, found)
                break
            end = match.start()
            self._finish(at, end, found)
            # A VT that ends a frame begins the next one and stays.
            at = end + 2 if buffer[end + 1] == CR else end + 1
        self._cut(at)
        return found

    def idle(self) -> list[Received]:
        """Nothing came for a while: an end block without CR ends its frame; skipped bytes are told."""
        found: list[Received] = []
        if self._inside and self._buffer[-1:] == b"\x1c":
            self._finish(0, len(self._buffer) - 1, found)
            self._cut(len(self._buffer))
        self._tell_junk(found)
        return found

    def give_up(self) -> bytes:
        """Drop the unfinished frame, at most its first two thousand bytes returned: enough to answer it."""
        first = bytes(self._buffer[:_FIRST])
        self._inside = self._skipping = False
        self._cut(len(self._buffer))
        return first

    def _between(self, size: int) -> bool:
        """Whether nothing is held, so that a frame of this size which comes whole, as most do, needs no buffer."""
        return not (self._inside or self._buffer or self._junk) and size - 1 <= self._limit

    def _begin(self, at: int, found: list[Received]) -> int:
        """Where the next frame's message begins; -1 minus the position up to which nothing need be kept."""
        buffer = self._buffer
        if not self._headers_begin:
            begin = buffer.find(START, at)
        else:
            match = _BEGIN_OR_HEADER.search(buffer, at)
            begin = match.start() if match else -1
        if begin < 0:
            keep = len(buffer)
            if self._headers_begin:
                keep -= next((n for n in (2, 1) if len(buffer) - at >= n and buffer.endswith(_HEADER[:n])), 0)
            self._skip(at, keep)
            return -keep - 1
        self._skip(at, begin)
        self._tell_junk(found)
        return begin + 1 if buffer[begin] == VT else begin

    def _hold(self, at: int, found: list[Received]) -> int:
        """No end in sight: remember how far was looked; above the limit keep nothing but a possible FS."""
        buffer = self._buffer
        ends_with_fs = len(buffer) > at and buffer[-1] == FS
        self._scanned = len(buffer) - ends_with_fs
        if not self._skipping and self._scanned - at > self._limit:
            found.append(TooLarge(bytes(buffer[at : at + _FIRST])))
            self._skipping = True
        if self._skipping:
            return self._scanned
        return at

    def _finish(self, begin: int, end: int, found: list[Received]) -> None:
        if not self._skipping:
            if end - begin > self._limit:
                found.append(TooLarge(bytes(self._buffer[begin : begin + _FIRST])))
            else:
                with memoryview(self._buffer) as view:
                    found.append(Frame(bytes(view[begin:end])))
        self._inside = self._skipping = False

    def _skip(self, begin: int, end: int) -> None:
        if end <= begin:
            return
        skipped = bytes(self._buffer[begin:end]).translate(None, b"\r\n")
        if not self._junk:
            self._junk_first = skipped[:8]
        self._junk += len(skipped)

    def _tell_junk(self, found: list[Received]) -> None:
        if self._junk:
            found.append(Junk(self._junk, self._junk_first))
            self._junk, self._junk_first = 0, b""

    def _cut(self, at: int) -> None:
        if at >= len(self._buffer):
            # A new one: the old may have grown to the size of the largest message.
            self._buffer = bytearray()
        elif at:
            del self._buffer[:at]
        self._scanned = max(self._scanned - at, 0)
