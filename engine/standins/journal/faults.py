"""Faults on purpose: how this journal misbehaves, for how long or how often, and how often it did.

Set at start, by Python object, or by `POST /$faults`. Each fault meets requests one by one; the first that applies
to a request is the one it gets. Faults `after` the commit meet writes only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.clock import Clock

KINDS: dict[str, str] = {
    "unavailable": "503 with Retry-After, nothing is done",
    "too_many": "429 with Retry-After, nothing is done",
    "unauthorized": "401, nothing is done",
    "bad_request": "400, nothing is done",
    "error": "500, nothing is done",
    "bad_gateway": "502 in HTML, nothing is done",
    "garbage": "200 in HTML, nothing is done",
    "break": "the connection is broken before the request is read",
    "slow": "the request waits `delay` seconds, then all goes well",
    "lose_response": "it is committed, then the connection is closed without an answer",
    "error_after_commit": "it is committed, then the answer is 500",
    "drip": "the answer comes in 20 pieces, `delay` seconds between them",
}
AFTER_COMMIT = frozenset({"lose_response", "error_after_commit"})


@dataclass(slots=True)
class Fault:
    """One way to misbehave. Ends after `seconds`, or after `requests` met, or never where both are None.

    `skip` requests pass unharmed first. `retry_after` whole seconds; `delay` seconds. `writes_only` leaves reads alone.
    """

    kind: str
    seconds: float | None = None
    requests: int | None = None
    skip: int = 0
    retry_after: int = 1
    delay: float = 1.0
    writes_only: bool = False
    until: float | None = None


class Faults:
    """The faults that are set, and the count of requests each kind has met."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.active: list[Fault] = []
        self.met: Counter[str] = Counter()

    def set(self, fault: Fault) -> None:
        """Add a fault; its `seconds` count from now."""
        if fault.kind not in KINDS:
            raise ValueError(f"no fault of that kind; there are {', '.join(KINDS)}")
        if fault.seconds is not None:
            fault.until = self.clock.monotonic() + fault.seconds
        self.active.append(fault)

    def set_from(self, written: Mapping[str, Any]) -> None:
        """Add a fault as written in JSON: `{"fault": kind, "seconds": …, "requests": …}`. Raises: ValueError."""
        wanted = dict(written)
        kind = wanted.pop("fault", None)
        if not isinstance(kind, str):
            raise ValueError(f"name a fault: one of {', '.join(KINDS)}")
        for name, value in wanted.items():
            types = _TYPES.get(name)
            if types is None:
                raise ValueError(f"a fault has {', '.join(_TYPES)}")
            if type(value) not in types or value < 0:
                raise ValueError(f"{name} is not such a number")
        self.set(Fault(kind, **wanted))

    def clear(self) -> None:
        """Behave again; the counts stay."""
        self.active.clear()

    def meet(self, write: bool) -> Fault | None:
        """The fault that the next request gets, counted; None when it is treated well."""
        now = self.clock.monotonic()
        self.active = [f for f in self.active if (f.until is None or now < f.until) and f.requests != 0]
        for fault in self.active:
            if not write and (fault.writes_only or fault.kind in AFTER_COMMIT):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.requests is not None:
                fault.requests -= 1
            self.met[fault.kind] += 1
            return fault
        return None

    def shown(self) -> dict[str, Any]:
        """For JSON: what is set and what it has done."""
        now = self.clock.monotonic()
        active = [
            {
                "fault": fault.kind,
                "requests_left": fault.requests,
                "seconds_left": None if fault.until is None else max(0.0, round(fault.until - now, 3)),
                "skip": fault.skip,
            }
            for fault in self.active
            if (fault.until is None or now < fault.until) and fault.requests != 0
        ]
        return {"active": active, "met": dict(self.met), "kinds": KINDS}


_TYPES: dict[str, tuple[type, ...]] = {
    "seconds": (int, float),
    "requests": (int,),
    "skip": (int,),
    "retry_after": (int,),
    "delay": (int, float),
    "writes_only": (bool,),
}
