"""Responses read into outcomes: counts, issues without content, times to wait."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.delivery import Ambiguous, Delivered
from engine.destinations.fhir_known import Known
from engine.destinations.fhir_outcome import issues_of, outcome_of
from engine.transport.http import HttpResponse
from engine.transport.http_outcome import retry_after

NOW = 1_768_460_400_000_000  # 2026-01-15T07:00:00Z


def answered(*statuses: str, kind: str = "transaction-response", **more: object) -> HttpResponse:
    entries = [{"response": {"status": status, **more}} for status in statuses]
    return HttpResponse(200, {}, orjson.dumps({"resourceType": "Bundle", "type": kind, "entry": entries}))


NO_CHANGE = {"outcome": {"issue": [{"details": {"coding": [{"code": "SUCCESSFUL_UPDATE_NO_CHANGE"}]}}]}}
COUNTS = [
    pytest.param(answered("201 Created", "201", "200 OK"), (), "200 created=2 updated=1", id="created and updated"),
    pytest.param(answered("304"), ("PUT",), "200 unchanged=1", id="304 is unchanged"),
    pytest.param(answered("200", "200"), ("POST", "PUT"), "200 updated=1 unchanged=1", id="a POST that found one"),
    pytest.param(answered("200"), ("POST", "PUT"), "200 updated=1", id="methods that do not fit are not used"),
    pytest.param(answered("200", **NO_CHANGE), ("PUT",), "200 unchanged=1", id="said in the outcome"),
    pytest.param(answered("200", etag='W/"1"'), ("PUT",), "200 unchanged=1", id="still the first version"),
    pytest.param(answered("200", etag='W/"2"'), ("PUT",), "200 updated=1", id="a second version"),
    pytest.param(answered("204"), ("PUT",), "200 updated=1", id="204"),
    pytest.param(answered(), (), "200", id="no entries"),
]


@pytest.mark.parametrize("response, methods, detail", COUNTS)
def test_what_was_made_is_counted(response, methods, detail):
    assert outcome_of(response, methods, NOW) == Delivered(detail)


@pytest.mark.parametrize("status", ["400 Bad Request", "500", "", "none"])
def test_an_entry_that_failed_inside_a_success_is_ambiguous(status):
    got = outcome_of(answered("201", status), (), NOW)
    assert isinstance(got, Ambiguous) and got.code == "http.entry"


WAITS = [
    ("0", 0.0),
    ("30", 30.0),
    (" 30 ", 30.0),
    ("99999999999999", 86400.0),
    ("Thu, 15 Jan 2026 07:01:00 GMT", 60.0),
    ("Thu, 15 Jan 2026 06:00:00 GMT", 0.0),
    ("Thu, 15 Jan 2026 07:01:00", 60.0),
    ("", None),
    ("-5", None),
    ("1.5", None),
    ("٣", None),
    ("tomorrow", None),
]


@pytest.mark.parametrize("value, seconds", WAITS)
def test_a_time_to_wait_is_read(value, seconds):
    assert retry_after(value, NOW) == seconds


@given(st.text(max_size=60))
def test_any_time_to_wait_is_read_or_ignored(value):
    got = retry_after(value, NOW)
    assert got is None or 0 <= got <= 86400


PLACES = [
    ({"expression": ["Patient.birthDate"]}, "invalid Patient.birthDate"),
    ({"expression": ["Bundle.entry[12].resource.name[0].given"]}, "invalid Bundle.entry[12].resource.name[0].given"),
    ({"location": ["Bundle.entry[0]"]}, "invalid Bundle.entry[0]"),
    ({"expression": ["Patient.identifier.where(value='13815897247')"]}, "invalid Patient.identifier.where"),
    ({"expression": ["13815897247"]}, "invalid"),
    ({"expression": ["/f:Patient/f:name"]}, "invalid"),
    ({"expression": [5]}, "invalid"),
    ({"expression": "Patient"}, "invalid"),
    ({}, "invalid"),
]


@pytest.mark.parametrize("more, text", PLACES)
def test_an_issue_is_told_by_code_and_path(more, text):
    assert issues_of({"resourceType": "OperationOutcome", "issue": [{"code": "invalid", **more}]}).text == text


def test_a_code_that_is_not_of_the_standard_is_not_repeated():
    tree = {"resourceType": "OperationOutcome", "issue": [{"code": "hansen-ola", "details": {"text": "Hansen"}}]}
    assert issues_of(tree).text == "unknown"


SAYS_SEVERAL = [
    "Multiple matches found",
    "there are 3 resources that match the criteria",
    "The match URL found more than one resource",
    "resource match: several candidates",
]


@pytest.mark.parametrize("text", SAYS_SEVERAL)
def test_several_matches_may_be_said_in_words(text):
    tree = {"resourceType": "OperationOutcome", "issue": [{"code": "processing", "diagnostics": text}]}
    assert issues_of(tree).several


@pytest.mark.parametrize("text", ["Version mismatch", "version 3 does not match", ""])
def test_other_words_do_not_say_several(text):
    tree = {"resourceType": "OperationOutcome", "issue": [{"code": "conflict", "diagnostics": text}]}
    assert not issues_of(tree).several


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["resourceType", "type", "entry", "response", "status", "issue", "code", "expression", "details"]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.sampled_from([200, 302, 400, 404, 409, 412, 422, 500, 503]), JSON | st.binary(max_size=30))
def test_any_response_has_an_outcome(status, body):
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    outcome_of(HttpResponse(status, {}, raw), (), NOW)


def test_what_is_known_is_bounded_and_the_oldest_is_forgotten():
    known = Known(3)
    known.remember(["A/1", "A/2", "A/3"])
    assert "A/1" in known  # used again, so not the oldest
    known.remember(["A/4"])
    assert "A/2" not in known and "A/1" in known and len(known) == 3
