"""JSON text of a resource: decimals with the digits they came with.

FHIR R4, 2.1.0.3 (decimals keep their precision).
"""

from __future__ import annotations

from typing import Any

import orjson

from engine.standards.fhir import Decimal
from engine.standards.fhir.primitives import is_decimal


def dump(resource: dict[str, Any], *, pretty: bool = False) -> bytes:
    """A resource as UTF-8 JSON; `pretty` is indented, for people. Raises: TypeError for what JSON cannot hold."""
    option = orjson.OPT_PASSTHROUGH_SUBCLASS
    if pretty:
        option |= orjson.OPT_INDENT_2
    return orjson.dumps(resource, _other, option)


_LONGEST = 20
"""Longer numbers are not remembered."""
_ROOM = 4096
"""Remembered numbers; when full, they are forgotten together."""
_fragments: dict[str, orjson.Fragment] = {}


def _other(value: object) -> object:
    if type(value) is Decimal:
        return _fragments.get(value) or _number(value)
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _number(value: Decimal) -> orjson.Fragment:
    # A number that is none would break the whole text: better no Bundle than one that nobody can read.
    if not is_decimal(value):
        raise TypeError("a decimal is not a number")
    fragment = orjson.Fragment(value.encode("ascii"))
    if len(value) <= _LONGEST:
        if len(_fragments) >= _ROOM:
            _fragments.clear()
        _fragments[value] = fragment
    return fragment
