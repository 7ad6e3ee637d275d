"""JSON with the digits as received."""

from __future__ import annotations

import decimal
import json
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.standards.fhir import Decimal
from engine.standards.fhir.dump import dump

digits = st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


@given(digits)
def test_a_decimal_is_written_digit_by_digit(text: str) -> None:
    assert dump({"value": Decimal(text)}) == b'{"value":' + text.encode() + b"}"


@given(digits)
def test_a_reader_that_keeps_digits_gets_them_back(text: str) -> None:
    read = json.loads(dump({"value": Decimal(text)}), parse_float=decimal.Decimal, parse_int=decimal.Decimal)
    assert read["value"] == decimal.Decimal(text)


@pytest.mark.parametrize("text", ["", "72,5", "+1", "01", ".5", "1.", "NaN", '1,"x":2', "1e", "١", "1\n"])
def test_text_that_is_no_number_is_never_written_as_one(text: str) -> None:
    with pytest.raises(TypeError):
        dump({"value": Decimal(text)})


def test_letters_are_utf_8_and_the_order_is_kept() -> None:
    assert dump({"b": "Å", "a": [True, 1, None]}) == '{"b":"Å","a":[true,1,null]}'.encode()


def test_pretty_is_the_same_json_for_people() -> None:
    tree = {"value": Decimal("72.50"), "list": [1]}
    assert b"\n" in dump(tree, pretty=True)
    assert json.loads(dump(tree, pretty=True)) == json.loads(dump(tree))
    assert b"72.50" in dump(tree, pretty=True)


def test_an_enum_of_text_is_written_as_its_text() -> None:
    class Code(StrEnum):
        FINAL = "final"

    assert dump({"status": Code.FINAL}) == b'{"status":"final"}'


def test_what_json_cannot_hold_is_refused_without_its_value() -> None:
    with pytest.raises(TypeError) as caught:
        dump({"value": {1, 2}})
    assert "1" not in str(caught.value)
