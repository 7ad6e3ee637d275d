"""The answer table (decision 8), row by row: what each wire says for each verdict."""

from __future__ import annotations

import pytest

from engine.channels import answers
from engine.message import Answer, Issue, Severity
from engine.sources import Acknowledgement
from engine.sources.file_report import Fate, children_of, fate_of
from engine.sources.http_answer import PROBLEM, told

WRONG = (Issue(Severity.ERROR, "kith.schema_value", "a value has the wrong form", "MsgHead/MsgInfo/GenDate", "T02"),)
WARNED = (Issue(Severity.WARNING, "map.unread", "no rule reads it"),)

TABLE = [
    pytest.param(answers.accepted(None), 200, 202, Fate.ACCEPTED, id="accepted"),
    pytest.param(answers.accepted(None, WARNED), 200, 202, Fate.ACCEPTED, id="accepted with warnings"),
    pytest.param(answers.refused(None, WRONG, False, True), None, 202, Fate.REFUSED, id="content, by receipt"),
    pytest.param(answers.refused(None, WRONG, True, True), None, 202, Fate.REFUSED, id="type not taken, by receipt"),
    pytest.param(answers.refused(None, WRONG, False), 422, 422, Fate.REFUSED, id="content"),
    pytest.param(answers.refused(None, WRONG, True), 400, 400, Fate.REFUSED, id="unreadable"),
    pytest.param(answers.failed("id_reused"), 409, 409, Fate.REFUSED, id="same id, other content"),
    pytest.param(answers.failed("not_delivered"), 502, 502, Fate.REFUSED, id="a receiver refused it"),
    pytest.param(answers.failed("deadline"), 504, 504, Fate.ACCEPTED, id="not delivered in time"),
    pytest.param(answers.failed("too_large"), 413, 413, Fate.REFUSED, id="too large"),
    pytest.param(answers.failed("framing"), 400, 400, Fate.REFUSED, id="cut off"),
    pytest.param(answers.failed("fault"), 500, 500, Fate.REFUSED, id="a fault of ours"),
    pytest.param(answers.failed("not_stored"), 503, 503, Fate.STAYS, id="not stored"),
]


@pytest.mark.parametrize(("answer", "spelled", "unspelled", "fate"), TABLE)
def test_each_wire_says_what_the_table_says(answer: Answer, spelled: int | None, unspelled: int, fate: Fate) -> None:
    """`spelled`: the status where the standard has an acknowledgement (HL7 v2); `unspelled`: where none (KITH)."""
    kith = told([Acknowledgement(answer)], "application/xml")
    assert kith.status == unspelled
    assert kith.headers.get("Content-Type", "") == (PROBLEM if unspelled >= 400 else "")
    assert bool(kith.body) is (unspelled >= 400)
    if spelled is not None:
        hl7 = told([Acknowledgement(answer, b"MSH|")], "application/hl7-v2")
        assert (hl7.status, hl7.body) == (spelled, b"MSH|")
    assert fate_of(children_of([Acknowledgement(answer)], False)) is fate


def test_every_code_of_ours_stands_in_the_table() -> None:
    met = {row.values[0].issues[0].code for row in TABLE if row.values[0].issues}
    assert answers.TEXTS.keys() - met == {"unreadable"}  # a file that cannot be read: no wire is told


def test_of_several_messages_one_that_was_refused_by_receipt_does_not_hide_one_that_must_be_sent_again() -> None:
    receipted = Acknowledgement(answers.refused(None, WRONG, False, True))
    assert told([receipted, Acknowledgement(answers.accepted(None))], "").status == 202
    assert told([receipted, Acknowledgement(answers.failed("not_stored"))], "").status == 503
