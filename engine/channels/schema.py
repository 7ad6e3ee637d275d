"""The JSON Schema of `channels.yaml` for editors: made from the models that load the file, so they cannot disagree.

Hover help is in English and Norwegian. JSON Schema 2020-12.
"""

from __future__ import annotations

from typing import Any, Literal

from engine.channels.config import SiteConfig

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(language: Literal["en", "nb"] = "en") -> dict[str, Any]:
    """The schema; `language` is that of `description`, the other stands below it in `markdownDescription`."""
    schema = SiteConfig.model_json_schema(by_alias=True)
    _describe(schema, language)
    return {"$schema": DIALECT, **schema, "title": "channels.yaml"}


def _describe(node: Any, language: str) -> None:
    if isinstance(node, dict):
        norwegian = node.pop("x-description-nb", None)
        if isinstance(norwegian, str):
            english = str(node.get("description", ""))
            first, second = (english, norwegian) if language == "en" else (norwegian, english)
            node["description"] = first
            node["markdownDescription"] = f"{first}\n\n*{second}*"
        for inner in node.values():
            _describe(inner, language)
    elif isinstance(node, list):
        for inner in node:
            _describe(inner, language)
