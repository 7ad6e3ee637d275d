"""XHTML as text, and what of it counts as read."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from engine.errors import ConfigError
from engine.mapping import Context
from engine.mapping.markup import prose
from engine.mapping.shelf import LoadedMapping, load_mapping
from engine.plugins.builtin import full_registry
from engine.standards import Charset
from engine.standards.kith.envelope import envelope_of
from engine.standards.kith.standard import Kith

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "kith" / "dialog_helsefaglig.xml"

TEXTS = [
    ("text alone stands as it is, line breaks and all", " Hei.\n  Ring  oss. ", "Hei.\n  Ring  oss."),
    ("nothing is nothing", "", ""),
    ("paragraphs are lines", "<div><p>En.</p><p>To.</p></div>", "En.\nTo."),
    ("blanks between blocks are none", "\n <div>\n  <p>En\n  og to.</p>\n </div>\n", "En og to."),
    ("words within a line stay in it", "<p>Får <b>ikke</b> 5<sup>2</sup> mg.</p>", "Får ikke 52 mg."),
    ("a blank before a tail is kept", "<p><b>Nei</b> takk</p>", "Nei takk"),
    ("items begin with a hyphen", "<ul><li>A</li><li>B</li></ul>", "- A\n- B"),
    ("a paragraph in an item stays in its line", "<ul><li><p>A</p></li></ul>", "- A"),
    ("an empty item is none", "<ul><li/><li>B</li></ul>", "- B"),
    ("a list in a list is flat", "<ol><li>A<ul><li>B</li></ul></li><li>C</li></ol>", "- A\n- B\n- C"),
    (
        "cells stand apart by a tab",
        "<table><tr><th>CRP</th><td>12</td></tr><tr><td>Hb</td></tr></table>",
        "CRP\t12\nHb",
    ),
    ("a line break breaks the line", "En<br/>to", "En\nto"),
    ("text before and after a block are lines", "En<p>to</p>tre", "En\nto\ntre"),
    ("a word that is no element of XHTML is a word", "En <x>to</x> tre", "En to tre"),
]


@pytest.mark.parametrize(("inner", "text"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS])
def test_markup_becomes_the_text_that_a_reader_sees(inner: str, text: str) -> None:
    assert prose(etree.fromstring(f"<t xmlns='http://www.w3.org/1999/xhtml'>{inner}</t>")) == text


MAPPING = """
mapping: t
standard: kith
match: [dialog/2013-01-23]
namespaces: {mh: http://www.kith.no/xmlstds/msghead/2006-05-24, d: http://www.kith.no/xmlstds/dialog/2013-01-23}
alias: {note: mh:Document/mh:RefDoc/mh:Content/d:Dialogmelding/d:Notat}
types: {Id: {$target: Identifier, value: xp(mh:MsgId)}}
entries:
  - key: message
    resource: Communication
    identity: xp(mh:MsgInfo) as Id
    write: own
    body:
      status: = completed
      payload: [{contentString: "RULE"}]
"""


def loaded(rule: str) -> LoadedMapping:
    return load_mapping("t", lambda _: MAPPING.replace("RULE", rule), standards=full_registry().standards)


def unread(rule: str) -> set[str]:
    """Places in the markup of a sample's text that a rule leaves unread."""
    mapping = loaded(rule)
    document = Kith().decode(SAMPLE.read_bytes(), Charset())
    mapped = mapping.run(document, Context(envelope_of(document), 0))
    assert mapped.entries[0].resource["payload"][0]["contentString"]
    return {issue.place for issue in mapping.unread(document, mapped) if "/div" in issue.place}


def test_all_text_of_the_markup_counts_as_read() -> None:
    assert unread("xp(note/d:TekstNotatInnhold) | markup") == set()
    assert unread("xp(note/d:Tema)") != set()


@pytest.mark.parametrize("rule", ["'text' | markup", "xp(note/d:Tema) | upper | markup"])
def test_markup_of_what_is_no_element_is_told(rule: str) -> None:
    with pytest.raises(ConfigError, match="wants an element"):
        loaded(rule)


def test_markup_of_an_attribute_is_told() -> None:
    with pytest.raises(ConfigError, match="attribute"):
        loaded("xp(note/d:TemaKodet/@DN) | markup")
