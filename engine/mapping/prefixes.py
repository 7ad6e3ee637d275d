"""`namespaces:`, `alias:` and the keys of `ignore:` of mappings from XML: read, and checked when all files are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from engine.mapping.findings import Findings
from engine.mapping.xpaths import Prefixes, Unclear, located
from engine.yamlfile import YamlList, YamlMap, YamlNode, YamlScalar


class Named(Protocol):
    """What is checked of a mapping's sources."""

    @property
    def file(self) -> str: ...
    @property
    def prefixes(self) -> Prefixes: ...
    @property
    def ignore(self) -> Mapping[str, str]: ...


def added(prefixes: Prefixes, file: str, root: YamlMap, findings: Findings) -> Prefixes:
    """The prefixes and aliases so far, with those of one file that they do not have yet."""
    namespaces, aliases = dict(prefixes.namespaces), dict(prefixes.aliases)
    for name, node in _pairs(root.get("namespaces"), file, findings):
        items = node.items if isinstance(node, YamlList) else (node,)
        uris = tuple(item.text for item in items if isinstance(item, YamlScalar) and item.text)
        if len(uris) != len(items) or not uris:
            findings.add("M113", file, node, "a prefix is one namespace or a list of them")
        else:
            namespaces.setdefault(name.text, uris)
    for name, node in _pairs(root.get("alias"), file, findings):
        if isinstance(node, YamlScalar) and node.text.strip():
            aliases.setdefault(name.text, node.text.strip())
        else:
            findings.add("M113", file, node, "an alias is a path from the root", "write info: mh:MsgInfo")
    return Prefixes(namespaces, aliases)


def checked(sources: Named, findings: Findings) -> None:
    """Lists of one length, aliases that are paths, things to ignore that are paths."""
    prefixes, place = sources.prefixes, YamlScalar("", "plain", 1, 1)
    lengths = {len(uris) for uris in prefixes.namespaces.values() if len(uris) > 1}
    if len(lengths) > 1:
        hint = "the message chooses a position, the same in each list"
        findings.add("M113", sources.file, place, "prefixes with several namespaces have lists of one length", hint)
    for name, text in prefixes.aliases.items():
        if _wrong(text, Prefixes(prefixes.namespaces), picks=True):
            told = f"alias '{name}' is no path of children from the root"
            findings.add("M113", sources.file, place, told, "write mh:MsgInfo/mh:Patient")
    for text in sources.ignore:
        if not (text.startswith("@") and text[1:].isidentifier()) and _wrong(text, prefixes):
            hint = "write mh:MsgInfo/mh:Ack, or @DN for an attribute everywhere"
            findings.add("M111", sources.file, place, f"'{text}' is no path from the root", hint)


def _wrong(text: str, prefixes: Prefixes, picks: bool = False) -> bool:
    try:
        found = located(text, prefixes)
    except Unclear:
        return True
    picked = any(step.position or step.test for one in found.chains for step in one.steps)
    return not found.chains or (picked and not picks)


def _pairs(node: YamlNode | None, file: str, findings: Findings) -> tuple[tuple[YamlScalar, YamlNode], ...]:
    if node is None or (isinstance(node, YamlScalar) and not node.text):
        return ()
    if isinstance(node, YamlMap):
        return node.entries
    findings.add("M112", file, node, "a map of names is wanted here")
    return ()
