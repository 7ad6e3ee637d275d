"""What a template made of an element is kept for the next message: only for the same content, with the same reads."""

from __future__ import annotations

import copy

import pytest
from lxml import etree

from engine.mapping.trees import whole
from engine.mapping.xkept import MOST_LETTERS, MOST_NODES, content, known, light
from tests.mapping.test_kith_samples import SAMPLES, mapped, unread

XML = "<o><name>{}</name><ident V='{}'><id>1</id></ident></o>"


def keys(*texts: str) -> list[object]:
    nodes = [whole(etree.fromstring(text)) for text in texts]
    return [content(one, one.nodes[0], "sender") for one in nodes]


def test_the_same_content_is_the_same_key() -> None:
    first, second = keys(XML.format("A", "HER"), XML.format("A", "HER"))
    assert first == second


@pytest.mark.parametrize(
    "other",
    [
        XML.format("B", "HER"),
        XML.format("A", "ENH"),
        "<o><name>A</name><ident V='HER'/><id>1</id></o>",
        "<o><name>A</name><ident V='HER' S=''><id>1</id></ident></o>",
        "<o><name>A</name><ident><id V='HER'>1</id></ident></o>",
    ],
)
def test_another_text_attribute_or_place_is_another_key(other: str) -> None:
    first, second = keys(XML.format("A", "HER"), other)
    assert first != second


def test_what_is_read_is_kept_by_its_place_in_the_element() -> None:
    nodes = whole(etree.fromstring(f"<m><x/>{XML.format('A', 'HER')}</m>")).nodes
    _, outside, one, name, ident, _ = nodes
    found = known(one, {}, [name, (ident, "V"), name])
    assert found is not None
    assert (found.texts, found.attributes) == ((1,), ((2, "V"),))
    assert known(one, {}, [name, outside]) is None


def test_what_is_large_is_not_kept() -> None:
    many = whole(etree.fromstring("<m>" + "<x/>" * (MOST_NODES + 1) + "</m>"))
    long = whole(etree.fromstring(f"<m>{'x' * (MOST_LETTERS + 1)}</m>"))
    assert content(many, many.nodes[0], "") is None
    assert not light(long, long.nodes[0])
    assert light(many, many.nodes[1])


def entries_of(raw: bytes) -> dict[str, object]:
    _, result = mapped(raw)
    return {entry.key: copy.deepcopy(entry.resource) for entry in result.entries}


def test_a_second_message_with_the_same_parties_says_the_same_and_counts_them_as_read() -> None:
    raw = (SAMPLES / "dialog_helsefaglig.xml").read_bytes()
    first = entries_of(raw)
    assert entries_of(raw) == first
    assert unread(raw) == []


def test_one_text_of_an_organisation_that_differs_is_seen() -> None:
    raw = (SAMPLES / "dialog_helsefaglig.xml").read_bytes()
    first = entries_of(raw)
    second = entries_of(raw.replace(b">Sentrum legesenter", b">Sentralt legesenter"))
    assert {key for key in first if first[key] != second[key]} == {"receiver_organisation"}
