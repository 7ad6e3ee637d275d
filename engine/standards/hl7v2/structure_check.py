"""The order and number of a message's segments: a regular expression that says yes, and a walk that says what is wrong.

The expression runs over the joined three-letter names. Being possessive it is linear, but may miss a way through an
ambiguous grammar; the walk follows all ways at once (a finite automaton without choice) and has the last word.
HL7 v2.5.1, 2.5.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from engine.message import Issue, Severity
from engine.standards.hl7v2.er7 import Segment
from engine.standards.hl7v2.tables import Particle, structure

_MOST_ISSUES = 20
_MOST_COPIES = 10


@lru_cache(maxsize=512)
def matcher(version: str, name: str) -> Callable[[str], object]:
    """What says whether joined segment names follow the structure; None means that they have to be walked."""
    return re.compile(_pattern(structure(version, name))).fullmatch


def _pattern(particle: Particle) -> str:
    if particle.parts:
        inner = ("|" if particle.choice else "").join(_pattern(part) for part in particle.parts)
    else:
        inner = re.escape(particle.name)
    if (particle.least, particle.most) == (1, 1):
        return f"(?:{inner})" if particle.choice else inner
    most = "" if particle.most < 0 else str(max(particle.most, particle.least))
    return f"(?:{inner}){{{particle.least},{most}}}+"


@dataclass(slots=True)
class _State:
    """A place between segments: where each name leads, and where one may stand as well without reading any."""

    on: dict[str, int] = field(default_factory=dict)
    also: list[int] = field(default_factory=list)


class _Automaton:
    """All ways through one structure. State 0 is the start; `accepts` the end."""

    def __init__(self, particle: Particle) -> None:
        self.states: list[_State] = [_State()]
        self.accepts = self._add(particle, 0)

    def reach(self, states: set[int]) -> set[int]:
        """The states together with all that one may stand in as well."""
        pending, reached = list(states), set(states)
        while pending:
            for other in self.states[pending.pop()].also:
                if other not in reached:
                    reached.add(other)
                    pending.append(other)
        return reached

    def step(self, states: set[int], name: str) -> set[int]:
        return self.reach({self.states[at].on[name] for at in states if name in self.states[at].on})

    def _new(self) -> int:
        self.states.append(_State())
        return len(self.states) - 1

    def _add(self, particle: Particle, start: int) -> int:
        for _ in range(min(particle.least, _MOST_COPIES)):
            start = self._once(particle, start)
        if particle.most < 0:
            # A state of its own to come back to, so that no way leads from after the loop into it.
            loop = self._new()
            self.states[start].also.append(loop)
            self.states[self._once(particle, loop)].also.append(loop)
            after = self._new()
            self.states[loop].also.append(after)
            return after
        for _ in range(min(particle.most - particle.least, _MOST_COPIES)):
            end = self._once(particle, start)
            self.states[start].also.append(end)
            start = end
        return start

    def _once(self, particle: Particle, start: int) -> int:
        if not particle.parts:
            entry, end = self._new(), self._new()
            self.states[start].also.append(entry)
            self.states[entry].on[particle.name] = end
            return end
        if particle.choice:
            end = self._new()
            for part in particle.parts:
                self.states[self._add(part, start)].also.append(end)
            return end
        for part in particle.parts:
            start = self._add(part, start)
        return start


@lru_cache(maxsize=128)
def _automaton(version: str, name: str) -> _Automaton:
    return _Automaton(structure(version, name))


def departures(version: str, name: str, segments: list[Segment]) -> list[Issue]:
    """Segments that stand where the structure has no place for them, and what is missing; at most twenty places."""
    automaton = _automaton(version, name)
    states = automaton.reach({0})
    issues: list[Issue] = []
    for segment in segments:
        following = automaton.step(states, segment.name)
        if following:
            states = following
            continue
        expected = _required(automaton, states)
        text = f"{expected} is missing before it" if expected else "no place for it here in the message structure"
        issues.append(Issue(Severity.NOTE, "hl7.sequence", text, f"{segment.name}[{segment.number}]", "100"))
        if len(issues) == _MOST_ISSUES:
            return issues
        # Go on as if the missing one had been there, else as if this one were not.
        if expected:
            beyond = automaton.step(automaton.step(states, expected), segment.name)
            states = beyond or states
    if automaton.accepts not in states:
        missing = _required(automaton, states)
        text = f"{missing} is missing at the end" if missing else "the message ends too early"
        issues.append(Issue(Severity.NOTE, "hl7.sequence", text, missing and f"{missing}[1]", "100"))
    return issues


def _required(automaton: _Automaton, states: set[int]) -> str:
    """The one name without which there is no way on, "" where there are several."""
    names = {name for at in states for name in automaton.states[at].on}
    if automaton.accepts in states:
        return ""
    without = [name for name in sorted(names) if not _passable(automaton, states, name)]
    return without[0] if without else ""


def _passable(automaton: _Automaton, states: set[int], barred: str) -> bool:
    """Whether the end can be reached without ever reading `barred`."""
    pending, seen = list(states), set(states)
    while pending:
        state = automaton.states[pending.pop()]
        for other in (*state.also, *(to for name, to in state.on.items() if name != barred)):
            if other not in seen:
                seen.add(other)
                pending.append(other)
    return automaton.accepts in seen
