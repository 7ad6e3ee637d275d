"""The inbox itself, without its socket: takes messages, follows the plan, hands what is owed to be answered."""

from __future__ import annotations

import asyncio

from engine.standins.inbox import Options
from engine.standins.inbox.answering import Answering
from engine.standins.inbox.arrivals import Arrival, Arrivals
from engine.standins.inbox.examination import Examiner
from engine.standins.inbox.plan import RECEIPTS, Plan
from engine.standins.journal.faults import Faults


class Record:
    """One inbox. Raises at start: ConfigError for a schema that is missing, ValueError for a plan that is none."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._examiner = Examiner(options.xsd)
        self.arrivals = Arrivals(options.folder)
        self.answering = Answering(options)
        self.faults = Faults(options.clock)
        self.came = asyncio.Event()
        self.plan = Plan()
        self.follow(options.plan)
        for path, micros in self.arrivals.stored():
            raw = path.read_bytes()
            self.arrivals.add(raw, self._examiner.examine(raw), micros, new=False)

    def take(self, raw: bytes) -> Arrival:
        """Keep one message, whatever it is, and begin to answer it. Raises: OSError when it cannot be kept."""
        arrival = self.arrivals.add(raw, self._examiner.examine(raw), self._options.clock.micros())
        self.answering.answer(arrival, self.plan)
        self.came.set()
        return arrival

    def follow(self, written: object) -> None:
        """Change the plan as written. Raises: ValueError, and then nothing has changed."""
        if not isinstance(written, dict):
            raise ValueError("a plan is one JSON object")
        changes = dict(written)
        faults = changes.pop("faults", None)
        plan = self.plan.changed(changes)
        if faults is not None:
            self._replace_faults(faults)
        self.plan = plan

    def begin_again(self) -> None:
        """The plan that the inbox was started with."""
        self.plan = Plan()
        self.faults.clear()
        self.follow(self._options.plan)

    def planned(self) -> dict[str, object]:
        """For JSON: the plan, its faults, and the words that may stand in one."""
        return {**self.plan.shown(), "faults": self.faults.shown(), "kinds": RECEIPTS}

    def faults_met(self) -> str:
        """Which faults have met how many messages, for people."""
        return ", ".join(f"{kind} {count}" for kind, count in self.faults.met.items())

    def _replace_faults(self, written: object) -> None:
        wanted = written if isinstance(written, list) else [written]
        tried = Faults(self._options.clock)
        for one in wanted:
            if not isinstance(one, dict):
                raise ValueError("a fault is a JSON object")
            tried.set_from(one)
        self.faults.active = tried.active
