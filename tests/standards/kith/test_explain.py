"""Departures from a schema in words, in English and Norwegian, without a value of the message."""

from __future__ import annotations

import time

import pytest
from kith_built import edited, text
from kith_schemas import receipt_schemas
from lxml import etree

from engine.message import Severity
from engine.standards.kith.departure import Departure, Kind, issues_of
from engine.standards.kith.explain import explain
from engine.standards.kith.words import WORDS

SCHEMA = etree.XMLSchema(
    etree.fromstring(
        r"""<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:x" xmlns:x="urn:x"
        elementFormDefault="qualified"><element name="R"><complexType><sequence>
        <element name="A" type="date"/>
        <element name="B" minOccurs="0"><simpleType><restriction base="string">
          <enumeration value="1"/><enumeration value="2"/></restriction></simpleType></element>
        <element name="C" minOccurs="0"><simpleType><restriction base="token">
          <pattern value="(\d+\.?)*\d+"/></restriction></simpleType></element>
        <element name="D" minOccurs="0" maxOccurs="2"><complexType>
          <attribute name="V" type="int" use="required"/></complexType></element>
        <element name="E" minOccurs="0"><simpleType><restriction base="string">
          <minLength value="2"/><maxLength value="3"/></restriction></simpleType></element>
        <element name="F" minOccurs="0" fixed="v1" type="string"/>
        <element name="G" minOccurs="0"><complexType><sequence>
          <any namespace="##any" processContents="strict"/></sequence></complexType></element>
        <element name="H" minOccurs="0"><simpleType><restriction base="int">
          <minInclusive value="5"/><maxInclusive value="10"/></restriction></simpleType></element>
        </sequence></complexType></element></schema>"""
    )
)
A = "<A>2026-01-15</A>"
SECRET = "13116900216"


def explained(inside: str, prefix: str = "", root: str = "R") -> list[Departure]:
    """The departures of `<R>` with `inside`, one tag a line, in the namespace by default or by a prefix."""
    begin = f'<{root} xmlns="urn:x">' if not prefix else f'<{prefix}:{root} xmlns:{prefix}="urn:x">'
    if prefix:
        inside = inside.replace("</", "\0").replace("<", f"<{prefix}:").replace("\0", f"</{prefix}:")
    element = etree.fromstring(begin + inside + f"</{prefix + ':' if prefix else ''}{root}>")
    SCHEMA.validate(element)
    return explain(SCHEMA.error_log, element)


ROWS = {
    "out of order": (
        "\n<B>1</B>", "R/B", 2, "the element may not stand here; expected: A",
        "elementet kan ikke stå her; ventet: A",
    ),
    "too many": (
        A + '<D V="1"/><D V="1"/>\n\n<D V="1"/>', "R/D[3]", 3, "the element may not stand here; expected: E, F, G, H",
        "elementet kan ikke stå her; ventet: E, F, G, H",
    ),
    "after the end": (
        A + "<H>7</H><A/>", "R/A[2]", 1, "the element may not stand here; expected: (nothing)",
        "elementet kan ikke stå her; ventet: (ingenting)",
    ),
    "missing": ("", "R", 1, "an element is missing at its end: A", "det mangler et element på slutten: A"),
    "not known": (
        A + '<G><q xmlns="urn:q"/></G>', "R/G/q", 1, "no schema here knows the element",
        "ingen skjemaer her kjenner elementet",
    ),
    "of another type": (
        f"<A>{SECRET}</A>", "R/A", 1, "the value is not of the type xs:date", "verdien er ikke av typen xs:date",
    ),
    "not in the set": (
        A + f"<B>{SECRET}</B>", "R/B", 1, "the value is not one of: 1, 2", "verdien er ikke en av: 1, 2",
    ),
    "not of the form": (
        A + f"<C>{SECRET}x</C>", "R/C", 1, r"the value does not have the form (\d+\.?)*\d+",
        r"verdien har ikke formen (\d+\.?)*\d+",
    ),
    "too long": (A + f"<E>{SECRET}</E>", "R/E", 1, "the value is longer than 3", "verdien er lengre enn 3"),
    "too short": (A + "<E>1</E>", "R/E", 1, "the value is shorter than 2", "verdien er kortere enn 2"),
    "too great": (A + "<H>11690</H>", "R/H", 1, "the value is beyond the limit 10", "verdien er utenfor grensen 10"),
    "too small": (A + "<H>-11690</H>", "R/H", 1, "the value is beyond the limit 5", "verdien er utenfor grensen 5"),
    "not the fixed one": (A + f"<F>{SECRET}</F>", "R/F", 1, "the value must be v1", "verdien må være v1"),
    "without an attribute": (
        A + '<D V="1"/><D/>', "R/D[2]", 1, "the attribute V is missing", "attributtet V mangler",
    ),
    "with an attribute of another type": (
        A + f'<D V="{SECRET}"/>', "R/D", 1, "the value is not of the type xs:int", "verdien er ikke av typen xs:int",
    ),
    "with an attribute too many": (
        A + f'<D V="1" Q="{SECRET}"/>', "R/D", 1, "the attribute Q may not stand here",
        "attributtet Q kan ikke stå her",
    ),
    "with text between": (
        SECRET + A, "R", 1, "there is text where only elements may stand",
        "det står tekst der bare elementer kan stå",
    ),
    "with content in an empty element": (
        A + f'<D V="1">{SECRET}</D>', "R/D", 1, "there is content where none may stand",
        "det står innhold der det ikke kan stå noe",
    ),
    "with an element in a text": (
        "<A>2026-01-15<B/></A>", "R/A", 1, "there is content where none may stand",
        "det står innhold der det ikke kan stå noe",
    ),
}  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "x"], ids=["default namespace", "prefix"])
@pytest.mark.parametrize(("inside", "place", "line", "english", "norwegian"), ROWS.values(), ids=ROWS.keys())
def test_a_departure_has_place_line_and_what_was_expected_in_two_languages(
    inside: str, place: str, line: int, english: str, norwegian: str, prefix: str
) -> None:
    if "xmlns" in inside and prefix:
        pytest.skip("the content has a namespace of its own")
    (found,) = explained(inside, prefix)
    assert (found.place, found.line, found.words("en"), found.words("nb")) == (place, line, english, norwegian)


@pytest.mark.parametrize("inside", [row[0] for row in ROWS.values()], ids=ROWS.keys())
def test_no_value_of_the_message_is_ever_quoted(inside: str) -> None:
    for found in explained(inside):
        assert SECRET[:5] not in found.words("en") + found.words("nb") + found.place


def test_the_place_is_right_among_siblings_with_and_without_a_prefix() -> None:
    found = explained('<x:A xmlns:x="urn:x">2026-01-15</x:A><B>9</B><x:D xmlns:x="urn:x" V="x"/>')
    assert [one.place for one in found] == ["R/B", "R/D"]
    both = '<x:A>2026-01-15</x:A><x:D V="1"/><z:D xmlns:z="urn:x" V="x"/>'
    element = etree.fromstring(f'<x:R xmlns:x="urn:x">{both}</x:R>')
    SCHEMA.validate(element)
    assert [one.place for one in explain(SCHEMA.error_log, element)] == ["R/D[2]"]


FORGED = [
    f"is not an element of the set {{'{SECRET}'}}.",
    f"is not a valid value of the atomic type '{SECRET}'.",
    f"is not accepted by the pattern '{SECRET}'.",
    f"Expected is ( {SECRET} ).",
    f"does not match the fixed value constraint '{SECRET}'.",
]


@pytest.mark.parametrize("padding", [0, 63_000, 63_800, 64_000, 70_000])
@pytest.mark.parametrize("words", FORGED)
@pytest.mark.parametrize("name", ["A", "B", "C", "E", "F", "H"])
def test_a_value_that_looks_like_the_validator_s_words_is_not_taken_for_them(
    name: str, words: str, padding: int
) -> None:
    before = A if name != "A" else ""
    value = "y" * padding + words * (1 + padding // 1_000)
    for found in explained(f"{before}<{name}>{value}</{name}>"):
        assert SECRET[:5] not in " ".join((found.words("en"), *found.expected))


def test_a_value_cut_off_by_the_validator_where_it_looks_like_its_words_is_not_taken_for_them() -> None:
    element = etree.fromstring(f'<R xmlns="urn:x"><A>{"y" * 70_000}</A></R>')
    SCHEMA.validate(element)
    cut = SCHEMA.error_log[0].message
    room = len(cut) - cut.index("yyy")
    assert cut.endswith("y"), "the validator cuts its sentence"
    words = f" is not a valid value of the atomic type '{SECRET}'."
    value = "y" * (room - len(words)) + words + "y" * 1_000
    (found,) = explained(f"<A>{value}</A>")
    assert (found.kind, found.expected) == (Kind.FORM, ())


def test_a_hostile_name_is_shown_cut() -> None:
    (found,) = explained(A + "<" + "n" * 40_000 + "/>")
    assert len(found.place) < 100


def test_a_message_that_departs_everywhere_is_explained_up_to_a_bound_in_bounded_time() -> None:
    start = time.process_time()
    assert len(explained("<Z/>" + A * 100_000)) <= 50
    many = explained(A + "<D/>" * 2 + "<D>x</D>" * 20_000)
    assert 1 <= len(many) <= 50
    assert time.process_time() - start < 10


def test_a_pattern_that_backtracks_is_shown_and_never_run() -> None:
    start = time.process_time()
    (found,) = explained(A + f"<C>{'1' * 2_000}x</C>")
    assert found.kind is Kind.PATTERN
    assert time.process_time() - start < 1


def test_departures_become_issues_for_a_receipt_with_t02() -> None:
    found = issues_of(explained(A + f"\n<B>9</B><D/><Q>{SECRET}</Q>"))
    assert [(one.code, one.standard_code, one.severity, one.place) for one in found] == [
        ("kith.schema_value", "T02", Severity.ERROR, "R/B"),
        ("kith.schema_attribute", "T02", Severity.ERROR, "R/D/@V"),
        ("kith.schema_order", "T02", Severity.ERROR, "R/Q"),
    ]
    assert found[0].text == "the value is not one of: 1, 2 (line 2)"
    assert all(one.code in WORDS for one in found)


def test_every_kind_has_words_and_a_known_code() -> None:
    for kind in Kind:
        departure = Departure(kind, "R", 1, ("x",), "V")
        assert departure.words("en") and departure.words("nb")
        assert issues_of([departure])[0].code in WORDS


@pytest.mark.skipif(not receipt_schemas(), reason="the national schemas are not beside the repository")
def test_a_national_schema_is_explained_too() -> None:
    root = etree.fromstring(edited("std_apprec_1_1", text("GenDate", "i går")))
    schema = receipt_schemas()["http://www.kith.no/xmlstds/apprec/2012-02-15"]
    assert not schema.validate(root)
    assert [(one.place, one.words("nb")) for one in explain(schema.error_log, root)] == [
        ("AppRec/GenDate", "verdien er ikke av typen xs:dateTime")
    ]
