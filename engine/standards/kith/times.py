"""Times of KITH-XML to FHIR's date, dateTime, instant and time: precision kept, never guessed.

KITH writes xs:date, xs:dateTime, xs:gYearMonth and xs:gYear, a zone or offset where the sender has one. Without one the
channel's zone on that day is meant, never the machine's. FHIR wants seconds where there is an hour: they are filled
with zeros, and that is noted. XML Schema part 2, 3.2.7 to 3.2.11; FHIR R4, datatypes.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from datetime import date as Date
from zoneinfo import ZoneInfo

FILLED = "kith.time_filled"
"""Seconds were not stated."""
AMBIGUOUS = "kith.time_ambiguous"
"""The hour exists twice that night; the first one is taken."""
SKIPPED = "kith.time_skipped"
"""The hour does not exist that night; counted on from before it."""
MIDNIGHT = "kith.time_midnight"
"""24:00 was written as 00:00 of the next day."""

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_CLOCK = re.compile(r"(\d{2}):(\d{2})(?::(\d{2})(\.\d+)?)?", re.ASCII)
_ZONE = re.compile(r"Z|[+-]\d{2}:\d{2}", re.ASCII)
_FURTHEST = "14:00"
"""The largest offset that FHIR and XML Schema know."""


class BadTime(ValueError):
    """No time, or not precise enough. `code`: `kith.time_form`, `kith.time_value`, `kith.time_precision`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def date(text: str) -> str:
    """FHIR date of a date, year and month, or year; of a dateTime its day as written. Raises: BadTime."""
    day, mark, clock = text.strip().partition("T")
    if mark:
        _split(clock)
    return _date(day if mark else _without_zone(day))


def date_time(text: str, zone: ZoneInfo, offset: str = "") -> tuple[str, str]:
    """FHIR dateTime, and what is to be noted about it ("" for nothing). A date alone stays one. Raises: BadTime."""
    day, mark, clock = text.strip().partition("T")
    if not mark:
        return _date(_without_zone(day)), ""
    day = _date(day)
    if len(day) != 10:
        raise BadTime("kith.time_form", "a time of day needs a whole date")
    hours, fraction, own, filled = _split(clock)
    note = FILLED if filled else ""
    if hours == "24:00:00" and not fraction.strip(".0"):
        if day == Date.max.isoformat():
            raise BadTime("kith.time_value", "no such day")
        day, hours, fraction = (Date.fromisoformat(day) + timedelta(days=1)).isoformat(), "00:00:00", ""
        note = MIDNIGHT
    _check(hours)
    suffix = own or offset
    if not suffix:
        suffix, doubt = _offset(zone, day, hours)
        note = doubt or note
    return f"{day}T{hours}{fraction}{suffix}", note


def instant(text: str, zone: ZoneInfo, offset: str = "") -> tuple[str, str]:
    """FHIR instant: as `date_time`, but a date alone is refused. Raises: BadTime."""
    value, note = date_time(text, zone, offset)
    if len(value) <= 10:
        raise BadTime("kith.time_precision", "an instant needs a time of day")
    return value, note


def time(text: str) -> str:
    """FHIR time of an xs:time; an offset is dropped, since FHIR's has none. Raises: BadTime."""
    hours, fraction, _, _ = _split(text.strip())
    if hours == "24:00:00" and not fraction.strip(".0"):
        return "00:00:00"
    _check(hours)
    return hours + fraction


def _without_zone(text: str) -> str:
    """xs:date may carry a zone, which FHIR's date does not."""
    for end in (text[-6:], text[-1:]):
        if _ZONE.fullmatch(end) and _DATE.fullmatch(text[: -len(end)]):
            return text[: -len(end)]
    return text


def _date(text: str) -> str:
    found = _DATE.fullmatch(text)
    if found is None:
        raise BadTime("kith.time_form", "not a date in the form YYYY[-MM[-DD]]")
    year, month, day = found.groups()
    try:
        Date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        raise BadTime("kith.time_value", "no such day") from None
    return text


def _split(clock: str) -> tuple[str, str, str, bool]:
    """`HH:MM:SS`, the fraction with its point, the offset as written, and whether seconds had to be filled in."""
    own = ""
    for end in (clock[-6:], clock[-1:]):
        if _ZONE.fullmatch(end):
            clock, own = clock[: -len(end)], end
            break
    found = _CLOCK.fullmatch(clock)
    if found is None:
        raise BadTime("kith.time_form", "not a time in the form HH:MM[:SS[.S...]]")
    if own and own != "Z" and (own[1:] > _FURTHEST or own[4:] > "59"):
        raise BadTime("kith.time_value", "no such offset")
    hours, minutes, seconds, fraction = found.groups()
    return f"{hours}:{minutes}:{seconds or '00'}", fraction or "", own, seconds is None


def _check(hours: str) -> None:
    # Leap seconds are real, and FHIR takes them.
    if hours[:2] > "23" or hours[3:5] > "59" or hours[6:] > "60":
        raise BadTime("kith.time_value", "no such time of day")


def _offset(zone: ZoneInfo, day: str, hours: str) -> tuple[str, str]:
    """The zone's offset then, and what is doubtful about it."""
    seconds = min(hours[6:], "59")
    naive = datetime.fromisoformat(f"{day}T{hours[:6]}{seconds}")
    try:
        first, second = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        offset, other = first.utcoffset(), second.utcoffset()
        there = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive
    except (OverflowError, ValueError):
        raise BadTime("kith.time_value", "no such day") from None
    if offset is None:
        raise BadTime("kith.time_value", "the zone has no offset then")
    note = "" if offset == other else AMBIGUOUS if there else SKIPPED
    minutes = round(offset.total_seconds() / 60)
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}", note
