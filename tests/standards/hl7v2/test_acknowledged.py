"""Acknowledgements read: code, the message answered, conditions and places, and nothing of the content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.message import Answer, AnswerKind, Issue, Severity
from engine.standards.hl7v2.ack import acknowledge
from engine.standards.hl7v2.acknowledged import Acknowledged, acknowledged, message_id

MSH = "MSH|^~\\&|A|B|C|D|2026||ACK|X|P|2.5"
ODD = [
    pytest.param(f"{MSH}\rMSA|AA|M1\r", Acknowledged("AA", b"M1"), id="plain"),
    pytest.param(f"{MSH}\nMSA|ca|M1|fine\n", Acknowledged("CA", b"M1"), id="LF, lower case, text"),
    pytest.param(f"{MSH}\r\nSFT|x\r\n\r\nMSA|AR|M1|", Acknowledged("AR", b"M1"), id="CRLF and another segment"),
    pytest.param(f"\r\n{MSH}\rMSA|AE| M1 ", Acknowledged("AE", b"M1"), id="blanks"),
    pytest.param("MSH#^~\\&#A\rMSA#AA#M|1", Acknowledged("AA", b"M|1"), id="another separator"),
    pytest.param(f"{MSH}\rMSA|AA", Acknowledged("AA", b""), id="no id"),
    pytest.param(f"{MSH}\rMSA|AA|M1\rMSA|AE|M2", Acknowledged("AA", b"M1"), id="the first MSA counts"),
    pytest.param(
        f"{MSH}\rMSA|AE|M1\rERR||PID^1^3|101^Required field missing^HL70357|E\rERR|||Kari Nordmann|E\rERR||X|207",
        Acknowledged("AE", b"M1", ("101 PID-3", "207")),
        id="errors without content",
    ),
    pytest.param(f"{MSH}\rMSA|OK|M1\r", None, id="no code of table 0008"),
    pytest.param(f"{MSH}\rPID|1", None, id="no MSA"),
    pytest.param("MSA|AA|M1\r", None, id="no MSH"),
    pytest.param("HTTP/1.1 200 OK", None, id="not HL7"),
    pytest.param("", None, id="nothing"),
]


@pytest.mark.parametrize("raw, read", ODD)
def test_an_acknowledgement_is_read(raw, read):
    assert acknowledged(raw.encode()) == read


@pytest.mark.parametrize("kind, code", [(AnswerKind.ACCEPT, "A"), (AnswerKind.ERROR, "E"), (AnswerKind.REJECT, "R")])
@pytest.mark.parametrize("commit", [False, True])
@pytest.mark.parametrize("version", ["2.2", "2.3", "2.5.1"])
def test_our_own_answers_are_read_back(kind, code, commit, version):
    message = f"MSH|^~\\&|A|B|C|D|2026||ADT^A08|Ø-1|P|{version}\rPID|1\r".encode()
    issues = (Issue(Severity.ERROR, "hl7.required", "in words", "PID[1]-3[1]", "101"),)
    answer = Answer(kind, () if kind is AnswerKind.ACCEPT else issues, commit=commit)
    read = acknowledged(acknowledge(message, answer, "B1", 0))
    assert read is not None
    assert (read.code, read.message_id) == (("C" if commit else "A") + code, message_id(message))
    assert bool(read.errors) is (kind is not AnswerKind.ACCEPT and version == "2.5.1")


@given(st.binary(max_size=200))
def test_nothing_that_may_come_makes_it_fail(raw):
    acknowledged(raw)
    acknowledged(MSH.encode() + b"\rMSA|" + raw)
    acknowledged(MSH.encode() + b"\rMSA|AE|1\rERR|" + raw)
