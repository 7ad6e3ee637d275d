"""The short expression for a familiar shape never says yes where the walk says no, and what is kept has a bound."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.message import Issue
from engine.standards import Charset
from engine.standards.hl7v2 import conformance as conformance_module
from engine.standards.hl7v2 import familiar, segment_check
from engine.standards.hl7v2.conformance import conformance
from engine.standards.hl7v2.er7 import Er7Document, read
from engine.standards.hl7v2.familiar import Familiar, values_pattern
from engine.standards.hl7v2.tables import has_segment, nearest_version
from tests.standards.hl7v2.test_conformance_oracle import HEADER, VERSIONS, built_segment, names

CONTENT = re.compile(r"[^|^~\r]+")
ODD = [
    '""',
    "&",
    "&&x",
    "0",
    "x",
    "20240230",
    "20241301",
    "2024011510301",
    "1.",
    ".",
    "-",
    "+5",
    "Y",
    "ZZ",
    "a\nb",
    "å",
]


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Familiar:
    """Nothing is familiar yet, and twice is enough."""
    monkeypatch.setattr(familiar, "SEEN_BEFORE", 2)
    monkeypatch.setattr(conformance_module, "_familiar", Familiar())
    return conformance_module._familiar


def document(*lines: str, header: str = HEADER) -> Er7Document:
    return read("\r".join([header, *lines, ""]).encode(), Charset())


def walked(one: Er7Document) -> list[tuple[str, str]]:
    """What the walk alone says of the segments."""
    version = nearest_version(one.segments[0].fields[12])
    issues: list[Issue] = []
    for segment in one.segments:
        if has_segment(version, segment.name):
            issues += segment_check.departures(version, segment, one.separators)
    return [(issue.code, issue.place) for issue in issues]


def found(one: Er7Document) -> list[tuple[str, str]]:
    """What conformance says of the segments' content."""
    elsewhere = ("hl7.sequence", "hl7.unknown_segment", "hl7.version", "hl7.structure_unknown")
    return [(issue.code, issue.place) for issue in conformance(one) if issue.code not in elsewhere]


@given(st.sampled_from(VERSIONS), st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_values_that_the_walk_refuses_are_not_matched_and_others_are(version: str, choose: random.Random) -> None:
    name = choose.choice(names(version))
    good = document(built_segment(version, name, choose))
    match = re.compile(values_pattern(version, name, good.shapes[1])).match
    assert match(good.segments[1].raw), good.segments[1].raw

    # Other values in the same places: the shape stays.
    raw = CONTENT.sub(lambda one: choose.choice([*ODD, one[0], one[0], one[0]]), good.segments[1].raw[3:])
    (segment,) = document(name + raw).segments[1:]
    assert document(name + raw).shapes[1] == good.shapes[1]
    refused = list(segment_check.departures(version, segment, good.separators))
    if refused:
        assert match(segment.raw) is None, segment.raw


@given(st.sampled_from(VERSIONS), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_a_message_has_the_same_departures_however_often_it_was_seen(version: str, choose: random.Random) -> None:
    header = HEADER.replace("2.5.1", version)
    lines = [built_segment(version, name, choose) for name in choose.choices(names(version), k=4)]
    other = [line[:3] + CONTENT.sub(lambda one: choose.choice([*ODD, one[0], one[0]]), line[3:]) for line in lines]
    broken = [line + choose.choice(["", "|", "^x", "~", "|x"]) for line in other]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(familiar, "SEEN_BEFORE", 2)
        patch.setattr(conformance_module, "_familiar", Familiar())
        for _ in range(3):
            for one in (lines, other, broken):
                message = document(*one, header=header)
                assert found(message) == walked(message)
        assert conformance_module._familiar.made


def test_a_shape_is_familiar_when_it_has_been_seen_some_times(fresh: Familiar) -> None:
    conformance(document("NTE|1||Li"))
    assert not fresh.made
    conformance(document("NTE|2||Hansen"))
    assert list(fresh.known["2.5.1"]["NTE"]) == [b"X|X||X"]


def test_a_segment_that_departs_makes_nothing_familiar(fresh: Familiar) -> None:
    for _ in range(4):
        assert ("hl7.lexical", "NTE[1]-1[1].1") in found(document("NTE|A||Li"))
    assert "NTE" not in fresh.known["2.5.1"]


def test_what_is_familiar_with_the_usual_separators_is_not_asked_for_others(fresh: Familiar) -> None:
    for _ in range(3):
        assert found(document("PD1|||Senter^L^1^^x")) == []
    odd = document("PD1|||Senter^L^1^^x$L$one$$x", header=HEADER.replace("^", "$"))
    assert odd.shapes[1] in fresh.known["2.5.1"]["PD1"]
    assert found(odd) == walked(odd) == [("hl7.lexical", "PD1[1]-3[1].3")]


def test_fields_of_a_header_are_counted_from_its_separator(fresh: Familiar) -> None:
    wrong = HEADER.replace("20240115103000", "20241315103000")
    batch = "BHS|^~\\&|EPJ|KONTOR|JOURNAL|KOMMUNE|20240115103000"
    for _ in range(3):
        assert found(document(batch)) == []
    assert [len(fresh.known["2.5.1"][name]) for name in ("MSH", "BHS")] == [1, 1]
    message = document(batch.replace("0115", "1315"), header=wrong)
    assert found(message) == [("hl7.lexical", "MSH[1]-7[1].1"), ("hl7.lexical", "BHS[1]-7[1].1")]


def test_a_sender_of_ever_new_shapes_fills_a_bounded_memory(fresh: Familiar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(familiar, "MOST_MADE", 5)
    monkeypatch.setattr(familiar, "MOST_COUNTED", 7)
    for count in range(50):
        once = ["PV1|1|I" + "|" * (count + 4) + "x"]
        repeated = ["OBR|1||1|x" + "^" * (count % 6) + "|" * (count + 1)] * 3
        message = document(*once, *repeated)
        assert found(message) == walked(message)
        assert fresh.made <= 5
        assert len(fresh.seen) <= 7
    assert sum(len(one) for one in fresh.known["2.5.1"].values()) == fresh.made == 5


def test_a_long_shape_is_not_kept(fresh: Familiar) -> None:
    for _ in range(4):
        conformance(document("NTE|1||" + "~".join("x" * 400)))
        conformance(document("OBX|1|NM|x||" + "1~" * 250 + "|||||F"))
    assert not fresh.known["2.5.1"]["NTE"]
    assert all(len(shape) <= familiar.LONGEST_SHAPE for one in fresh.known["2.5.1"].values() for shape in one)


def test_an_expression_of_too_many_values_is_not_made(fresh: Familiar, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(familiar, "LONGEST_PATTERN", 10)
    for _ in range(4):
        assert found(document("NTE|1||Li")) == []
    assert not fresh.made
