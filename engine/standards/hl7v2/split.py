"""Several messages in one reception to one each: batches with FHS and BHS, or a careless frame without wrappers.

A message begins where a line begins with MSH. File and batch headers and trailers belong to no message and are left
out; `wrapping` says where they do not fit what is between them. MAPPING 3, items 9 and 12. HL7 v2.5.1, 2.10.3 and
2.15.2 to 2.15.5.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from engine.message import Issue, Severity

_WRAPPERS = (b"FHS", b"BHS", b"BTS", b"FTS")
_TRAILER_BYTES = 1024
_BREAKS = (b"\r", b"\n", b"\x0b")
_COUNT = re.compile(rb"...[^\w\s]\s*(\d{1,9})")
_MOST_ISSUES = 100


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


def wrapping(raw: bytes) -> list[Issue]:
    """Counts of BTS-1 (messages) and FTS-1 (batches) that differ from what came, and a header without its trailer.

    Why warnings: each message is whole and judged by itself; what is missing was never sent, or a file was cut off. A
    trailer may leave its count out. Messages that no BHS wraps count as one batch.
    """
    marks = sorted((at, name) for name in (b"MSH", *_WRAPPERS) for at in _beginnings(raw, name))
    if all(name == b"MSH" for _, name in marks):
        return []
    issues: list[Issue] = []
    seen = dict.fromkeys((b"MSH", *_WRAPPERS), 0)
    messages = batches = 0
    in_batch = in_file = False
    for at, name in marks:
        seen[name] += 1
        if name == b"MSH":
            batches += messages == 0 and not in_batch
            messages += 1
        elif name in (b"FHS", b"BHS"):
            if in_batch:
                issues.append(_open(b"BHS", seen[b"BHS"] - (name == b"BHS")))
            if name == b"FHS" and in_file:
                issues.append(_open(b"FHS", seen[b"FHS"] - 1))
            in_batch, in_file, messages = name == b"BHS", in_file or name == b"FHS", 0
            batches = batches + 1 if name == b"BHS" else 0
        elif name == b"BTS":
            issues += _counted(raw, at, f"BTS[{seen[name]}]-1", messages, "messages")
            in_batch, messages = False, 0
        else:
            if in_batch:
                issues.append(_open(b"BHS", seen[b"BHS"]))
            issues += _counted(raw, at, f"FTS[{seen[name]}]-1", batches, "batches")
            in_batch, in_file, messages, batches = False, False, 0, 0
    if in_batch:
        issues.append(_open(b"BHS", seen[b"BHS"]))
    if in_file:
        issues.append(_open(b"FHS", seen[b"FHS"]))
    return issues[:_MOST_ISSUES]


def _counted(raw: bytes, at: int, place: str, came: int, what: str) -> list[Issue]:
    """A count is no content: it may be told."""
    stated = _COUNT.match(raw, at)
    if stated is None or int(stated[1]) == came:
        return []
    text = f"the trailer counts {int(stated[1])} {what}, {came} came"
    hint = "see whether the sender has cut it off; what came is judged message by message"
    return [Issue(Severity.WARNING, "hl7.batch_count", text, place, "207", hint=hint)]


def _open(name: bytes, number: int) -> Issue:
    trailer = "BTS" if name == b"BHS" else "FTS"
    text = f"begun, but no {trailer} ends it"
    hint = "see whether the sender has cut it off; what came is judged message by message"
    return Issue(Severity.WARNING, "hl7.batch_open", text, f"{name.decode()}[{number}]", "207", hint=hint)


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
