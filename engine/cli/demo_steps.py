"""The demo's story: what is sent, by whom, and what must become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Edit = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Step:
    """One message of the demo. `state` is what it must end as.

    `answer` must come back: MSA-1 over MLLP, the status over HTTP, the folder that a file ends in.
    """

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
    Step("admission of Åse Sørbø to a nursing home", "hl7v2/adt_a01.hl7"),
    Step("another patient at the out-of-hours clinic", "hl7v2/adt_a04.hl7"),
    Step("clinical chemistry, 14 results", "hl7v2/oru_r01_chemistry.hl7", "lab"),
    Step("a new person in the register", "hl7v2/adt_a28.hl7"),
    Step("moved to another ward", "hl7v2/adt_a02.hl7"),
    Step("microbiology, three orders in one message", "hl7v2/oru_r01_microbiology.hl7", "lab"),
    Step("a message with its born date on 30 February", "hl7v2/bad/feb30.hl7", answer="AE", state="invalid"),
    Step("the next good message on the same connection", "hl7v2/adt_a08.hl7"),
    Step("the lab corrects a result: same report, same resources", "hl7v2/oru_r01_corrected.hl7", "lab"),
    Step("the admission once more: a duplicate", "hl7v2/adt_a01.hl7", repeats=True),
    Step("an id used before, new content", "hl7v2/adt_a04.hl7", answer="AE", state="quarantined", edit=_other_visit),
    Step("an update without a patient", "hl7v2/bad/missing_pid.hl7", answer="AE", state="invalid"),
    Step("an event that does not exist", "hl7v2/bad/unknown_type.hl7", answer="AR", state="invalid"),
    Step("a histology report as PDF", "hl7v2/oru_r01_pdf.hl7", "lab"),
    Step("an old system that speaks ISO 8859-1", "hl7v2/adt_a08_latin1.hl7"),
    Step("telephone and allergy of the new person", "hl7v2/adt_a31.hl7"),
    Step("discharged", "hl7v2/adt_a03.hl7"),
    Step("the registration at the clinic cancelled", "hl7v2/adt_a11.hl7"),
    Step("a local number merged into the national one", "hl7v2/adt_a40.hl7"),
    Step("a report dropped in a folder", "hl7v2/oru_r01_30obx.hl7", "dropped", answer="behandlet"),
    Step("a letter dropped in the wrong folder", "hl7v2/bad/not_hl7.hl7", "dropped", answer="avvist", state="invalid"),
    Step("the next file in the folder", "hl7v2/oru_r01_pdf.hl7", "dropped", answer="behandlet"),
)
