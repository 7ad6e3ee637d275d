"""Several messages in one reception: each comes out once, and no byte of one is lost. MAPPING 3, items 9 and 12."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.message import Severity
from engine.standards.hl7v2.split import split, wrapping

A, B, C = b"MSH|^~\\&|A\rPID|1\r", b"MSH|^~\\&|B\rPID|2\rNTE|1\r", b"MSH#!@%*#C\rPID#3\r"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(A, [A], id="one"),
        pytest.param(A + B + C, [A, B, C], id="three without wrappers"),
        pytest.param(b"FHS|^~\\&|F\rBHS|^~\\&|B\r" + A + B + b"BTS|2\rFTS|1\r", [A, B], id="file and batch"),
        pytest.param(b"BHS|^~\\&|B\r" + A + B, [A, B], id="no trailers"),
        pytest.param(A + B + b"BTS|17\r", [A, B], id="trailer alone, wrong count"),
        pytest.param(b"BHS|x\r" + A + b"BTS|1\rBHS|y\r" + B + b"BTS|1\r", [A, B], id="two batches"),
        pytest.param(A.replace(b"\r", b"\n") + B, [A.replace(b"\r", b"\n"), B], id="mixed line ends"),
        pytest.param(A.replace(b"\r", b"\r\n") * 2, [A.replace(b"\r", b"\r\n")] * 2, id="CRLF"),
        pytest.param(b"\xef\xbb\xbf" + A, [b"\xef\xbb\xbf" + A], id="byte order mark"),
        pytest.param(b"\xef\xbb\xbfFHS|x\r" + A, [A], id="byte order mark before a file header"),
        pytest.param(b"FHS|x\rFTS|0\r", [b"FHS|x\rFTS|0\r"], id="an empty file"),
        pytest.param(b"no message", [b"no message"], id="no message"),
        pytest.param(b"", [b""], id="nothing"),
        pytest.param(A + b"NTE|1||MSH|x\r", [A + b"NTE|1||MSH|x\r"], id="MSH inside a line"),
        pytest.param(A + b"MSHELL and text\r", [A + b"MSHELL and text\r"], id="a line that begins like it"),
    ],
)
def test_messages_are_taken_apart(raw: bytes, expected: list[bytes]) -> None:
    assert split(raw) == expected


@given(st.lists(st.sampled_from([A, B, C]), min_size=1, max_size=5), st.booleans())
def test_what_is_put_together_comes_apart(messages: list[bytes], wrapped: bool) -> None:
    joined = b"".join(messages)
    assert split(b"BHS|^~\\&|x\r" + joined + b"BTS|9\r" if wrapped else joined) == messages


@given(st.binary(max_size=100))
def test_bytes_without_wrappers_are_never_lost(raw: bytes) -> None:
    assert b"".join(split(raw)) == raw


def test_ten_thousand_messages_in_one_reception_take_linear_time() -> None:
    assert len(split(A * 10_000)) == 10_000


# ---- what the wrapping says


def batch(*messages: bytes, count: object = "") -> bytes:
    return b"BHS|^~\\&|x\r" + b"".join(messages) + b"BTS|%s\r" % str(count).encode()


HEAD = b"FHS|^~\\&|F\r"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        pytest.param(A + B, [], id="no wrapping"),
        pytest.param(b"", [], id="nothing"),
        pytest.param(HEAD + batch(A, B, count=2) + b"FTS|1\r", [], id="all fits"),
        pytest.param(HEAD + batch(A, count=1) + batch(B, C, count=2) + b"FTS|2\r", [], id="two batches"),
        pytest.param(HEAD + A + B + b"FTS|1\r", [], id="messages without a BHS are one batch"),
        pytest.param(HEAD + b"FTS|0\r", [], id="an empty file"),
        pytest.param(batch(A, B), [], id="a trailer may leave its count out"),
        pytest.param(b"\xef\xbb\xbf" + batch(A, count=1).replace(b"\r", b"\r\n"), [], id="byte order mark and CRLF"),
        pytest.param(batch(A, B, count=3), [("hl7.batch_count", "BTS[1]-1")], id="a message is missing"),
        pytest.param(
            HEAD + batch(A, count=1) + batch(B, count=9) + b"FTS|3\r",
            [("hl7.batch_count", "BTS[2]-1"), ("hl7.batch_count", "FTS[1]-1")],
            id="both counts differ",
        ),
        pytest.param(
            HEAD + b"BHS|^~\\&|x\r" + A,
            [("hl7.batch_open", "BHS[1]"), ("hl7.batch_open", "FHS[1]")],
            id="cut off",
        ),
        pytest.param(
            b"BHS|x\r" + A + batch(B, count=1), [("hl7.batch_open", "BHS[1]")], id="the first batch does not end"
        ),
    ],
)
def test_counts_that_differ_and_ends_that_are_missing_are_told(raw: bytes, said: list[tuple[str, str]]) -> None:
    issues = wrapping(raw)
    assert [(issue.code, issue.place) for issue in issues] == said
    assert {issue.severity for issue in issues} <= {Severity.WARNING}


@given(st.lists(st.lists(st.sampled_from([A, B, C]), max_size=4), min_size=1, max_size=4))
def test_a_file_that_counts_right_is_never_remarked_on(batches: list[list[bytes]]) -> None:
    inside = b"".join(batch(*messages, count=len(messages)) for messages in batches)
    assert wrapping(HEAD + inside + b"FTS|%d\r" % len(batches)) == []


@given(st.binary(max_size=100))
def test_no_bytes_break_the_look_at_the_wrapping(raw: bytes) -> None:
    wrapping(b"FHS|" + raw)


def test_what_is_said_of_a_wrapping_has_an_end() -> None:
    assert len(wrapping(b"BTS|7\r" * 10_000)) == 100
