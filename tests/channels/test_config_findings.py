"""Each kind of mistake in a channels.yaml: code, place, suggestion. The sign ▸ marks where the finding must point."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.channels.site import load_site, read_site
from engine.errors import ConfigError

HEAD = "version: 1\nsite: {name: demo}\n"
SYSTEM = 'systems: {journal: {type: fhir, url: "http://127.0.0.1/fhir"}}\n'
CHANNEL = """\
channels:
  adt:
    source: {type: mllp, listen: "127.0.0.1:2575"}
    mapping: hl7v2/adt
    destinations: {journal: {system: journal}}
"""


def findings(folder: Path, marked: str) -> tuple[list[tuple[int, int, str, str, str]], tuple[int, int]]:
    """What the reader says, and where the mark stands."""
    before = marked.partition("▸")[0]
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    (folder / "channels.yaml").write_text(marked.replace("▸", ""), encoding="utf-8")
    found = read_site(folder, {}).findings
    return [(one.line, one.column, one.code, one.text, one.suggestion) for one in found], place


MISTAKES = [
    pytest.param(HEAD + SYSTEM + CHANNEL + "▸chanels: {}\n", "E103", "'channels'", id="unknown key at the top"),
    pytest.param(
        HEAD + SYSTEM + CHANNEL + "    ▸destinatons: {}\n", "E103", "'destinations'", id="unknown key in a channel"
    ),
    pytest.param(
        HEAD + 'systems: {j: {type: fhir, url: "http://x", ▸writs: by_id}}\n' + CHANNEL,
        "E103",
        "'writes'",
        id="unknown key in a system of one type",
    ),
    pytest.param(
        HEAD + "policies: {p: {retry: {▸initially: 2s}}}\n" + CHANNEL, "E103", "'initial'", id="unknown key in a policy"
    ),
    pytest.param(
        HEAD + CHANNEL + "    ack: {▸form: x}\n", "E103", "known: after, deadline, receipt, refused", id="nothing near"
    ),
    pytest.param(HEAD.replace("demo", "demo, her_id: ▸8094321") + CHANNEL, "E102", 'write "8094321"', id="HER-id"),
    pytest.param(
        HEAD + "tables: {t: {map: {oslo: ▸0301}}}\n" + CHANNEL, "E102", 'write "0301"', id="municipality with a zero"
    ),
    pytest.param(HEAD + CHANNEL + "    owner: ▸1e3\n", "E102", 'write "1e3"', id="text that is a number"),
    pytest.param(HEAD + CHANNEL + "    owner: ▸true\n", "E102", 'write "true"', id="text that is a truth value"),
    pytest.param(HEAD + 'systems: {j: {type: ▸fhri, url: "http://x"}}\n' + CHANNEL, "E112", "'fhir'", id="system type"),
    pytest.param(HEAD + CHANNEL.replace("mllp", "▸mlpp"), "E112", "'mllp'", id="source type"),
    pytest.param(HEAD + CHANNEL + "    ack: {after: ▸validate}\n", "E112", "'validated'", id="word"),
    pytest.param(HEAD + CHANNEL + "    unread: ▸Off\n", "E112", "'off'", id="word in capitals"),
    pytest.param(HEAD + CHANNEL + "    keep_original: ▸yes\n", "E112", "true or false", id="yes is no truth value"),
    pytest.param(HEAD + CHANNEL + "    keep_original: ▸True\n", "E112", "true or false", id="True is no truth value"),
    pytest.param(HEAD + CHANNEL + "    ack: {deadline: ▸30}\n", "E112", "30s", id="duration without unit"),
    pytest.param(
        HEAD + "policies: {p: {retry: {jitter: ▸0.2}}}\n" + CHANNEL, "E112", "20%", id="share instead of percentage"
    ),
    pytest.param(
        HEAD + "policies: {p: {retry: {factor: ▸0.5}}}\n" + CHANNEL, "E112", "at least 1", id="shrinking wait"
    ),
    pytest.param(
        HEAD + 'systems: {j: {type: fhir, url: "http://x", limits: {concurrency: ▸0}}}\n' + CHANNEL,
        "E112",
        "at least 1",
        id="no concurrency",
    ),
    pytest.param(HEAD + CHANNEL.replace('"127.0.0.1:2575"', '▸"2575"'), "E112", "host and port", id="listen"),
    pytest.param(HEAD + CHANNEL.replace("2575", "99999").replace('"127', '▸"127'), "E112", "host and port", id="port"),
    pytest.param(HEAD + 'systems: {j: {type: fhir, url: ▸"journal/fhir"}}\n' + CHANNEL, "E112", "whole", id="url"),
    pytest.param(
        HEAD + 'systems: {j: {type: fhir, url: ▸"https://u:p@x/fhir"}}\n' + CHANNEL,
        "E105",
        "auth",
        id="password in url",
    ),
    pytest.param(
        HEAD + 'systems: {j: {type: fhir, url: ▸"https://x/fhir?key=1"}}\n' + CHANNEL,
        "E112",
        "what follows",
        id="query",
    ),
    pytest.param(
        HEAD + 'systems: {s: {type: hl7v2_sender, allow: {networks: [▸"10.20.0/16"]}}}\n' + CHANNEL,
        "E112",
        "10.20.0.0/16",
        id="network",
    ),
    pytest.param(HEAD.replace("demo", "demo, timezone: ▸Oslo") + CHANNEL, "E112", "Europe/Oslo", id="time zone"),
    pytest.param(HEAD + CHANNEL + "    charset: {default: ▸latin-norsk}\n", "E112", "iso-8859-1", id="character set"),
    pytest.param(
        HEAD + 'systems: {a: {type: file, path: var/x, suffix: ▸"/../x"}}\n' + CHANNEL, "E112", "match", id="suffix"
    ),
    pytest.param(
        HEAD + 'systems: {j: {type: fhir, url: ▸"${env:ABSENT}"}}\n' + CHANNEL, "E104", "set it", id="variable not set"
    ),
    pytest.param(
        HEAD + 'systems: {j: {type: fhir, url: ▸"${ABSENT}"}}\n' + CHANNEL, "E104", "${env:NAME}", id="not a reference"
    ),
    pytest.param(
        HEAD + 'systems: {j: {type: fhir, url: ▸"http://${env:X"}}\n' + CHANNEL, "E104", "${env:NAME}", id="not closed"
    ),
    pytest.param(
        HEAD + 'systems: {j: {type: fhir, url: ▸"http://x/${secret:files/a}"}}\n' + CHANNEL,
        "E104",
        "passwords",
        id="secret in an address",
    ),
    pytest.param(HEAD + CHANNEL + '    owner: ▸"${env:HOME}"\n', "E104", "write the value", id="reference not allowed"),
    pytest.param(
        HEAD + 'systems: {j: {type: fhir, url: "http://x", auth: {type: bearer, token: ▸abc}}}\n' + CHANNEL,
        "E105",
        "${secret:files/NAME}",
        id="literal secret",
    ),
    pytest.param(
        HEAD + 'systems: {j: {type: fhir, url: "http://x", ▸auth: {user: x}}}\n' + CHANNEL,
        "E113",
        "known: basic, bearer, none",
        id="type missing",
    ),
    pytest.param(HEAD + "systems: {▸j: {type: fhir}}\n" + CHANNEL, "E113", "write url:", id="key missing"),
    pytest.param(
        HEAD + CHANNEL.replace('    source: {type: mllp, listen: "127.0.0.1:2575"}\n', "").replace("adt:\n", "▸adt:\n"),
        "E113",
        "write source:",
        id="no source",
    ),
    pytest.param(HEAD + "channels:\n  adt: ▸x\n", "E112", "key: value", id="text instead of a block"),
    pytest.param(HEAD + CHANNEL.replace("{journal: {", "{▸Journal 1: {"), "E112", "a name holds", id="name"),
    pytest.param(
        HEAD + CHANNEL.replace("destinations: {journal: {system: journal}}", "▸destinations: {}"),
        "E112",
        "write it",
        id="no destination",
    ),
    pytest.param(HEAD + "▸channels: {}\n", "E112", "write it", id="no channel"),
    pytest.param(HEAD + CHANNEL + "    owner: ▸~\n", "E112", "remove the key", id="empty value"),
    pytest.param(
        HEAD + CHANNEL.replace("  adt:", "  ▸adt:") + "    accept_only: MSH-9\n",
        "E113",
        "otherwise",
        id="silent filter",
    ),
    pytest.param(
        HEAD + CHANNEL.replace("  adt:", "  ▸adt:") + "    otherwise: {action: store_only, reason: x}\n",
        "E113",
        "accept_only",
        id="otherwise alone",
    ),
    pytest.param(HEAD + "tables: {▸t: {key: a}}\n" + CHANNEL, "E112", "map:", id="table of no kind"),
    pytest.param(HEAD + "tables: {▸t: {file: t.csv}}\n" + CHANNEL, "E113", "columns", id="table file without columns"),
    pytest.param(HEAD + "tables: {▸t: {map: {}, key: a}}\n" + CHANNEL, "E112", "remove key", id="map with key"),
    pytest.param("version: ▸2\nsite: {name: demo}\n" + CHANNEL, "E112", "known: 1", id="another version"),
    pytest.param(HEAD + CHANNEL + "▸version: 1\n", "E101", "line 1", id="duplicate key"),
    pytest.param(HEAD + CHANNEL + "    owner: ▸&x y\n", "E107", "leave it out", id="anchor"),
    pytest.param(HEAD + CHANNEL + "▸\towner: x\n", "E106", "spaces", id="tab"),
]


@pytest.mark.parametrize(("marked", "code", "suggestion"), MISTAKES)
def test_a_mistake_is_found_where_it_stands(tmp_path: Path, marked: str, code: str, suggestion: str) -> None:
    found, place = findings(tmp_path, marked)
    assert [one[:3] for one in found] == [(*place, code)], found
    assert suggestion in found[0][4]


def test_all_mistakes_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        "version: 1\nsite: {name: demo, her_id: 123}\n"
        "systems:\n  a: {type: fhri}\n  b: {type: fhir, url: x, limit: 1}\n" + CHANNEL + "    unread: sometimes\n"
    )
    found, _ = findings(tmp_path, text)
    assert [(line, code) for line, _, code, _, _ in found] == [
        (2, "E102"),
        (4, "E112"),
        (5, "E112"),
        (5, "E103"),
        (11, "E112"),
    ]


def test_what_is_sound_is_still_read_so_that_the_linter_can_judge_it(tmp_path: Path) -> None:
    (tmp_path / "channels.yaml").write_text(
        HEAD + SYSTEM + CHANNEL + "    unread: sometimes\n  lab: {source: x}\n", encoding="utf-8"
    )
    reading = read_site(tmp_path, {})
    assert [(finding.line, finding.code) for finding in reading.findings] == [
        (9, "E112"),
        (10, "E113"),
        (10, "E112"),
    ]
    assert reading.site is not None and set(reading.site.config.channels) == {"adt"}
    assert reading.named["systems"] == {"journal"}


def test_loading_raises_with_every_finding(tmp_path: Path) -> None:
    (tmp_path / "channels.yaml").write_text("version: 3\nsite: {nam: x}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_site(tmp_path, {})
    assert sorted(finding.code for finding in caught.value.findings) == ["E103", "E112", "E113", "E113"]


def test_a_folder_without_a_config_says_what_to_do(tmp_path: Path) -> None:
    found = read_site(tmp_path, {}).findings
    assert [(finding.code, finding.line) for finding in found] == [("E120", 0)]
    assert "site folder" in found[0].suggestion


@pytest.mark.parametrize(
    ("raw", "code"),
    [(b"\xff\xfe", "E100"), (b"", "E113"), (b"- a\n", "E113"), (b"text", "E113"), (b"a: b: c", "E100")],
    ids=["not UTF-8", "empty", "a list", "text", "not YAML"],
)
def test_a_file_that_is_no_config_at_all_is_refused(tmp_path: Path, raw: bytes, code: str) -> None:
    (tmp_path / "channels.yaml").write_bytes(raw)
    assert [finding.code for finding in read_site(tmp_path, {}).findings] == [code]


LEAVES = st.sampled_from(
    ["x", "1", "true", "~", "30s", "${env:X}", "${", "[]", "{}", "[{a: b}]", "'q'", "1e999", "9" * 200]
)
KEYS = st.sampled_from(
    [
        "version",
        "site",
        "systems",
        "channels",
        "policies",
        "tables",
        "type",
        "source",
        "name",
        "retry",
        "a",
        "map",
        "auth",
    ]
)
TREES = st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)


def flow(tree: object) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {flow(value)}" for key, value in tree.items()) + "}"
    return str(tree)


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_no_shape_of_config_makes_the_reader_raise(tmp_path_factory: pytest.TempPathFactory, tree: object) -> None:
    folder = tmp_path_factory.mktemp("site")
    (folder / "channels.yaml").write_text(flow(tree), encoding="utf-8")
    reading = read_site(folder, {})
    assert reading.findings, "none of these is a whole config"
