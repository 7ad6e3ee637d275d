"""The stand-in journal: a real, small FHIR R4 server for the demo, the sandbox and the tests to deliver to.

What it does, it does as R4 says; what it does not do, it refuses with an OperationOutcome and leaves out of its
CapabilityStatement. Every request is one plain, synchronous step over memory, so nothing half done is ever seen.

Why: its JSON, its references and its searches are its own and not shared with the engine's, so that it can disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.clock import Clock, SystemClock
from engine.message import Issue
from engine.standards.fhir import Resource
from engine.standards.fhir.validator import validate as validate_r4

Validate = Callable[[Resource], Sequence[Issue]]
"""What is not R4 about a resource; empty when nothing is."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How this journal reads the choices that R4 leaves to a server.

    `integrity`: a reference must lead to a resource that exists, and what is referred to cannot be deleted.
    `update_create`: PUT to an unknown id creates it. `equal_makes_no_version`: an update that changes nothing makes
    no version. `existing_fails`: PUT with If-None-Match `*` on an existing resource is 412 and fails a transaction;
    without it the entry is answered 304 and left as it is. `types`: only these; empty = all of R4.
    """

    integrity: bool = True
    update_create: bool = True
    equal_makes_no_version: bool = True
    existing_fails: bool = True
    types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Options:
    """What a stand-in journal is started with. `state` is an append-only file of all commits, read again at start.

    `new_id` gives ids to resources that come without; `validate` None takes any JSON with a known resourceType.
    `faults` are set before the first request, in the JSON shape of `POST /$faults`.
    """

    rules: Rules = field(default_factory=Rules)
    state: Path | None = None
    clock: Clock = field(default_factory=SystemClock)
    new_id: Callable[[], str] | None = None
    validate: Validate | None = validate_r4
    faults: tuple[dict[str, str | float | int], ...] = ()


@dataclass(frozen=True, slots=True)
class Remark:
    """One issue of an OperationOutcome. `code` is of FHIR's issue-type, `expression` a FHIRPath; never content."""

    code: str
    text: str
    expression: str = ""
    severity: str = "error"


class Refused(Exception):
    """A request is refused, whole, and nothing has changed: the HTTP status and why."""

    def __init__(self, status: int, *remarks: Remark) -> None:
        super().__init__(f"{status} {' '.join(remark.code for remark in remarks)}")
        self.status = status
        self.remarks = remarks

    def at(self, place: str) -> Refused:
        """The same refusal, placed in a Bundle: `place` is `Bundle.entry[n]`."""
        return Refused(self.status, *(_placed(remark, place) for remark in self.remarks))


def _placed(remark: Remark, place: str) -> Remark:
    """Under the entry's resource when the remark was about a resource, else the entry itself."""
    if not place or remark.expression.startswith("Bundle"):
        return remark
    _, _, rest = remark.expression.partition(".")
    inside = f"{place}.resource" + (f".{rest}" if rest else "") if remark.expression else place
    return Remark(remark.code, remark.text, inside, remark.severity)
