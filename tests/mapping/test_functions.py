"""The functions of the language: their docstrings hold, and whatever they give is what FHIR allows."""

from __future__ import annotations

import doctest
import re
from decimal import Decimal as Exact

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.mapping import functions, polish, units

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?(e[+-]?[0-9]+)?")


@pytest.mark.parametrize("module", [functions, polish, units], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_hold(module: object) -> None:
    failed, tried = doctest.testmod(module)  # type: ignore[arg-type]
    assert (failed, tried > 0) == (0, True)


@given(st.from_regex(r"\A[+-]?[0-9]{1,12}([.,][0-9]{0,6})?([eE][+-]?[0-9]{1,2})?\Z"))
def test_a_decimal_is_a_json_number_of_the_same_value(text: str) -> None:
    made = functions.decimal(text)
    assert NUMBER.fullmatch(made)
    assert Exact(made) == Exact(text.replace(",", "."))


@given(st.text(max_size=12))
def test_a_conversion_gives_a_value_or_says_why_not(text: str) -> None:
    for function in functions.FUNCTIONS.values():
        if function.takes == "text" and not function.arguments and text:
            try:
                function.call(text)
            except functions.BadValue as error:
                assert error.code.startswith("map.")
                assert function.fails


@pytest.mark.parametrize(
    "unit",
    [
        "mmol/L",
        "10*9/L",
        "10*12/L",
        "mm[Hg]",
        "/min",
        "%",
        "g/dL",
        "U/L",
        "kg/m2",
        "mL/min",
        "umol/L",
        "ug",
        "[iU]/L",
        "Cel",
        "{score}",
        "mg/24.h",
    ],
)
def test_units_of_laboratories_are_ucum(unit: str) -> None:
    assert units.ucum(unit) == unit


@pytest.mark.parametrize("unit", ["mmol/l/", "stk", "arb.enh.", "grader", "mg pr l", "", "E/L", "10^9", "x"])
def test_what_is_no_unit_is_nothing(unit: str) -> None:
    assert units.ucum(unit) in ("", "10^9")
