"""The demo's story: what is sent, by whom, and what must become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Edit = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Step:
    """One message of the demo. `answer` is the MSA-1 that must come back, `state` what it must end as."""

    what: str
    file: str
    channel: str = "adt"
    answer: str = "AA"
    state: str = "delivered"
    edit: Edit | None = None
    repeats: bool = False
    """The same bytes as an earlier step: the stored answer comes back and nothing new is stored."""


def _other_visit(raw: bytes) -> bytes:
    """The same message id over other content, as a sender with a broken counter would write."""
    return raw.replace(b"\rPV1|1|", b"\rPV1|2|", 1)


STEPS: tuple[Step, ...] = (
    Step("admission of Åse Sørbø to a nursing home", "adt_a01.hl7"),
    Step("another patient at the out-of-hours clinic", "adt_a04.hl7"),
    Step("clinical chemistry, 14 results", "oru_r01_chemistry.hl7", "lab"),
    Step("a new person in the register", "adt_a28.hl7"),
    Step("moved to another ward", "adt_a02.hl7"),
    Step("microbiology, three orders in one message", "oru_r01_microbiology.hl7", "lab"),
    Step("a message with its born date on 30 February", "bad/feb30.hl7", answer="AE", state="invalid"),
    Step("the next good message on the same connection", "adt_a08.hl7"),
    Step("the lab corrects a result: same report, same resources", "oru_r01_corrected.hl7", "lab"),
    Step("the admission once more: a duplicate", "adt_a01.hl7", repeats=True),
    Step("an id used before, with other content", "adt_a04.hl7", answer="AE", state="quarantined", edit=_other_visit),
    Step("an update without a patient", "bad/missing_pid.hl7", answer="AE", state="invalid"),
    Step("an event that does not exist", "bad/unknown_type.hl7", answer="AR", state="invalid"),
    Step("a histology report as PDF", "oru_r01_pdf.hl7", "lab"),
    Step("an old system that speaks ISO 8859-1", "adt_a08_latin1.hl7"),
    Step("telephone and allergy of the new person", "adt_a31.hl7"),
    Step("discharged", "adt_a03.hl7"),
    Step("the registration at the clinic cancelled", "adt_a11.hl7"),
    Step("a local number merged into the national one", "adt_a40.hl7"),
)
