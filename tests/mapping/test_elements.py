# ruff: noqa: E501 (one row of a table is one line)
"""What each key of the language makes of a message: rules, PID fields, the elements that come of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.mapping import Mapped
from engine.standards.fhir import Decimal

PID = "PID|1||7^^^^MR~13815897247^^^^FNR||Ås^Kari^Anne Marie~Li^K||19580113|F|||Gate 1^^Bodø||||||||||||||2||||N"
TABLES = """
tables:
  gender: {map: {F: female, M: male}, unmapped: {code: unknown, level: warn}}
  marital: {system: "http://x.org/m", map: {M: {code: M, display: Married}, S: S}, unmapped: keep}
  silent: {map: {F: other}, unmapped: ignore}
  strictly: {map: {M: male}, unmapped: error}
"""

RULES: list[tuple[str, str, dict[str, Any]]] = [
    ("a date keeps its precision", "birthDate: PID-7 | date", {"birthDate": "1958-01-13"}),
    ("a single value is wrapped for a list", "name: {family: PID-5.1}", {"name": [{"family": "Ås"}]}),
    ("words are spliced into a list", "name: {given: [PID-5.2, PID-5.3 | words]}", {"name": [{"given": ["Kari", "Anne", "Marie"]}]}),
    ("a table gives a code", "gender: PID-8 | table gender", {"gender": "female"}),
    ("a coding fits a CodeableConcept", "maritalStatus: = M | coding marital", {"maritalStatus": {"coding": [{"system": "http://x.org/m", "code": "M", "display": "Married"}]}}),
    ("a number keeps its type", "multipleBirthInteger: PID-25 | positiveInt", {"multipleBirthInteger": 2}),
    ("false is a value", "deceasedBoolean: PID-30 | yesno", {}),
    ("no is no", "deceasedBoolean: PID-29 | yesno", {"deceasedBoolean": False}),
    ("a literal is itself", "active: = true", {"active": True}),
    ("else takes the first that has a value", "birthDate: PID-99 else PID-7 | date", {"birthDate": "1958-01-13"}),
    ("join leaves out what is absent", "name: {text: \"join(' ', PID-5.2, PID-5.9, PID-5.1)\"}", {"name": [{"text": "Kari Ås"}]}),
    ("when lets a node be", "gender: {$when: PID-8, $value: = female}", {"gender": "female"}),
    ("when takes a node away", "gender: {$when: not PID-8, $value: = female}", {}),
    ("default fills in", "gender: {$value: PID-98 | table gender, $default: unknown}", {"gender": "unknown"}),
    ("first takes the first alternative that has a value", "gender: {$first: [PID-98 | table gender, PID-8 | table silent, = male]}", {"gender": "other"}),
    ("first falls through", "gender: {$first: [PID-98 | table gender, = male]}", {"gender": "male"}),
    ("choice takes one of several elements", "$choice: [{deceasedDateTime: PID-98 | dateTime}, {deceasedBoolean: PID-29 | yesno}]", {"deceasedBoolean": False}),
    ("switch takes the branch of a value", "$switch: PID-8\n$cases: {M: {active: = true}, \"F,X\": {active: = false}}", {"active": False}),
    ("switch without a case gives nothing", "$switch: PID-8\n$cases: {M: {active: = true}}", {}),
    ("switch has an else", "$switch: PID-8\n$cases: {M: {active: = true}, $else: {active: = false}}", {"active": False}),
    ("if_empty speaks when the switch gave nothing", "$switch: PID-8\n$cases: {F: {birthDate: PID-98 | date}}\n$if_empty: {active: = false}", {"active": False}),
    ("let names a value", "$let: {n: PID-5.1}\nname: [{family: $n, text: $n | upper}]", {"name": [{"family": "Ås", "text": "ÅS"}]}),
    ("let names a condition", "$let: {f: PID-8 = 'F'}\ngender: {$when: $f, $value: = female}", {"gender": "female"}),
    ("for_each goes over repetitions", "name: [{$for_each: PID-5, family: .1}]", {"name": [{"family": "Ås"}, {"family": "Li"}]}),
    ("constants alone make no object", "contact: [{name: {family: PID-98}, gender: = male}]", {}),
    ("an object of constants stands", "name: {use: = official}", {"name": [{"use": "official"}]}),
    ("an extension in one line", "extension: [{$extend: 'http://x.org/e', valueString: PID-5.1}]", {"extension": [{"valueString": "Ås", "url": "http://x.org/e"}]}),
    ("an extension without a value does not stand", "extension: [{$extend: 'http://x.org/e', valueString: PID-98}]", {}),
    ("a primitive can be extended", "birthDate: PID-7 | date\n_birthDate: {extension: [{$extend: 'http://x.org/e', valueString: PID-8}]}", {"birthDate": "1958-01-13", "_birthDate": {"extension": [{"valueString": "F", "url": "http://x.org/e"}]}}),
    ("what R4 requires of a nested object decides over it", "communication: [{preferred: PID-29 | yesno, language: {text: PID-98}}]", {}),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "made"), [row[1:] for row in RULES], ids=[row[0] for row in RULES])
def test_a_rule_makes_its_element(patient: Callable[..., dict[str, Any]], rules: str, made: dict[str, Any]) -> None:
    pid = PID.replace("||||N", "||||N|")  # PID-29 is N, PID-30 is not sent
    assert patient(rules, pid, before=TABLES) == {"resourceType": "Patient", **made}


def test_a_decimal_keeps_its_digits(run_on: Callable[..., Mapped]) -> None:
    text = """
    types: {ID: {$target: Identifier, value: .1}}
    entries:
      - key: o
        resource: Observation
        for_each: OBX
        identity: OBX-3 as ID
        write: own
        body:
          status: = final
          code: {text: = x}
          valueQuantity: {value: OBX-5 | number, comparator: OBX-5 | comparator}
    """
    text = text.replace("comparator: OBX-5 | comparator", "comparator: OBX-5 | comparator | table c")
    text = text.replace("    entries:", "    tables: {c: {map: {<: <}, unmapped: ignore}}\n    entries:")
    mapped = run_on(text, "OBX|1|NM|A||<5.10", "OBX|2|NM|B||7,8")
    first, second = (entry.resource["valueQuantity"] for entry in mapped.entries)
    assert first == {"value": "5.10", "comparator": "<"}
    assert type(first["value"]) is Decimal
    assert second == {"value": "7.8"}
    assert [(i.severity, i.code, i.place) for i in mapped.issues] == [("note", "map.decimal_comma", "OBX[2]-5")]


ISSUES = [
    ("a date that is none", "birthDate: PID-7 | date", "PID|1||7||||20240230", ("error", "map.invalid_value", "PID[1]-7", "102")),
    ("a number that is none", "multipleBirthInteger: PID-25 | positiveInt", "PID|1||7" + "|" * 22 + "x", ("error", "map.invalid_value", "PID[1]-25", "102")),
    ("an unknown code", "gender: PID-8 | table gender", "PID|1||7|||||Q", ("warning", "map.unknown_code", "PID[1]-8", "103")),
    ("a code that must be known", "gender: PID-8 | table strictly", "PID|1||7|||||Q", ("error", "map.unknown_code", "PID[1]-8", "103")),
    ("a required value that is absent", "gender: {$value: PID-8 | table gender, $required: true}", "PID|1||7", ("error", "map.required", "PID[1]-8", "101")),
    ("what the mapping says itself", "active: {$when: PID-8, $value: = true, $issue: 'warn: odd'}", "PID|1||7|||||Q", ("warning", "map.stated", "", "")),
    ("hours that needed filling", "deceasedDateTime: PID-29 | dateTime", "PID|1||7" + "|" * 26 + "2024010112", ("note", "hl7.time_filled", "PID[1]-29", "")),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "pid", "issue"), [row[1:] for row in ISSUES], ids=[row[0] for row in ISSUES])
def test_an_issue_names_place_and_rule_and_no_value(
    run_on: Callable[..., Mapped], rules: str, pid: str, issue: tuple[str, str, str, str]
) -> None:
    text = f"{TABLES}\ntypes: {{ID: {{$target: Identifier, value: .1}}}}\nentries:\n"
    text += f"  - {{key: p, resource: Patient, write: own, identity: PID-3 as ID, body: {{{rules}}}}}\n"
    (found,) = run_on(text, pid).issues
    assert (found.severity, found.code, found.place, found.standard_code) == issue
    assert found.rule.startswith("mappings/t.yaml:")
    assert "20240230" not in found.text
    assert " Q" not in found.text


def test_an_issue_in_a_template_names_repetition_and_component(run_on: Callable[..., Mapped]) -> None:
    text = """
    types: {CX: {$target: Identifier, value: .1, period: {start: .7 | dateTime}}}
    entries: [{key: p, resource: Patient, write: own, identity: PID-3 as CX, body: {identifier: "PID-3[*] as CX"}}]
    """
    (issue,) = run_on(text, "PID|1||1~2^^^^^^20249999").issues
    assert issue.place == "PID[1]-3[2].7"


def test_a_switch_sees_each_item_of_a_loop(run_on: Callable[..., Mapped]) -> None:
    text = """
    types: {ID: {$target: Identifier, value: .1}}
    entries:
      - key: o
        resource: Observation
        for_each: OBX
        identity: OBX-3 as ID
        write: own
        body:
          status: = final
          code: {text: = x}
          $switch: OBX-2
          $cases:
            ST: {valueString: "OBX-5[*] | lines"}
            NM: {valueQuantity: {value: OBX-5 | decimal}}
            TM: {valueTime: OBX-5 | time}
    """
    mapped = run_on(text, "OBX|1|ST|A||a~~b\\.br\\c", "OBX|2|NM|B||5", "OBX|3|TM|C||1015")
    values = [{k: v for k, v in e.resource.items() if k.startswith("value")} for e in mapped.entries]
    assert values == [{"valueString": "a\n\nb\nc"}, {"valueQuantity": {"value": "5"}}, {"valueTime": "10:15:00"}]


def test_constant_subtrees_are_one_object_for_all_messages(build: Any, run_on: Callable[..., Mapped]) -> None:
    mapping = build("""
    tables: {m: {system: "http://x.org", map: {M: M}}}
    types: {ID: {$target: Identifier, value: .1}}
    entries: [{key: p, resource: Patient, write: own, identity: PID-3 as ID, body: {maritalStatus: = M | coding m}}]
    """)
    one, two = (run_on(mapping, f"PID|1||{n}").entries[0].resource for n in (1, 2))
    assert one["maritalStatus"] is two["maritalStatus"]
