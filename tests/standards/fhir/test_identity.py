"""Ids that say nothing about whom they mean, and criteria that survive any identifier."""

from __future__ import annotations

import hmac
import inspect
import uuid
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.standards.fhir import Entry, Identity, Verb
from engine.standards.fhir.identity import criterion, identifier_shape, resource_id, urns_of

KEY = b"k" * 32
FNR = "urn:oid:2.16.578.1.12.4.1.4.1"
texts = st.text(max_size=40)


@given(texts, texts)
def test_an_id_is_a_uuid_of_version_8_in_lower_case(system: str, value: str) -> None:
    text = resource_id(KEY, "Patient", Identity(system, value))
    assert text == str(uuid.UUID(text))
    assert uuid.UUID(text).version == 8
    assert uuid.UUID(text).variant == uuid.RFC_4122


def test_the_same_identity_gives_the_same_id_in_every_engine() -> None:
    assert resource_id(KEY, "Patient", Identity(FNR, "13815897247")) == "d36e551b-a45a-8bae-9641-9d0ecdd36b9c"


def test_type_system_value_and_key_each_give_another_id() -> None:
    ids = {
        resource_id(KEY, "Patient", Identity(FNR, "13815897247")),
        resource_id(KEY, "Person", Identity(FNR, "13815897247")),
        resource_id(KEY, "Patient", Identity(FNR + "1", "13815897247")),
        resource_id(KEY, "Patient", Identity(FNR, "03882049433")),
        resource_id(b"j" * 32, "Patient", Identity(FNR, "13815897247")),
    }
    assert len(ids) == 5


def test_whether_an_identity_is_derived_does_not_change_the_id() -> None:
    assert resource_id(KEY, "Patient", Identity("a", "b")) == resource_id(KEY, "Patient", Identity("a", "b", True))


@given(texts, texts)
def test_a_criterion_is_one_parameter_with_one_bar(system: str, value: str) -> None:
    text = criterion("identifier", system, value)
    assert text.count("=") == 1 and text.count("?") == text.count("#") == text.count("&") == 0
    assert " " not in text and text.isascii()
    plain = unquote(text.partition("=")[2]).replace("\\\\", "\x00").replace("\\|", "\x01")
    assert plain.count("|") == 1


def test_a_criterion_escapes_what_search_gives_a_meaning() -> None:
    assert criterion("identifier", FNR, "13815897247") == f"identifier={FNR}%7C13815897247"
    assert criterion("identifier", "urn:x", "a,b|c$d\\e &æ") == (
        "identifier=urn:x%7Ca%5C%2Cb%5C%7Cc%5C%24d%5C%5Ce%20%26%C3%A6"
    )


def test_the_table_says_which_types_have_an_identifier() -> None:
    shapes = {name: identifier_shape(name) for name in ("Patient", "Bundle", "Provenance", "Binary", "NoSuchType")}
    assert shapes == {"Patient": "list", "Bundle": "one", "Provenance": "none", "Binary": "none", "NoSuchType": "none"}


@pytest.mark.parametrize("length", [1, 32, 64, 65, 200])
@pytest.mark.parametrize("value", ["1", "æ|ø", "\ud800", "x" * 500], ids=["short", "letters", "surrogate", "long"])
def test_the_id_is_of_the_hmac_as_the_standard_library_makes_it(length: int, value: str) -> None:
    key = bytes(range(1, length + 1))
    digest = hmac.digest(key, f"Patient|urn:x|{value}".encode("utf-8", "surrogatepass"), "sha256")
    bits = int.from_bytes(digest[:16], "big")
    bits = bits & ~(0xF << 76) | 8 << 76
    bits = bits & ~(0x3 << 62) | 2 << 62
    assert resource_id(key, "Patient", Identity("urn:x", value)) == str(uuid.UUID(int=bits))


# Names that are kept


def kept_by(key: bytes) -> dict[str, str]:
    kept = inspect.getclosurevars(urns_of(key)).nonlocals["kept"]
    assert isinstance(kept, dict)
    return kept


def entry(kind: str, identity: Identity) -> Entry:
    return Entry("x", {"resourceType": kind}, Verb.MENTION, identity)


HPR = "urn:oid:2.16.578.1.12.4.1.4.4"


def test_an_entry_is_named_by_its_id_and_again_the_same() -> None:
    entries = [entry("Patient", Identity(FNR, "13815897247")), entry("Practitioner", Identity(HPR, "9203415"))]
    wanted = ["urn:uuid:" + resource_id(KEY, one.resource["resourceType"], one.identity) for one in entries]
    for _ in range(3):
        assert urns_of(KEY)(entries) == wanted
    assert urns_of(b"j" * 32)(entries) != wanted


@pytest.mark.parametrize(
    ("kind", "identity", "kept"),
    [
        ("Practitioner", Identity(HPR, "9203415"), True),
        ("Organization", Identity("urn:x", "ward"), True),
        ("Location", Identity("urn:x", "bed"), True),
        ("Patient", Identity("urn:x", "4711"), False),
        ("Encounter", Identity("urn:x", "4711"), False),
        ("RelatedPerson", Identity("urn:x", "4711"), False),
        ("Practitioner", Identity(FNR, "13815897247"), False),
        ("Practitioner", Identity("urn:oid:2.16.578.1.12.4.1.4.2", "63878820047"), False),
        ("Location", Identity("urn:x", "Patient|urn:x|4711|home", derived=True), False),
    ],
)
def test_only_names_of_staff_organisations_and_places_are_kept(kind: str, identity: Identity, kept: bool) -> None:
    key = f"{kind}{identity}".encode()
    for _ in range(2):
        urns_of(key)([entry(kind, identity)])
    assert list(kept_by(key)) == ([f"{kind}|{identity.system}|{identity.value}"] if kept else [])


def test_kept_names_are_bounded() -> None:
    key = b"bounded"
    for start in range(0, 10_000, 1000):
        urns_of(key)([entry("Location", Identity("urn:x", str(number))) for number in range(start, start + 1000)])
        assert len(kept_by(key)) <= 4096
