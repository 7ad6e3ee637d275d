"""`xp(...)` in mappings from XML: what each form reads, and what a bad one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError, MappingError
from engine.mapping import Context, Mapped
from engine.mapping.shelf import LoadedMapping, load_mapping
from engine.message import Envelope, Party
from engine.plugins.builtin import full_registry
from engine.standards import Charset

ROOT = Path(__file__).resolve().parents[2]
HEAD = """
mapping: t
standard: kith
match: [dialog/2006-10-11, dialog/2013-01-23 DIALOG_HELSEFAGLIG]
namespaces:
  mh: http://www.kith.no/xmlstds/msghead/2006-05-24
  fk1: http://www.kith.no/xmlstds/felleskomponent1
  d: [http://www.kith.no/xmlstds/dialog/2006-10-11, http://www.kith.no/xmlstds/dialog/2013-01-23]
alias:
  patient: mh:MsgInfo/mh:Patient
  body: mh:Document/mh:RefDoc/mh:Content/d:Dialogmelding
types:
  Ident:
    $target: Identifier
    value: xp(mh:Id | fk1:Id)
    system: "xp(mh:TypeId/@S | fk1:TypeId/@S) | prefix 'urn:oid:'"
tables:
  roles: {system: urn:x, map: {6: x6, 9: x9}, unmapped: keep}
"""
PATIENT = """
entries:
  - key: patient
    resource: Patient
    identity: xp(patient/mh:Ident) as Ident
    write: mention
    body:
"""
KITH = full_registry().standards["kith"]


def load(text: str) -> LoadedMapping:
    return load_mapping("t", lambda _: HEAD + text, standards=full_registry().standards)


def run(text: str, sample: str = "dialog_foresporsel") -> Mapped:
    document = KITH.decode((ROOT / "samples" / "kith" / f"{sample}.xml").read_bytes(), Charset())
    return load(text).run(document, Context(Envelope("kith", "", "", "", Party(""), Party("")), 0))


def patient(body: str, sample: str = "dialog_foresporsel") -> dict[str, object]:
    """The Patient that these lines of a body make."""
    mapped = run(PATIENT + "".join(f"      {line}\n" for line in body.splitlines()), sample)
    assert [issue for issue in mapped.issues if issue.severity != "note"] == []
    return mapped.entries[0].resource


def findings(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return [str(finding) for finding in caught.value.findings]


READS = [
    ("name: [{family: xp(patient/mh:FamilyName)}]", {"name": [{"family": "Sørbø"}]}),
    ("birthDate: xp(patient/mh:DateOfBirth) | date", {"birthDate": "1952-03-12"}),
    ("id: \"xp(patient/mh:Sex/@V)\"", {"id": "2"}),
    ("id: \"xp(patient/mh:Ident[mh:TypeId/@V = 'FNR']/mh:Id)\"", {"id": "12835210020"}),
    ("id: \"xp(patient/mh:Ident[mh:TypeId/@V = 'DNR']/mh:Id) else xp(patient/mh:Sex/@V)\"", {"id": "2"}),
    ("id: \"xp(mh:MsgInfo/mh:Sender//mh:Organisation[last()]/mh:Ident[2]/mh:Id)\"", {"id": "80551200"}),
    ("id: \"xp(mh:MsgInfo/mh:Sender/mh:Organisation/mh:Ident[2]/mh:Id)\"", {"id": "80551200"}),
    ("id: \"xp(mh:MsgInfo/mh:Sender/mh:Organisation/mh:Ident[last()]/mh:Id)\"", {"id": "80551200"}),
    ("id: \"xp(count(mh:MsgInfo/mh:Sender/mh:Organisation/mh:Ident))\"", {"id": "2"}),
    ("id: \"xp(//*[local-name() = 'TypeForesp']/@V)\"", {"id": "4"}),
    ("id: \"xp(concat(patient/mh:Sex/@V, '-', patient/mh:Sex/@DN))\"", {"id": "2-Kvinne"}),
    ("id: xp(patient/mh:Nothing/mh:AtAll) else '7'", {"id": "7"}),
    ("id: \"xp(number(patient/mh:Ident/mh:Id))\"", {"id": "12835210020"}),
    ("id: \"xp(1 div 4)\"", {"id": "0.25"}),
    ("id: \"xp(1 div 8000000)\"", {"id": "0.000000125"}),
    ("id: xp(1 div 0) else xp(-1 div 0) else xp(number(patient/mh:FamilyName)) else '7'", {"id": "7"}),
    ("id: xp(patient/mh:Sex/@V = '1') else xp(patient/mh:Sex/@V = '2')", {"id": "true"}),
    ("id: \"xp(d:Nothing | patient/mh:Sex/@V | patient/mh:FamilyName)\"", {"id": "Sørbø"}),
    ("id: \"xp(mh:MsgInfo/mh:MsgId | mh:MsgInfo/mh:Type/@V)\"", {"id": "4a4724bf-7d64-413d-8c2f-f3302f051967"}),
    ("id: \"xp(mh:MsgInfo/mh:MsgId | mh:MsgInfo/mh:Type/@V[1])\"", {"id": "DIALOG_FORESPORSEL"}),
    ("id: \"xp($root/mh:MsgInfo/mh:Type/@V)\"", {"id": "DIALOG_FORESPORSEL"}),
    ("id: \"xp(/mh:MsgHead/mh:MsgInfo/mh:Type/@V)\"", {"id": "DIALOG_FORESPORSEL"}),
    (
        "name: [{family: xp(patient/mh:FamilyName), given: [xp(patient/mh:GivenName), xp(patient/mh:MiddleName)]}]",
        {"name": [{"family": "Sørbø", "given": ["Åse Marie", "Lillebø"]}]},
    ),
    (
        "name: [{given: xp(mh:MsgInfo/mh:Receiver//mh:Ident/mh:Id)}]",
        {"name": [{"given": ["80551344", "312345676", "9144897", "80551351"]}]},
    ),
    (
        "name:\n  - $for_each: xp(mh:MsgInfo/mh:Sender/mh:Organisation/mh:Ident)\n"
        "    text: join('/', xp(mh:TypeId/@V), xp(mh:Id))",
        {"name": [{"text": "ENH/315500001"}, {"text": "HER/80551200"}]},
    ),
    ("name: [{$when: xp(patient/mh:Address), text: = moved in}]", {"name": [{"text": "moved in"}]}),
    ("name: [{$when: not xp(patient/mh:Nationality), text: = unknown}]", {"name": [{"text": "unknown"}]}),
    ("active: \"xp(patient/mh:Sex/@V) in ('1', '2')\"", {"active": True}),
    ("identifier: xp(mh:MsgInfo/mh:Sender/mh:Organisation/mh:Ident[2]) as Ident", {
        "identifier": [{"value": "80551200", "system": "urn:oid:2.16.578.1.12.4.1.1.9051"}]
    }),
    (
        "id: join('-', join('+', xp(patient/mh:Sex/@V), 'x') else xp(patient/mh:Ident/mh:Id), 'y')",
        {"id": "2+x-y"},
    ),
    ("id: xp(patient/mh:Sex/self::*/@V)", {"id": "2"}),
    (
        "id: join('-', xp(patient/mh:Sex/@V), xp(patient/mh:Nothing) else join('+', xp(patient/mh:Sex/@DN), 'x'))",
        {"id": "2-Kvinne+x"},
    ),
    ("id: xp(body/d:Foresporsel/d:DokIdForesp)", {"id": "TRO-FSP-2026-0417"}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "made"), READS, ids=[body for body, _ in READS])
def test_each_form_reads_what_it_names(body: str, made: dict[str, object]) -> None:
    assert patient(body) == {"resourceType": "Patient", **made}


def test_a_prefix_with_two_namespaces_means_that_of_the_message() -> None:
    rule = "id: xp(body/d:Notat/d:DokIdNotat)"
    assert patient(rule, "dialog_helsefaglig")["id"] == "TRO-HFD-2026-1180"
    assert "id" not in patient(rule, "dialog_foresporsel")


def test_a_text_keeps_its_line_breaks_inside() -> None:
    text = patient("text: {status: = generated, div: xp(body/d:Foresporsel/d:Sporsmal) | lines}")["text"]
    assert isinstance(text, dict)
    assert text["div"].count("\n") == 1


INSTANCES = """
  - key: note
    resource: Communication
    for_each: xp(body/d:Notat)
    identity: derived(->patient, xp(d:DokIdNotat))
    write: own
    body: {status: = completed, sender: ->author, recipient: all ->author}
  - key: author
    resource: Practitioner
    for_each: xp(body/d:Notat/d:RollerRelatertNotat)
    when: xp(d:HealthcareProfessional)
    identity: derived(->note, xp(d:RolleNotat/@V), xp(d:HealthcareProfessional/d:FamilyName))
    write: mention
    body: {name: [{family: xp(d:HealthcareProfessional/d:FamilyName)}]}
"""


def test_an_entry_made_inside_another_is_seen_from_it() -> None:
    mapped = run(PATIENT + "      active: = true\n" + INSTANCES, "dialog_helsefaglig")
    keys = [entry.key for entry in mapped.entries]
    assert keys.count("note") == 1
    assert keys.count("author") >= 1
    note = mapped.entries[keys.index("note")].resource
    sent = [link.entry for link in mapped.links if link.slot is note["sender"]]
    assert sent == [keys.index("author")]
    assert len(note["recipient"]) == keys.count("author")


TOGETHER = """
  - key: unit
    resource: Organization
    for_each: "xp(mh:MsgInfo/mh:Sender/mh:Organisation/mh:Ident[mh:TypeId/@V != 'FNR'] | mh:MsgInfo/mh:Receiver/mh:Organisation/mh:Ident)"
    identity: derived(->patient, 'unit', position(), xp(mh:Id))
    write: mention
    body: {name: xp(mh:Id)}
  - key: role
    resource: PractitionerRole
    for_each: "xp(mh:MsgInfo/mh:Sender/mh:Organisation/mh:Ident[mh:TypeId/@V != 'FNR'] | mh:MsgInfo/mh:Receiver/mh:Organisation/mh:Ident)"
    identity: derived(->patient, 'role', xp(mh:Id))
    write: mention
    body: {organization: ->unit, telecom: [{value: xp(mh:Id), rank: position()}]}
  - key: whole
    resource: List
    identity: derived(->patient, 'whole')
    write: own
    body: {status: = current, mode: = snapshot, source: ->patient, entry: [{$for_each: all ->unit, item: $item}]}
"""  # noqa: E501


def test_entries_over_the_very_same_path_go_over_the_same_elements_and_count_siblings() -> None:
    mapped = run(PATIENT + "      active: = true\n" + TOGETHER)
    units = [number for number, entry in enumerate(mapped.entries) if entry.key == "unit"]
    roles = [entry.resource for entry in mapped.entries if entry.key == "role"]
    assert len(units) == len(roles) == 4
    sent = [link.entry for role in roles for link in mapped.links if link.slot is role["organization"]]
    assert sent == units
    assert [role["telecom"][0]["rank"] for role in roles] == [1, 2, 1, 2]
    (whole,) = [entry.resource for entry in mapped.entries if entry.key == "whole"]
    assert [link.entry for each in whole["entry"] for link in mapped.links if link.slot is each["item"]] == units


def test_what_xpath_cannot_do_is_a_fault_of_the_mapping() -> None:
    with pytest.raises(MappingError) as caught:
        run(PATIENT + "      id: xp(sum('words'))\n")
    assert (caught.value.code, caught.value.place) == ("mapping.fault", "t")


BAD = [
    ("id: xp(patent/mh:FamilyName)", "'patent' has no prefix", "patient"),
    ("id: xp(mx:MsgInfo/mh:Patient)", "the prefix 'mx' is not declared", "mh"),
    ("id: xp(patient/mh:Ident[[1]]/mh:Id)", "not an XPath", ""),
    ("id: xp()", "an XPath is wanted", ""),
    ("identifier: xp(patient/mh:Sex/@V) as Ident", "an attribute", ""),
    ("id: .2", "no such path", "xp("),
    ("id: PID-3", "no such path", "xp("),
    ("id: join('-', .2, xp(mh:MsgInfo))", "no such path", "xp("),
]


@pytest.mark.parametrize(("line", "text", "hint"), BAD, ids=[line for line, _, _ in BAD])
def test_a_bad_path_is_told_with_its_place_and_a_remedy(line: str, text: str, hint: str) -> None:
    told = findings(PATIENT + f"      {line}\n")
    assert any(text in one and hint in one and "mappings/t.yaml:" in one for one in told), told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("alias: {x: /mh:MsgHead}\n", "alias 'x' is no path"),
        ("ignore: {'mh:MsgInfo[2]': nobody}\n", "is no path from the root"),
        ("ignore: {what: nobody}\n", "is no path from the root"),
    ],
)
def test_what_stands_around_paths_is_checked_too(text: str, told: str) -> None:
    head = HEAD.replace("alias:\n", "alias:\n  x: /mh:MsgHead\n") if text.startswith("alias") else HEAD + text
    with pytest.raises(ConfigError) as caught:
        load_mapping("t", lambda _: head + PATIENT + "      active: = true\n", standards=full_registry().standards)
    assert any(told in str(finding) for finding in caught.value.findings)


def test_an_xpath_in_a_mapping_from_hl7_v2_is_refused() -> None:
    text = "mapping: t\nstandard: hl7v2\nmatch: [ADT^A01]\nentries:\n  - key: p\n    resource: Patient\n"
    text += "    identity: derived(->p, xp(a))\n    write: own\n    body: {active: = true}\n"
    with pytest.raises(ConfigError, match="XML standards"):
        load_mapping("t", lambda _: text)
