"""`budstikke check` and `budstikke schema` as a person and a script meet them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from engine.cli.check import check, schema

ROOT = Path(__file__).resolve().parents[2]

SOUND = """\
version: 1
site: {name: demo}
systems:
  journal: {type: fhir, url: "http://127.0.0.1/fhir"}
channels:
  adt:
    source: {type: mllp, listen: "127.0.0.1:2575"}
    mapping: hl7v2/adt
    destinations:
      journal: {system: journal}
"""
WARNED = SOUND.replace('"127.0.0.1:2575"', '"0.0.0.0:2575"')
BROKEN = WARNED.replace("fhir,", "fhri,").replace("{system: journal}", "{system: jurnal}")


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command("check")(check)
    app.command("schema")(schema)
    return CliRunner().invoke(app, list(arguments))


def site(folder: Path, text: str) -> str:
    (folder / "channels.yaml").write_text(text, encoding="utf-8")
    return str(folder)


def test_a_sound_site_passes_and_says_so(tmp_path: Path) -> None:
    result = run("check", site(tmp_path, SOUND))
    assert (result.exit_code, result.stdout) == (0, f"{tmp_path}/channels.yaml: nothing wrong, 1 channel\n")


def test_the_demo_site_of_the_repository_passes_without_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BUDSTIKKE_JOURNAL", "BUDSTIKKE_ADT", "BUDSTIKKE_LAB", "BUDSTIKKE_FOLDER", "BUDSTIKKE_DROPPED"):
        monkeypatch.delenv(name, raising=False)
    result = run("check", str(ROOT), "--strict")
    assert result.exit_code == 0
    assert re.fullmatch(re.escape(str(ROOT)) + r"/channels\.yaml: nothing wrong, \d+ channels\n", result.stdout)


def test_every_mistake_is_a_line_with_place_severity_code_and_remedy(tmp_path: Path) -> None:
    result = run("check", site(tmp_path, BROKEN))
    assert result.exit_code == 1
    file = f"{tmp_path}/channels.yaml"
    assert result.stdout.splitlines() == [
        f"{file}:4:19 error E112 type 'fhri' is unknown; did you mean 'fhir'?",
        f"{file}:10:25 error E201 unknown system 'jurnal'; did you mean 'journal'?",
        "2 errors, 0 warnings",
    ]
    assert "\x1b" not in result.stdout, "no colours where nobody looks"


def test_a_warning_fails_only_when_strict(tmp_path: Path) -> None:
    folder = site(tmp_path, WARNED)
    lenient, strict = run("check", folder), run("check", folder, "--strict")
    assert (lenient.exit_code, strict.exit_code) == (0, 1)
    assert lenient.stdout == strict.stdout
    assert "7:34 warning W304 " in lenient.stdout and "0 errors, 1 warning" in lenient.stdout


def test_json_holds_what_the_lines_hold(tmp_path: Path) -> None:
    result = run("check", site(tmp_path, BROKEN), "--format", "json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["errors"], document["warnings"]) == (1, 2, 0)
    assert document["findings"][0] == {
        "file": f"{tmp_path}/channels.yaml",
        "line": 4,
        "column": 19,
        "severity": "error",
        "code": "E112",
        "text": "type 'fhri' is unknown",
        "suggestion": "did you mean 'fhir'?",
    }


def test_sarif_is_what_review_tools_read(tmp_path: Path) -> None:
    result = run("check", site(tmp_path, BROKEN), "--format", "sarif")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["version"]) == (1, "2.1.0")
    (found,) = document["runs"]
    assert [rule["id"] for rule in found["tool"]["driver"]["rules"]] == ["E112", "E201"]
    first = found["results"][0]
    assert (first["ruleId"], first["level"]) == ("E112", "error")
    assert first["locations"][0]["physicalLocation"]["region"] == {"startLine": 4, "startColumn": 19}


def test_sarif_of_a_sound_site_has_no_results(tmp_path: Path) -> None:
    result = run("check", site(tmp_path, SOUND), "--format", "sarif")
    assert result.exit_code == 0 and json.loads(result.stdout)["runs"][0]["results"] == []


def test_the_file_itself_may_be_named(tmp_path: Path) -> None:
    assert run("check", site(tmp_path, SOUND) + "/channels.yaml").exit_code == 0


def test_an_unknown_mapping_is_an_error_where_it_is_named(tmp_path: Path) -> None:
    result = run("check", site(tmp_path, SOUND.replace("hl7v2/adt", "hl7v2/atd")))
    assert result.exit_code == 1
    assert "channels.yaml:8:14 error E201 unknown mapping 'hl7v2/atd'; did you mean 'hl7v2/adt'?" in result.stdout


def test_a_mapping_that_does_not_compile_is_told_with_its_own_file_and_line(tmp_path: Path) -> None:
    folder = site(tmp_path, SOUND.replace("hl7v2/adt", "site/odd"))
    (tmp_path / "mappings" / "site").mkdir(parents=True)
    text = "mapping: site/odd\nversion: 1.0.0\nstandard: hl7v2\nmatch: [ADT^A01]\nentriez: []\n"
    (tmp_path / "mappings" / "site" / "odd.yaml").write_text(text, encoding="utf-8")
    result = run("check", folder)
    assert result.exit_code == 1
    assert "odd.yaml:5:1 error " in result.stdout


@pytest.mark.parametrize(
    ("line", "place"),
    [
        pytest.param("    fields: {event: {path: XYZ-9 | shout}}\n", "11:", id="field"),
        pytest.param(
            "    accept_only: shout(MSH-9)\n    otherwise: {action: store_only, reason: x}\n", "11:", id="filter"
        ),
    ],
)
def test_an_expression_that_means_nothing_is_found_before_start(tmp_path: Path, line: str, place: str) -> None:
    result = run("check", site(tmp_path, SOUND + line))
    assert result.exit_code == 1
    assert f"channels.yaml:{place}" in result.stdout and " error " in result.stdout


@pytest.mark.parametrize(
    "arguments", [("check", "/no/such/folder"), ("check", "--format", "xml"), ("schema", "--language", "fr")]
)
def test_wrong_use_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_folder_without_a_config_is_a_finding(tmp_path: Path) -> None:
    result = run("check", str(tmp_path))
    assert result.exit_code == 1 and "E120" in result.stdout


def test_the_schema_is_one_json_document() -> None:
    result = run("schema")
    document = json.loads(result.stdout)
    assert result.exit_code == 0 and document["title"] == "channels.yaml"
    assert json.loads(run("schema", "--language", "nb").stdout) != document
