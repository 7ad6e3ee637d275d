"""The form of a Base64 text has the verdict that the schema gives it."""

from __future__ import annotations

import base64
import time
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from engine.standards.kith import base64_form
from engine.standards.kith.base64_form import is_base64

SCHEMA = etree.XMLSchema(
    etree.fromstring(
        '<schema xmlns="http://www.w3.org/2001/XMLSchema"><element name="B" type="base64Binary"/></schema>'
    )
)


def libxml2_says(text: str) -> bool:
    element = etree.Element("B")
    element.text = text
    return SCHEMA.validate(element)


VERDICTS = {
    "nothing": ("", True),
    "blanks alone": (" \n\t", True),
    "three bytes": ("QUJD", True),
    "two bytes": ("QUI=", True),
    "one byte": ("QQ==", True),
    "lines of a mail": ("QUJD\r\nQUJD\n", True),
    "blanks between the signs of the end": ("QQ = = ", True),
    "a stray character": ("QU*JD", True),
    "a letter outside ASCII": ("QUJDø", True),
    "a digit too few": ("QUJ", False),
    "no sign at the end": ("QQ", False),
    "a sign too many": ("QUJD====", False),
    "signs alone": ("==", False),
    "a sign in the middle": ("QQ==QUJD", False),
    "bits left over after one byte": ("QR==", False),
    "bits left over after two bytes": ("QUJ=", False),
}


@pytest.mark.parametrize(("text", "verdict"), VERDICTS.values(), ids=VERDICTS.keys())
def test_a_text_is_base64_or_not_as_the_schema_says(text: str, verdict: bool) -> None:
    assert is_base64(text) is verdict
    assert libxml2_says(text) is verdict


@settings(max_examples=1500, deadline=None)
@given(st.text(st.sampled_from("AQRUg+/9= \n*ø-_"), max_size=14))
@example("A===")
@example("=A==")
def test_any_text_has_the_verdict_of_the_schema_wherever_it_is_cut(text: str) -> None:
    expected = libxml2_says(text)
    assert is_base64(text) is expected
    with pytest.MonkeyPatch.context() as patch:
        for length in (1, 2, 3, 5):
            patch.setattr(base64_form, "_AT_ONCE", length)
            assert is_base64(text) is expected


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_what_an_encoder_writes_is_base64_and_with_a_digit_less_it_is_not(content: bytes) -> None:
    text = base64.encodebytes(content).decode()
    assert is_base64(text) and libxml2_says(text)
    if content:
        assert not is_base64(text[1:]) and not libxml2_says(text[1:])


def test_a_text_of_20_mb_is_judged_at_once_in_little_memory() -> None:
    text = "QUJD" * 5_000_000
    tracemalloc.start()
    start = time.process_time()
    assert is_base64(text)
    spent, peak = time.process_time() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert spent < 1 and peak < 5_000_000
