"""Policies: how hard to try, as a word that operators choose (*clinical*, *results*) and not nine numbers.

What a policy leaves out it takes from the one it extends, and that from the built-in *clinical*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from engine.channels.scalars import Duration, Percent, Text, Words
from engine.channels.systems import Part, Timeouts
from engine.delivery import Policy


class Retry(Part):
    """When the next attempt comes."""

    initial: Annotated[Duration | None, Words("wait before the second attempt", "ventetid før andre forsøk")] = None
    factor: Annotated[float | None, Field(ge=1, le=100), Words("growth of the wait", "vekst i ventetiden")] = None
    max: Annotated[Duration | None, Words("longest wait", "lengste ventetid")] = None
    jitter: Annotated[Percent | None, Words("random spread of the wait", "tilfeldig spredning")] = None
    give_up_after: Annotated[
        Duration | None,
        Words("age of the message at which it becomes a dead letter", "alderen da meldingen gis opp (dead letter)"),
    ] = None


class Outcomes(Part):
    """What is done when nobody can know whether an attempt arrived."""

    ambiguous: Annotated[
        Literal["retry", "park"] | None,
        Words("retry: send again; park: a person decides", "retry: send igjen; park: et menneske avgjør"),
    ] = None


class PolicyPart(Part):
    """How hard to try at a destination."""

    extends: Annotated[
        Text | None, Words("the policy whose values stand where this is silent", "policyen den bygger på")
    ] = None
    timeout: Annotated[Timeouts, Words("how long an attempt may wait", "hvor lenge et forsøk kan vente")] = Timeouts()
    retry: Annotated[Retry, Words("when it is tried again", "når det prøves igjen")] = Retry()
    outcomes: Annotated[Outcomes, Words("what unclear answers mean", "hva uklare svar betyr")] = Outcomes()
    blocked_key: Annotated[
        Literal["hold", "continue"] | None,
        Words(
            "hold: later messages of the same patient wait behind a failed one; continue: they pass it",
            "hold: senere meldinger om samme pasient venter bak en feilet; continue: de går forbi",
        ),
    ] = None


BUILT_IN: Mapping[str, Policy] = {
    "clinical": Policy(),
    "results": Policy(initial=5.0, maximum=900.0, give_up_after=24 * 3600.0, blocked_key="continue"),
}
"""Policies that exist unless the site defines them itself."""


def effective_policy(part: PolicyPart, below: Policy) -> Policy:
    """`part` laid over the policy `below`: what it does not say stays."""
    retry, timeout = part.retry, part.timeout
    said: dict[str, Any] = {
        "initial": retry.initial,
        "factor": retry.factor,
        "maximum": retry.max,
        "jitter": retry.jitter,
        "give_up_after": retry.give_up_after,
        "on_ambiguous": part.outcomes.ambiguous,
        "blocked_key": part.blocked_key,
        "connect_timeout": timeout.connect,
        "response_timeout": timeout.response,
    }
    return replace(below, **{name: value for name, value in said.items() if value is not None})
