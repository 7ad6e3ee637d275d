"""Typed scalars of the channel language: durations, sizes, percentages, addresses, names, and what they refuse.

A duration becomes seconds (float), a size bytes (int), a percentage a share (0.2). A refusal is a pydantic error whose
type is the lint code and whose context holds the suggestion.
"""

from __future__ import annotations

import codecs
import difflib
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, GetJsonSchemaHandler, StringConstraints, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0, "y": 31_536_000.0}
BYTES = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}

_DURATION = r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y)"
_SIZE = r"(\d+)(B|KB|MB|GB)"
_PERCENT = r"(\d+(?:\.\d+)?)%"


@dataclass(frozen=True, slots=True)
class Words:
    """What a key means, in English and Norwegian: hover help in editors and the printed reference."""

    en: str
    nb: str

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core), "description": self.en, "x-description-nb": self.nb}


def refusal(code: str, text: str, suggestion: str = "") -> PydanticCustomError:
    """A finding to be: `code` of the linter, what is wrong, what to write instead. Never quotes a secret."""
    return PydanticCustomError(code, "{text}", {"text": text, "suggestion": suggestion})


def nearest(written: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or nothing where nothing is near."""
    names = sorted(set(known))
    near = difflib.get_close_matches(written, names, n=1, cutoff=0.6)
    near = near or [name for name in names if name.casefold() == written.casefold()][:1]
    return f"did you mean '{near[0]}'?" if near else ""


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """The nearest, or the choices where nothing is near and they are few."""
    names = sorted(set(known))
    return nearest(written, names) or (f"known: {', '.join(names)}" if 0 < len(names) <= 30 else "")


def _duration(value: Any) -> float:
    if isinstance(value, str) and (match := re.fullmatch(_DURATION, value)):
        return float(match[1]) * SECONDS[match[2]]
    if isinstance(value, float):
        return value
    raise refusal("E112", "not a duration", "write a number and a unit: 500ms, 30s, 5m, 72h, 7d, 2w or 5y")


def _size(value: Any) -> int:
    if isinstance(value, str) and (match := re.fullmatch(_SIZE, value)):
        return int(match[1]) * BYTES[match[2]]
    raise refusal("E112", "not a size", "write a whole number and a unit: 64KB, 25MB or 1GB")


def _percent(value: Any) -> float:
    if isinstance(value, str) and (match := re.fullmatch(_PERCENT, value)) and float(match[1]) <= 100:
        return float(match[1]) / 100
    raise refusal("E112", "not a percentage", "write a number from 0 to 100 and a percent sign: 20%")


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise refusal("E112", "not a truth value", "write true or false")


def _count(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise refusal("E112", "not a whole number", "write digits only, without quotes")


def _listen(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise refusal("E112", "not an address to listen on", 'write host and port: "127.0.0.1:2575"')
    return value


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) <= 65535:
        raise refusal("E112", "not an address", 'write host and port: "lis.example.no:2575"')
    return value


def _path(value: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]{0,200}", value):
        raise refusal("E112", "not a path", "write it as /hl7/adt: letters, digits, - . _ ~ and /")
    return value


def _media_type(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9.+_-]+/[a-z0-9.+_-]+", value):
        raise refusal("E112", "not a media type", "write it in lower case, as application/hl7-v2")
    return value


def _url(value: str) -> str:
    return _endpoint(value).rstrip("/")


def _endpoint(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise refusal("E112", "not a web address", "write it whole: https://journal.example.no/fhir")
    if "@" in parts.netloc:
        raise refusal("E105", "a user or password in an address", "write them under auth:, as a ${secret:...}")
    if parts.query or parts.fragment:
        raise refusal("E112", "an address here has no ? or #", "leave out what follows the path")
    return value


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise refusal("E112", "not a network", 'write it as "10.20.0.0/16"') from None
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise refusal("E112", "not a known time zone", "write its IANA name: Europe/Oslo") from None
    return value


def _codec(value: str) -> str:
    try:
        codecs.lookup(value or "utf-8")
    except LookupError:
        raise refusal("E112", "not a known character set", "write utf-8, iso-8859-1, iso-8859-15 or cp1252") from None
    return value


def _unreferenced(value: Any) -> Any:
    if isinstance(value, str) and re.search(r"(?<!\$)\$\{", value):
        raise refusal("E104", "a reference may not stand here", "write the value; $${ stands for the two signs")
    return value.replace("$${", "${") if isinstance(value, str) else value


def _sequence(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _scalar_schema(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "examples": [example]})


Duration = Annotated[float, BeforeValidator(_duration), _scalar_schema(_DURATION, "30s")]
"""Seconds. A year is 365 days."""

Size = Annotated[int, BeforeValidator(_size), _scalar_schema(_SIZE, "25MB")]
"""Bytes; KB, MB and GB are powers of 1024."""

Percent = Annotated[float, BeforeValidator(_percent), _scalar_schema(_PERCENT, "20%")]
"""A share: 20% is 0.2."""

Truth = Annotated[bool, BeforeValidator(_truth), WithJsonSchema({"type": "boolean"})]
"""`true` or `false` and no other word."""

Count = Annotated[int, BeforeValidator(_count), WithJsonSchema({"type": "integer"})]
"""A whole number."""

Text = Annotated[str, BeforeValidator(_unreferenced)]
"""Text that is taken as written: no reference may stand in it."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""The name of a channel, system, policy, table or destination, as it stands in logs, paths and metrics."""

FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""A declared field: must be a name in expressions."""

MappingId = Annotated[Text, StringConstraints(pattern=r"^[a-z0-9_.-]+(/[a-z0-9_.-]+)+$")]
"""A mapping's path under `mappings/`, without ending: `hl7v2/adt`."""

Names = Annotated[
    tuple[Text, ...],
    BeforeValidator(_sequence),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One name or a list of names."""

MappingIds = Annotated[
    tuple[MappingId, ...],
    BeforeValidator(_sequence),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
"""One mapping or a list of mappings."""

is_listen = AfterValidator(_listen)
is_address = AfterValidator(_address)
is_path = AfterValidator(_path)
is_media_type = AfterValidator(_media_type)
is_url = AfterValidator(_url)
is_endpoint = AfterValidator(_endpoint)
is_network = AfterValidator(_network)
is_zone = AfterValidator(_zone)
is_codec = AfterValidator(_codec)
