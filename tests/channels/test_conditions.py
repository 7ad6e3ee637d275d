"""What can be known of a condition without a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.channels.conditions import Demand, Values, column_in, demand, parsed, used
from engine.yamlfile import YamlScalar


def read(text: str) -> Demand:
    return demand(parsed(text, YamlScalar(text, "plain", 1, 1), "f"))


@pytest.mark.parametrize(
    "text",
    [
        "event = 'A01' and event = 'A02'",
        "event = 'A01' and event != 'A01'",
        "event in ('A01','A02') and event in ('A03')",
        "not event != 'A01' and event = 'A02'",
        "ward and (event = 'A01' and event = 'A02')",
        "(event = 'A01' and event = 'A02') or (ward = 'x' and ward = 'y')",
    ],
)
def test_a_contradiction_can_never_hold(text: str) -> None:
    assert read(text).never and not read(text).always


@pytest.mark.parametrize(
    "text",
    [
        "event = 'A01' or event != 'A01'",
        "event in ('A','B') or event not in ('A')",
        "not (event = 'A' and event != 'A')",
    ],
)
def test_a_condition_and_its_opposite_always_hold(text: str) -> None:
    assert read(text).always and not read(text).never


@pytest.mark.parametrize(
    "text",
    [
        "event = 'A01'",
        "event = 'A01' and ward = 'A02'",
        "event = 'A01' and ward",
        "not (event = 'A01' and ward = 'x')",
        "PV1-3.1 = 'A' and PV1-3.2 = 'B'",
        "PID-3[.5 = 'FNR'].1 = 'A' and PID-3[.5 = 'DNR'].1 = 'B'",
        "event = ward",
    ],
)
def test_what_depends_on_the_message_is_left_alone(text: str) -> None:
    assert not read(text).never and not read(text).always


def test_one_operand_is_the_same_wherever_it_stands() -> None:
    assert read("PID-3[.5 = 'FNR'].1 = 'A' and   PID-3[ .5 = 'FNR' ].1 = 'B'").never


def test_two_conditions_exclude_each_other_only_when_it_is_certain() -> None:
    assert read("event = 'A01' and ward").excludes(read("event in ('A02')"))
    assert not read("event = 'A01'").excludes(read("ward = 'A02'"))
    assert not read("event = 'A01' or ward").excludes(read("event = 'A02'"))


def test_names_and_paths_are_told_apart_with_their_columns() -> None:
    text = "event in ('A01') and not PID-8 = 'F' or join(ward, MSH-9.2)"
    found = [(use.name, use.column, use.declared) for use in used(parsed(text, YamlScalar(text, "plain", 1, 1), "f"))]
    assert found == [("event", 1, True), ("PID-8", 26, False), ("ward", 46, True), ("MSH-9", 52, False)]


@pytest.mark.parametrize(("style", "column"), [("plain", 12), ("single", 13), ("double", 13)])
def test_a_quote_moves_the_column_by_one(style: str, column: int) -> None:
    assert column_in(YamlScalar("x", style, 3, 10), 3) == column


TEXTS = st.frozensets(st.sampled_from("abcd"))
SETS = st.builds(Values, TEXTS, st.booleans())


def holds(values: Values, text: str) -> bool:
    return (text in values.texts) != values.rest


@given(SETS, SETS, st.sampled_from("abcde"))
def test_sets_of_values_obey_the_laws_of_sets(left: Values, right: Values, text: str) -> None:
    assert holds(left.both(right), text) == (holds(left, text) and holds(right, text))
    assert holds(left.either(right), text) == (holds(left, text) or holds(right, text))
    assert holds(left.complement(), text) != holds(left, text)
    assert not (left.none and holds(left, text)) and (not left.all or holds(left, text))
