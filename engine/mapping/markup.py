"""XHTML as text: what a reader of a note is shown where only text can stand.

The allowed set is small: paragraphs, headings, lists, tables, line breaks and words within a line (HISD 1155, XHTML).
"""

from __future__ import annotations

import re
from functools import lru_cache

from lxml import etree

_BLOCKS = frozenset(
    {"address", "blockquote", "body", "br", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li"}
    | {"ol", "p", "pre", "table", "tbody", "tfoot", "thead", "tr", "ul"}
)
_CELLS = frozenset(["td", "th"])
_ITEM = "- "
_BLANKS = re.compile(r"\s+")


def prose(element: etree._Element) -> str:
    """The text of an element: as it stands where it holds text alone, else its lines.

    Blocks and `br` end a line, an item of a list begins with a hyphen, cells of a row stand apart by a tab. Within a
    line blanks count as one. What a word looks like is lost.
    """
    if not len(element):
        return (element.text or "").strip()
    lines = [""]
    _write(element, lines)
    return "\n".join(line for line in (one.strip(" \t") for one in lines) if line and line != "-")


def _write(element: etree._Element, lines: list[str]) -> None:
    _say(element.text, lines)
    for one in element:
        name = _name(str(one.tag))
        block = name in _BLOCKS
        if block and lines[-1] not in ("", _ITEM):
            lines.append("")
        if name == "li":
            lines[-1] = _ITEM
        elif name in _CELLS and lines[-1].strip():
            lines[-1] += "\t"
        if len(one):
            _write(one, lines)
        else:
            _say(one.text, lines)
        if block and lines[-1]:
            lines.append("")
        _say(one.tail, lines)


@lru_cache(maxsize=256)
def _name(tag: str) -> str:
    return tag.rpartition("}")[2].lower()


def _say(text: str | None, lines: list[str]) -> None:
    if not text:
        return
    said = " " if text.isspace() else _BLANKS.sub(" ", text)
    if said.startswith(" ") and (not lines[-1] or lines[-1][-1].isspace()):
        said = said[1:]
    lines[-1] += said
