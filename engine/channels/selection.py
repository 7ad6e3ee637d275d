"""Which standard a channel speaks and which of its mappings takes a message: what is wrong with either.

Codes: E212 two mappings for one message type (decision 14) · E215 a destination that takes FHIR, and no mapping · E216
standard: unknown, or not that of a mapping · E217 a source that the standard is not sent over · E218 receipts of a
standard that has none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from engine.channels.channel import Channel
from engine.channels.places import Steps
from engine.channels.scalars import did_you_mean
from engine.channels.site import Site
from engine.channels.sources import MllpSource
from engine.channels.systems import FhirSystem
from engine.errors import Finding

DEFAULT = "hl7v2"
_OVER_MLLP = "hl7v2"
_WITHOUT_RECEIPTS = "hl7v2"


class Taken(NamedTuple):
    """What is known of a mapping: its standard, and the message types that it takes."""

    standard: str
    types: Collection[str]


UNKNOWN = Taken("", ())
"""Of a mapping that is there and does not compile."""


def standard_of(channel: Channel, mappings: Mapping[str, Taken]) -> str:
    """As the channel says, else as its mappings do, else HL7 v2."""
    said = (mappings.get(id, UNKNOWN).standard for _, id in _named(channel))
    return channel.standard or next((each for each in said if each), DEFAULT)


def selection_findings(
    site: Site, name: str, mappings: Mapping[str, Taken], registered: Collection[str] | None = None
) -> Iterator[Finding]:
    """Every finding of one channel. `registered` are the standards that there are; None when nobody has looked."""
    channel = site.config.channels[name]
    here: Steps = ("channels", name)
    standard = standard_of(channel, mappings)

    def at(path: Steps, code: str, text: str, hint: str) -> Finding:
        return Finding(code, *site.where((*here, *path)), text, hint)

    if registered is not None and standard not in registered:
        yield at(("standard",), "E216", f"unknown standard '{standard}'", did_you_mean(standard, set(registered)))
        return
    for path, id in _named(channel):
        other = mappings.get(id, UNKNOWN).standard
        if other and other != standard:
            text = f"'{id}' reads {other}, the channel takes {standard}"
            yield at(path, "E216", text, "a channel takes messages of one standard: make two channels")
    if isinstance(channel.source, MllpSource) and standard != _OVER_MLLP:
        hint = "write type: http or type: file"
        yield at(("source", "type"), "E217", f"messages of {standard} are not sent over MLLP", hint)
    certain = channel.standard or all(mappings.get(id, UNKNOWN).standard for _, id in _named(channel))
    if channel.ack.receipt is not None and certain and standard == _WITHOUT_RECEIPTS:
        hint = "remove it: the acknowledgement on the connection says all"
        yield at(("ack", "receipt"), "E218", f"{standard} has no receipts", hint)
    for key, part in channel.destinations.items():
        if isinstance(site.config.systems.get(part.system), FhirSystem) and not (part.mapping or channel.mapping):
            path = ("destinations", key, "system")
            yield at(path, "E215", f"'{part.system}' takes FHIR, and no mapping makes it", "write mapping:")
    taken: dict[str, str] = {}
    for index, id in enumerate(channel.mapping):
        for type_ in mappings.get(id, UNKNOWN).types:
            if taken.setdefault(type_, id) != id:
                text = f"'{id}' and '{taken[type_]}' both take {type_}"
                yield at(("mapping", index), "E212", text, "list one of them")


def _named(channel: Channel) -> Iterator[tuple[Steps, str]]:
    """Every mapping that the channel names, with its place."""
    for index, id in enumerate(channel.mapping):
        yield ("mapping", index), id
    for key, part in channel.destinations.items():
        if part.mapping is not None:
            yield ("destinations", key, "mapping"), part.mapping
