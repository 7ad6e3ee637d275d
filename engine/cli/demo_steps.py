"""The demo's story: what is sent, by whom, and what must become of it."""

from __future__ import annotations

import hashlib
import uuid
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
    receipt: str = ""
    """The status of the AppRec that must come back, once: 1 taken, 2 refused."""
    repeats: bool = False
    """The same bytes as an earlier step: the stored answer comes back and nothing new is stored."""


def _other_visit(raw: bytes) -> bytes:
    """The same message id over other content, as a sender with a broken counter would write."""
    return raw.replace(b"\rPV1|1|", b"\rPV1|2|", 1)


def _without_patient(raw: bytes) -> bytes:
    """A note whose patient has been forgotten: nobody can file it."""
    begin, end = raw.index(b"<Patient>"), raw.index(b"</Patient>") + len(b"</Patient>")
    return _other_id(raw[:begin] + raw[end:])


def _without_date(raw: bytes) -> bytes:
    return _other_id(raw).replace(b"<GenDate>", b"<GenDate>yesterday, ", 1)


def _other_id(raw: bytes) -> bytes:
    """The same message under the id of another."""
    begin = raw.index(b"<MsgId>") + len(b"<MsgId>")
    made = uuid.uuid5(uuid.NAMESPACE_URL, hashlib.sha256(raw).hexdigest())
    return raw[:begin] + str(made).encode() + raw[raw.index(b"</MsgId>") :]


def _letter(raw: bytes) -> bytes:
    return b"Kjaere kollega, her er et brev."


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
    Step("home care asks the GP about a dose", "kith/dialog_foresporsel.xml", "dialog", "202", receipt="1"),
    Step("the GP answers", "kith/dialog_svar.xml", "dialog", "202", receipt="1"),
    Step("a note with its relatives, to two receivers", "kith/dialog_notat.xml", "dialog", "202", receipt="1"),
    Step("hospital to municipality, with a PDF", "kith/dialog_helsefaglig.xml", "dialog", "202", receipt="1"),
    Step("its answer, with three attachments", "kith/dialog_helsefaglig_svar.xml", "dialog", "202", receipt="1"),
    Step("a deviation about an earlier note", "kith/dialog_avvik.xml", "dialog", "202", receipt="1"),
    Step("the question once more: a duplicate", "kith/dialog_foresporsel.xml", "dialog", "202", repeats=True),
    Step("a note without its patient", "kith/dialog_notat.xml", "dialog", "202", "invalid", _without_patient, "2"),
    Step("a date that is no date", "kith/dialog_svar.xml", "dialog", "202", "invalid", _without_date, "2"),
    Step("a letter instead of XML", "kith/dialog_svar.xml", "dialog", "400", "invalid", _letter),
    Step("passed on; the hospital confirms", "kith/dialog_status_henvisning.xml", "outbound", "202", "confirmed"),
    Step("passed on, for its archive", "kith/dialog_til_arkivering.xml", "outbound", "202", "confirmed"),
)
