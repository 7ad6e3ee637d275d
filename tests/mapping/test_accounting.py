# ruff: noqa: E501 (one row of a table is one line)
"""What no rule read is named, exactly; what a rule read, the engine reads itself or the mapping ignores is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.mapping import accounting
from engine.mapping.accounting import Accounts
from engine.mapping.marks import Mark
from engine.standards import Charset
from engine.standards.hl7v2.er7 import Er7Document, read

RULES = """
ignore: {PV1-18: only for billing, ZPI: of the sender}
types:
  CX: {$target: Identifier, value: .1, system: ".4 | prefix 'urn:x:'", type: {text: {$when: ".5 = 'MR'", $value: = own}}}
entries:
  - key: patient
    resource: Patient
    write: own
    identity: PID-3 as CX
    body:
      identifier: PID-3[*] as CX
      name: {family: PID-5.1, given: [PID-5.2]}
      gender: {$when: PID-8 = 'F', $value: = female}
      birthDate: PID-7 | date
  - key: visit
    resource: Encounter
    when: PV1-2
    write: own
    identity: PV1-19 as CX
    body: {status: = finished, class: {code: = IMP}, serviceType: {text: PV1-10}}
"""

UNREAD = [
    ("all is read", ["PID|1||7^^^U||Ås^Kari||19580113"], []),
    ("a field no rule reads", ["PID|1||7||||||||Gate"], ["PID[1]-11"]),
    ("a component no rule reads", ["PID|1||7^9||Ås^K^M"], ["PID[1]-3.2", "PID[1]-5.3"]),
    ("a repetition no rule reads", ["PID|1||7||Ås~Li"], ["PID[1]-5[2]"]),
    ("all repetitions are read", ["PID|1||7~8"], []),
    ("a component in one repetition", ["PID|1||7~8^9"], ["PID[1]-3[2].2"]),
    ("a field used in a condition only", ["PID|1||7|||||F"], ["PID[1]-8"]),
    ("a component that a template decides by", ["PID|1||7^^^^MR"], []),
    ("a segment nobody reads", ["PID|1||7", "NK1|1|Li"], ["NK1[1]"]),
    ("a segment ignored with a reason", ["PID|1||7", "ZPI|1|x"], []),
    ("a field ignored with a reason", ["PID|1||7", "PV1|1|I||||||||||||||||X|V1"], ["PV1[1]-2"]),
    ("an entry that was not made has read nothing", ["PID|1||7", "PV1|1|||||||||x"], ["PV1[1]-10"]),
    ("null is populated", ['PID|1||7||||||||""'], ["PID[1]-11"]),
]


@pytest.mark.parametrize(("segments", "places"), [row[1:] for row in UNREAD], ids=[row[0] for row in UNREAD])
def test_unread_places_are_named(
    build: Callable[..., Any],
    message: Callable[..., Any],
    run_on: Callable[..., Any],
    segments: list[str],
    places: list[str],
) -> None:
    mapping = build(RULES)
    document = message(*segments)
    unread = mapping.unread(document, run_on(mapping, *segments))
    assert [issue.place for issue in unread] == places
    assert {(issue.severity, issue.code) for issue in unread} <= {("note", "map.unread")}


FIELDS = st.lists(st.sampled_from(["", "A", "A^B", "^B", "A~B", "A^B~^C"]), min_size=1, max_size=6)


@given(FIELDS, st.lists(st.tuples(st.integers(1, 6), st.sampled_from(["first", "all"]), st.integers(0, 3)), max_size=8))
def test_every_populated_component_is_read_or_reported(fields: list[str], reads: list[tuple[int, Any, int]]) -> None:
    """Against the definition, written out: a component is read when some mark covers its field, repetition and number."""
    document = read(("MSH|^~\\&|\rZZZ|" + "|".join(fields)).encode(), Charset())
    marks = [Mark("ZZZ", number, which, component) for number, which, component in reads]
    reported = {
        issue.place for issue in Accounts(marks, {}).unread(document, frozenset()) if issue.place.startswith("ZZZ")
    }
    if not reads:
        assert reported == ({"ZZZ[1]"} if any(fields) else set())
        return
    for number, text in enumerate(fields, 1):
        repetitions = text.split("~")
        for index, repetition in enumerate(repetitions, 1):
            for position, component in enumerate(repetition.split("^"), 1):
                covered = any(f == number and (w == "all" or index == 1) and c in (0, position) for f, w, c in reads)
                field = f"ZZZ[1]-{number}"
                repeated = f"{field}[{index}]" if len(repetitions) > 1 else field
                told = reported & {field, repeated, f"{repeated}.{position}"}
                if component and not covered:
                    assert told or (position == 1 and "^" not in repetition and not component)
                if component and covered:
                    assert f"{repeated}.{position}" not in reported


# What is kept by shape gives what looking at each field gives, and takes a bounded memory.

NAMES = ("PID", "PV1", "OBX", "EVN", "ZPI", "BHS")
PARTS = st.sampled_from(["", "", "A", '""', "&", "^", "^^", "~", "~~", "A^B", "A~B^C", "^B", "A^^B^", "x" * 5_000])
LINES = st.lists(st.tuples(st.sampled_from(NAMES), st.lists(PARTS, max_size=7)), max_size=6)
MARKS = st.lists(
    st.builds(
        Mark,
        segment=st.sampled_from(NAMES[:3]),
        field=st.integers(0, 7),
        which=st.sampled_from(["first", "all", "some", 1, 2]),
        component=st.integers(0, 4),
        entry=st.sampled_from(["", "a", "b"]),
    ),
    max_size=20,
)
IGNORED = st.dictionaries(st.sampled_from(["ZPI", "PV1-3", "PID-5", "EVN-2"]), st.just("of no use"))
OTHER = str.maketrans("|^~", "#!@")
ENTRIES = [frozenset[str](), frozenset("a"), frozenset("ab")]


def sent(lines: list[tuple[str, list[str]]], other: bool) -> Er7Document:
    text = "".join("|".join([name, *fields]) + "\r" for name, fields in [("MSH", ["^~\\&", "A", "B^C"]), *lines])
    return read((text.translate(OTHER) if other else text).encode(), Charset())


def looked_at(accounts: Accounts, document: Er7Document, made: frozenset[str]) -> list[str]:
    """The places that looking at each field of each segment finds."""
    return [
        f"{segment.name}[{segment.number}]{place}"
        for segment in document.segments
        for place, _ in accounts.mask(segment.name, made).unread(segment, *document.separators[1:3])
    ]


@given(st.lists(st.tuples(LINES, st.booleans(), st.sampled_from(ENTRIES)), max_size=6), MARKS, IGNORED)
def test_a_shape_seen_before_has_the_same_unread_places(
    messages: list[tuple[list[tuple[str, list[str]]], bool, frozenset[str]]], marks: list[Mark], ignore: dict[str, str]
) -> None:
    accounts = Accounts(marks, ignore)
    for lines, other, made in messages * 2:
        document = sent(lines, other)
        assert [issue.place for issue in accounts.unread(document, made)] == looked_at(accounts, document, made)


def test_a_sender_of_ever_new_shapes_fills_a_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounting, "MOST_KEPT", 60_000)
    accounts = Accounts([Mark("PID", 3)], {})
    most = 0
    for count in range(1, 300):
        document = sent([("PID", ["1", "", "7~8", *[""] * count, "x"]), (f"Z{count:02}"[:3], ["x"])], other=False)
        assert [issue.place for issue in accounts.unread(document, frozenset(str(count % 7)))] == [
            "PID[1]-3[2]",
            f"PID[1]-{4 + count}",
            f"{document.segments[2].name}[1]",
        ]
        shapes = [shape for masks in accounts.masks.values() for mask in masks.values() for shape in mask.kept]
        most = max(most, len(shapes))
        assert accounts.kept < 60_000 + 12_000
        assert len(shapes) * 250 + sum(map(len, accounts.masks.values())) * 3_000 <= accounts.kept
    assert 10 < most < 80


def test_one_message_of_ever_new_shapes_fills_a_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounting, "MOST_KEPT", 60_000)
    accounts = Accounts([Mark("OBX", 3)], {})
    document = sent([("OBX", ["1", *[""] * count, "x"]) for count in range(2, 400)], other=False)
    assert len(accounts.unread(document, frozenset())) == 398
    assert accounts.kept < 61_000
    assert len(accounts.masks[frozenset()]["OBX"].kept) < 240


def test_the_shape_of_a_long_segment_is_not_kept() -> None:
    accounts = Accounts([Mark("PID", 3)], {})
    for line in ("~" * 600 + "x", "x" * 100_000):
        document = sent([("PID", ["1", "", "", line])], other=False)
        assert [issue.place for issue in accounts.unread(document, frozenset())] == ["PID[1]-4"]
    assert accounts.masks[frozenset()]["PID"].kept == {}
