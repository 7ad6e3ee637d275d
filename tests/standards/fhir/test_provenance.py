"""Where mapped resources come from: what Provenance and DocumentReference say of the message."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fhir_mapped import BARE, ORIGIN, RAW, by_type, mapped, writing

from engine.clock import as_datetime
from engine.message import Party
from engine.standards.fhir import provenance
from engine.standards.fhir.provenance import LARGEST_COPY
from engine.standards.fhir.render import render
from engine.standards.fhir.validator import validate


def test_provenance_names_sender_message_mapping_and_reception() -> None:
    found = by_type(render(*mapped(), writing("by_id"), ORIGIN))
    resource = found["Provenance"]["resource"]
    assert resource["target"] == [{"reference": found[t]["fullUrl"]} for t in ("Observation", "DiagnosticReport")]
    assert resource["recorded"] == "2026-01-15T07:00:00.123Z"
    assert resource["policy"][0] == "urn:x-budstikke:mapping:hl7v2/oru|abc"
    assert resource["agent"][0]["who"] == {
        "identifier": {"system": "urn:oid:1.2.3", "value": "LAB"},
        "display": "Laboratoriet",
    }
    assert resource["agent"][1]["who"] == {"display": "Budstikke"}
    assert resource["entity"][0]["what"]["identifier"] == {"value": "MSG1"}
    assert resource["entity"][0]["what"]["reference"] == found["DocumentReference"]["fullUrl"]


def test_provenance_speaks_of_what_is_mentioned_when_nothing_is_owned() -> None:
    entries = mapped()[0][:1]
    found = by_type(render(entries, [], writing("by_id"), BARE))
    assert found["Provenance"]["resource"]["target"] == [{"reference": found["Patient"]["fullUrl"]}]


def test_the_original_is_kept_with_its_hashes_and_its_patient() -> None:
    found = by_type(render(*mapped(), writing("by_id"), ORIGIN))
    resource = found["DocumentReference"]["resource"]
    attachment = resource["content"][0]["attachment"]
    assert base64.b64decode(attachment["data"]) == RAW
    assert base64.b64decode(attachment["hash"]) == hashlib.sha1(RAW).digest()
    assert attachment["size"] == len(RAW)
    assert resource["subject"] == {"reference": found["Patient"]["fullUrl"]}
    named = base64.urlsafe_b64encode(hashlib.sha256(RAW).digest()).decode().rstrip("=")
    assert {"system": "urn:ietf:rfc:3986", "value": f"ni:///sha-256;{named}"} in resource["identifier"]


@pytest.mark.parametrize(("size", "copied"), [(LARGEST_COPY, True), (LARGEST_COPY + 1, False), (0, False)])
def test_a_large_original_is_described_and_not_copied(size: int, copied: bool) -> None:
    origin = replace(ORIGIN, raw=b"x" * size)
    rendered = render(*mapped(), writing("by_id"), origin)
    attachment = by_type(rendered)["DocumentReference"]["resource"]["content"][0]["attachment"]
    assert ("data" in attachment) is copied
    assert attachment["size"] == size
    assert validate(rendered.bundle) == []


def test_ids_of_both_come_from_channel_and_message() -> None:
    first, again = (by_type(render(*mapped(), writing("by_id"), ORIGIN)) for _ in range(2))
    other = by_type(render(*mapped(), writing("by_id"), replace(ORIGIN, message="other")))
    for kind in ("Provenance", "DocumentReference"):
        assert first[kind]["fullUrl"] == again[kind]["fullUrl"] != other[kind]["fullUrl"]
    assert first["Patient"]["fullUrl"] == other["Patient"]["fullUrl"]


def test_conditionally_both_are_created_once() -> None:
    found = by_type(render(*mapped(), writing("conditional"), ORIGIN))
    document, origin = found["DocumentReference"], found["Provenance"]
    assert document["request"]["ifNoneExist"] == f"identifier=urn:ietf:rfc:3986%7C{document['fullUrl']}"
    (tag,) = origin["resource"]["meta"]["tag"]
    assert origin["request"]["ifNoneExist"] == f"_tag={tag['system']}%7C{tag['code']}"


@pytest.mark.parametrize(
    "sender", [Party("", ""), Party("LAB", "not a uri"), Party("L\x00B", ""), Party("LAB", "urn:oid:1 2")]
)
def test_whatever_the_sender_calls_itself_the_bundle_is_valid(sender: Party) -> None:
    origin = replace(ORIGIN, sender=sender, message_id="", message_type="")
    assert validate(render(*mapped(), writing("by_id"), origin).bundle) == []


def test_a_message_that_speaks_of_nothing_gives_a_bundle_without_provenance() -> None:
    rendered = render([], [], writing("by_id"), BARE)
    assert rendered.bundle == {"resourceType": "Bundle", "type": "transaction"}
    assert validate(rendered.bundle) == []


@pytest.mark.parametrize(
    ("change", "element"),
    [
        ({"sender": Party("LAB2", "urn:oid:1.2.3", "Laboratoriet")}, "agent"),
        ({"sender": Party("LAB", "urn:oid:1.2.4", "Laboratoriet")}, "agent"),
        ({"sender": Party("LAB", "urn:oid:1.2.3", "Sykehuset")}, "agent"),
        ({"message_type": "ORU^R32"}, "activity"),
        ({"mapping": "hl7v2/other"}, "policy"),
        ({"mapping_revision": "abd"}, "policy"),
        ({"revision": "deg"}, "policy"),
        ({"message_id": "MSG2"}, "entity"),
        ({"sha256": bytes(32)}, "entity"),
        ({"received": 1_768_460_400_124_000}, "recorded"),
    ],
)
def test_what_is_said_of_one_message_is_not_said_of_the_next(change: dict[str, Any], element: str) -> None:
    def said(**changes: Any) -> dict[str, Any]:
        found = by_type(render(*mapped(), writing("by_id"), replace(ORIGIN, **changes)))
        return dict(found["Provenance"]["resource"])

    first, other, again = said(), said(**change), said()
    assert first == again
    assert [name for name in first if first[name] != other[name]] == [element]


def test_what_is_kept_of_senders_is_bounded_and_no_long_name_is_kept() -> None:
    for number in range(600):
        sender = Party(f"LAB{number}", "urn:x")
        render(*mapped(), writing("by_id"), replace(ORIGIN, sender=sender, message_type=f"T{number}"))
    kept = (provenance._agents_of, provenance._policy, provenance._kind, provenance._activity)
    assert all(one.cache_info().currsize <= 512 for one in kept)
    before = provenance._agents_of.cache_info()
    long = replace(ORIGIN, sender=Party("x" * 500, "urn:x"))
    assert validate(render(*mapped(), writing("by_id"), long).bundle) == []
    assert provenance._agents_of.cache_info() == before


@pytest.mark.parametrize(
    "micros", [0, 999, 1000, 1_768_460_400_123_999, 1_768_460_399_999_999, 253_402_300_799_999_999]
)
def test_an_instant_has_the_milliseconds_of_the_time_it_is_made_of(micros: int) -> None:
    assert provenance.instant(micros) == as_datetime(micros).isoformat(timespec="milliseconds")[:-6] + "Z"


_MEASURE = """
import sys
def most_resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
sys.path[:0] = sys.argv[1:]
from dataclasses import replace
from fhir_mapped import ORIGIN, mapped, writing
from engine.standards.fhir.dump import dump
from engine.standards.fhir.provenance import LARGEST_COPY
from engine.standards.fhir.render import render
from engine.standards.fhir.validator import validate
dump(render(*mapped(), writing("by_id"), ORIGIN).bundle)
origin = replace(ORIGIN, raw=b"x" * LARGEST_COPY)
before = most_resident()
rendered = render(*mapped(), writing("by_id"), origin)
assert validate(rendered.bundle) == []
text = dump(rendered.bundle)
print((most_resident() - before) * 1024 / LARGEST_COPY)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="resident memory is read from /proc")
def test_an_original_of_eight_megabytes_needs_less_than_five_times_its_size_besides_itself() -> None:
    # Resident memory, in a process of its own: orjson asks for far more than it touches.
    here = Path(__file__)
    found = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(here.parent), str(here.parents[3])],
        capture_output=True,
        text=True,
        check=True,
    )
    assert 0 < float(found.stdout) < 5
