"""Several messages in one reception to one each: batches with FHS and BHS, or a careless frame without wrappers.

A message begins where a line begins with MSH. File and batch headers and trailers belong to no message and are left
out. MAPPING 3, items 9 and 12. HL7 v2.5.1, 2.10.3.
"""

from __future__ import annotations

from bisect import bisect_left

_WRAPPERS = (b"FHS", b"BHS", b"BTS", b"FTS")
_TRAILER_BYTES = 1024
_BREAKS = (b"\r", b"\n", b"\x0b")


def split(raw: bytes) -> list[bytes]:
    """The messages, in order. Bytes that hold no message at all come back as one part."""
    if raw.startswith(b"MSH") and raw.find(b"MSH", 3) < 0 and not _trailed(raw):
        return [raw]
    headers = _beginnings(raw, b"MSH")
    if not headers or (headers == [0] and not _trailed(raw)):
        return [raw]
    wrappers = sorted(at for name in _WRAPPERS for at in _beginnings(raw, name))
    ends = sorted([*headers, *wrappers])
    parts = []
    for header in headers:
        following = bisect_left(ends, header + 1)
        parts.append(raw[header : ends[following] if following < len(ends) else len(raw)])
    first = headers[0]
    if not wrappers or wrappers[0] > first:
        # A byte order mark or stray bytes before the first message say something about it: the reader judges them.
        parts[0] = raw[:first] + parts[0]
    return parts


def _trailed(raw: bytes) -> bool:
    """Whether a trailer may stand at the end."""
    end = raw[-_TRAILER_BYTES:]
    return b"BTS" in end or b"FTS" in end


def _beginnings(raw: bytes, name: bytes) -> list[int]:
    """Where lines begin with `name` and something that can be a separator."""
    found = [0] if raw.startswith(name) else []
    if not found and raw.startswith(b"\xef\xbb\xbf" + name):
        found = [3]
    for mark in _BREAKS:
        at = raw.find(mark + name)
        while at >= 0:
            found.append(at + 1)
            at = raw.find(mark + name, at + 1)
    return sorted(at for at in found if _separates(raw[at + 3 : at + 4]))


def _separates(byte: bytes) -> bool:
    return b" " < byte < b"\x7f" and not byte.isalnum()
