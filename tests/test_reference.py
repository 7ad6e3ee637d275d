"""The references that people read are what the code says: JSON Schema, mapping functions, states, answers.

The samples of the shared folder are run where it lies beside the checkout (`tests/flow/test_reference_samples.py`).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from typer.testing import CliRunner

from engine.channels import answers
from engine.cli.main import app
from engine.mapping import Context, functions
from engine.mapping.shelf import load_mapping
from engine.plugins.builtin import full_registry
from engine.standards import Charset

ROOT = Path(__file__).resolve().parent.parent
LANGUAGE = (ROOT / "engine" / "mapping" / "README.md").read_text("utf-8")


def test_the_schema_for_editors_is_made_from_the_models_and_takes_the_demo_site() -> None:
    done = CliRunner().invoke(app, ["schema"])
    assert done.exit_code == 0
    schema = json.loads(done.stdout)
    assert {"site", "systems", "policies", "tables", "channels"} <= schema["properties"].keys()


def test_every_function_of_the_mapping_language_stands_in_its_reference() -> None:
    for name in functions.FUNCTIONS:
        assert f"`{name}" in LANGUAGE, f"{name} is not described in engine/mapping/README.md"


def test_every_command_helps_with_an_example() -> None:
    def commands(group: object, way: tuple[str, ...]) -> list[tuple[str, ...]]:
        found = []
        for name, command in getattr(group, "commands", {}).items():
            found += commands(command, (*way, name)) if hasattr(command, "commands") else [(*way, name)]
        return found

    import typer.main

    ways = commands(typer.main.get_command(app), ())
    assert len(ways) >= 14
    for way in ways:
        done = CliRunner().invoke(app, [*way, "--help"])
        assert done.exit_code == 0
        assert "Example:" in done.stdout or way == ("schema",), f"budstikke {' '.join(way)} --help has no example"


def test_every_answer_that_we_give_ourselves_has_words_and_a_code_of_table_0357() -> None:
    for text, code in answers.TEXTS.values():
        assert text
        assert code in {"100", "101", "102", "103", "104", "200", "201", "202", "203", "204", "205", "206", "207"}


def test_the_xml_example_of_the_mapping_language_is_a_mapping_that_does_what_the_page_says() -> None:
    text = next(block for block in re.findall(r"```yaml\n(.*?)```", LANGUAGE, re.S) if "standard: kith" in block)
    standards = full_registry().standards
    mapping = load_mapping("own/dialog", lambda id: text, standards=standards)
    raw = (ROOT / "samples" / "kith" / "dialog_foresporsel.xml").read_bytes()
    document = standards["kith"].decode(raw, Charset())
    mapped = mapping.run(document, Context(standards["kith"].envelope(document), 0))
    patient, question = mapped.entries
    assert patient.resource["birthDate"] == "1952-03-12"
    assert question.resource["sent"] == "2026-11-24T09:12:40+01:00"
    unread = {issue.place for issue in mapping.unread(document, mapped)}
    assert "MsgHead/MsgInfo/Patient/Sex/@V" in unread
    assert not [place for place in unread if "Receiver" in place or place.endswith("@DN")]
