"""Messages for these tests: our own samples, as they are or with one thing changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lxml import etree

from engine.standards import Charset
from engine.standards.kith.reader import KithDocument, read

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "kith"
NAMES = sorted(path.stem for path in SAMPLES.glob("std_*.xml"))
MSGHEAD = "http://www.kith.no/xmlstds/msghead/2006-05-24"
CHARSET = Charset()

Edit = Callable[[etree._Element], None]


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.xml").read_bytes()


def found(root: etree._Element, path: str) -> etree._Element:
    """The first element at a path of local names below the root; `.` is the root."""
    if path == ".":
        return root
    steps = "/".join(f"*[local-name()='{name}']" for name in path.split("/"))
    elements = root.xpath(f"./{steps}")
    assert isinstance(elements, list) and elements, path
    element = elements[0]
    assert isinstance(element, etree._Element)
    return element


def drop(path: str) -> Edit:
    def edit(root: etree._Element) -> None:
        element = found(root, path)
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)

    return edit


def text(path: str, value: str) -> Edit:
    def edit(root: etree._Element) -> None:
        found(root, path).text = value

    return edit


def attribute(path: str, name: str, value: str) -> Edit:
    def edit(root: etree._Element) -> None:
        found(root, path).set(name, value)

    return edit


def into(path: str, xml: str) -> Edit:
    def edit(root: etree._Element) -> None:
        found(root, path).append(etree.fromstring(xml))

    return edit


def edited(name: str, *edits: Edit) -> bytes:
    root = etree.fromstring(sample(name))
    for edit in edits:
        edit(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def document(name: str, *edits: Edit) -> KithDocument:
    return read(edited(name, *edits), CHARSET)
