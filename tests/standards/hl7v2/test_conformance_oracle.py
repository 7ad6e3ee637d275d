"""hl7apy as the oracle of conformance: what its definitions allow must match, what is broken on purpose must not."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from hl7apy import load_library
from hl7apy.core import Message
from hl7apy.parser import parse_message
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.standards import Charset
from engine.standards.hl7v2 import segment_check, structure_check
from engine.standards.hl7v2.conformance import conformance
from engine.standards.hl7v2.er7 import SEPARATED_NAMES, read
from engine.standards.hl7v2.tables import has_segment, segment_rules, structure

HEADER = "MSH|^~\\&|EPJ|KONTOR|JOURNAL|KOMMUNE|20240115103000||ADT^A01^ADT_A01|M1|P|2.5.1"
GOOD = "\r".join(
    [
        HEADER,
        "EVN||20240115103000",
        "PID|1||13815897247^^^&2.16.578.1.12.4.1.4.1&ISO^FNR||HANSEN^KARI||19581218|F",
        "PV1|1|I|MED^101^1",
        "DG1|1||I10^Hypertensjon|||A",
        "",
    ]
)

# The oracle: hl7apy's own objects, filled by its own rules.

SAMPLE_OF = {"NM": "12.5", "SI": "1", "DT": "20240115", "TM": "1030", "DTM": "20240115103000", "TS": "20240115103000"}
VERSIONS = ["2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8"]


def names(version: str) -> list[str]:
    """Its segments but MSH; hl7apy's placeholders with longer names (`ANYHL7SEGMENT`) are none."""
    return sorted(n for n in load_library(version).SEGMENTS if len(n) == 3 and has_segment(version, n) and n != "MSH")


def built_segment(version: str, name: str, choose: random.Random) -> str:
    """A segment with every required field and some others, each in the form its type has."""
    values = [name]
    for rule in segment_rules(version, name):
        if not rule.required and choose.random() < 0.5:
            values.append("")
            continue
        one = [SAMPLE_OF.get(rule.typed.get(c, ""), "x") for c in range(1, max(rule.components, 1) + 1)]
        if rule.values:
            one = [choose.choice(rule.values)]
        repetitions = choose.randint(1, 2 if rule.repeats != 1 else 1)
        values.append("~".join(["^".join(one[: choose.randint(1, len(one))])] * repetitions))
    if name in SEPARATED_NAMES:
        values[1:3] = ["^~\\&"]
    return "|".join(values)


@given(st.sampled_from(VERSIONS), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_segments_with_every_type_in_its_form_match_and_are_not_walked(version: str, choose: random.Random) -> None:
    name = choose.choice(names(version))
    raw = built_segment(version, name, choose)

    assert segment_check.matcher(version, name)(raw), raw
    document = read((HEADER + "\r" + raw + "\r").encode(), Charset())
    assert list(segment_check.departures(version, document.segments[1], document.separators)) == []


@given(st.sampled_from(VERSIONS), st.randoms(use_true_random=False))
@settings(max_examples=400, deadline=None)
def test_what_the_walk_refuses_the_expression_does_not_match(version: str, choose: random.Random) -> None:
    """The quick yes never overrules the exact no: a mutation that the walk sees must not match."""
    name = choose.choice(names(version))
    raw = list(built_segment(version, name, choose))
    for _ in range(choose.randint(1, 3)):
        at = choose.randrange(4, len(raw) + 1) if len(raw) >= 4 else len(raw)
        raw[at : at + choose.randint(0, 2)] = choose.choice(
            ["", "|", "^", "~", "&", "x", '""', "9", "||", "^^^^^^^^^^^^^x"]
        )
    text = "".join(raw)
    if text[3:4] not in ("|", ""):
        return
    document = read((HEADER + "\r" + text + "\r").encode(), Charset())
    (segment,) = document.segments[1:]
    refused = list(segment_check.departures(version, segment, document.separators))
    if refused:
        assert segment_check.matcher(version, name)(segment.raw) is None, text


def names_of(reference: Any, choose: random.Random) -> list[str]:
    """Segment names of one message that the structure allows."""
    names: list[str] = []
    parts = [choose.choice(reference[1])] if reference[0] == "choice" else reference[1]
    for name, inner, (least, most), kind in parts:
        for _ in range(choose.randint(least, min(max(most, least), 2) if most >= 0 else 2)):
            names += [name] if kind == "SEG" else names_of(inner, choose)
    return names


STRUCTURES = [
    "ADT_A01",
    "ADT_A02",
    "ADT_A03",
    "ADT_A05",
    "ADT_A39",
    "ORU_R01",
    "OML_O21",
    "ORM_O01",
    "MDM_T02",
    "VXU_V04",
]


@given(
    st.sampled_from(STRUCTURES),
    st.sampled_from(["2.4", "2.5", "2.5.1", "2.6", "2.8"]),
    st.randoms(use_true_random=False),
)
@settings(max_examples=200, deadline=None)
def test_any_order_that_the_structure_allows_has_no_issue(name: str, version: str, choose: random.Random) -> None:
    messages = load_library(version).MESSAGES
    if name not in messages:
        return
    names = names_of(messages[name], choose)
    document = read((HEADER + "\r" + "".join(f"{n}|\r" for n in names[1:])).encode(), Charset())

    assert structure_check.departures(version, name, document.segments) == []


@given(st.sampled_from(STRUCTURES), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_the_expression_over_names_never_accepts_what_the_walk_refuses(name: str, choose: random.Random) -> None:
    names = names_of(load_library("2.5.1").MESSAGES[name], choose)
    for _ in range(choose.randint(1, 3)):
        at = choose.randrange(1, len(names) + 1)
        names[at : at + choose.randint(0, 1)] = choose.choice([[], ["PID"], ["OBX"], ["NTE"], ["PV1"], ["ORC", "OBR"]])
    document = read((HEADER + "\r" + "".join(f"{n}|\r" for n in names[1:])).encode(), Charset())
    if structure_check.matcher("2.5.1", name)("".join(names)):
        assert structure_check.departures("2.5.1", name, document.segments) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_every_definition_of_a_version_compiles(version: str) -> None:
    library = load_library(version)
    for name in ("MSH", "PID", "PV1", "OBR", "OBX", "NK1", "AL1", "DG1", "MRG", "ORC", "NTE", "EVN"):
        assert segment_check.matcher(version, name)(name) is None or name not in ("MSH", "PID", "OBR")
    for name in [name for name in library.MESSAGES if name.startswith(("ADT", "ORU", "ORM"))]:
        assert structure(version, name).parts
        assert structure_check.matcher(version, name)("ZZZ") is None


def test_what_hl7apy_builds_and_validates_conforms() -> None:
    message = Message("ADT_A01", version="2.5.1")
    message.msh.msh_7 = "20240115103000"
    message.msh.msh_9 = "ADT^A01^ADT_A01"
    message.msh.msh_10 = "1"
    message.msh.msh_11 = "P"
    message.evn.evn_2 = "20240115103000"
    message.pid.pid_3 = "4711^^^HUS^MR"
    message.pid.pid_5 = "HANSEN^KARI"
    message.pid.pid_7 = "19581218"
    message.pv1.pv1_2 = "I"
    message.validate()

    assert list(conformance(read(message.to_er7().encode(), Charset()))) == []


MUTATIONS = [
    pytest.param(re.compile(r"(PID\|1\|\|)[^|]*"), r"\1", id="required PID-3 empty"),
    pytest.param(re.compile(r"HANSEN\^KARI\|\|19581218"), "HANSEN^KARI||19581218~19581219", id="two repetitions"),
    pytest.param(re.compile(r"PV1\|1\|I\|"), "PV1|1|I^a^b^c|", id="too many components"),
    pytest.param(re.compile(r"PV1\|[^\r]*\r"), "", id="PV1 missing"),
]


@pytest.mark.parametrize(("pattern", "replacement"), MUTATIONS)
def test_what_hl7apy_refuses_we_report(pattern: re.Pattern[str], replacement: str) -> None:
    bad, count = pattern.subn(replacement, GOOD)
    assert count == 1
    parse_message(GOOD, find_groups=False).validate()
    with pytest.raises(Exception):  # noqa: B017 - which of its exceptions is hl7apy's affair
        parse_message(bad, find_groups=False).validate()

    assert conformance(read(GOOD.encode(), Charset())) == []
    assert conformance(read(bad.encode(), Charset()))
