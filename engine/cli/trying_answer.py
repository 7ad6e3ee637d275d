"""What would come back for a message: the answer on its connection, and the receipt that would be owed. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from engine.channels import answers
from engine.channels.revision import Plan
from engine.channels.verdict import Verdict, positive
from engine.clock import uuid7
from engine.errors import InvalidMessage
from engine.message import ReceiptStatus, Received
from engine.sources import Acknowledgement
from engine.sources.http_answer import told

CONTROL_ID = "TRY"


@dataclass(frozen=True, slots=True)
class Back:
    """`status` is HTTP's, 0 elsewhere; `text` the acknowledgement or problem, empty where none is given; `moved` the
    folder for a file, "" elsewhere; `receipt` XML or empty; `owed`: this channel sends it."""

    status: int = 0
    text: str = ""
    moved: str = ""
    receipt: str = ""
    owed: bool = False


def back(received: Received, verdict: Verdict, plan: Plan, source: str, folders: tuple[str, str]) -> Back:
    """By what kind of source (`mllp`, `http`, `file`) it came. `folders`: for accepted and for refused files."""
    micros = received.micros
    spelled = plan.standard.acknowledge(received.raw, verdict.answer, CONTROL_ID, micros)
    if not answers.owed(verdict.envelope, verdict.answer):
        spelled = b""
    receipt = _receipt(received, verdict, plan)
    owed = plan.receipt is not None and bool(receipt)
    if source == "file":
        return Back(moved=folders[not positive(verdict)], receipt=receipt, owed=owed)
    if source != "http":
        return Back(text=_shown(spelled), receipt=receipt, owed=owed)
    response = told([Acknowledgement(verdict.answer, spelled)], plan.standard.media_type)
    return Back(response.status, _shown(response.body), receipt=receipt, owed=owed)


def _receipt(received: Received, verdict: Verdict, plan: Plan) -> str:
    """As the standard writes it for this verdict, also where this channel sends none; empty where a person decides."""
    assert verdict.row is not None
    if verdict.envelope is None or verdict.row.state == "quarantined":
        return ""
    status = ReceiptStatus.OK if positive(verdict) else ReceiptStatus.REJECTED
    try:
        document = plan.standard.decode(received.raw, plan.charset)
        raw = plan.standard.receipt_for(document, status, verdict.row.issues, uuid7(received.micros), received.micros)
    except InvalidMessage:
        return ""
    return _pretty(raw) if raw else ""


def _pretty(raw: bytes) -> str:
    """Indented for people; what is no XML stays as it is."""
    try:
        root = etree.fromstring(raw, etree.XMLParser(resolve_entities=False, no_network=True, remove_blank_text=True))
    except etree.XMLSyntaxError:
        return _shown(raw)
    etree.indent(root)
    return etree.tostring(root, encoding="unicode")


def _shown(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").rstrip()
