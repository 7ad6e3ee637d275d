# ruff: noqa: E501 (one row of a table is one line)
"""What the compiler says of a wrong mapping: one row for each kind of mistake, with its line and what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.errors import ConfigError

BODY = """
tables:
  gender: {map: {M: male, F: woman}}
  sex: {map: {M: male}}
  kept: {map: {M: male}, unmapped: keep}
  status: {system: "http://x.org", map: {A: active}}
types:
  ID: {$target: Identifier, value: .1}
  NAME: {$target: HumanName, family: .1}
  TEXT: {$value: .1}
groups:
  order: {starts: [OBR], takes: [OBR, NTE]}
entries:
  - key: other
    resource: Organization
    identity: PID-2 as ID
    write: mention
    body: {name: PID-9.1}
  - key: p
    resource: Patient
    identity: PID-3 as ID
    write: own
    body:
      @
"""
LINE = 4 + BODY.split("@")[0].count("\n")

RULES = [
    ("an unknown element", "brithDate: PID-7 | date", "M401", "did you mean 'birthDate'?"),
    ("an element of a choice without its type", "deceased: PID-30 | yesno", "M401", "deceasedBoolean"),
    ("a list for one value", "gender: [PID-8 | table sex]", "M404", "take the brackets away"),
    ("all repetitions for one value", "birthDate: PID-7[*] | date", "M501", "write [1]"),
    ("elements in a primitive", "gender: {code: PID-8}", "M403", "$value"),
    ("text for a date", "birthDate: PID-7", "M405", "add | date"),
    ("text for a number", "multipleBirthInteger: PID-25", "M405", "add | integer"),
    ("text for a truth value", "active: PID-8", "M405", "add | yesno"),
    ("a wrong type", "name: PID-5 as ID", "M405", "use another type"),
    ("text for an object", "name: PID-5", "M405", "use 'as'"),
    ("a code outside a required binding", "gender: = femal", "M405", "did you mean 'female'?"),
    ("a table outside a required binding", "gender: PID-8 | table gender", "M405", ""),
    ("a table that keeps what it does not know", "gender: PID-8 | table kept", "M405", "unmapped: error"),
    ("text for a required binding", "gender: PID-8", "M405", "table"),
    ("a literal of the wrong form", "birthDate: = yesterday", "M405", ""),
    ("a path written as a literal", "birthDate: = PID-7", "M405", "take the '=' away"),
    ("a reference to the wrong type", "link: [{other: ->other, type: = refer}]", "M405", "it refers to Patient"),
    ("an unknown entry", "managingOrganization: ->others", "M502", "did you mean 'other'?"),
    ("all for one reference", "managingOrganization: all ->other", "M502", "take 'all' away"),
    ("an unknown function", "birthDate: PID-7 | dat", "M503", "did you mean 'date'?"),
    ("a missing argument", "name: {text: PID-5 | prefix}", "M503", "single quotes"),
    ("two conversions", "birthDate: PID-7 | date | date", "M503", "once"),
    ("an unknown table", "gender: PID-8 | table sexe", "M503", "did you mean 'sex'?"),
    ("an unknown code of a literal", "maritalStatus: = B | coding status", "M503", ""),
    ("an unknown type", "name: PID-5 as NAM", "M504", "did you mean 'NAME'?"),
    ("an unknown part of a type", "name: PID-5 as NAME.given", "M504", ""),
    ("an unknown parameter", "name: PID-5 as NAME with usee=home", "M504", "did you mean 'use'?"),
    ("an unknown variable", "$let: {number: PID-5}\nname: {text: $numbr}", "M502", "did you mean 'number'?"),
    ("a relative path without a place", "name: {text: .1}", "M501", "PID-3.4"),
    ("a segment as a value", "name: {text: PID}", "M501", "PID-1"),
    ("a segment inside a group", "name: {text: OBR-4}", "M501", "order / OBR-4"),
    ("an unknown group", "name: [{$for_each: ordr / OBR, text: OBR-4}]", "M501", "did you mean 'order'?"),
    ("a path that ends at a segment", "name: {text: order / OBR}", "M501", "add a field"),
    ("an unknown instruction", "$wen: PID-8", "M407", "did you mean '$when'?"),
    ("cases without a switch", "$cases: {A: {active: = true}}", "M407", "$switch"),
    ("a case twice", "$switch: PID-8\n$cases: {A: {active: = true}, 'A,B': {active: = false}}", "M408", ""),
    ("two of one choice", "deceasedBoolean: PID-30 | yesno\ndeceasedDateTime: PID-29 | dateTime", "M406", "$choice"),
    ("a nested required element", "link: [{other: ->p}]", "M409", "add type:"),
    ("a severity that is none", "active: {$value: = true, $issue: 'oops'}", "M407", "warn: what is wrong"),
    ("an alternative after one that always has a value", "gender: {$first: [= male, = female]}", "M403", "put it last"),
    ("an else after what always has a value", "name: {text: \"'a' else PID-5\"}", "M502", "take the 'else' away"),
    ("an expression that is none", "gender: PID-8 ?? PID-9", "X100", "write 'else'"),
    ("XPath in HL7 v2", "name: {text: xp(//a)}", "M502", "PID-3"),
    ("a sub-component too deep", "name: {$for_each: PID-5, text: .1.2.3}", "M501", ""),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "code", "hint"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_a_wrong_rule_is_found_where_it_stands(build: Callable[..., Any], rules: str, code: str, hint: str) -> None:
    lines = rules.split("\n")
    text = BODY.replace("@", "\n      ".join(lines))
    with pytest.raises(ConfigError) as caught:
        build(text)
    found = [f for f in caught.value.findings if f.code == code]
    assert found, [str(f) for f in caught.value.findings]
    finding = found[0]
    assert finding.file == "mappings/t.yaml"
    assert LINE <= finding.line < LINE + len(lines)
    assert finding.column >= 7
    assert hint in finding.suggestion


FILES = [
    ("an unknown key", "entris: []", "M103", "did you mean 'entries'?"),
    ("an include that is not there", "include: [m/none]", "M101", "mappings/"),
    ("a message type that is none", "ignore: {}\nstrict: {invalid_values: bad}", "M108", "write error, warn or note"),
    ("an ignored field without a reason", "ignore: {PV1-18: ''}", "M111", "say why"),
    ("an ignored thing that is no field", "ignore: {PV1.18: x}", "M111", "PV1-18"),
    ("an entry without a key", "entries: [{resource: Patient}]", "M109", "key"),
    ("two entries of one key", "entries: [{key: a, resource: Patient}, {key: a, resource: Patient}]", "M110", "unique"),
    ("a table of an unknown shape", "tables: {a: {maps: {A: b}}}", "M202", "did you mean 'map'?"),
    ("a rule for unknown codes that is none", "tables: {a: {unmapped: drop}}", "M204", "keep"),
    ("a group around nothing", "groups: {a: {takes: [OBX]}}", "M302", "starts"),
    ("a group in an unknown one", "groups: {a: {starts: [OBX], in: b}, c: {starts: [OBR]}}", "M303", ""),
    ("groups inside each other", "groups: {a: {starts: [OBX], in: b}, b: {starts: [OBR], in: a}}", "M303", ""),
    ("a resource that is none", "entries: [{key: a, resource: Patiant}]", "M601", "did you mean 'Patient'?"),
    ("an entry without a way to write it", "entries: [{key: a, resource: Patient, body: {}}]", "M601", "own or mention"),
    ("merge, which comes later", "entries: [{key: a, resource: Patient, write: merge}]", "M601", "later"),
    ("an entry without an identity", "entries: [{key: a, resource: Patient, write: own}]", "M601", "derived("),
    ("an identity that is none", "entries: [{key: a, resource: Patient, write: own, identity: PID-3}]", "M602", "as CX"),
    ("an identity derived from itself", "entries: [{key: a, resource: Patient, write: own, identity: 'derived(->a, PID-3)', body: {}}]", "M601", "another"),
    ("a required element whose rule can miss", "entries: [{key: a, resource: Observation, write: own, identity: 'derived(->a, PID-3)', body: {status: = final, code: {text: PID-3}}}]", "M410", "$required"),
    ("a required element without a rule", "entries: [{key: a, resource: Observation, write: own, identity: 'derived(->a, PID-3)', body: {status: = final}}]", "M409", "code"),
    ("a type that uses itself", "types: {A: {$target: Coding, code: . as A}}\nentries: [{key: a, resource: Patient, write: own, identity: PID-3 as A, body: {}}]", "M504", ""),
    ("YAML that is none", "tables: {a: [}", "E100", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "hint"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_a_wrong_file_is_found_where_it_is_wrong(build: Callable[..., Any], text: str, code: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(text)
    found = [f for f in caught.value.findings if f.code == code]
    assert found, [str(f) for f in caught.value.findings]
    assert found[0].line >= 4
    assert hint in found[0].suggestion + found[0].text


def test_every_finding_is_told_at_once(build: Callable[..., Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        build(BODY.replace("@", "brithDate: PID-7 | date\n      gendr: PID-8\n      name: PID-5 as NAM"))
    assert {f.line for f in caught.value.findings} == {LINE, LINE + 1, LINE + 2}


def test_a_finding_in_an_include_names_that_file(build: Callable[..., Any]) -> None:
    part = "types: {ID: {$target: Identifier, valu: .1}}\n"
    text = "include: [m/part]\nentries: [{key: p, resource: Patient, write: own, identity: PID-3 as ID, body: {identifier: PID-3 as ID}}]"
    with pytest.raises(ConfigError) as caught:
        build(text, part=part)
    assert ("mappings/m/part.yaml", 2, "did you mean 'value'?") in {
        (f.file, f.line, f.suggestion) for f in caught.value.findings
    }


def test_an_amended_entry_names_the_file_of_each_rule(build: Callable[..., Any]) -> None:
    part = """\
    types: {ID: {$target: Identifier, value: .1}}
    entries:
      - key: p
        resource: Patient
        write: mention
        identity: PID-3 as ID
        body: {brithDate: PID-7 | date}
    """
    with pytest.raises(ConfigError) as caught:
        build("include: [m/part]\nentries: [{key: p, amends: true, body: {activ: = true}}]", part=part)
    assert {(f.file, f.line) for f in caught.value.findings} == {("mappings/m/part.yaml", 8), ("mappings/t.yaml", 5)}
