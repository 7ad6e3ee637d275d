"""The JSON Schema for editors says what the loader says, in both languages."""

from __future__ import annotations

import re
from typing import Any

import pytest

from engine.channels.config import SiteConfig
from engine.channels.schema import json_schema


def objects(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for inner in node for found in objects(inner)]
    if not isinstance(node, dict):
        return []
    here = [node] if "properties" in node else []
    return here + [found for inner in node.values() for found in objects(inner)]


def test_every_block_refuses_unknown_keys() -> None:
    assert all(block["additionalProperties"] is False for block in objects(json_schema()))
    assert len(objects(json_schema())) > 20


def test_every_key_is_explained_in_both_languages() -> None:
    english, norwegian = json_schema("en"), json_schema("nb")
    bare = []
    for one, other in zip(objects(english), objects(norwegian), strict=True):
        for name, spec in one["properties"].items():
            if name in {"type", "nb", "en"}:
                continue
            if (
                not spec.get("description")
                or spec["description"] == other["properties"][name]["description"]
                or other["properties"][name]["description"] not in spec["markdownDescription"]
            ):
                bare.append(name)
    assert bare == []


@pytest.mark.parametrize(
    ("block", "key", "written"),
    [
        ("MllpSource", "idle_timeout", "10m"),
        ("MllpSource", "max_message", "25MB"),
        ("Ack", "deadline", "30s"),
        ("Dedup", "window", "1w"),
        ("Ack", "after", "validated"),
        ("FhirSystem", "writes", "by_id"),
        ("Limits", "concurrency", 16),
    ],
)
def test_a_default_is_shown_as_a_person_would_write_it(block: str, key: str, written: object) -> None:
    spec = json_schema()["$defs"][block]["properties"][key]
    assert spec["default"] == written
    if isinstance(written, str) and "pattern" in spec:
        assert re.search(spec["pattern"], written)


def test_keys_are_those_of_the_file_and_no_value_may_be_empty() -> None:
    schema = json_schema()
    channel = schema["$defs"]["Channel"]
    assert "validate" in channel["properties"] and "validation" not in channel["properties"]
    assert "from" in schema["$defs"]["MllpSource"]["properties"]
    assert set(channel["required"]) == {"source", "destinations"}
    assert "'null'" not in str(schema)
    assert set(schema["properties"]) == set(SiteConfig.model_fields)


def test_a_secret_can_only_be_a_reference() -> None:
    pattern = json_schema()["$defs"]["BearerAuth"]["properties"]["token"]["pattern"]
    assert re.search(pattern, "${secret:files/token}") and not re.search(pattern, "hunter2")
