"""How long a sender has been at its frame, and how much of what it sent was no frame. Knows no socket and no clock.

A frame's time runs from its first byte to its last, however the bytes trickle in between (MAPPING 3, item 11).
"""

from __future__ import annotations

JUNK_MOST = 64 * 1024
"""So many bytes that are no frame, and what is at the other end does not speak MLLP."""
SLOWEST = 16 * 1024
"""Bytes a second: a frame that comes this fast may take longer than the frame time-out."""
_HARMLESS = b"\x00 \t\x1c"
_ENDLESS = 16


class Pace:
    """The pace of one connection. Times are seconds of a clock that never goes back."""

    def __init__(self, now: float) -> None:
        self.heard = now
        self.junk = 0
        self._began = 0.0
        self._bytes = 0

    def fed(self, now: float, size: int, inside: bool, fresh: bool) -> None:
        """`size` bytes came; now we are `inside` a frame or not, and `fresh` when anything was completed by them."""
        self.heard = now
        if not inside and not self.junk:
            self._began = 0.0
        elif not self._began or (inside and fresh):
            self._began, self._bytes = now, 0
        if inside:
            self._bytes += size

    def skipped(self, count: int, first: bytes) -> bool:
        """Bytes between frames were skipped; True when they are the first of them. Idle fillers do not count."""
        if not first.strip(_HARMLESS):
            return False
        self.junk += count
        return self.junk == count

    def framed(self) -> None:
        """A whole frame came: whatever was skipped before it is forgiven."""
        self.junk = 0

    def resumed(self, now: float) -> None:
        """It was we who did not read: the sender's time begins anew."""
        self.heard = now
        if self._began:
            self._began = now

    def late(self, now: float, timeout: float) -> bool:
        """Whether a frame, or junk that should have been one, has taken too long."""
        return bool(self._began) and now - self._began > timeout + self._bytes / SLOWEST

    def endless(self, limit: int) -> bool:
        """Whether a frame above the limit has not ended by far: its end is not worth waiting for."""
        return self._bytes > _ENDLESS * limit + JUNK_MOST
