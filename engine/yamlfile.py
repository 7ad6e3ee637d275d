"""YAML 1.2 as a light tree with places: text in, nodes with line and column out, never an object made from a tag.

Every scalar keeps its exact text and how it was written. A language that wants all scalars as strings (mappings: the
failsafe schema) takes `text`; one that wants the core types (channels) decides from `text` and `plain`.

Why: `NO`, `01` and `1e3` are country, county and lot number in a hospital's files; a loader that guesses loses them.
Anchors, merge keys and tags are refused: a reader at night must see a value where it stands (CHANNELS 4).

Codes: E100 not YAML · E101 duplicate key · E106 tab · E107 anchor or alias · E108 merge key · E109 tag, directive or
second document · E110 key that is no name · E111 too deep.
YAML 1.2.2, 10.1 (failsafe), 10.3 (core).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from engine.errors import ConfigError, Finding

DEPTH = 64
"""Nesting allowed; no file that a person wrote comes near it."""

_STYLES = {"'": "single", '"': "double", "|": "literal", ">": "folded"}


@dataclass(frozen=True, slots=True)
class YamlScalar:
    """One scalar: its text after YAML's own unescaping, and how it was written.

    `style` is `plain`, `single`, `double`, `literal` or `folded`. Line and column count from 1, as in all nodes.
    """

    text: str
    style: str
    line: int
    column: int

    @property
    def plain(self) -> bool:
        """Written without quotes or block sign: the core schema may read it as number, truth value or null."""
        return self.style == "plain"


@dataclass(frozen=True, slots=True)
class YamlList:
    """A sequence of nodes."""

    items: tuple[YamlNode, ...]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class YamlMap:
    """A mapping in the order of the file; its keys are scalars and no key stands twice."""

    entries: tuple[tuple[YamlScalar, YamlNode], ...]
    line: int
    column: int

    def get(self, key: str) -> YamlNode | None:
        """The value under `key`, or None."""
        return next((value for name, value in self.entries if name.text == key), None)

    def key(self, key: str) -> YamlScalar | None:
        """The node of the key itself, for its place."""
        return next((name for name, _ in self.entries if name.text == key), None)

    def __iter__(self) -> Iterator[tuple[str, YamlNode]]:
        return ((name.text, value) for name, value in self.entries)


YamlNode = YamlScalar | YamlList | YamlMap


def load(text: str, file: str) -> YamlNode:
    """The one document in `text`; `file` is the name that findings show. An empty file is an empty plain scalar.

    Raises: ConfigError, with every duplicate key, anchor, merge key and tag, or with the one place where it stops
    being YAML.
    """
    reader = _Reader(file)
    try:
        root = reader.document(YAML(typ="safe", pure=True).parse(text))
    except MarkedYAMLError as error:
        raise ConfigError([*reader.findings, _syntax(error, file)]) from None
    except YAMLError as error:
        raise ConfigError([*reader.findings, _unreadable(error, text, file)]) from None
    if reader.findings:
        raise ConfigError(reader.findings)
    return root


class _Reader:
    """Builds the tree from parser events and collects what is refused."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []

    def refuse(self, code: str, mark: Any, text: str, suggestion: str) -> None:
        self.findings.append(Finding(code, self.file, mark.line + 1, mark.column + 1, text, suggestion))

    def document(self, events: Iterator[Any]) -> YamlNode:
        root: YamlNode = YamlScalar("", "plain", 1, 1)
        documents = 0
        for event in events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                documents += 1
                if documents == 2:
                    self.refuse(
                        "E109", event.start_mark, "a second document in the file", "write it in a file of its own"
                    )
                if event.version or event.tags:
                    self.refuse("E109", event.start_mark, "a YAML directive", "leave it out: files are YAML 1.2")
            elif kind not in {"StreamStartEvent", "StreamEndEvent", "DocumentEndEvent"}:
                node = self.node(event, events, 0)
                root = node if documents < 2 else root
        return root

    def node(self, event: Any, events: Iterator[Any], depth: int) -> YamlNode:
        mark = event.start_mark
        kind = type(event).__name__
        if depth > DEPTH:
            raise ConfigError([Finding("E111", self.file, mark.line + 1, mark.column + 1, "nested too deeply")])
        if kind == "AliasEvent":
            self.refuse("E107", mark, "an alias (*name)", "write the value itself")
            return YamlScalar("", "plain", mark.line + 1, mark.column + 1)
        if event.anchor:
            self.refuse("E107", mark, "an anchor (&name)", "leave it out; repeat the value where it is needed")
        if event.tag:
            self.refuse("E109", mark, "a tag (!name)", "leave it out; quote the value to make it text")
        if kind == "ScalarEvent":
            return YamlScalar(event.value, _STYLES.get(event.style or "", "plain"), mark.line + 1, mark.column + 1)
        if kind == "SequenceStartEvent":
            items = []
            while type(following := next(events)).__name__ != "SequenceEndEvent":
                items.append(self.node(following, events, depth + 1))
            return YamlList(tuple(items), mark.line + 1, mark.column + 1)
        return self.mapping(mark, events, depth)

    def mapping(self, mark: Any, events: Iterator[Any], depth: int) -> YamlMap:
        entries: list[tuple[YamlScalar, YamlNode]] = []
        first: dict[str, int] = {}
        while type(event := next(events)).__name__ != "MappingEndEvent":
            key = self.node(event, events, depth + 1)
            value = self.node(next(events), events, depth + 1)
            if not isinstance(key, YamlScalar):
                self.refuse("E110", event.start_mark, "a key must be a name", "quote the key if it begins with [ or {")
                continue
            if key.plain and key.text == "<<":
                self.refuse("E108", event.start_mark, "a merge key (<<)", "write the values where they are used")
            elif key.text in first:
                self.refuse(
                    "E101",
                    event.start_mark,
                    f"the key '{key.text}' stands twice",
                    f"remove one; the first is on line {first[key.text]}",
                )
            else:
                first[key.text] = key.line
                entries.append((key, value))
        return YamlMap(tuple(entries), mark.line + 1, mark.column + 1)


def _syntax(error: MarkedYAMLError, file: str) -> Finding:
    """What the parser says, in our words, with the remedy for the usual slips."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    problem, context = error.problem or "not YAML", error.context or ""
    if "'\\t'" in problem:
        return Finding("E106", file, line, column, "a tab where YAML wants spaces", "indent and align with spaces")
    if "cannot start any token" in problem:
        return Finding("E100", file, line, column, "a value cannot begin with this sign", "put quotes around the value")
    if "flow" in context:
        hint = "inside { } and [ ], put quotes around values that contain [ ] { } , : or #"
        return Finding("E100", file, line, column, f"not YAML: {problem}", hint)
    if "mapping values are not allowed" in problem:
        hint = "check the indentation, and put quotes around a value that contains ': '"
        return Finding("E100", file, line, column, "a ':' where no key can stand", hint)
    if "quoted scalar" in context:
        return Finding("E100", file, line, column, "a quote is not closed", "close it, or double it inside the text")
    return Finding(
        "E100", file, line, column, f"not YAML: {problem}", "check the indentation of this line and the one above"
    )


def _unreadable(error: YAMLError, text: str, file: str) -> Finding:
    """A character that YAML does not allow at all; its place is counted here because the reader gives an offset."""
    position = getattr(error, "position", 0)
    before = text[: position if isinstance(position, int) else 0]
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    return Finding("E100", file, line, column, "a control character", "remove it, or save the file as UTF-8 text")
