"""What became of each message of the demo, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.cli import words
from engine.cli.demo_steps import Step


@dataclass(slots=True)
class Told:
    """What became of one step."""

    step: Step
    answer: str = ""
    same_answer: bool = False
    message: str = ""
    state: str = ""
    attempts: int = 0
    links: list[str] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)
    """Statuses of the AppRecs that have come back for it."""

    def good(self) -> bool:
        """Whether it is what the story says."""
        if self.step.repeats:
            return self.answer == self.step.answer and self.same_answer
        expected = (self.step.answer, self.step.state, [self.step.receipt] if self.step.receipt else [])
        there = self.state != "delivered" or bool(self.links)
        return (self.answer, self.state, self.receipts) == expected and there


def show(told: Sequence[Told], as_json: bool) -> bool:
    """Everything, in the order of the story. Whether every outcome is the expected one."""
    good = all(each.good() for each in told)
    if as_json:
        words.show_json([_document(each) for each in told])
        return good
    for each in told:
        if each.links:
            print(f"{each.step.what} ({each.message})")
            print("\n".join(_shown(each.links)))
    columns = ("message", "channel", "answer", "state", "AppRec", "attempts", "resources", "as expected")
    words.show_table(columns, [_row(each) for each in told], "what became of each message")
    wrong = sum(not each.good() for each in told)
    receipted = sum(bool(each.receipts) for each in told)
    outcome = "every outcome as expected" if good else f"{wrong} NOT as expected"
    print(f"\n{len(told)} messages, {receipted} with a receipt (AppRec), {outcome}")
    return good


def _row(each: Told) -> tuple[str, ...]:
    attempts, resources = str(each.attempts), str(len(each.links))
    as_expected = "yes" if each.good() else "NO"
    receipts = " ".join(each.receipts)
    return each.step.what, each.step.channel, each.answer, each.state, receipts, attempts, resources, as_expected


def _shown(links: Sequence[str]) -> list[str]:
    """One link of each type of resource, with how many more there are."""
    by_type: dict[str, list[str]] = {}
    for link in links:
        by_type.setdefault(link.split("/")[-2], []).append(link)
    return [f"  {found[0]}" + (f"  and {len(found) - 1} more" if len(found) > 1 else "") for found in by_type.values()]


def _document(each: Told) -> dict[str, object]:
    return {
        "what": each.step.what,
        "channel": each.step.channel,
        "file": each.step.file,
        "answer": each.answer,
        "state": each.state,
        "receipts": each.receipts,
        "attempts": each.attempts,
        "resources": each.links,
        "as_expected": each.good(),
    }
