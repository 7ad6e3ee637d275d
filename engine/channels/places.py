"""Where a value of the config stands in its file, and what a refused value is called in a person's words."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from engine.channels.config import SiteConfig
from engine.channels.scalars import did_you_mean
from engine.errors import Finding
from engine.yamlfile import YamlList, YamlMap, YamlNode, YamlScalar

Steps = tuple[str | int, ...]

_NAME = "a name holds a-z, 0-9, - and _, and begins with a letter or digit"


def place_of(tree: YamlNode, path: Steps) -> YamlNode:
    """The node at `path`: the value if it is one scalar, else the key of the block; the nearest one around if absent.

    Steps that are no key of the file (pydantic names a union's member) are passed over.
    """
    here, shown = tree, tree
    for step in path:
        if isinstance(here, YamlMap) and (inner := here.get(str(step))) is not None:
            shown = inner if isinstance(inner, YamlScalar) else here.key(str(step)) or inner
            here = inner
        elif isinstance(here, YamlList) and isinstance(step, int) and step < len(here.items):
            here = shown = here.items[step]
    return shown


def key_of(tree: YamlNode, path: Steps) -> YamlNode:
    """The key node of the last step of `path`; else as `place_of`."""
    here = tree
    found: YamlNode | None = None
    for step in path:
        if isinstance(here, YamlMap) and (inner := here.get(str(step))) is not None:
            found, here = here.key(str(step)), inner
        elif isinstance(here, YamlList) and isinstance(step, int) and step < len(here.items):
            found = here = here.items[step]
    return found or place_of(tree, path)


def finding_of(problem: ErrorDetails, tree: YamlNode, file: str) -> Finding:
    """One of pydantic's errors as a finding: code, line, column, words, suggestion."""
    kind, path = problem["type"], problem["loc"]
    context = problem.get("ctx") or {}
    node = place_of(tree, path)
    if kind == "extra_forbidden":
        node = key_of(tree, path)
        code, text, hint = "E103", f"unknown key '{path[-1]}'", did_you_mean(str(path[-1]), keys_at(path[:-1]))
    elif kind in {"missing", "union_tag_not_found"}:
        name = path[-1] if kind == "missing" else "type"
        code, text, hint = "E113", f"the key '{name}' is missing", f"write {name}: here"
        if kind == "union_tag_not_found":
            hint = did_you_mean("", types_at(path))
    elif kind == "union_tag_invalid":
        node = place_of(tree, (*path, "type"))
        known = re.findall(r"'([^']*)'", str(context.get("expected_tags", "")))
        code, text, hint = "E112", f"type '{_shown(node)}' is unknown", did_you_mean(_shown(node), known)
    elif kind == "literal_error":
        known = re.findall(r"'([^']*)'", str(context.get("expected", ""))) or [str(context.get("expected", ""))]
        told = f"type '{_shown(node)}' is unknown"
        text = told if path[-1] == "type" else f"'{_shown(node)}' is not one of the values"
        code, hint = "E112", did_you_mean(_shown(node), known)
    elif kind == "string_type" and isinstance(problem["input"], int | float):
        written = node.text if isinstance(node, YamlScalar) else str(problem["input"])
        code, text, hint = "E102", "text that YAML reads as something else", f'write "{written}"'
    elif re.fullmatch(r"[EW]\d{3}", kind):
        code, text, hint = kind, str(context.get("text", "")), str(context.get("suggestion", ""))
    else:
        code, (text, hint) = "E112", _words(kind, context, path)
        node = key_of(tree, path) if path and path[-1] == "[key]" else node
    return Finding(code, file, node.line, node.column, text, hint)


def _shown(node: YamlNode) -> str:
    """A refused word as it is written; never what a reference gave, never a whole block."""
    return node.text if isinstance(node, YamlScalar) else "..."


def _words(kind: str, context: Mapping[str, Any], path: Steps) -> tuple[str, str]:
    """The remaining kinds of pydantic, in words; none of them quotes the value."""
    if kind == "string_pattern_mismatch":
        if path[-1] == "[key]":
            return "not a name", _NAME
        return "not written as it must be", f"it must match {context.get('pattern')}"
    table = {
        "too_short": ("there must be at least one", "write it, or remove the key"),
        "string_too_short": ("the text is empty", "write it, or remove the key"),
        "string_type": ("text is wanted here", "write one text"),
        "dict_type": ("a block of keys is wanted here", "write key: value lines, indented"),
        "model_type": ("a block of keys is wanted here", "write key: value lines, indented"),
        "model_attributes_type": ("a block of keys is wanted here", "write key: value lines, indented"),
        "tuple_type": ("a list is wanted here", "write [a, b]"),
        "float_type": ("a number is wanted here", "write digits, without quotes"),
        "float_parsing": ("a number is wanted here", "write digits, without quotes"),
        "greater_than_equal": ("too small", f"at least {context.get('ge')}"),
        "less_than_equal": ("too large", f"at most {context.get('le')}"),
    }
    return table.get(kind, ("not a valid value", kind.replace("_", " ")))


def keys_at(path: Steps) -> list[str]:
    """The keys that may stand in the block at `path`."""
    return [field.alias or name for model in _models(path) for name, field in model.model_fields.items()]


def types_at(path: Steps) -> list[str]:
    """The values that `type:` may have in the block at `path`."""
    found = (model.model_fields.get("type") for model in _models(path))
    return [value for field in found if field is not None for value in get_args(field.annotation)]


def _models(path: Steps) -> list[type[BaseModel]]:
    current: list[Any] = [SiteConfig]
    for step in path:
        current = [inner for candidate in current for inner in _into(candidate, step)]
    return [candidate for candidate in current if isinstance(candidate, type) and issubclass(candidate, BaseModel)]


def _into(candidate: Any, step: str | int) -> list[Any]:
    """The types that may stand one step further: a key of a model, a member of a union, an item of a container."""
    if isinstance(candidate, type) and issubclass(candidate, BaseModel):
        tag = candidate.model_fields.get("type")
        fields = [field for name, field in candidate.model_fields.items() if step in {name, field.alias}]
        if fields:
            return _flat(fields[0].annotation)
        return [candidate] if tag is not None and step in get_args(tag.annotation) else []
    if get_origin(candidate) in {dict, tuple, list}:
        inner = [argument for argument in get_args(candidate) if argument is not Ellipsis]
        return _flat(inner[-1])
    return []


def _flat(annotation: Any) -> list[Any]:
    """An annotation without `Annotated`, its unions taken apart."""
    if get_origin(annotation) is Annotated:
        return _flat(get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        return [inner for member in get_args(annotation) for inner in _flat(member)]
    return [] if annotation is type(None) or get_origin(annotation) is Literal else [annotation]
