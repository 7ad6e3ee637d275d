"""XPath as Python says what lxml says, from each element of a message; what it does not know is left to lxml."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from engine.mapping.trees import NONE, NOTHING, ROOT, Node, Way, Ways, Whole, whole
from engine.mapping.xlanguage import compiled
from engine.mapping.xnodes import CALLS

NAMES = {"a": "urn:a", "b": "urn:b"}
MESSAGE = etree.fromstring(
    b"""<m xmlns="urn:a" xmlns:b="urn:b"><k V="1" S="2.16"/><k V="tel:77" S=""> x  y </k>
    <g><k V="3" D="o"/><b:k V="4">inner<k V="5">deep</k>tail</b:k><g><n>one</n><k V="6">6</k></g><b:n/></g>
    <g D="1"><n>two</n><n V="1">three</n><g><g><k V="7"/><n>four</n></g></g></g>
    <n>123e4567-e89b-42d3-a456-426614174000</n></m>"""
)
KNOWN = """
a:k | b:k
a:g/a:k/@V | a:g/b:k/@V
a:g/*
a:g[2]/a:n[last()]
a:g[a:k]/a:k
a:g[not(a:k)]/a:n[position() > 1]
.//a:k
.//a:k/@V
a:g//a:n
(.//a:n)[last()]
(a:k | a:g)[1]/@V
..
../a:k
../../self::a:g
$root/a:g/a:g
$root/a:g[a:k]/../a:n
$root//b:n
a:k[@V='3' or @V='5']
a:g[a:k/@V='3']
b:k[a:k='deep']
*[not(self::a:k)]
a:k and a:g
@V and @S and not(translate(@S, '0123456789.', ''))
substring-after(@V, ':')
substring-before(@V, ':')
contains(@V, ':')
count(preceding::a:k)
count(a:g/a:n)
string-length(normalize-space(.)) = 36 and not(translate(normalize-space(.), '0123456789abcdef-', ''))
a:k/@V != $root/a:k/@V
a:k/@V = $root/a:k/@V
normalize-space(a:k)
(a:k | b:k | a:g/*)[a:k or a:n]
""".strip().splitlines()
UNKNOWN = ["following::a:k", "a:g[1 + 1]", "sum(a:k)", "a:k[position() = last()]", "ancestor::a:g", "b:k/text()", "@*"]


class Run:
    def __init__(self, nodes: Whole) -> None:
        self.whole = nodes
        self.ways = Ways({ROOT: nodes.nodes[:1]})


def python_of(text: str) -> Any:
    constants: dict[str, str] = {}
    part = compiled(text, lambda made: constants.setdefault(made, f"K{len(constants)}"), "n")
    if part is None:
        return None
    scope: dict[str, Any] = {
        **CALLS, "NO": [], "NONE": NONE, "NOWHERE": NOTHING, "ROOT": ROOT, "Way": Way,
        "Q": lambda prefix, local: f"{{{NAMES[prefix]}}}{local}",
    }  # fmt: skip
    for made, name in constants.items():
        scope[name] = eval(made, scope)
    return eval(f"lambda r, n: {part.result}", scope)


def plain(found: Any) -> list[object]:
    """What lxml or Python gave: elements by their path, the rest as text."""
    if isinstance(found, bool):
        return ["true"] if found else []
    if isinstance(found, float):
        return [f"{found:g}"]
    return [_plain(one) for one in found] if isinstance(found, list) else [str(found)]


def _plain(one: Any) -> object:
    tree = MESSAGE.getroottree()
    if isinstance(one, Node):
        return tree.getpath(one.element)
    if isinstance(one, tuple):
        return one[0].attributes[one[1]]
    return tree.getpath(one) if isinstance(one, etree._Element) else str(one)


@pytest.mark.parametrize("text", KNOWN)
def test_an_expression_gives_from_every_element_what_lxml_gives(text: str) -> None:
    asked, path = python_of(text), etree.XPath(text, namespaces=NAMES)
    assert asked is not None
    run = Run(whole(MESSAGE))
    given = 0
    for node in run.whole.nodes:
        expected = plain(path(node.element, root=MESSAGE))
        assert plain(asked(run, node)) == expected, node.element
        given += bool(expected)
    assert given, "it gives nothing anywhere, and says nothing"


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_python_does_not_know_is_left_to_lxml(text: str) -> None:
    assert compiled(text, lambda made: "K", "n") is None


def test_a_text_is_that_of_the_element_itself_with_what_stands_between_its_children() -> None:
    nodes = whole(etree.fromstring(b"<a> one<b>two</b> three <c/> </a>")).nodes
    assert [node.text for node in nodes] == ["one three", "two", ""]


def test_what_is_in_a_node_stands_in_the_order_of_the_message() -> None:
    nodes = whole(MESSAGE)
    for node in nodes.nodes:
        assert node.element is not None
        assert [one.element for one in nodes.within(node)] == list(node.element.iter())
        parent = nodes.parents[node.order]
        assert (parent.element if node.order else None) is node.element.getparent()
