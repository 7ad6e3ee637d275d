"""YAML with places: what is kept, what is refused, and where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.yamlfile import YamlList, YamlMap, YamlScalar, load


def refusals(text: str) -> list[tuple[str, int, int]]:
    with pytest.raises(ConfigError) as caught:
        load(text, "f.yaml")
    return [(finding.code, finding.line, finding.column) for finding in caught.value.findings]


@pytest.mark.parametrize(
    "written", ["NO", "no", "01", "1e3", "0x1F", "2024-01-01", "1_000", "~", "null", "true", "12:30:45", "PID-3.1"]
)
def test_a_scalar_stays_what_was_written(written: str) -> None:
    root = load(f"key: {written}\n", "f.yaml")
    assert isinstance(root, YamlMap)
    assert root.get("key") == YamlScalar(written, "plain", 1, 6)


@pytest.mark.parametrize(
    ("text", "style", "value"),
    [
        ("k: '1'", "single", "1"),
        ('k: "a\\tb"', "double", "a\tb"),
        ("k: |\n  a\n  b\n", "literal", "a\nb\n"),
        ("k: >\n  a\n  b\n", "folded", "a b\n"),
        ("k: a\n  b", "plain", "a b"),
        ("k:", "plain", ""),
    ],
)
def test_how_it_was_written_is_kept(text: str, style: str, value: str) -> None:
    root = load(text, "f.yaml")
    assert isinstance(root, YamlMap)
    scalar = root.get("k")
    assert isinstance(scalar, YamlScalar)
    assert (scalar.style, scalar.text, scalar.plain) == (style, value, style == "plain")


def test_every_node_knows_its_line_and_column_from_one() -> None:
    root = load("# comment\na:\n  - x\n  - {b: c}\n", "f.yaml")
    assert isinstance(root, YamlMap) and (root.line, root.column) == (2, 1)
    items = root.get("a")
    assert isinstance(items, YamlList) and (items.line, items.column) == (3, 3)
    assert [(node.line, node.column) for node in items.items] == [(3, 5), (4, 5)]
    inner = items.items[1]
    assert isinstance(inner, YamlMap) and inner.key("b") == YamlScalar("b", "plain", 4, 6)


def test_an_empty_file_is_an_empty_scalar() -> None:
    assert load("", "f.yaml") == YamlScalar("", "plain", 1, 1)
    assert load("# only a comment\n", "f.yaml") == YamlScalar("", "plain", 1, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a: 1\nb: 2\na: 3\n", [("E101", 3, 1)], id="duplicate key"),
        pytest.param("a: {b: 1, 'b': 2}\n", [("E101", 1, 11)], id="duplicate key, one quoted"),
        pytest.param("a:\n\tb: 1\n", [("E106", 2, 1)], id="tab as indentation"),
        pytest.param("a:\t1\n", [("E106", 1, 3)], id="tab after the colon"),
        pytest.param("a: &x 1\nb: *x\n", [("E107", 1, 4), ("E107", 2, 4)], id="anchor and alias"),
        pytest.param("a: 1\n<<: {b: 2}\n", [("E108", 2, 1)], id="merge key"),
        pytest.param("a: !!python/object:os.system x\n", [("E109", 1, 4)], id="python tag"),
        pytest.param("a: !secret x\n", [("E109", 1, 4)], id="custom tag"),
        pytest.param("a: 1\n---\nb: 2\n", [("E109", 2, 1)], id="two documents"),
        pytest.param("%YAML 1.1\n---\na: 1\n", [("E109", 2, 1)], id="directive"),
        pytest.param("? [a]\n: b\n", [("E110", 1, 3)], id="key that is a list"),
        pytest.param("a: {p: PID-3[.5 = 'X'].1}\n", [("E100", 1, 13)], id="path with brackets inside braces"),
        pytest.param("a: b: c\n", [("E100", 1, 5)], id="two colons on a line"),
        pytest.param("a: @x\n", [("E100", 1, 4)], id="reserved sign"),
        pytest.param('a: "x\n', [("E100", 2, 1)], id="open quote"),
        pytest.param("a: \x01\n", [("E100", 1, 4)], id="control character"),
        pytest.param("b: 1\na: \x00\n", [("E100", 2, 4)], id="NUL on line 2"),
    ],
)
def test_what_is_refused_is_refused_where_it_stands(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert refusals(text) == expected


def test_all_refusals_come_at_once_with_a_suggestion() -> None:
    with pytest.raises(ConfigError) as caught:
        load("a: &x 1\na: 2\nb: !t 3\n", "site/channels.yaml")
    assert [str(finding) for finding in caught.value.findings] == [
        "site/channels.yaml:1:4 E107 an anchor (&name); leave it out; repeat the value where it is needed",
        "site/channels.yaml:2:1 E101 the key 'a' stands twice; remove one; the first is on line 1",
        "site/channels.yaml:3:4 E109 a tag (!name); leave it out; quote the value to make it text",
    ]


def test_brackets_inside_braces_are_explained() -> None:
    with pytest.raises(ConfigError, match="put quotes around values that contain"):
        load("a: {p: PID-3[.5 = 'X'].1}\n", "f.yaml")


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 3000, "- " * 3000 + "x"], ids=["lists", "maps", "dashes"])
def test_deep_nesting_is_refused_and_does_not_exhaust_the_stack(text: str) -> None:
    assert refusals(text)[-1][0] in {"E111", "E100"}


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_never_anything_else(text: str) -> None:
    try:
        load(text, "f.yaml")
    except ConfigError as error:
        assert error.findings and all(finding.line >= 0 for finding in error.findings)


@given(st.text(alphabet="ab:-[]{}&*!<'\"|>#%@ \n\t?,", max_size=80))
def test_any_heap_of_signs_is_read_or_refused(text: str) -> None:
    try:
        load(text, "f.yaml")
    except ConfigError as error:
        assert error.findings


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}", fullmatch=True),
        st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), max_size=20),
        min_size=1,
    )
)
def test_single_quoted_text_comes_back_exactly(values: dict[str, str]) -> None:
    text = "".join(f"{key}: '{value.replace(chr(39), chr(39) * 2)}'\n" for key, value in values.items())
    root = load(text, "f.yaml")
    assert isinstance(root, YamlMap)
    assert {key: value.text for key, value in root if isinstance(value, YamlScalar)} == values
