"""Escape sequences: undone once, after splitting; what is none stays text. MAPPING 3, item 4."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.standards.hl7v2.escapes import escape, unescape
from engine.standards.hl7v2.separators import USUAL, Separators

OTHER = Separators("#", "!", "@", "%", "*", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f", id="the five characters"),
        pytest.param(r"\E\F\E\ ", "\\F\\ ", id="an escaped escape is not read again"),
        pytest.param(r"\XC386\ ", "Æ ", id="hexadecimal in the charset of the message"),
        pytest.param(r"\XC3\\X86\ ", "Æ ", id="two hexadecimal sequences make one character"),
        pytest.param(r"a\X0D0A\b", "a\r\nb", id="line end"),
        pytest.param(r"\XC6\ ", "Æ ", id="hexadecimal in another charset after all"),
        pytest.param(r"\H\bold\N\ text", "bold text", id="highlighting is dropped"),
        pytest.param(r"4\5 re.", r"4\5 re.", id="unpaired"),
        pytest.param(r"C:\temp\file", r"C:\temp\file", id="a path is text"),
        pytest.param(r"a\\b", r"a\\b", id="nothing between two"),
        pytest.param(r"1\2\F\3", r"1\2|3", id="an unpaired one before a real one"),
        pytest.param("a\\", "a\\", id="at the end"),
        pytest.param(r"\X1\ \XZZ\ \X\ ", r"\X1\ \XZZ\ \X\ ", id="no hexadecimal"),
        pytest.param(r"\Zabc\x", r"\Zabc\x", id="local sequences are text"),
        pytest.param(r"\C2D41\a\M2D41\b", "ab", id="charset switches are dropped"),
        pytest.param(r"a\.br\b", r"a\.br\b", id="formatting outside formatted text"),
        pytest.param(r"\P\ ", "# ", id="truncation character"),
    ],
)
def test_sequences_in_text(text: str, expected: str) -> None:
    assert unescape(text, USUAL, "utf-8") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(r"a\.br\b", "a\nb", id="break"),
        pytest.param(r"a\.sp\b\.sp2\c\.sp+3\d", "a\nb\n\nc\n\n\nd", id="vertical space"),
        pytest.param(r"\.in+4\a\.ti-2\b\.fi\c\.nf\d", "abcd", id="indents and modes"),
        pytest.param(r"a\.ce\b\.sk3\c", "a\nb   c", id="centre and skip"),
        pytest.param(r"a\.xx\b", r"a\.xx\b", id="no command"),
        pytest.param(r"a\.sp9999\b", r"a\.sp9999\b", id="too many lines"),
        pytest.param(r"a\F\b\.br\c", "a|b\nc", id="both kinds"),
    ],
)
def test_formatting_in_formatted_text(text: str, expected: str) -> None:
    assert unescape(text, USUAL, "utf-8", formatted=True) == expected


def test_other_separators_have_the_same_names() -> None:
    assert unescape("a%F%b%S%c%T%d%R%e%E%", OTHER, "utf-8") == "a#b!c*d@e%"
    assert unescape("a\\F\\b", OTHER, "utf-8") == "a\\F\\b"


def test_without_an_escape_character_nothing_is_undone() -> None:
    short = Separators("|", "^", "~", "", "", "")
    assert unescape(r"a\F\b", short, "utf-8") == r"a\F\b"
    assert escape("a|b", short) == "a|b"


@given(st.text(), st.sampled_from([USUAL, OTHER, Separators("|", "^", "~", "\\", "&", "#")]))
def test_any_text_survives_escape_and_unescape(text: str, separators: Separators) -> None:
    written = escape(text, separators)

    assert unescape(written, separators, "utf-8") == text
    assert not set(written) & {separators.field, separators.component, separators.repetition, "\r", "\n"}


@given(st.text(st.sampled_from("\\XFSTREHNC.brsp0123456789ABCDEFæ "), max_size=40), st.booleans())
def test_any_text_can_be_unescaped(text: str, formatted: bool) -> None:
    unescape(text, USUAL, "utf-8", formatted)
