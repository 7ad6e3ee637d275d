"""Ratios in one run: rounds that alternate between what is compared, medians of them (PERFORMANCE.md)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds per call, one figure a round."""

    name: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        low, high = min(self.rounds) * 1e6, max(self.rounds) * 1e6
        return f"{self.name:<44} {self.median * 1e6:>12.1f} us   [{low:.1f} .. {high:.1f}]"


def per_call(call: Callable[[], object], seconds: float) -> float:
    """CPU-bound seconds per call, over about `seconds`."""
    call()
    start = time.perf_counter()
    call()
    once = max(time.perf_counter() - start, 1e-7)
    times = max(1, min(int(seconds / once), 200_000))
    start = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - start) / times


def alternating(calls: Mapping[str, Callable[[], object]], seconds: float = 0.25) -> dict[str, Measured]:
    """Every call once a round, `ROUNDS` rounds; printed as a table."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            found[name].append(per_call(call, seconds))
    measured = {name: Measured(name, tuple(rounds)) for name, rounds in found.items()}
    print()
    for each in measured.values():
        print(each)
    return measured


def gate(text: str, figure: float, bound: float, at_most: bool = False) -> None:
    """A figure against its gate: shown, then asserted. `at_most` for ceilings."""
    good = figure <= bound if at_most else figure >= bound
    print(f"{'ok  ' if good else 'MISS'} {text}: {figure:.3g} (gate {'<=' if at_most else '>='} {bound:g})")
    assert good, f"{text}: {figure:.3g}, gate {bound:g}"
