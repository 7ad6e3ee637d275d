"""`xp(...)`: XPath 1.0 with the prefixes and aliases of a mapping. Chains become steps, the rest Python or lxml's.

A chain is `a:b/c:d`, with `[2]`, `[last()]`, `[path]` or `[path = 'text']` after a step, and `@name` or `.` at its end;
unions of chains are tried in the order written. Everything else becomes Python where `xlanguage` knows it, and is
compiled by lxml, once for each set of namespaces, where not.
XML Path Language 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from lxml import etree

_STEP = re.compile(r"(?:([A-Za-z_][\w.-]*):)?([^\W\d][\w.-]*)")
_ATTRIBUTE = re.compile(r"@([^\W\d][\w.-]*)")
_POSITION = re.compile(r"\s*(?:(\d+)|last\(\s*\))\s*")
_EQUAL = re.compile(r"(.+?)\s*=\s*(?:'([^']*)'|\"([^\"]*)\")\s*", re.S)
_NAMES = re.compile(r"'[^']*'|\"[^\"]*\"|([a-z-]+::)?([^\W\d][\w.-]*)(:[^\W\d][\w.-]*)?", re.S)
_WORDS = frozenset({"and", "or", "div", "mod"})
_OPENING = ("", "/", "(", "|", "[", "=", ",")


@dataclass(frozen=True, slots=True)
class Named:
    """One child step: prefix and local name, and what its brackets pick."""

    prefix: str
    local: str
    position: int = 0
    test: Chain | None = None
    equals: str | None = None

    @property
    def plain(self) -> bool:
        """Whether it is a name alone."""
        return not self.position and self.test is None


@dataclass(frozen=True, slots=True)
class Chain:
    """Steps to children, and the attribute at their end ("" for the element). `rooted`: from the message's root."""

    steps: tuple[Named, ...]
    attribute: str = ""
    rooted: bool = False
    written: str = ""


@dataclass(frozen=True, slots=True)
class Located:
    """What one `xp(...)` is: chains in the order to try, or an expression for lxml."""

    chains: tuple[Chain, ...] = ()
    general: str = ""
    rooted: bool = False


@dataclass(frozen=True, slots=True)
class Prefixes:
    """The prefixes of a mapping: each a namespace, or several of which the message chooses one; and aliases."""

    namespaces: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def bound(self, variant: str) -> dict[str, str]:
        """Each prefix with the namespace it has in a message of this variant: at the variant's position in a list."""
        position = next((uris.index(variant) for uris in self.namespaces.values() if variant in uris[1:]), 0)
        return {
            prefix: uris[position] if len(uris) > position else uris[-1] for prefix, uris in self.namespaces.items()
        }

    def trial(self) -> dict[str, str]:
        """Any namespaces, to see whether an expression is one."""
        return {prefix: uris[0] for prefix, uris in self.namespaces.items()}


class Unclear(ValueError):
    """The expression cannot be taken. `near`: the name that is unknown, and the names there are."""

    def __init__(self, text: str, name: str = "", names: Collection[str] = ()) -> None:
        super().__init__(text)
        self.name, self.names = name, names


def located(text: str, prefixes: Prefixes, inside: bool = False) -> Located:
    """What an expression means. `inside`: in a template, which has no aliases. Raises: Unclear."""
    text = text.strip()
    if not text:
        raise Unclear("an XPath is wanted between the parentheses")
    parts = _split(text, "|")
    chains = [_chain(part.strip(), prefixes, inside) for part in parts]
    found = tuple(chain for chain in chains if chain is not None)
    if len(found) == len(chains) and len({chain.rooted for chain in found}) == 1:
        return Located(found, rooted=found[0].rooted)
    return _general(text, prefixes, inside)


def _chain(text: str, prefixes: Prefixes, inside: bool) -> Chain | None:
    """None where it is more than a chain."""
    if text == ".":
        return Chain((), written=".")
    parts = _split(text, "/")
    steps: list[Named] = []
    attribute = ""
    rooted = False
    for number, part in enumerate(parts):
        part = part.strip()
        at = _ATTRIBUTE.fullmatch(part)
        if at is not None and number == len(parts) - 1:
            attribute = at[1]
            continue
        if part == "." and number == 0 and len(parts) > 1:
            continue
        name, _, rest = part.partition("[")
        step = _STEP.fullmatch(name.strip())
        if step is None or (rest and not rest.endswith("]")) or "][" in part:
            return None
        prefix, local = step[1] or "", step[2]
        if not prefix:
            if number or rest or inside or local not in prefixes.aliases:
                return None
            alias = _chain(prefixes.aliases[local], Prefixes(prefixes.namespaces), False)
            if alias is None or alias.attribute:
                return None
            steps += alias.steps
            rooted = True
            continue
        if prefix not in prefixes.namespaces:
            raise Unclear(f"the prefix '{prefix}' is not declared", prefix, prefixes.namespaces)
        named = _picked(prefix, local, rest[:-1] if rest else "", prefixes)
        if named is None:
            return None
        steps.append(named)
    return Chain(tuple(steps), attribute, rooted, text)


def _picked(prefix: str, local: str, inner: str, prefixes: Prefixes) -> Named | None:
    """A step with what stands in its brackets; None where that is more than is known here."""
    if not inner:
        return Named(prefix, local)
    position = _POSITION.fullmatch(inner)
    if position is not None:
        number = int(position[1]) if position[1] else -1
        return Named(prefix, local, number) if number else None
    equal = _EQUAL.fullmatch(inner)
    test = _chain((equal[1] if equal else inner).strip(), Prefixes(prefixes.namespaces), True)
    if test is None:
        return None
    value = None if equal is None else equal[2] if equal[2] is not None else equal[3]
    return None if value is not None and value != value.strip() else Named(prefix, local, 0, test, value)


def _general(text: str, prefixes: Prefixes, inside: bool) -> Located:
    """An expression for lxml, aliases written out and every prefix known."""
    made, rooted, position = "", text.startswith("/"), 0
    for found in _NAMES.finditer(text):
        made += text[position : found.start()]
        position = found.end()
        axis, name, local = found[1] or "", found[2] or "", found[3] or ""
        before, after = made.rstrip()[-1:], text[position:].lstrip()[:1]
        if local:
            if name not in prefixes.namespaces:
                raise Unclear(f"the prefix '{name}' is not declared", name, prefixes.namespaces)
        elif (
            name
            and before not in ("@", "$")
            and after not in ("(", ":")
            and not (name in _WORDS and before not in _OPENING)
        ):
            if inside or axis or name not in prefixes.aliases or before == "/":
                told = "and a template knows no aliases" if inside else "and is no alias"
                raise Unclear(f"'{name}' has no prefix, {told}", name, prefixes.aliases)
            made, rooted = f"{made}$root/{prefixes.aliases[name]}", True
            continue
        made += found[0]
    made += text[position:]
    try:
        etree.XPath(made, namespaces=prefixes.trial())
    except etree.XPathSyntaxError as error:
        raise Unclear(f"not an XPath: {str(error).lower()}") from None
    return Located(general=made, rooted=rooted)


def _split(text: str, mark: str) -> list[str]:
    """Parts between marks that stand in no bracket, parenthesis or quotes."""
    parts, depth, quote, start = [], 0, "", 0
    for number, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "[(":
            depth += 1
        elif letter in "])":
            depth -= 1
        elif letter == mark and not depth:
            parts.append(text[start:number])
            start = number + 1
    return [*parts, text[start:]]
