"""Times of KITH-XML to FHIR: precision kept, zones honest, seconds filled where FHIR wants them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.standards.kith.times import BadTime, date, date_time, instant, time

OSLO = ZoneInfo("Europe/Oslo")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("1989", "1989", id="gYear"),
        pytest.param("1989-01", "1989-01", id="gYearMonth"),
        pytest.param("1989-01-18", "1989-01-18", id="date"),
        pytest.param("1989-01-18Z", "1989-01-18", id="date with Z"),
        pytest.param("1989-01-18+01:00", "1989-01-18", id="date with an offset"),
        pytest.param("1989-01+01:00", "1989-01", id="month with an offset"),
        pytest.param("1989Z", "1989", id="year with Z"),
        pytest.param("1989+01:00", "1989", id="year with an offset"),
        pytest.param("1989-01-18T23:30:00-05:00", "1989-01-18", id="the day of a dateTime as written"),
        pytest.param("\n 1989-01-18\t", "1989-01-18", id="blanks around"),
        pytest.param("2024-02-29", "2024-02-29", id="leap day"),
        pytest.param("0001-01-01", "0001-01-01", id="the first day"),
    ],
)
def test_a_date_keeps_its_precision(text: str, expected: str) -> None:
    assert date(text) == expected


@pytest.mark.parametrize(
    ("text", "expected", "note"),
    [
        pytest.param("2024", "2024", "", id="year gets no month"),
        pytest.param("2024-01", "2024-01", "", id="month gets no day"),
        pytest.param("2024-01-15", "2024-01-15", "", id="date gets no time"),
        pytest.param("2024-01-15+01:00", "2024-01-15", "", id="date with an offset gets no time"),
        pytest.param("2024-01-15T10:30", "2024-01-15T10:30:00+01:00", "kith.time_filled", id="minute"),
        pytest.param("2024-01-15T10:30Z", "2024-01-15T10:30:00Z", "kith.time_filled", id="minute and Z"),
        pytest.param("2024-01-15T10:30:59", "2024-01-15T10:30:59+01:00", "", id="second, winter"),
        pytest.param("2024-07-15T10:30:59", "2024-07-15T10:30:59+02:00", "", id="second, summer"),
        pytest.param("2024-01-15T10:30:59.1", "2024-01-15T10:30:59.1+01:00", "", id="one decimal"),
        pytest.param("2024-01-15T10:30:59.1234567", "2024-01-15T10:30:59.1234567+01:00", "", id="seven decimals"),
        pytest.param("2024-01-15T10:30:59.120Z", "2024-01-15T10:30:59.120Z", "", id="fraction and Z"),
        pytest.param("2024-01-15T10:30:59-05:00", "2024-01-15T10:30:59-05:00", "", id="own offset"),
        pytest.param("2024-01-15T10:30:59+05:30", "2024-01-15T10:30:59+05:30", "", id="half an hour of offset"),
        pytest.param("2024-01-15T10:30:59+14:00", "2024-01-15T10:30:59+14:00", "", id="the largest offset"),
        pytest.param("2024-01-15T24:00:00", "2024-01-16T00:00:00+01:00", "kith.time_midnight", id="24:00"),
        pytest.param("2024-12-31T24:00:00.0Z", "2025-01-01T00:00:00Z", "kith.time_midnight", id="24:00 at new year"),
        pytest.param("2016-12-31T23:59:60Z", "2016-12-31T23:59:60Z", "", id="leap second"),
        pytest.param("2024-10-27T02:30:00", "2024-10-27T02:30:00+02:00", "kith.time_ambiguous", id="an hour twice"),
        pytest.param("2024-10-27T02:30:00+01:00", "2024-10-27T02:30:00+01:00", "", id="twice, but offset stated"),
        pytest.param("2024-10-27T02:00:00", "2024-10-27T02:00:00+02:00", "kith.time_ambiguous", id="twice, begins"),
        pytest.param("2024-10-27T01:59:59", "2024-10-27T01:59:59+02:00", "", id="before the hour that is twice"),
        pytest.param("2024-10-27T03:00:00", "2024-10-27T03:00:00+01:00", "", id="after the hour that is twice"),
        pytest.param(
            "2024-03-31T02:30:00", "2024-03-31T02:30:00+01:00", "kith.time_skipped", id="the hour that is not"
        ),
        pytest.param("2024-03-31T01:59:59", "2024-03-31T01:59:59+01:00", "", id="before the hour that is not"),
        pytest.param("2024-03-31T03:00:00", "2024-03-31T03:00:00+02:00", "", id="after the hour that is not"),
        pytest.param("2024-10-27T02:30", "2024-10-27T02:30:00+02:00", "kith.time_ambiguous", id="doubt before filling"),
    ],
)
def test_a_date_time_keeps_its_precision_and_states_its_offset(text: str, expected: str, note: str) -> None:
    assert date_time(text, OSLO) == (expected, note)


def test_an_offset_that_is_given_wins_over_the_zone_and_the_own_one_over_both() -> None:
    assert date_time("2024-07-15T10:30:00", OSLO, "+01:00") == ("2024-07-15T10:30:00+01:00", "")
    assert date_time("2024-07-15T10:30:00-03:00", OSLO, "+01:00") == ("2024-07-15T10:30:00-03:00", "")


BAD = [
    pytest.param("", "kith.time_form", id="empty"),
    pytest.param("T", "kith.time_form", id="a T alone"),
    pytest.param("i går", "kith.time_form", id="words"),
    pytest.param("20240115", "kith.time_form", id="as HL7 writes it"),
    pytest.param("15.01.2024", "kith.time_form", id="as people write it"),
    pytest.param("24-01-15", "kith.time_form", id="two digits of a year"),
    pytest.param("2024-1-5", "kith.time_form", id="one digit"),
    pytest.param("12024-01-15", "kith.time_form", id="five digits of a year"),
    pytest.param("-2024-01-15", "kith.time_form", id="before our era"),
    pytest.param("２０２４-01-15", "kith.time_form", id="digits of another script"),
    pytest.param("2024-01-15+1:00", "kith.time_form", id="short offset"),
    pytest.param("2024-01-15T", "kith.time_form", id="T without a time"),
    pytest.param("2024-01-15 10:30:00", "kith.time_form", id="a blank between"),
    pytest.param("2024-01-15T10", "kith.time_form", id="an hour alone"),
    pytest.param("2024-01-15T10:30:00,5", "kith.time_form", id="a comma"),
    pytest.param("2024-01-15T10:30:00.", "kith.time_form", id="a point without a fraction"),
    pytest.param("2024-01-15T10:30:00 Z", "kith.time_form", id="a blank before Z"),
    pytest.param("2024-01-15T10:30:00+01", "kith.time_form", id="an offset of hours"),
    pytest.param("2024-01-15T10:30:00+14:01", "kith.time_value", id="offset too large"),
    pytest.param("2024-01-15T10:30:00+01:60", "kith.time_value", id="offset of 60 minutes"),
    pytest.param("2024-01T10:30:00", "kith.time_form", id="a month with a time"),
    pytest.param("2024-02-30", "kith.time_value", id="30 February"),
    pytest.param("2023-02-29T12:00:00", "kith.time_value", id="no leap year"),
    pytest.param("2024-13", "kith.time_value", id="month 13"),
    pytest.param("0000", "kith.time_value", id="year 0"),
    pytest.param("2024-01-15T25:00:00", "kith.time_value", id="25 o'clock"),
    pytest.param("2024-01-15T24:00:01", "kith.time_value", id="a second after 24:00"),
    pytest.param("2024-01-15T24:00:00.5", "kith.time_value", id="half a second after 24:00"),
    pytest.param("2024-01-15T10:60:00", "kith.time_value", id="minute 60"),
    pytest.param("2024-01-15T10:30:61", "kith.time_value", id="second 61"),
    pytest.param("9999-12-31T24:00:00", "kith.time_value", id="the end of days"),
]


@pytest.mark.parametrize(("text", "code"), BAD)
def test_what_is_no_time_is_refused_by_code_and_never_quoted(text: str, code: str) -> None:
    with pytest.raises(BadTime) as caught:
        date_time(text, OSLO)
    assert caught.value.code == code
    assert not text.strip() or text == "T" or text not in str(caught.value)


@pytest.mark.parametrize("text", [row.values[0] for row in BAD if "T" not in str(row.values[0])])
def test_what_is_no_date_time_is_no_date(text: str) -> None:
    with pytest.raises(BadTime):
        date(text)


def test_an_instant_needs_a_time_of_day() -> None:
    assert instant("2024-01-15T10:30:00", OSLO) == ("2024-01-15T10:30:00+01:00", "")
    for text in ("2024", "2024-01", "2024-01-15", "2024-01-15Z"):
        with pytest.raises(BadTime) as caught:
            instant(text, OSLO)
        assert caught.value.code == "kith.time_precision"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10:30", "10:30:00"),
        ("10:30:59", "10:30:59"),
        ("10:30:59.25", "10:30:59.25"),
        ("10:30:59Z", "10:30:59"),
        ("10:30:59-05:00", "10:30:59"),
        ("24:00:00", "00:00:00"),
    ],
)
def test_a_time_of_day_has_seconds_and_no_offset(text: str, expected: str) -> None:
    assert time(text) == expected


@pytest.mark.parametrize("text", ["", "10", "25:00:00", "24:00:01", "10:60", "2024-01-15", "10:30:59+1"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(BadTime):
        time(text)


OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(moment=st.datetimes(timezones=OFFSETS), spaces=st.text(" \t\r\n", max_size=2))
def test_a_time_with_an_offset_is_that_moment_as_python_reads_it(moment: datetime, spaces: str) -> None:
    value, note = date_time(f"{spaces}{moment.isoformat()}{spaces}", OSLO)
    assert (value, note) == (moment.isoformat(), "")
    assert datetime.fromisoformat(value) == moment


@given(st.datetimes(datetime(1970, 1, 1), datetime(2037, 12, 31)))
def test_a_time_without_one_is_the_moment_that_the_zone_means(naive: datetime) -> None:
    """In doubt the first of two; and of an hour that does not exist what a clock shows that was not changed."""
    value, note = date_time(naive.isoformat(), OSLO)
    meant = naive.replace(tzinfo=OSLO)
    assert datetime.fromisoformat(value) == meant.astimezone(UTC)
    assert value.startswith(naive.isoformat())
    assert (note != "") == (meant.utcoffset() != meant.replace(fold=1).utcoffset())


@given(st.text(max_size=30) | st.text("0123456789-:.TZ+", max_size=30))
def test_whatever_the_text_it_is_a_time_or_refused(text: str) -> None:
    for read in (date, time, lambda one: date_time(one, OSLO), lambda one: instant(one, OSLO)):
        try:
            read(text)
        except BadTime as bad:
            assert bad.code.startswith("kith.time_")
