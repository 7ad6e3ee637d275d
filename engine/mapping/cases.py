"""The cases of a mapping: a message, and what must become of it. Run by `budstikke map test` and by pytest.

Scalars are compared as text, objects as subsets, lists item by item. A reference reads `->key`, `->key[2]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.errors import InvalidMessage
from engine.mapping import Context
from engine.mapping.shelf import LoadedMapping
from engine.mapping.sources import Defined
from engine.message import Issue
from engine.standards import Charset, Standard
from engine.standards.fhir import Entry
from engine.yamlfile import YamlList, YamlMap, YamlNode, YamlScalar

KEYS = frozenset(
    [
        "name",
        "input",
        "input_file",
        "clock",
        "namespace",
        "time_zone",
        "tables",
        "expect",
        "expect_absent",
        "expect_count",
        "expect_identity",
        "expect_issues",
    ]
)
Sample = Callable[[str], bytes]
"""`sample("hl7v2/adt_a01.hl7")` gives a file under `samples/`. Raises: OSError."""

_CLOCK = 1_767_268_800_000_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case: where it stands, and everything that was not as expected. Passed when `faults` is empty."""

    name: str
    file: str
    line: int
    faults: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.faults


def run_cases(mapping: LoadedMapping, sample: Sample) -> list[Outcome]:
    """Every case of a mapping, in the order of its file."""
    return [run_case(mapping, case, sample) for case in mapping.sources.cases]


def run_case(mapping: LoadedMapping, case: Defined, sample: Sample) -> Outcome:
    """One case."""
    assert isinstance(case.node, YamlMap)
    try:
        faults = tuple(_faults(mapping, case.node, sample))
    except (InvalidMessage, OSError, ValueError) as error:
        faults = (f"line {case.node.line}: {type(error).__name__}: {error}",)
    return Outcome(case.name.text, case.file, case.name.line, faults)


def _faults(mapping: LoadedMapping, case: YamlMap, sample: Sample) -> Iterator[str]:
    for key, _ in case.entries:
        if key.text not in KEYS:
            yield f"line {key.line}: a case has no '{key.text}'"
    document = mapping.reader.decode(_message(case, sample, mapping.reader), Charset())
    clock = _text(case.get("clock"))
    received = int(datetime.fromisoformat(clock.replace("Z", "+00:00")).timestamp() * 1_000_000) if clock else _CLOCK
    context = Context(
        mapping.reader.envelope(document),
        received,
        _text(case.get("time_zone")),
        _text(case.get("namespace")) or "urn:x-budstikke:test",
    )
    mapped = mapping.run(document, context)
    shown = _referring(mapped.entries)
    for link in mapped.links:
        link.slot["reference"] = shown[link.entry]
    yield from _expected(case.get("expect"), mapped.entries)
    yield from _absent(case.get("expect_absent"), mapped.entries)
    yield from _counted(case.get("expect_count"), mapped.entries)
    yield from _identified(case.get("expect_identity"), mapped.entries)
    yield from _issues(case.get("expect_issues"), mapped.issues)


def _message(case: YamlMap, sample: Sample, standard: Standard) -> bytes:
    stated = case.get("input")
    if stated is not None and standard.paths == "xml":
        return _text(stated).encode()
    if stated is not None:
        return "\r".join(line for line in _text(stated).splitlines() if line.strip()).encode()
    return sample(_text(case.get("input_file")))


def _text(node: YamlNode | None) -> str:
    return node.text if isinstance(node, YamlScalar) else ""


def _referring(entries: list[Entry]) -> list[str]:
    """How a case writes a reference to each entry."""
    counts: dict[str, int] = {}
    found: list[str] = []
    for entry in entries:
        counts[entry.key] = number = counts.get(entry.key, 0) + 1
        found.append(f"->{entry.key}" if number == 1 else f"->{entry.key}[{number}]")
    return found


def _of(name: str, entries: list[Entry]) -> list[Entry]:
    """Entries by resource type, or by key."""
    return [entry for entry in entries if name in (entry.resource["resourceType"], entry.key)]


def _expected(node: YamlNode | None, entries: list[Entry]) -> Iterator[str]:
    if not isinstance(node, YamlMap):
        return
    for name, expected in node.entries:
        found = _of(name.text, entries)
        wanted = expected.items if isinstance(expected, YamlList) else (expected,)
        if len(found) < len(wanted) or (isinstance(expected, YamlList) and len(found) != len(wanted)):
            yield f"line {name.line}: {len(found)} {name.text} where {len(wanted)} are expected"
            continue
        for number, (one, entry) in enumerate(zip(wanted, found, strict=False), 1):
            label = name.text if len(wanted) == 1 else f"{name.text}[{number}]"
            yield from _differences(one, entry.resource, label)


def _differences(node: YamlNode, value: Any, label: str) -> Iterator[str]:
    if isinstance(node, YamlMap):
        if isinstance(value, dict) and set(value) == {"reference"} and node.get("reference") is None:
            value = {"reference": value["reference"]}
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, dict):
            yield f"line {node.line}: {label} is {_shown(value)}"
            return
        for key, child in node.entries:
            yield from _differences(child, value.get(key.text), f"{label}.{key.text}")
    elif isinstance(node, YamlList):
        if not isinstance(value, list) or len(value) != len(node.items):
            count = len(value) if isinstance(value, list) else "no"
            yield f"line {node.line}: {label} has {count} items, {len(node.items)} expected"
            return
        for number, (child, item) in enumerate(zip(node.items, value, strict=True), 1):
            yield from _differences(child, item, f"{label}[{number}]")
    else:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, dict) and "reference" in value and node.text.startswith("->"):
            value = value["reference"]
        if _scalar(value) != node.text:
            yield f"line {node.line}: {label} is {_shown(value)}, '{node.text}' expected"


def _scalar(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int)) else None


def _shown(value: Any) -> str:
    return "absent" if value is None else f"'{value}'"


def _absent(node: YamlNode | None, entries: list[Entry]) -> Iterator[str]:
    for item in node.items if isinstance(node, YamlList) else ():
        name, *path = _text(item).split(".")
        for entry in _of(name, entries):
            found: list[Any] = [entry.resource]
            for part in path:
                found = [child for one in found for child in _children(one, part)]
            if found:
                yield f"line {item.line}: {_text(item)} is there"


def _children(value: Any, part: str) -> list[Any]:
    if not isinstance(value, dict) or part not in value:
        return []
    child = value[part]
    return child if isinstance(child, list) else [child]


def _counted(node: YamlNode | None, entries: list[Entry]) -> Iterator[str]:
    for name, expected in node.entries if isinstance(node, YamlMap) else ():
        found = len(_of(name.text, entries))
        if str(found) != _text(expected):
            yield f"line {name.line}: {found} {name.text}, {_text(expected)} expected"


def _identified(node: YamlNode | None, entries: list[Entry]) -> Iterator[str]:
    for name, expected in node.entries if isinstance(node, YamlMap) else ():
        found = [f"{entry.identity.system}|{entry.identity.value}" for entry in _of(name.text, entries)]
        wanted = [_text(item) for item in (expected.items if isinstance(expected, YamlList) else (expected,))]
        if found != wanted:
            yield f"line {name.line}: identity of {name.text} is {found}, {wanted} expected"


def _issues(node: YamlNode | None, issues: list[Issue]) -> Iterator[str]:
    if not isinstance(node, YamlList):
        return
    wanted = [_text(item) for item in node.items]
    found = [f"{issue.severity} {issue.code} {issue.place}".strip() for issue in issues]
    notes = any(one.startswith("note ") for one in wanted)
    shown = [one for one in found if notes or not one.startswith("note ")]
    if shown != wanted:
        yield f"line {node.line}: issues are {shown}, {wanted} expected"
