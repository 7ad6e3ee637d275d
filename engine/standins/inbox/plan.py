"""The plan: which receipt a message gets, and when. Faults of the connection are the journal's, set beside it.

In JSON: `{"receipts": "negative", "code": "E35", "after": "5s", "faults": [{"fault": "unavailable", "requests": 3}]}`.
What is left out stays as it is, but `receipts` brings its own `after` along; `faults` replaces those that are set.
HITS 1168 (use of AppRec).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from pydantic import TypeAdapter, ValidationError

from engine.channels.scalars import Duration
from engine.standards.kith.words import ANY_OTHER, LIST_8221

RECEIPTS: dict[str, str] = {
    "positive": "status 1; a message that does not hold is rejected with its reasons",
    "negative": "status 2 with the error `code` of list 8221",
    "late": "as positive, five seconds later or `after`",
    "twice": "as positive, then a second receipt with an id of its own, which no receiver may send",
    "never": "none",
}
_LATE = 5.0
_DURATION: TypeAdapter[float] = TypeAdapter(Duration)


@dataclass(frozen=True, slots=True)
class Plan:
    """How messages are answered from now on; `after` is in seconds and holds for every kind."""

    receipts: str = "positive"
    code: str = ANY_OTHER
    after: float = 0.0

    def changed(self, written: Mapping[str, object]) -> Plan:
        """This plan with what is written. Raises: ValueError, with the words that may stand there."""
        unknown = written.keys() - asdict(self).keys()
        if unknown:
            raise ValueError("a plan has receipts, code, after and faults")
        plan = self
        if "receipts" in written:
            kind = _one_of(written["receipts"], RECEIPTS, "receipts")
            plan = replace(plan, receipts=kind, after=_LATE if kind == "late" else 0.0)
        if "code" in written:
            plan = replace(plan, code=_one_of(written["code"], LIST_8221, "code"))
        if "after" in written:
            plan = replace(plan, after=_seconds(written["after"]))
        return plan

    def shown(self) -> dict[str, object]:
        """For JSON."""
        return {"receipts": self.receipts, "code": self.code, "after": f"{self.after:g}s"}


def _one_of(value: object, known: Mapping[str, str], name: str) -> str:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} is one of {', '.join(known)}")
    return value


def _seconds(value: object) -> float:
    try:
        return _DURATION.validate_python(value)
    except ValidationError:
        raise ValueError("after is a duration such as 500ms, 5s or 2m") from None
