"""A function narrowed to the sizes of its segments gives what the function as written gives."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.mapping import Context, presence
from engine.mapping.narrowing import narrowed
from engine.mapping.shelf import Er7Mapping, load_mapping
from engine.standards import Charset
from engine.standards.hl7v2.envelope import envelope_of
from engine.standards.hl7v2.er7 import read

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = {
    path.stem: path.read_bytes().decode()
    for path in sorted((ROOT / "samples" / "hl7v2").glob("*.hl7"))
    if path.read_bytes().isascii() or b"UTF-8" in path.read_bytes()[:400]
}
_loaded: dict[str, Er7Mapping] = {}


def mapping(id: str) -> Er7Mapping:
    if id not in _loaded:
        _loaded[id] = load_mapping(id, lambda name: (ROOT / "mappings" / f"{name}").with_suffix(".yaml").read_text())
    return _loaded[id]


def same_as_written(text: str) -> None:
    document = read(text.encode(), Charset())
    envelope = envelope_of(document)
    if not envelope.type.startswith(("ADT^", "ORU^R01")):
        return
    chosen = mapping("hl7v2/oru" if envelope.type == "ORU^R01" else "hl7v2/adt")
    if envelope.type not in chosen.types:
        return
    context = Context(envelope, 1_768_460_400_000_000, namespace="urn:x")
    as_written = chosen.ran(read(text.encode(), Charset()), context, chosen.traced())
    for _ in range(2):
        narrow = chosen.run(read(text.encode(), Charset()), context)
        assert narrow.entries == as_written.entries
        assert narrow.issues == as_written.issues
        assert narrow.links == as_written.links


@pytest.fixture(autouse=True, scope="module")
def at_once() -> None:
    """Every size is worth a function from the first time."""
    patch = pytest.MonkeyPatch()
    patch.setattr(presence, "_OFTEN", 1)
    patch.setattr(presence, "_PACE", 1)
    patch.setattr(presence, "_MOST_SIZES", 10_000)
    yield
    patch.undo()


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_mapped_as_without_narrowing(name: str) -> None:
    same_as_written(SAMPLES[name])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_samples_with_cells_emptied_shortened_and_spoiled_are_mapped_as_without_narrowing(data: st.DataObject) -> None:
    lines = SAMPLES[data.draw(st.sampled_from(sorted(SAMPLES)))].split("\r")
    for _ in range(data.draw(st.integers(1, 6))):
        number = data.draw(st.integers(1, len(lines) - 1)) if len(lines) > 1 else 0
        cells = lines[number].split("|")
        if number and len(cells) > 1:
            at = data.draw(st.integers(1, len(cells) - 1))
            parts = cells[at].split("^")
            part = data.draw(st.integers(0, len(parts) - 1))
            parts[part] = data.draw(st.sampled_from(["", '""', " ", "X", "20", "a&b", r"\F\ ", "A~B", parts[part]]))
            cells[at] = data.draw(st.sampled_from(["^".join(parts), "^".join(parts[: part + 1]), ""]))
            lines[number] = "|".join(cells[: data.draw(st.integers(at + 1, len(cells)))])
    same_as_written("\r".join(lines))


TABLE = {
    "what is beyond the last component falls away": (
        "def f(p):\n    o = {}\n    if p[3]:\n        o['a'] = p[3]\n    if p[0]:\n        o['b'] = p[0]\n    return o",
        "def f(p):\n    o = {}\n    if p[0]:\n        o['b'] = p[0]\n    return o",
    ),
    "an object is built at once": (
        "def f(p, v):\n    o = {}\n    if v:\n        o['a'] = v\n    if o:\n        o['url'] = 'u'\n    l = []\n"
        "    if o:\n        l.append(o)\n    return l",
        "def f(p, v):\n    o = {}\n    if v:\n        o['a'] = v\n        o['url'] = 'u'\n    l = []\n"
        "    if o:\n        l.append(o)\n    return l",
    ),
    "a text that was read is not read again": (
        "def f(p, d):\n    a = p[0]\n    if a and not a.isalnum(): a = leaf(a, d)\n    b = p[0]\n"
        "    if b and not b.isalnum(): b = leaf(b, d)\n    return (a, b)",
        "def f(p, d):\n    a = p[0]\n    if a and (not a.isalnum()):\n        a = leaf(a, d)\n    return (a, a)",
    ),
}


@pytest.mark.parametrize(("source", "expected"), TABLE.values(), ids=TABLE)
def test_what_remains_of_a_function(source: str, expected: str) -> None:
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert ast.unparse(narrowed(function, {"p": bytes([2, 2])}, False)) == expected
