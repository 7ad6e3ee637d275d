"""A Bundle cut at its entries keeps every other byte."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.destinations.fhir_bundle import Bundle, _entries, _own_entries

IDS = st.uuids().map(str)
TEXTS = st.text(max_size=20) | st.sampled_from(['"', "\\", '{"entry":[', '"request":{"ifNoneMatch":"*"}', "]}", "æøå"])


@st.composite
def bundles(draw) -> dict:
    ours = draw(st.booleans())
    ids = draw(st.lists(IDS, unique=True, min_size=1, max_size=6))
    entries = []
    for each in ids:
        kind = draw(st.sampled_from(["Patient", "Organization"]))
        request = {"method": "PUT", "url": f"{kind}/{each}"}
        if draw(st.booleans()):
            request["ifNoneMatch"] = "*"
        resource = {
            "resourceType": kind,
            "text": draw(TEXTS),
            "ref": {"reference": f"urn:uuid:{draw(st.sampled_from(ids))}"},
        }
        parts = {"fullUrl": f"urn:uuid:{each}", "resource": resource, "request": request}
        order = list(parts) if ours else draw(st.permutations(list(parts)))
        entries.append({name: parts[name] for name in order})
    parts = {"resourceType": "Bundle", "type": "transaction", "note": draw(TEXTS), "entry": entries}
    return {name: parts[name] for name in draw(st.permutations(list(parts)))}


@given(bundles(), st.booleans(), st.data())
def test_entries_that_exist_are_gone_and_the_rest_is_as_before(tree, spaced, data):
    payload = json.dumps(
        tree, ensure_ascii=spaced, indent=1 if spaced else None, separators=None if spaced else (",", ":")
    ).encode()
    bundle = Bundle(payload)
    mentioned = {each["request"]["url"] for each in tree["entry"] if "ifNoneMatch" in each["request"]}
    assert set(bundle.mentions()) == mentioned
    existing = frozenset(data.draw(st.sets(st.sampled_from(sorted(mentioned)))) if mentioned else ())
    left = bundle.without(existing)
    text = orjson.dumps(tree).decode()
    for url in existing:
        text = text.replace(f'"urn:uuid:{url.partition("/")[2]}"', f'"{url}"')
    expected = orjson.loads(text)
    expected["entry"] = [each for each in expected["entry"] if each["request"]["url"] not in existing]
    if not expected["entry"]:
        assert left == b""
    else:
        assert orjson.loads(left) == expected
    if not existing:
        assert left == payload


REQUESTS = st.sampled_from(
    [
        {"method": "PUT", "url": "Patient/1"},
        {"method": "PUT", "url": "Patient/2", "ifNoneMatch": "*"},
        {"method": "PUT", "url": "Patient?identifier=a%7Cb"},
        {"method": "PUT", "url": "Patient/3", "ifMatch": 'W/"1"'},
        {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=1"},
        {"method": "PUT", "url": 'Pat"ient/1', "ifNoneMatch": "*"},
        {"ifNoneMatch": "*", "url": "Patient/4", "method": "PUT"},
        {"method": "DELETE", "url": "Patient/ø"},
    ]
)
SIMPLE = st.fixed_dictionaries({"resourceType": st.just("Patient"), "text": TEXTS, "request": REQUESTS | TEXTS})
ENTRIES = st.recursive(
    st.fixed_dictionaries(
        {}, optional={"fullUrl": IDS.map("urn:uuid:{}".format) | TEXTS, "resource": SIMPLE, "request": REQUESTS}
    ),
    lambda inner: st.fixed_dictionaries(
        {
            "fullUrl": IDS,
            "resource": st.fixed_dictionaries({"resourceType": st.just("Bundle"), "entry": st.lists(inner)}),
        },
        optional={"request": REQUESTS},
    ),
    max_leaves=4,
)


@given(st.lists(ENTRIES, max_size=4), st.sampled_from(["", ',"note":1', " "]))
def test_entries_found_without_reading_are_those_found_by_reading(entries, end):
    opening = b'{"resourceType":"Bundle","type":"transaction","entry":'
    payload = opening + orjson.dumps(entries) + end.encode() + b"}"
    found = _own_entries(payload)
    assert found is None or found == tuple(_entries(payload.decode("latin-1")))


@given(bundles())
def test_entries_of_a_bundle_as_we_write_it_need_no_reading(tree):
    entries = [{name: each[name] for name in ("fullUrl", "resource", "request")} for each in tree["entry"]]
    payload = orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert _own_entries(payload) == tuple(_entries(payload.decode("latin-1")))


def test_decimals_keep_their_digits():
    entry = b'{"resource":{"resourceType":"Patient"},"request":{"method":"PUT","url":"Patient/1","ifNoneMatch":"*"}}'
    value = b'{"resource":{"value":1.2300,"big":12345678901234567890.10,"e":1E3},"request":{"method":"POST","url":"X"}}'
    bundle = Bundle(b'{"entry":[' + entry + b" , " + value + b"]}")
    assert bundle.without(frozenset({"Patient/1"})) == b'{"entry":[' + value + b"]}"


@pytest.mark.parametrize("payload", [b"", b"[]", b"not json", b'{"entry":{}}', b"\xff", b'{"entry":[{]}'])
def test_what_is_no_bundle_is_a_value_error(payload):
    with pytest.raises(ValueError):
        Bundle(payload)


def test_a_conditional_or_deep_url_is_no_mention():
    entries = [
        {"request": {"method": "PUT", "url": "Patient?identifier=1", "ifNoneMatch": "*"}},
        {"request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=1"}},
        {"request": {"method": "PUT", "url": "Patient/1/x", "ifNoneMatch": "*"}},
        {},
    ]
    assert Bundle(orjson.dumps({"entry": entries})).mentions() == ()


def test_entries_in_another_order_than_ours_are_cut_where_they_end():
    request = b'"request":{"method":"PUT","url":"Patient/1","ifNoneMatch":"*"}'
    first = b'{"fullUrl":"urn:uuid:1",' + request + b',"resource":{"resourceType":"Patient"}}'
    second = b'{"resource":{},"request":{"method":"PUT","url":"Patient/2"}}'
    whole = b'{"resourceType":"Bundle","entry":[' + first + b"," + second + b"]}"
    assert Bundle(whole).without(frozenset({"Patient/1"})) == b'{"resourceType":"Bundle","entry":[' + second + b"]}"
