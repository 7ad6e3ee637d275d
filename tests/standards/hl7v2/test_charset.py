"""Bytes to text: what the header claims, what is true, and never a replacement character. MAPPING 3, item 8."""

from __future__ import annotations

import pytest

from engine.errors import InvalidMessage
from engine.standards import Charset
from engine.standards.hl7v2.er7 import Er7Document, read


def codes(document: Er7Document) -> list[str]:
    return [issue.code for issue in document.issues]


def claiming(claim: str, text: str = "") -> str:
    return f"MSH|^~\\&|||||||ADT^A01|1|P|2.5.1||||||{claim}\rPID|1||||{text}\r"


@pytest.mark.parametrize(
    ("claim", "codec"),
    [
        pytest.param("8859/1", "iso8859-1", id="8859/1"),
        pytest.param("8859", "iso8859-1", id="8859"),
        pytest.param("8859/15", "iso8859-15", id="8859/15"),
        pytest.param("8859/10~ASCII", "iso8859-10", id="first repetition"),
        pytest.param("ISO IR100", "iso8859-1", id="ISO IR100"),
        pytest.param("UNICODE UTF-8", "utf-8", id="UNICODE UTF-8"),
        pytest.param("utf-8", "utf-8", id="lower case"),
        pytest.param("", "utf-8", id="none, UTF-8"),
    ],
)
def test_the_charset_that_the_header_names_is_used(claim: str, codec: str) -> None:
    document = read(claiming(claim, "BLÅBÆRØY").encode(codec), Charset())

    assert document.segments[1].fields[5] == "BLÅBÆRØY"
    assert document.charset == codec
    assert document.issues == []


@pytest.mark.parametrize(
    ("claim", "codec", "read_as"),
    [
        pytest.param("UNICODE UTF-8", "cp1252", "cp1252", id="says UTF-8, is Windows 1252"),
        pytest.param("8859/1", "utf-8", "utf-8", id="says 8859/1, is UTF-8"),
        pytest.param("ASCII", "utf-8", "utf-8", id="says ASCII, is UTF-8"),
        pytest.param("ASCII", "cp1252", "cp1252", id="says ASCII, is Windows 1252"),
        pytest.param("", "cp1252", "cp1252", id="says nothing, is Windows 1252"),
        pytest.param("KLINGON", "utf-8", "utf-8", id="says what is no charset"),
        pytest.param("UNICODE UTF-16", "utf-8", "utf-8", id="says UTF-16, is bytes"),
    ],
)
def test_a_wrong_claim_is_told_and_the_text_survives(claim: str, codec: str, read_as: str) -> None:
    document = read(claiming(claim, "BLÅBÆRØY").encode(codec), Charset())

    assert document.segments[1].fields[5] == "BLÅBÆRØY"
    assert document.charset == read_as
    assert "hl7.charset" in codes(document)


def test_windows_quotes_under_an_iso_claim_are_read_as_windows() -> None:
    document = read(claiming("8859/1", "“Åse” €").encode("cp1252"), Charset())

    assert document.segments[1].fields[5] == "“Åse” €"


def test_the_default_of_the_channel_comes_before_utf_8() -> None:
    raw = claiming("", "Ã¦").encode("iso8859-1")

    assert read(raw, Charset(default="8859/1")).segments[1].fields[5] == "Ã¦"
    assert read(raw, Charset()).segments[1].fields[5] == "æ"


def test_bytes_that_no_charset_explains_are_rejected_and_never_replaced() -> None:
    with pytest.raises(InvalidMessage) as caught:
        read(claiming("").encode() + b"NTE|1||\x81\x8d\xff\r", Charset())
    assert (caught.value.code, caught.value.reject) == ("hl7.charset", True)
