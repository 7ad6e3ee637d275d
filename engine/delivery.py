"""The states of a delivery, the outcomes of an attempt, and the one pure function between them (decision 4).

A retry is *ready* again with a later due time; waiting behind a key is a reason on *ready*; expiry is a reason on
*dead_letter*. Console words, SQL checks and the reference are generated from `STATES`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from engine.clock import Jitter


class State(StrEnum):
    """Where a delivery stands."""

    READY = "ready"
    CLAIMED = "claimed"
    SENDING = "sending"
    DELIVERED = "delivered"
    CONFIRMED = "confirmed"
    PARKED = "parked"
    DEAD_LETTER = "dead_letter"
    SUPERSEDED = "superseded"
    HANDLED = "handled"


@dataclass(frozen=True, slots=True)
class StateWords:
    """What a state means: `final` states need nothing more, `blocks` says whether later messages of the key wait."""

    final: bool
    blocks: bool
    words: str


STATES: dict[State, StateWords] = {
    State.READY: StateWords(False, True, "waits for its turn or its next attempt"),
    State.CLAIMED: StateWords(False, True, "taken by a dispatcher, nothing sent yet"),
    State.SENDING: StateWords(False, True, "bytes may have left us; the answer is not stored yet"),
    State.DELIVERED: StateWords(True, False, "the destination has accepted it"),
    State.CONFIRMED: StateWords(True, False, "a receipt says that the application took it"),
    State.PARKED: StateWords(False, True, "a person decides: did they get it, or what is to be done"),
    State.DEAD_LETTER: StateWords(True, True, "given up; a person may retry or replay it"),
    State.SUPERSEDED: StateWords(True, False, "something newer was delivered first"),
    State.HANDLED: StateWords(True, False, "a person closed it with a reason"),
}


@dataclass(frozen=True, slots=True)
class Delivered:
    """The destination has it. `detail` names what it made (status, location, version), never content."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Transient:
    """Nothing happened there, or nothing that lasts: try again, not before `after` seconds if it was told."""

    code: str
    detail: str = ""
    after: float | None = None
    tries: int | None = None
    """At most so many tries for this reason, then parked (decision 18: 409 and 412, AE and CE)."""
    system_fault: bool = False
    """401, 403, 404 on the base: every message will fail, alert at once."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Bytes went out and no answer came: it may or may not have happened."""

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Permanent:
    """It will never be taken as it is. `park` asks for a person instead of a dead letter (several match)."""

    code: str
    detail: str = ""
    park: bool = False
    hint: str = ""


Outcome = Delivered | Transient | Ambiguous | Permanent


@dataclass(frozen=True, slots=True)
class Policy:
    """How hard to try. Durations in seconds; `jitter` is a share (0.2 = plus or minus 20 %).

    `give_up_after` is an age since the message was received, not a count.
    """

    initial: float = 2.0
    factor: float = 2.0
    maximum: float = 300.0
    jitter: float = 0.2
    give_up_after: float = 72 * 3600.0
    on_ambiguous: str = "retry"
    blocked_key: str = "hold"
    connect_timeout: float = 5.0
    response_timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What `next_state` must know of a delivery: attempts made (this one included), how many in a row for this code,
    when the message was received (micros)."""

    attempts: int
    same_code: int
    received: int


@dataclass(frozen=True, slots=True)
class Step:
    """The next state, when it is due (micros; 0 for final states) and the reason a person reads."""

    state: State
    due: int = 0
    reason: str = ""
    hint: str = field(default="")


def backoff(policy: Policy, attempts: int, jitter: Jitter) -> float:
    """Seconds to the next attempt: exponential with a ceiling, spread by jitter. `attempts` counts from 1."""
    base = min(policy.initial * policy.factor ** min(attempts - 1, 64), policy.maximum)
    return max(0.0, base * (1 + policy.jitter * (2 * jitter() - 1)))


def after_receipt(state: State, reason: str, positive: bool, code: str) -> Step | None:
    """What an arriving receipt makes of a delivery; None where it changes nothing. Pure.

    The first receipt stands: one that says the same again, or the opposite, changes nothing. A positive one is taken
    also when it comes late, after we have given up or while nobody knows whether the message arrived. What a person
    has closed stays closed. HIS 80415, the sender's duties; decision 10.
    """
    told_before = state is State.CONFIRMED or (state is State.DEAD_LETTER and reason.startswith(RECEIPT))
    if told_before or state in (State.HANDLED, State.SUPERSEDED):
        return None
    if positive:
        return Step(State.CONFIRMED, reason=f"{RECEIPT}{code}".rstrip(": "))
    return Step(State.DEAD_LETTER, reason=f"{RECEIPT}{code}", hint="the receiver has refused it; mend it and send anew")


RECEIPT = "receipt: "
"""How the reason of a delivery begins that a receipt has settled."""


def next_state(standing: Standing, outcome: Outcome, policy: Policy, now: int, jitter: Jitter) -> Step:
    """What becomes of a delivery after one attempt. Pure.

    Ambiguous is parked when the policy says so, else tried again; a transient failure with `tries` is parked when
    they are used up; both become a dead letter (`expired`) when the next attempt would be too late.
    """
    if isinstance(outcome, Delivered):
        return Step(State.DELIVERED, reason=outcome.detail)
    if isinstance(outcome, Permanent):
        state = State.PARKED if outcome.park else State.DEAD_LETTER
        return Step(state, reason=f"{outcome.code} {outcome.detail}".strip(), hint=outcome.hint)
    reason = f"{outcome.code} {outcome.detail}".strip()
    wait = backoff(policy, standing.attempts, jitter)
    if isinstance(outcome, Ambiguous):
        if policy.on_ambiguous == "park":
            return Step(State.PARKED, reason=reason, hint="ask the receiver whether it arrived, then decide")
    else:
        if outcome.tries is not None and standing.same_code >= outcome.tries:
            return Step(State.PARKED, reason=reason, hint="the receiver refuses it again and again")
        if outcome.after is not None:
            wait = max(wait, outcome.after)
    due = now + int(wait * 1_000_000)
    if due > standing.received + int(policy.give_up_after * 1_000_000):
        return Step(State.DEAD_LETTER, reason=f"expired: {reason}")
    return Step(State.READY, due=due, reason=reason)
