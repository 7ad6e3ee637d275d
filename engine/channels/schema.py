"""The JSON Schema of `channels.yaml` for editors: made from the models that load the file, so they cannot disagree.

Hover help is in English and Norwegian. JSON Schema 2020-12.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from engine.channels.config import SiteConfig
from engine.channels.scalars import BYTES, SECONDS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(language: Literal["en", "nb"] = "en") -> dict[str, Any]:
    """The schema; `language` is that of `description`, the other stands below it in `markdownDescription`."""
    schema = _written(SiteConfig.model_json_schema(by_alias=True), language)
    return {"$schema": DIALECT, **schema, "title": "channels.yaml"}


def _written(node: Any, language: str) -> Any:
    """pydantic's schema as the file is written: no empty values, typed scalars as text, both languages."""
    if isinstance(node, list):
        return [_written(inner, language) for inner in node]
    if not isinstance(node, dict):
        return node
    plain = {key: value for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    norwegian = plain.pop("x-description-nb", None)
    if isinstance(norwegian, str):
        english = str(plain.get("description", ""))
        first, second = (english, norwegian) if language == "en" else (norwegian, english)
        plain |= {"description": first, "markdownDescription": f"{first}\n\n*{second}*"}
    if isinstance(plain.get("anyOf"), list):
        members = [member for member in plain["anyOf"] if member != {"type": "null"}]
        plain = {**plain, "anyOf": members} if len(members) > 1 else {**members[0], **_without(plain, "anyOf")}
    if "default" in plain:
        default = _default(plain)
        plain = _without(plain, "default") if default is None else {**plain, "default": default}
    return {key: _written(value, language) for key, value in plain.items()}


def _without(node: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name != key}


def _default(node: dict[str, Any]) -> Any:
    """A default as a person would write it: 600.0 is 10m."""
    default, pattern = node["default"], str(node.get("pattern", ""))
    if isinstance(default, int | float) and re.search(r"KB\|MB", pattern):
        return _in_units(float(default), BYTES)
    if isinstance(default, int | float) and "ms|s|m" in pattern:
        return _in_units(float(default), SECONDS)
    return None if isinstance(default, dict) else default


def _in_units(value: float, units: dict[str, float] | dict[str, int]) -> str:
    """The largest unit that leaves a whole number."""
    for unit, size in sorted(units.items(), key=lambda pair: -pair[1]):
        if value >= size and (value / size).is_integer():
            return f"{value / size:.0f}{unit}"
    return f"{value:g}{min(units, key=lambda name: units[name])}"
