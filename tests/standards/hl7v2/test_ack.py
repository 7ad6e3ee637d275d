"""Acknowledgements: theirs turned round, in their own terms, also for what cannot be read. MAPPING 3, 14 and 15."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.message import Answer, AnswerKind, Issue, Severity
from engine.standards import Charset
from engine.standards.hl7v2.ack import acknowledge
from engine.standards.hl7v2.er7 import read

NOW = 1_768_460_400_000_000
ACCEPT = Answer(AnswerKind.ACCEPT)
REQUIRED = Issue(Severity.ERROR, "hl7.required", "a required field is empty", "PID[1]-3[2].1", "101")
UNREAD = Issue(Severity.WARNING, "map.unread", "no rule reads it", "ZPI[2]", "")


def message(version: str = "2.5.1", type_: str = "ADT^A01^ADT_A01", more: str = "", codec: str = "utf-8") -> bytes:
    return f"MSH|^~\\&|EPJ|KONTOR^1.2.3^ISO|JOURNAL|KOMMUNE|20240115||{type_}|M-1 &x|T|{version}{more}\rPID|1\r".encode(
        codec
    )


def lines(raw: bytes, answer: Answer = ACCEPT) -> list[bytes]:
    reply = acknowledge(raw, answer, "B7", NOW)
    assert reply.endswith(b"\r")
    return reply.split(b"\r")[:-1]


def test_the_parties_are_turned_round_and_the_rest_is_theirs() -> None:
    assert lines(message()) == [
        b"MSH|^~\\&|JOURNAL|KOMMUNE|EPJ|KONTOR^1.2.3^ISO|20260115070000+0000||ACK^A01^ACK|B7|T|2.5.1",
        b"MSA|AA|M-1 &x",
    ]


@pytest.mark.parametrize(
    ("kind", "commit", "code"),
    [
        (AnswerKind.ACCEPT, False, b"AA"),
        (AnswerKind.ERROR, False, b"AE"),
        (AnswerKind.REJECT, False, b"AR"),
        (AnswerKind.ACCEPT, True, b"CA"),
        (AnswerKind.ERROR, True, b"CE"),
        (AnswerKind.REJECT, True, b"CR"),
    ],
)
def test_the_code_says_kind_and_mode(kind: AnswerKind, commit: bool, code: bytes) -> None:
    assert lines(message(), Answer(kind, commit=commit))[1].split(b"|")[1] == code


@pytest.mark.parametrize("type_", ["ACK", "ACK^A01^ACK", "ack^A01", "MCF"])
def test_an_acknowledgement_is_never_acknowledged(type_: str) -> None:
    assert acknowledge(message(type_=type_), ACCEPT, "B7", NOW) == b""


@pytest.mark.parametrize(
    ("version", "type_", "expected"),
    [
        ("2.5.1", "ORU^R01^ORU_R01", b"ACK^R01^ACK"),
        ("2.4", "ADT^A08", b"ACK^A08^ACK"),
        ("2.3", "ADT^A08", b"ACK"),
        ("2.5.1", "ORU", b"ACK"),
        ("", "ADT^A01", b"ACK^A01^ACK"),
        ("2.5.1^NOR", "ADT^A01", b"ACK^A01^ACK"),
    ],
)
def test_the_type_of_the_answer_follows_event_and_version(version: str, type_: str, expected: bytes) -> None:
    assert lines(message(version, type_))[0].split(b"|")[8] == expected


def test_the_version_is_repeated_as_written_and_given_where_it_is_missing() -> None:
    assert lines(message("2.5.1^NOR"))[0].split(b"|")[11] == b"2.5.1^NOR"
    assert lines(message(""))[0].split(b"|")[11] == b"2.5.1"


def test_each_issue_is_an_err_with_place_code_and_severity() -> None:
    assert lines(message(), Answer(AnswerKind.ERROR, (REQUIRED, UNREAD)))[1:] == [
        b"MSA|AE|M-1 &x",
        b"ERR||PID^1^3^2^1|101^Required field missing^HL70357|E|hl7.required^^L|||a required field is empty",
        b"ERR||ZPI^2|0^Message accepted^HL70357|W|map.unread^^L|||no rule reads it",
    ]


@pytest.mark.parametrize(
    ("place", "location"),
    [
        ("PID[1]-3[2].1", b"PID^1^3^2^1"),
        ("PID[1]-3", b"PID^1^3"),
        ("OBX[12]-5[1]", b"OBX^12^5^1"),
        ("PID-3.4.2", b"PID^1^3^1^4^2"),
        ("MSH", b"MSH^1"),
        ("", b""),
        ("adt.yaml:3", b""),
    ],
)
def test_places_become_locations(place: str, location: bytes) -> None:
    issue = Issue(Severity.ERROR, "x", "text", place, "102")
    assert lines(message(), Answer(AnswerKind.ERROR, (issue,)))[2].split(b"|")[2] == location


def test_older_versions_get_the_older_err_and_the_text_in_msa() -> None:
    assert lines(message("2.3.1"), Answer(AnswerKind.ERROR, (REQUIRED, UNREAD)))[1:] == [
        b"MSA|AE|M-1 &x|a required field is empty",
        b"ERR|PID^1^3^101&Required field missing&HL70357~ZPI^2^^0&Message accepted&HL70357",
    ]


def test_a_refusal_without_issues_still_says_why() -> None:
    answer = Answer(AnswerKind.ERROR, text="not now")
    assert lines(message(), answer)[2].endswith(b"|207^Application internal error^HL70357|E||||not now")
    assert lines(message("2.2"), answer)[1] == b"MSA|AE|M-1 &x|not now"


def test_their_separators_are_used_and_our_text_is_escaped_in_them() -> None:
    raw = b"MSH#!@%*#EPJ#K#J#F###ADT!A01#7#P#2.5\rPID#1\r"
    issue = Issue(Severity.ERROR, "x", "50% of #1", "PID[1]-3", "101")

    msh, msa, err = lines(raw, Answer(AnswerKind.ERROR, (issue,)))
    assert msh.startswith(b"MSH#!@%*#J#F#EPJ#K#20260115070000+0000##ACK!A01!ACK#B7#P#2.5")
    assert msa == b"MSA#AE#7"
    assert err == b"ERR##PID!1!3#101!Required field missing!HL70357#E#x!!L###50%E% of %F%1"
    assert [s.name for s in read(b"\r".join([msh, msa, err, b""]), Charset()).segments] == ["MSH", "MSA", "ERR"]


@pytest.mark.parametrize(("claim", "codec"), [("8859/1", "iso8859-1"), ("UNICODE UTF-8", "utf-8"), ("", "utf-8")])
def test_the_answer_is_in_their_charset(claim: str, codec: str) -> None:
    raw = message(more=f"||||||{claim}", codec=codec).replace(b"EPJ", "BLÅBÆR".encode(codec))
    msh, _, err = lines(raw, Answer(AnswerKind.ERROR, text="må rettes"))

    assert msh.split(b"|")[4] == "BLÅBÆR".encode(codec)
    assert err.endswith("må rettes".encode(codec))
    assert (msh.split(b"|") + [b""] * 7)[17] == claim.encode()


def test_a_wide_message_gets_a_wide_answer() -> None:
    raw = "\ufeff".encode("utf-16-le") + message().decode().encode("utf-16-le")
    reply = acknowledge(raw, ACCEPT, "B7", NOW).decode("utf-16")
    assert reply.split("\r")[1] == "MSA|AA|M-1 &x"


@pytest.mark.parametrize(
    ("raw", "id_"),
    [
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"GET / HTTP/1.1", b"", id="not HL7"),
        pytest.param(b"MSH", b"", id="a name alone"),
        pytest.param(b"MSH|^~\\&|A|B", b"", id="header cut off"),
        pytest.param(b"MSH|^^^^|A|B|C|D|||ADT|9|P|2.5", b"9", id="separators that separate nothing"),
        pytest.param(b"MSH|^\x98\\&|A|B|C|D|||ADT|9|P|2.5", b"9", id="a small tilde among them"),
        pytest.param(b"junk\rMSH|^~\\&|A|B|C|D|||ADT|9|P|2.5\r", b"9", id="junk before the header"),
        pytest.param(b"msh|^~\\&|A|B|C|D|||ADT|9|P|2.5\r", b"9", id="lower case"),
        pytest.param(b"\xef\xbb\xbfMSH|^~\\&|A|B|C|D|||ADT|9|P|2.5\n", b"9", id="byte order mark, LF"),
        pytest.param(b"MSH|^~\\&|A|B|C|D|||ADT|9|P|2.5\rOBX|" + b"x" * 99, b"9", id="first bytes of a too large one"),
    ],
)
def test_what_cannot_be_read_is_rejected_with_what_can(raw: bytes, id_: bytes) -> None:
    msh, msa, *_ = lines(raw, Answer(AnswerKind.REJECT, text="unreadable"))
    assert msh.startswith(b"MSH|^~\\&|")
    assert msa == b"MSA|AR|" + id_ or msa == b"MSA|AR|" + id_ + b"|unreadable"


@given(
    st.binary(max_size=60), st.sampled_from([b"", b"MSH", b"MSH|^~\\&|", b"MSH|^~\\&|a|b|c|d|e||"]), st.text(max_size=9)
)
def test_any_bytes_get_an_answer_that_can_be_read_or_none(tail: bytes, head: bytes, text: str) -> None:
    reply = acknowledge(head + tail, Answer(AnswerKind.REJECT, text=text), "B7", NOW)
    assert reply == b"" or reply.count(b"MSA") >= 1
