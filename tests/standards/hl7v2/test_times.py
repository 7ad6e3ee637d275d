"""HL7 times to FHIR: precision kept, zones honest. MAPPING 3, items 18 and 19."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.standards.hl7v2.times import BadTime, date, date_time, instant, time

OSLO = ZoneInfo("Europe/Oslo")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("1989", "1989", id="year"),
        pytest.param("198901", "1989-01", id="month"),
        pytest.param("19890118", "1989-01-18", id="day"),
        pytest.param("19890118000000", "1989-01-18", id="midnight as birth date"),
        pytest.param("19890118+0100", "1989-01-18", id="offset dropped"),
        pytest.param(" 19890118 ", "1989-01-18", id="blanks around"),
        pytest.param("20240229", "2024-02-29", id="leap day"),
    ],
)
def test_a_date_keeps_its_precision(text: str, expected: str) -> None:
    assert date(text) == expected


@pytest.mark.parametrize(
    ("text", "expected", "note"),
    [
        pytest.param("2024", "2024", "", id="year gets no month"),
        pytest.param("202401", "2024-01", "", id="month gets no day"),
        pytest.param("20240115", "2024-01-15", "", id="date gets no time"),
        pytest.param("20240115+0100", "2024-01-15", "", id="date with offset gets no time"),
        pytest.param("2024011510", "2024-01-15T10:00:00+01:00", "hl7.time_filled", id="hour"),
        pytest.param("202401151030", "2024-01-15T10:30:00+01:00", "hl7.time_filled", id="minute"),
        pytest.param("20240115103059", "2024-01-15T10:30:59+01:00", "", id="second, winter"),
        pytest.param("20240715103059", "2024-07-15T10:30:59+02:00", "", id="second, summer"),
        pytest.param("20240115103059.1", "2024-01-15T10:30:59.1+01:00", "", id="one decimal"),
        pytest.param("20240115103059.12345", "2024-01-15T10:30:59.12345+01:00", "", id="five decimals"),
        pytest.param("20240115103059-0500", "2024-01-15T10:30:59-05:00", "", id="own offset"),
        pytest.param("20240115103059+01", "2024-01-15T10:30:59+01:00", "", id="short offset"),
        pytest.param("20240115103059.5+0530", "2024-01-15T10:30:59.5+05:30", "", id="fraction and offset"),
        pytest.param("20240115103059Z", "2024-01-15T10:30:59Z", "", id="Z"),
        pytest.param("20240115103059-0000", "2024-01-15T10:30:59+00:00", "", id="minus zero"),
        pytest.param("20240115240000", "2024-01-16T00:00:00+01:00", "hl7.time_midnight", id="24:00"),
        pytest.param("202412312400", "2025-01-01T00:00:00+01:00", "hl7.time_midnight", id="24:00 at new year"),
        pytest.param("20161231235960+0000", "2016-12-31T23:59:60+00:00", "", id="leap second"),
        pytest.param("20241027023000", "2024-10-27T02:30:00+02:00", "hl7.time_ambiguous", id="the hour that is twice"),
        pytest.param("20241027023000+0100", "2024-10-27T02:30:00+01:00", "", id="twice, but offset stated"),
        pytest.param("20241027033000", "2024-10-27T03:30:00+01:00", "", id="after the change"),
        pytest.param("20241027013000", "2024-10-27T01:30:00+02:00", "", id="before the change"),
        pytest.param("20240331023000", "2024-03-31T02:30:00+01:00", "hl7.time_skipped", id="the hour that is not"),
    ],
)
def test_a_date_time_keeps_its_precision_and_states_its_offset(text: str, expected: str, note: str) -> None:
    assert date_time(text, OSLO) == (expected, note)


def test_the_offset_of_msh_7_wins_over_the_zone_and_the_own_one_over_both() -> None:
    assert date_time("20240715103000", OSLO, "+0100")[0] == "2024-07-15T10:30:00+01:00"
    assert date_time("20240715103000-03", OSLO, "+0100")[0] == "2024-07-15T10:30:00-03:00"
    assert date_time("20241027023000", OSLO, "+0100") == ("2024-10-27T02:30:00+01:00", "")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("20240230", "hl7.time_value", id="30 February"),
        pytest.param("20240230120000", "hl7.time_value", id="30 February at noon"),
        pytest.param("202413", "hl7.time_value", id="month 13"),
        pytest.param("20240115250000", "hl7.time_value", id="25 o'clock"),
        pytest.param("20240115240001", "hl7.time_value", id="a second after 24:00"),
        pytest.param("20240115106000", "hl7.time_value", id="minute 60"),
        pytest.param("00000000", "hl7.time_zero", id="zeros"),
        pytest.param("0000", "hl7.time_zero", id="year of zeros"),
        pytest.param("", "hl7.time_form", id="empty"),
        pytest.param("2024-01-15", "hl7.time_form", id="ISO form"),
        pytest.param("2024-01", "hl7.time_form", id="ISO form of a month"),
        pytest.param("20240115T1030", "hl7.time_form", id="T"),
        pytest.param("202401151", "hl7.time_form", id="nine digits"),
        pytest.param("2024011510.5", "hl7.time_form", id="fraction of an hour"),
        pytest.param("20240115103000.", "hl7.time_form", id="point without decimals"),
        pytest.param("２０２４０１１５", "hl7.time_form", id="digits of another script"),
        pytest.param("20240115103000+1500", "hl7.time_offset", id="offset too far"),
        pytest.param("20240115103000+1", "hl7.time_offset", id="offset too short"),
        pytest.param('""', "hl7.time_form", id="null"),
        pytest.param("99991231240000", "hl7.time_value", id="after the last day"),
    ],
)
def test_what_is_no_time_is_told_by_code_without_its_content(text: str, code: str) -> None:
    with pytest.raises(BadTime) as caught:
        date_time(text, OSLO)
    assert caught.value.code == code
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["2024-01-15", "2024-01", "20240115X", "2024011", "20240230000000", "00000000", "", "202401151"]
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(BadTime):
        date(text)


def test_an_instant_needs_a_time_of_day() -> None:
    assert instant("202401151030", OSLO) == ("2024-01-15T10:30:00+01:00", "hl7.time_filled")
    with pytest.raises(BadTime) as caught:
        instant("20240115", OSLO)
    assert caught.value.code == "hl7.time_precision"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10", "10:00:00"),
        ("1030", "10:30:00"),
        ("103059", "10:30:59"),
        ("103059.25", "10:30:59.25"),
        ("1030+0100", "10:30:00"),
        ("2400", "00:00:00"),
    ],
)
def test_a_time_of_day_has_seconds_and_no_zone(text: str, expected: str) -> None:
    assert time(text) == expected


@pytest.mark.parametrize("text", ["", "1", "2401", "1060", "10:30", "103059.", "1030.5", "20240115103000"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(BadTime):
        time(text)


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2037, 12, 31)), st.sampled_from(["Europe/Oslo", "Australia/Lord_Howe"])
)
def test_every_local_time_is_an_instant_that_shows_that_local_time(moment: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    value, note = date_time(moment.strftime("%Y%m%d%H%M%S"), zone)
    local = datetime.fromisoformat(value)

    assert local.replace(tzinfo=None) == moment.replace(microsecond=0)
    back = local.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    assert (back == local.replace(tzinfo=None)) != (note == "hl7.time_skipped")
    assert (note == "hl7.time_ambiguous") == (
        note != "hl7.time_skipped"
        and local.astimezone(zone).utcoffset() != (local + timedelta(hours=2)).astimezone(zone).utcoffset()
        and any(
            (local + timedelta(minutes=shift)).astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
            for shift in (30, 60)
        )
    )


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_a_bad_time(text: str) -> None:
    for read in (date, time, lambda t: date_time(t, OSLO), lambda t: instant(t, OSLO, text)):
        try:
            read(text)
        except BadTime as error:
            assert error.code.startswith("hl7.time_")
