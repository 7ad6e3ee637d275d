"""HL7 times to FHIR's date, dateTime, instant and time: precision kept, never guessed.

A date never gets a time of day. FHIR wants seconds where there is an hour, so hours and minutes are filled with zeros
and that is noted. The offset is the value's own, else the one of MSH-7, else that of the channel's zone on that day;
never the machine's. MAPPING 3, items 18 and 19. HL7 v2.5.1, 2.A.22 (DTM), 2.A.75 (TM); FHIR R4, datatypes.
"""

from __future__ import annotations

from datetime import date as Date
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

FILLED = "hl7.time_filled"
"""Seconds, or minutes and seconds, were not stated."""
AMBIGUOUS = "hl7.time_ambiguous"
"""The hour exists twice that night; the first one is taken."""
SKIPPED = "hl7.time_skipped"
"""The hour does not exist that night; counted on from before it."""
MIDNIGHT = "hl7.time_midnight"
"""24:00 was written as 00:00 of the next day."""


class BadTime(ValueError):
    """No time, or not precise enough.

    `code` is `hl7.time_form`, `hl7.time_value` (30 February), `hl7.time_zero`, `hl7.time_offset`, `hl7.time_precision`.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def date(text: str) -> str:
    """FHIR date of DT, or of a TS or DTM whose time of day does not count. Raises: BadTime."""
    text = text.strip()
    if len(text) == 8 and text.isdigit():
        return _day(text)
    digits, _, own = _parts(text)
    if len(digits) in (8, 10, 12, 14):
        return _day(digits[:8])
    return _partial(digits + own)


def date_time(text: str, zone: ZoneInfo, offset: str = "") -> tuple[str, str]:
    """FHIR dateTime of a TS, DTM or DT, and what is to be noted about it ("" for nothing).

    `offset` is that of MSH-7 as written. Raises: BadTime.
    """
    text = text.strip()
    if text.isdigit():
        if len(text) == 14:
            return _whole(text, "", zone, offset)
        if len(text) == 8:
            return _day(text), ""
    digits, fraction, own = _parts(text)
    if len(digits) <= 8:
        # A year or month with an offset would be an ISO date that was cut at its first hyphen.
        if fraction or (own and len(digits) < 8):
            raise BadTime("hl7.time_form", "not a date in the form YYYY[MM[DD]]")
        return (_day(digits) if len(digits) == 8 else _partial(digits)), ""
    if len(digits) == 14:
        return _whole(digits, fraction, zone, own or offset)
    if len(digits) not in (10, 12) or fraction:
        raise BadTime("hl7.time_form", "not a time in the form YYYYMMDDHH[MM[SS[.S...]]]")
    value, note = _whole(digits.ljust(14, "0"), "", zone, own or offset)
    return value, note or FILLED


def instant(text: str, zone: ZoneInfo, offset: str = "") -> tuple[str, str]:
    """FHIR instant: as `date_time`, but a date alone is refused. Raises: BadTime."""
    value, note = date_time(text, zone, offset)
    if len(value) <= 10:
        raise BadTime("hl7.time_precision", "an instant needs a time of day")
    return value, note


def time(text: str) -> str:
    """FHIR time of a TM: hours and minutes filled up to seconds, an offset dropped since FHIR's has none.

    Raises: BadTime.
    """
    digits, fraction, _ = _parts(text.strip())
    if len(digits) not in (2, 4, 6) or (fraction and len(digits) != 6):
        raise BadTime("hl7.time_form", "not a time in the form HH[MM[SS[.S...]]]")
    digits = digits.ljust(6, "0")
    if digits == "240000" and not fraction.strip(".0"):
        return "00:00:00"
    _check_clock(digits)
    return f"{digits[:2]}:{digits[2:4]}:{digits[4:]}{fraction}"


def _whole(digits: str, fraction: str, zone: ZoneInfo, offset: str) -> tuple[str, str]:
    """Fourteen digits to a dateTime."""
    note = ""
    day = _day(digits[:8])
    if digits[8:] == "240000" and not fraction.strip(".0"):
        if day == Date.max.isoformat():
            raise BadTime("hl7.time_value", "no such day")
        day = (Date.fromisoformat(day) + timedelta(days=1)).isoformat()
        digits = day.replace("-", "") + "000000"
        note = MIDNIGHT
    _check_clock(digits[8:])
    if offset:
        suffix = _offset(offset)
    else:
        suffix = _offset_of_day(zone, digits[:8])
        if not suffix:
            suffix, doubt = _offset_at(zone, digits)
            note = doubt or note
    return f"{day}T{digits[8:10]}:{digits[10:12]}:{digits[12:]}{fraction}{suffix}", note


def _parts(text: str) -> tuple[str, str, str]:
    """Digits, fraction with its point, offset as written."""
    own = ""
    at = max(text.find("+"), text.find("-"))
    if at >= 0:
        text, own = text[:at], text[at:]
    elif text.endswith("Z"):
        text, own = text[:-1], "Z"
    digits, point, decimals = text.partition(".")
    if not (digits.isdigit() and digits.isascii()) or (point and not (decimals.isdigit() and decimals.isascii())):
        raise BadTime("hl7.time_form", "something other than digits where a time is expected")
    return digits, point + decimals, own


def _check_clock(digits: str) -> None:
    # Leap seconds are real, and FHIR takes them.
    if digits[:2] > "23" or digits[2:4] > "59" or digits[4:] > "60":
        raise BadTime("hl7.time_value", "no such time of day")


@lru_cache(maxsize=8192)
def _day(digits: str) -> str:
    if not digits.isascii():
        raise BadTime("hl7.time_form", "not a date in the form YYYY[MM[DD]]")
    if digits == "00000000":
        raise BadTime("hl7.time_zero", "a date of zeros")
    try:
        return Date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).isoformat()
    except ValueError:
        raise BadTime("hl7.time_value", "no such day") from None


def _partial(digits: str) -> str:
    """A year or a year and month."""
    if len(digits) not in (4, 6) or not digits.isdigit() or not digits.isascii():
        raise BadTime("hl7.time_form", "not a date in the form YYYY[MM[DD]]")
    if not digits.strip("0"):
        raise BadTime("hl7.time_zero", "a date of zeros")
    if digits[:4] == "0000" or (len(digits) == 6 and not "01" <= digits[4:] <= "12"):
        raise BadTime("hl7.time_value", "no such month")
    return digits if len(digits) == 4 else f"{digits[:4]}-{digits[4:]}"


@lru_cache(maxsize=256)
def _offset(text: str) -> str:
    """`+01`, `+0100` or `Z` as FHIR writes it."""
    if text == "Z":
        return text
    hours, minutes = text[1:3], text[3:] or "00"
    whole = hours + minutes
    if text[:1] not in ("+", "-") or len(whole) != 4 or not (whole.isdigit() and whole.isascii()):
        raise BadTime("hl7.time_offset", "not an offset in the form +HH[MM]")
    if minutes > "59" or (hours > "13" and whole != "1400"):
        raise BadTime("hl7.time_offset", "an offset above 14 hours")
    return f"{text[0]}{hours}:{minutes}" if whole != "0000" else "+00:00"


@lru_cache(maxsize=8192)
def _offset_of_day(zone: ZoneInfo, digits: str) -> str:
    """The zone's offset on a day on which it does not change, "" on a day on which it does."""
    start = datetime(int(digits[:4]), int(digits[4:6]), int(digits[6:]), tzinfo=zone)
    if start.date() == Date.max:
        return _written(start)
    end = start + timedelta(days=1)
    same = start.utcoffset() == end.utcoffset() == start.replace(fold=1).utcoffset()
    return _written(start) if same else ""


def _offset_at(zone: ZoneInfo, digits: str) -> tuple[str, str]:
    """Offset at a time, and whether that time exists twice or not at all."""
    second = min(int(digits[12:14]), 59)
    day = (int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    local = datetime(*day, int(digits[8:10]), int(digits[10:12]), second, tzinfo=zone)
    before, after = local.utcoffset(), local.replace(fold=1).utcoffset()
    if before is None or after is None or before == after:
        return _written(local), ""
    return _written(local), AMBIGUOUS if before > after else SKIPPED


def _written(local: datetime) -> str:
    return local.isoformat()[19:25]
