"""One message against the schemas: the same verdict as the schema's own, attachments checked apart."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from kith_built import CHARSET, document, edited, into, sample, text
from kith_changes import FAULTS, ODDITIES, SAMPLES, changed
from lxml import etree

from engine.errors import ConfigError
from engine.message import Issue, Severity
from engine.standards.kith import validation
from engine.standards.kith.departure import issues_of
from engine.standards.kith.explain import explain
from engine.standards.kith.reader import KithDocument, read
from engine.standards.kith.schemas import MSGHEAD, Schemas
from engine.standards.kith.validation import MOST, schema_findings

XSD = Path(__file__).resolve().parents[3] / "xsd"
SCHEMAS = Schemas(lambda name: (XSD / name).read_bytes())
ATTACHED = "Document/RefDoc/Content/Base64Container"
DIALOG = "http://www.kith.no/xmlstds/dialog/2006-10-11"


def plainly(read_back: KithDocument) -> list[Issue]:
    """What the schema itself says of the whole message, nothing taken out."""
    schema = SCHEMAS.schema_for(read_back.namespace)
    return [] if schema.validate(read_back.message) else issues_of(explain(schema.error_log, read_back.message))


def findings(read_back: KithDocument) -> list[tuple[str, str]]:
    return [(issue.code, issue.place) for issue in schema_findings(read_back, SCHEMAS)]


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.xml")), ids=lambda path: path.stem)
def test_a_sample_has_no_findings(path: Path) -> None:
    assert schema_findings(read(path.read_bytes(), CHARSET), SCHEMAS) == []


@pytest.mark.parametrize("name", [*FAULTS, *ODDITIES])
def test_each_fault_and_oddity_has_the_findings_of_the_schema(name: str) -> None:
    read_back = read(etree.tostring(changed(*(FAULTS | ODDITIES)[name]), encoding="utf-8"), CHARSET)
    found = schema_findings(read_back, SCHEMAS)
    assert found == plainly(read_back)
    assert bool(found) is (name in FAULTS)
    assert {issue.severity for issue in found} <= {Severity.ERROR}


def test_a_message_in_the_wrapper_of_nav_is_checked_from_its_own_root() -> None:
    inner = edited("std_dialog_1_0", text("MsgInfo/GenDate", "today")).partition(b"?>")[2]
    raw = b'<EI_fellesformat xmlns="http://www.nav.no/xml/eiff/2/">' + inner + b"</EI_fellesformat>"
    assert findings(read(raw, CHARSET)) == [("kith.schema_value", "MsgHead/MsgInfo/GenDate")]


# Attachments

LARGE = "QUJD\r\n" * 20_000
CONTENTS = {"Base64": (LARGE, True), "one digit short": (LARGE[1:], False), "cut by a sign": ("QQ==" + LARGE, False)}


@pytest.mark.parametrize(("content", "sound"), CONTENTS.values(), ids=CONTENTS.keys())
def test_a_large_attachment_has_the_verdict_of_the_schema_and_its_place(content: str, sound: bool) -> None:
    read_back = document("std_dialog_1_1", text(ATTACHED, content))
    assert bool(plainly(read_back)) is not sound
    place = "MsgHead/Document[2]/RefDoc/Content/Base64Container"
    assert findings(read_back) == ([] if sound else [("kith.schema_value", place)])


def test_what_is_said_of_an_attachment_does_not_depend_on_its_size() -> None:
    short, long = (document("std_dialog_1_1", text(ATTACHED, "A" * length)) for length in (81, 81_001))
    assert schema_findings(short, SCHEMAS) == schema_findings(long, SCHEMAS) != []


def test_the_schema_does_not_see_a_large_attachment(monkeypatch: pytest.MonkeyPatch) -> None:
    read_back = document("std_dialog_1_1", text(ATTACHED, LARGE))
    seen: list[int] = []

    class Watching:
        def validate(self, root: etree._Element) -> bool:
            seen.append(len(etree.tostring(root)))
            return True

    monkeypatch.setattr(Schemas, "schema_for", lambda self, namespace: Watching())
    schema_findings(read_back, SCHEMAS)
    assert seen[0] < 5_000


@pytest.mark.parametrize("change", [text("MsgInfo/GenDate", "today"), text("MsgInfo/MIGversion", "v1.1 2006-02-15")])
def test_the_document_is_afterwards_what_it_was(change: object) -> None:
    read_back = document("std_dialog_1_1", text(ATTACHED, LARGE), change)  # type: ignore[arg-type]
    before = etree.tostring(read_back.root)
    container = read_back.attachments[0].container
    schema_findings(read_back, SCHEMAS)
    assert etree.tostring(read_back.root) == before
    assert container is not None and container.getroottree().getroot() is read_back.root


def test_the_document_is_what_it_was_when_the_schema_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def validate(self, root: etree._Element) -> bool:
            raise MemoryError

    read_back = document("std_dialog_1_1", text(ATTACHED, LARGE))
    before = etree.tostring(read_back.root)
    monkeypatch.setattr(Schemas, "schema_for", lambda self, namespace: Failing())
    with pytest.raises(MemoryError):
        schema_findings(read_back, SCHEMAS)
    assert etree.tostring(read_back.root) == before


AROUND = {
    "an attribute": (b"<b:Base64Container", b'<b:Base64Container a="1"'),
    "text behind it": (b"</b:Base64Container>", b"</b:Base64Container>x"),
    "an element in it": (b"</b:Base64Container>", b"<a/></b:Base64Container>"),
    "an element behind it": (b"</b:Base64Container>", b"</b:Base64Container><a/>"),
}


@pytest.mark.parametrize(("old", "new"), AROUND.values(), ids=AROUND.keys())
def test_what_stands_around_a_large_attachment_is_checked_by_the_schema(old: bytes, new: bytes) -> None:
    raw = edited("std_dialog_1_1", text(ATTACHED, LARGE))
    assert old in raw
    read_back = read(raw.replace(old, new), CHARSET)
    expected = [(issue.code, issue.place) for issue in plainly(read_back)]
    assert findings(read_back) == expected != []


# What has no schema, and how much is told


def test_a_payload_of_a_known_standard_without_a_schema_is_not_checked() -> None:
    known = '<Henvisning xmlns="http://ehelse.no/xmlstds/henvisning/2017-11-30"/>'
    assert findings(document("std_dialog_1_0", into("Document/RefDoc/Content", known))) == []
    unknown = known.replace("henvisning/", "somewhere/")
    assert findings(document("std_dialog_1_0", into("Document/RefDoc/Content", unknown))) == [
        ("kith.schema_unknown", "MsgHead/Document/RefDoc/Content/Henvisning")
    ]


def test_twenty_findings_are_told_at_most() -> None:
    raw = sample("std_dialog_1_0").replace(b"<Ident>", b'<Ident a="1"/>' * 100 + b"<Ident>")
    assert len(findings(read(raw, CHARSET))) == MOST


def crowded(faulty: int, neighbours: int) -> KithDocument:
    """The message of a patient with very many identifiers, the first of them faulty."""
    idents = b'<Ident a="1"><Id>1</Id><TypeId/></Ident>' * faulty + b"<Ident><Id>1</Id><TypeId/></Ident>" * neighbours
    return read(sample("std_dialog_1_0").replace(b"<Ident>", idents + b"<Ident>", 1), CHARSET)


def test_a_message_of_very_many_elements_is_valid_or_names_the_places_of_its_faults() -> None:
    assert findings(crowded(0, 5_000)) == []
    few = crowded(3, 5_000)
    assert schema_findings(few, SCHEMAS) == plainly(few)
    assert len(plainly(few)) == 3


def test_a_hundred_thousand_faulty_neighbours_are_told_in_linear_time() -> None:
    start = time.process_time()
    found = findings(crowded(100_000, 0))
    assert time.process_time() - start < 2
    assert found == [("kith.schema_attribute", "MsgHead/@a")]


@pytest.mark.parametrize("name", [*FAULTS, *ODDITIES])
def test_the_verdict_on_a_stream_is_the_verdict_on_the_tree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read_back = read(etree.tostring(changed(*(FAULTS | ODDITIES)[name]), encoding="utf-8"), CHARSET)
    monkeypatch.setattr(validation, "_MANY_TAGS", -1)
    monkeypatch.setattr(validation, "_MANY_FAULTS", 0)
    told = {issue.code for issue in schema_findings(read_back, SCHEMAS)}
    assert told == {issue.code for issue in plainly(read_back)}


def test_a_schema_that_is_missing_is_a_fault_of_the_site() -> None:
    def without(name: str) -> bytes:
        raise KeyError(name)

    with pytest.raises(ConfigError) as raised:
        schema_findings(document("std_dialog_1_0"), Schemas(without))
    assert raised.value.findings[0].code == "E220"
    assert MSGHEAD in str(raised.value)
