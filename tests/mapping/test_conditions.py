"""Conditions and values for channels: the same grammar, over paths and the channel's own field names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ConfigError
from engine.expression import Where
from engine.mapping.conditions import compile_condition, compile_value
from engine.plugins.builtin import full_registry
from engine.standards import Charset

FIELDS = {"event": "MSH-9.2", "class": "PV1-2", "ward": "PV1-3.1 else PV1-6.1"}
WHERE = ("channels.yaml", 12, 9)
SEGMENTS = ("PID|1||9^^^^MR~13815897247^^^^FNR||Ås^Kari", "PV1|1|I|^301")

CONDITIONS = [
    ("event = 'A01'", True),
    ("event in ('A02','A03')", False),
    ("class = 'I' and event != 'A08'", True),
    ("class = 'O' or PID-3[.5 = 'FNR']", True),
    ("not PID-30", True),
    ("PV1", True),
    ("NK1", False),
    ("PV1-3", True),
    ("ward", False),
    ("PID-5.1 | lower = 'ås'", True),
    ("numeric(PID-3.1)", True),
]


@pytest.mark.parametrize(("text", "holds"), CONDITIONS, ids=[text for text, _ in CONDITIONS])
def test_a_condition_holds_or_not(message: Callable[..., Any], text: str, holds: bool) -> None:
    assert compile_condition(text, WHERE, FIELDS)(message(*SEGMENTS)) is holds


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("PID-3[.5 = 'FNR'].1", "13815897247"),
        ("event", "A01"),
        ("PID-2 else PID-3.1", "9"),
        ("ward", ""),
        ("PID-30", ""),
    ],
)
def test_a_value_is_text(message: Callable[..., Any], text: str, value: str) -> None:
    assert compile_value(text, WHERE, FIELDS)(message(*SEGMENTS)) == value


def test_one_condition_serves_senders_with_other_separators(message: Callable[..., Any]) -> None:
    condition = compile_condition("PID-5.2 = 'Kari'", WHERE)
    assert condition(message(*SEGMENTS))
    assert condition(message("MSH#!@%*#A#B#C#D#20260101##ADT!A01#1#P#2.5", "PID#####Ås!Kari"))


@pytest.mark.parametrize(
    ("text", "column", "hint"),
    [
        ("evnt = 'A01'", 9, "did you mean 'event'?"),
        ("event == 'A01'", 15, "write one '='"),
        ("PID-3 as CX", 15, "compare text"),
        ("->patient", 9, "compare text"),
        ("PID-7 | date", 17, ""),
        ("event = A01", 17, "PV1-1"),
    ],
)
def test_a_wrong_condition_is_found_in_its_file(text: str, column: int, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compile_condition(text, Where(*WHERE), FIELDS)
    finding = caught.value.findings[0]
    assert (finding.file, finding.line, finding.column) == ("channels.yaml", 12, column)
    assert hint.replace("PV1-1", "") in finding.suggestion


KITH = full_registry().standards["kith"]
NOTE = KITH.decode((Path(__file__).resolve().parents[2] / "samples/kith/dialog_notat.xml").read_bytes(), Charset())


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("xp(mh:MsgInfo/mh:Type/@V) = 'DIALOG_NOTAT'", True),
        ("xp(mh:MsgInfo/mh:Type/@V) in ('DIALOG_SVAR', 'DIALOG_AVVIK')", False),
        ("xp(mh:MsgInfo/mh:Patient) and not xp(mh:MsgInfo/mh:ConversationRef)", True),
        ("xp(//*[local-name() = 'Dialogmelding'])", True),
        ("kind = 'DIALOG_NOTAT'", True),
    ],
)
def test_a_condition_over_a_message_in_xml(text: str, holds: bool) -> None:
    fields = {"kind": "xp(mh:MsgInfo/mh:Type/@V)"}
    assert compile_condition(text, WHERE, fields, KITH)(NOTE) is holds


def test_a_value_of_a_message_in_xml() -> None:
    assert compile_value("xp(mh:MsgInfo/mh:Nothing) else xp(mh:MsgInfo/mh:Type/@V)", WHERE, None, KITH)(NOTE) == (
        "DIALOG_NOTAT"
    )


def test_a_condition_in_xml_names_its_unknown_prefix() -> None:
    with pytest.raises(ConfigError, match="prefix 'd' is not declared"):
        compile_condition("xp(mh:MsgInfo/d:Type)", WHERE, None, KITH)
