"""Which bytes are read in which charset, and what is said about it (decision 17)."""

from __future__ import annotations

import codecs

import pytest
from kith_built import CHARSET, MSGHEAD

from engine.errors import InvalidMessage
from engine.message import Severity
from engine.standards import Charset
from engine.standards.kith.charset import decode
from engine.standards.kith.reader import read

LETTERS = "Blåbærsyltetøy"


def message(encoding: str = "", letters: str = LETTERS) -> str:
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>' if encoding else ""
    return f'{declaration}<MsgHead xmlns="{MSGHEAD}"><MsgInfo>{letters}</MsgInfo></MsgHead>'


READ = {
    "UTF-8, declared": (message("UTF-8").encode(), "utf-8", 0),
    "UTF-8, not declared": (message().encode(), "utf-8", 0),
    "UTF-8 with a mark": (codecs.BOM_UTF8 + message("utf-8").encode(), "utf-8", 0),
    "UTF-8 with a mark, not declared": (codecs.BOM_UTF8 + message().encode(), "utf-8", 0),
    "UTF-8 with a mark, declared as another": (codecs.BOM_UTF8 + message("ISO-8859-1").encode(), "utf-8", 0),
    "UTF-16 with a mark": (message("UTF-16").encode("utf-16"), "utf-16-le", 0),
    "UTF-16, big end first": (codecs.BOM_UTF16_BE + message("UTF-16").encode("utf-16-be"), "utf-16-be", 0),
    "UTF-16 without a mark": (message("UTF-16LE").encode("utf-16-le"), "utf-16-le", 0),
    "ISO 8859-1, declared": (message("ISO-8859-1").encode("iso8859-1"), "iso8859-1", 0),
    "Windows 1252, declared": (message("windows-1252").encode("cp1252"), "cp1252", 0),
    "ISO 8859-10, declared": (message("iso-8859-10").encode("iso8859-10"), "iso8859-10", 0),
    "ISO 8859-1 without a declaration": (message().encode("iso8859-1"), "cp1252", 1),
    "declared UTF-8, but ISO 8859-1": (message("UTF-8").encode("iso8859-1"), "cp1252", 2),
    "marked UTF-8, but ISO 8859-1": (codecs.BOM_UTF8 + message().encode("iso8859-1"), "cp1252", 2),
    "declared ISO 8859-1, but UTF-8": (message("ISO-8859-1").encode(), "utf-8", 1),
    "declared Windows 1252, but UTF-8": (message("windows-1252").encode(), "utf-8", 1),
    "declared UTF-16, but UTF-8": (message("UTF-16").encode(), "utf-8", 1),
    "declared US-ASCII, but UTF-8": (message("us-ascii").encode(), "utf-8", 1),
    "declared as nothing known": (message("klingon").encode(), "utf-8", 1),
    "declared as something that only Python knows": (message("rot13").encode(), "utf-8", 1),
}


@pytest.mark.parametrize(("raw", "codec", "issues"), READ.values(), ids=READ.keys())
def test_letters_come_through_and_what_is_odd_is_said(raw: bytes, codec: str, issues: int) -> None:
    document = read(raw, CHARSET)
    assert document.charset == codec
    assert document.message[0].text == LETTERS
    assert [(one.code, one.severity) for one in document.issues] == [("kith.charset", Severity.WARNING)] * issues


def test_quotes_of_windows_prove_that_iso_8859_1_was_not_meant() -> None:
    document = read(message("ISO-8859-1", "«æ» “sitat”").encode("cp1252"), CHARSET)
    assert (document.charset, document.message[0].text) == ("cp1252", "«æ» “sitat”")
    assert len(document.issues) == 2


def test_a_channel_default_is_tried_where_nothing_is_declared_and_only_there() -> None:
    greek = Charset(default="ISO-8859-7")
    assert read(message(letters="αβγ").encode("iso8859-7"), greek).message[0].text == "αβγ"
    assert read(message("UTF-8").encode(), greek).message[0].text == LETTERS


@pytest.mark.parametrize(
    ("raw", "charset"),
    [
        (message(letters="\x81").encode("latin-1"), CHARSET),
        (message().encode("latin-1"), Charset(fallback="")),
        (message().encode("utf-16")[:-1], CHARSET),
    ],
    ids=["a byte that Windows 1252 does not have", "no fallback", "half a letter of UTF-16"],
)
def test_what_no_charset_explains_is_refused(raw: bytes, charset: Charset) -> None:
    with pytest.raises(InvalidMessage) as raised:
        read(raw, charset)
    assert (raised.value.code, raised.value.place, raised.value.standard_code) == ("kith.charset", "line 1", "T01")


@pytest.mark.parametrize("offset", range(4))
def test_a_long_text_is_utf_8_wherever_its_letters_fall(offset: int) -> None:
    letters = "x" * offset + "ø€𝄞" * 30_000
    assert read(message("UTF-8", letters).encode(), CHARSET).charset == "utf-8"
    ends_in_another = message("UTF-8", "x" * (100_000 + offset) + "øø").encode("cp1252")
    assert read(ends_in_another, CHARSET).charset == "cp1252"


def test_a_long_text_that_ends_within_a_letter_is_not_utf_8() -> None:
    cut = message("UTF-8", "x" * 100_000).encode() + "ø".encode()[:1]
    assert decode(cut, CHARSET, [])[1] == "cp1252"
