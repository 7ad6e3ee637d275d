"""The oracle: knows what was issued and what was promised, sees what arrived, and says what does not fit.

A positive answer is an obligation. Payloads are made from (patient, number) alone, so what must arrive is known without
the engine. RELIABILITY 3.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

WEIGHTS_1 = (3, 7, 6, 1, 8, 9, 4, 5, 2)
WEIGHTS_2 = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)


def synthetic_number(serial: int) -> str:
    """The n-th synthetic identity number with month + 80 and right check digits (NAV and Tenor style)."""
    found = -1
    individual = 0
    while True:
        digits = f"{1 + individual % 28:02d}85{60 + individual // 28 % 39:02d}{individual % 500:03d}"
        individual += 1
        first = 11 - sum(w * int(d) for w, d in zip(WEIGHTS_1, digits, strict=True)) % 11
        if first == 10:
            continue
        digits += str(first % 11)
        second = 11 - sum(w * int(d) for w, d in zip(WEIGHTS_2, digits, strict=True)) % 11
        if second == 10:
            continue
        found += 1
        if found == serial:
            return digits + str(second % 11)


@dataclass(frozen=True, slots=True)
class Issued:
    """One message of the test: the n-th of a patient. Its address line carries `mark`."""

    patient: int
    number: int

    @property
    def id(self) -> str:
        return f"P{self.patient:03d}N{self.number:05d}"

    @property
    def mark(self) -> str:
        return f"Prøveveien {self.number}"

    def raw(self, identity: str) -> bytes:
        owner = "2.16.578.1.12.4.1.4.1"
        address = f"{self.mark}^^Bø^^3800^NOR^H"
        segments = [
            rf"MSH|^~\&|ORAKEL|PRØVE|BUDSTIKKE|JOURNAL|20260115080000+0100||ADT^A08^ADT_A01|{self.id}|P|2.5.1"
            "|||||NOR|UNICODE UTF-8",
            "EVN|A08|20260115080000+0100",
            f"PID|1||{identity}^^^FNR&{owner}&ISO^FNR||Prøve^Nr{self.patient}||19750801|F|||{address}",
            f"PV1|1|I|A1^1^1{'|' * 16}V{self.patient:03d}^^^PRØVE{'|' * 25}20260115070000+0100",
        ]
        return ("\r".join(segments) + "\r").encode()


@dataclass
class Oracle:
    """Bookkeeping of one run."""

    issued: dict[str, Issued] = field(default_factory=dict)
    obligations: set[str] = field(default_factory=set)

    def issue(self, message: Issued) -> None:
        self.issued[message.id] = message

    def acknowledged(self, message: Issued) -> None:
        self.obligations.add(message.id)

    # ---- what must hold --------------------------------------------------------------------------------------------

    def check_sink(self, bodies: Iterable[bytes]) -> list[str]:
        """The dumb sink: every obligation arrived with its own content, nothing else did, in order per patient.

        A repeat is allowed only of what came last for that patient: it was in flight when the engine was killed.
        """
        wrong: list[str] = []
        arrived: set[str] = set()
        last: dict[int, int] = defaultdict(int)
        for body in bodies:
            found = re.search(rb'"value":"(P\d{3}N\d{5})"', body)
            message = self.issued.get(found[1].decode()) if found else None
            if message is None:
                wrong.append("the sink holds something that was never issued")
                continue
            arrived.add(message.id)
            if json.dumps(message.mark, ensure_ascii=False).encode() not in body:
                wrong.append(f"{message.id} arrived with other content")
            if message.number not in (last[message.patient], last[message.patient] + 1):
                wrong.append(f"{message.id} out of order, after {last[message.patient]}")
            last[message.patient] = max(last[message.patient], message.number)
        wrong += [f"{id} was acknowledged and is not in the sink" for id in sorted(self.obligations - arrived)]
        return wrong

    def check_journal(self, provenance: Iterable[str], patients: Mapping[str, list[str]]) -> list[str]:
        """The journal: every obligation has its Provenance; one Patient each, its versions in the order issued.

        `provenance` are the message ids named there; `patients` the address lines of all versions by identity number,
        one list for each Patient resource, keyed `number` or `number#2` for a second one.
        """
        wrong = []
        known = set(provenance)
        wrong += [f"{id} was acknowledged and is not in the journal" for id in sorted(self.obligations - known)]
        wrong += [f"{id} is in the journal and was never issued" for id in sorted(known - self.issued.keys())]
        for key, lines in patients.items():
            if "#" in key:
                wrong.append(f"patient {key.split('#')[0][-3:]} stands twice in the journal")
            numbers = [int(line.rsplit(" ", 1)[1]) for line in lines]
            if any(b <= a for a, b in itertools.pairwise(numbers)):
                wrong.append(f"versions of a patient are out of order or repeated: {numbers[:20]}")
        return wrong

    def check_store(self, counts: Mapping[str, int]) -> list[str]:
        """The engine's own numbers say the same: everything acknowledged is delivered, nothing else stands there."""
        wrong = []
        if set(counts) - {"delivered"}:
            wrong.append(f"the store says {dict(counts)}")
        if counts.get("delivered", 0) < len(self.obligations):
            wrong.append(f"the store has {counts.get('delivered', 0)} of {len(self.obligations)} acknowledged messages")
        return wrong
