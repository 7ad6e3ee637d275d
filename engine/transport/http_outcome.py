"""What an HTTP status means for a delivery: the class table that all who send over HTTP share, as pure functions.

Why: decision 18, and RELIABILITY section 2. RFC 9110, 15.
"""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

from engine.clock import as_datetime
from engine.delivery import Ambiguous, Outcome, Permanent, Transient
from engine.transport.http import HttpFailure, HttpResponse

FRESH_TRIES = 3
"""How often 409 and 412 are tried, each time with fresh state, before a person is asked."""

_MOVED = "the address answers with a redirect: write the address it points to as the system's url"
_TOO_LARGE = "the receiving system limits the size of a request: raise its limit, or leave the original out"
_MOST_SECONDS = 24 * 3600.0


def outcome_of_status(response: HttpResponse, now: int, told: str = "", fault: str = "") -> Outcome:
    """The outcome of a whole response whose status is not 2xx.

    `told` is what the receiver said, without content; `fault` the words where all messages fail alike (401, 403, 404)
    and it said nothing. `now` is wall time in micros, for a Retry-After that names a date.
    """
    status = response.status
    code = f"http.{status}"
    if 300 <= status < 400:
        return Permanent(code, hint=_MOVED)
    if status in (401, 403, 404):
        return Transient(code, told or fault, system_fault=True)
    if status in (429, 503):
        return Transient(code, told, after=retry_after(response.headers.get("retry-after", ""), now))
    if status in (409, 412):
        return Transient(code, told, tries=FRESH_TRIES)
    if status in (408, 425):  # the server says that it did not act on it: RFC 9110, 15.5.9; RFC 8470, 5.2
        return Transient(code, told)
    if status >= 500 or status < 200:
        return Ambiguous(code, told)
    return Permanent(code, told, hint=_TOO_LARGE if status == 413 else "")


def outcome_of_failure(failure: HttpFailure) -> Outcome:
    """The outcome of a request that got no whole response."""
    if failure.sent:
        return Ambiguous(failure.code)
    return Transient(failure.code, system_fault=failure.fault)


def retry_after(value: str, now: int) -> float | None:
    """Seconds to wait, from seconds or an HTTP date; at most a day. None when it cannot be read. RFC 9110, 10.2.3."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), _MOST_SECONDS)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - as_datetime(now)).total_seconds()), _MOST_SECONDS)
