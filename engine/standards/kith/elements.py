"""Steps in a KITH message: children by name in their parent's namespace, text, the attribute V, and places.

A place is the local names from the message's root, with a number where siblings share a name:
`MsgHead/MsgInfo/Patient/Ident[2]/Id`. It quotes no content.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

_LONGEST_NAME = 60


def local_name(element: etree._Element) -> str:
    """The name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def namespace_of(element: etree._Element) -> str:
    """The namespace of the name, "" for none."""
    tag = str(element.tag)
    return tag[1:].partition("}")[0] if tag.startswith("{") else ""


def children(element: etree._Element, name: str) -> Iterator[etree._Element]:
    """The children called `name` in the element's own namespace."""
    tag = str(element.tag)
    return element.iterchildren(tag[: tag.rfind("}") + 1] + name)


def step(element: etree._Element | None, *names: str) -> etree._Element | None:
    """The first child at each step, None where there is none."""
    if element is None:
        return None
    tag = str(element.tag)
    prefix = tag[: tag.rfind("}") + 1]
    found = element
    for name in names:
        wanted = prefix + name
        for one in found:
            if one.tag == wanted:
                found = one
                break
        else:
            return None
    return found


def firsts(element: etree._Element | None) -> dict[str, etree._Element]:
    """The first child of each name in the element's own namespace.

    Why: looking a child up by its name costs as much as reading all the names of eight.
    """
    found: dict[str, etree._Element] = {}
    if element is not None:
        tag = str(element.tag)
        start = tag.rfind("}") + 1
        prefix = tag[:start]
        for one in element:
            name = str(one.tag)
            if name.startswith(prefix):
                found.setdefault(name[start:], one)
    return found


def text_of(element: etree._Element | None, *names: str) -> str:
    """The text at the end of the steps, blanks around it gone; "" where there is none."""
    found = step(element, *names) if names else element
    return (found.text or "").strip() if found is not None else ""


def code_of(element: etree._Element | None, *names: str, attribute: str = "V") -> str:
    """The attribute V at the end of the steps, "" where there is none."""
    found = step(element, *names) if names else element
    return found.get(attribute, "").strip() if found is not None else ""


def place_of(element: etree._Element, root: etree._Element) -> str:
    """Where an element stands below `root`."""
    parts: list[str] = []
    current: etree._Element | None = element
    while current is not None:
        parts.append(clipped(local_name(current)) + ("" if current is root else _number(current)))
        if current is root:
            break
        current = current.getparent()
    return "/".join(reversed(parts))


def clipped(name: str) -> str:
    """A name short enough to show: a sender may write one of any length."""
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…"


def _number(element: etree._Element) -> str:
    tag = str(element.tag)
    before = sum(1 for _ in element.itersiblings(tag, preceding=True))
    if before or next(element.itersiblings(tag), None) is not None:
        return f"[{before + 1}]"
    return ""
