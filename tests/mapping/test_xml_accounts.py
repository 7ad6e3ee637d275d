"""Accounts over XML: every text and attribute is read, ignored on purpose, or told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from engine.mapping import Context
from engine.mapping.shelf import LoadedMapping, load_mapping
from engine.message import Envelope, Party
from engine.plugins.builtin import full_registry
from engine.standards import Charset

ROOT = Path(__file__).resolve().parents[2]
KITH = full_registry().standards["kith"]
DOCUMENT = KITH.decode((ROOT / "samples" / "kith" / "dialog_foresporsel.xml").read_bytes(), Charset())
CONTEXT = Context(Envelope("kith", "", "", "", Party(""), Party("")), 0)
MH = "{http://www.kith.no/xmlstds/msghead/2006-05-24}"

HEAD = """
mapping: t
standard: kith
match: [dialog/2006-10-11]
namespaces:
  mh: http://www.kith.no/xmlstds/msghead/2006-05-24
  d: http://www.kith.no/xmlstds/dialog/2006-10-11
alias: {patient: mh:MsgInfo/mh:Patient}
types:
  Ident: {$target: Identifier, value: xp(mh:Id)}
  Code: {$target: CodeableConcept, coding: [{code: xp(@V), display: xp(@DN)}]}
"""
ENTRY = """
entries:
  - key: patient
    resource: Patient
    identity: xp(patient/mh:Ident) as Ident
    write: mention
    body:
      active: = true
"""


def load(ignore: str = "", body: str = "", more: str = "") -> LoadedMapping:
    text = HEAD + ignore + ENTRY + body + more
    return load_mapping("t", lambda _: text, standards=full_registry().standards)


def unread(mapping: LoadedMapping) -> list[str]:
    return [issue.place for issue in mapping.unread(DOCUMENT, mapping.run(DOCUMENT, CONTEXT))]


def populated() -> Iterator[str]:
    for unit in KITH.populated(DOCUMENT):
        yield unit.place


def test_what_no_rule_reads_is_told_with_its_place() -> None:
    told = unread(load())
    assert "MsgHead/MsgInfo/Patient/FamilyName" in told
    assert "MsgHead/MsgInfo/Patient/Sex/@V" in told
    assert "MsgHead/MsgInfo/Patient/Ident/Id" not in told


def test_a_template_reads_the_attributes_it_names_and_no_other() -> None:
    told = unread(load(body="      maritalStatus: xp(patient/mh:Sex) as Code\n"))
    assert [place for place in told if "Patient/Sex" in place] == []
    told = unread(load(body="      maritalStatus: xp(patient/mh:Ident/mh:TypeId) as Code\n"))
    assert [place for place in told if "Patient/Ident/TypeId" in place] == ["MsgHead/MsgInfo/Patient/Ident/TypeId/@S"]


def test_what_only_a_condition_reads_is_told() -> None:
    told = unread(load(body="      name: [{$when: \"xp(patient/mh:Sex/@V) = '2'\", text: = she}]\n"))
    assert "MsgHead/MsgInfo/Patient/Sex/@V" in told


def test_what_is_ignored_on_purpose_is_not_told() -> None:
    told = unread(load("ignore: {mh:MsgInfo/mh:Sender: known, '@DN': shown, mh:MsgInfo/mh:Type/@V: routing}\n"))
    assert [place for place in told if "Sender" in place or place.endswith("@DN") or "MsgInfo/Type" in place] == []
    assert "MsgHead/MsgInfo/Receiver/Organisation/OrganisationName" in told


def test_a_rule_of_an_entry_that_was_not_made_reads_nothing() -> None:
    more = """
  - key: more
    resource: Person
    when: xp(patient/mh:Nothing)
    identity: derived(->patient, xp(patient/mh:FamilyName))
    write: mention
    body: {active: = true}
"""
    assert "MsgHead/MsgInfo/Patient/FamilyName" in unread(load(more=more))


@pytest.mark.parametrize(
    ("pick", "told"),
    [("(d:Sporsmal/text())[1]", "/b"), ("(d:Sporsmal/text())[2]", "/b"), ("d:Sporsmal/*/text()", "")],
    ids=["before", "after", "inside"],
)
def test_a_text_beside_an_element_belongs_to_the_element_around_both(pick: str, told: str) -> None:
    raw = (ROOT / "samples" / "kith" / "dialog_foresporsel.xml").read_bytes()
    mixed = re.sub(rb"(?s)<Sporsmal>.*?</", b"<Sporsmal>before <b>inside</b> after</", raw)
    document = KITH.decode(mixed, Charset())
    question = "mh:Document/mh:RefDoc/mh:Content/d:Dialogmelding/d:Foresporsel"
    mapping = load(body=f"      name: [{{$for_each: 'xp({question})', family: 'xp({pick})'}}]\n")
    found = [issue.place for issue in mapping.unread(document, mapping.run(document, CONTEXT))]
    places = {place.partition("/Sporsmal")[2] for place in found if "/Sporsmal" in place}
    assert places == {told}


def _paths() -> list[str]:
    """A path to each element of the head that holds a text or attribute of its own."""
    found = set()
    for element in DOCUMENT.message[0].iter(f"{MH}*"):
        names = [f"mh:{etree.QName(one).localname}" for one in [*reversed(list(element.iterancestors())), element]]
        path = "/".join(names[1:])
        if (element.text or "").strip():
            found.add(path)
        found |= {f"{path}/@{name}" for name in element.attrib}
    return sorted(found)


@given(st.lists(st.sampled_from(_paths()), unique=True, max_size=12), st.lists(st.sampled_from(_paths()), max_size=4))
@settings(max_examples=25, deadline=None)
def test_read_ignored_and_told_are_together_all_there_is(read: list[str], ignored: list[str]) -> None:
    """Whatever the rules are: what is told and what they name make up the message, and nothing is in both."""
    ignore = "ignore:\n" + "".join(f"  {path}: why\n" for path in dict.fromkeys(ignored)) if ignored else ""
    body = "      name:\n" + "".join(f"        - given: xp({path})\n" for path in read) if read else ""
    told = set(unread(load(ignore, body)))
    named = {path.replace("mh:", "") for path in [*read, *ignored]}
    for place in populated():
        plain = "/".join(part.partition("[")[0] for part in place.split("/")[1:])
        below = any(plain == one or plain.startswith(f"{one}/") for one in (p.replace("mh:", "") for p in ignored))
        identity = plain == "MsgInfo/Patient/Ident/Id"
        if not identity:
            assert (place in told) is not (plain in named or below), place
    assert told <= set(populated())


@pytest.mark.parametrize("name", ["dialog_notat", "dialog_helsefaglig", "dialog_svar"])
def test_nothing_read_means_that_all_is_told(name: str) -> None:
    mapping = load()
    document = KITH.decode((ROOT / "samples" / "kith" / f"{name}.xml").read_bytes(), Charset())
    mapped = mapping.run(document, CONTEXT)
    told = {issue.place for issue in mapping.unread(document, mapped)}
    everything = {unit.place for unit in KITH.populated(document)}
    assert told <= everything
    assert {place.rpartition("/")[0].rpartition("/")[2].partition("[")[0] for place in everything - told} == {"Ident"}
