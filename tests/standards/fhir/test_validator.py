"""What the validator accepts and what it finds, always twice: by the thorough walk and by the quick look."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from fhir_seeded import GONE, ROWS, Row, changed
from fhir_valid import bundle, encounter, observation, patient, valid, with_contained
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.message import Severity
from engine.standards.fhir import Decimal
from engine.standards.fhir.primitives import CHECKS, QUICK, whole_day
from engine.standards.fhir.r4 import load
from engine.standards.fhir.shapes import is_resource, looks_right, source
from engine.standards.fhir.spec import spec
from engine.standards.fhir.validator import validate
from engine.standards.fhir.walk import walk

VALID = valid()


@pytest.fixture(scope="module", autouse=True)
def learnt() -> None:
    """The quick look has met every valid shape often enough to have code for it."""
    for _ in range(8):
        for resource in valid().values():
            looks_right(resource)


@pytest.mark.parametrize("name", VALID)
def test_a_valid_resource_is_accepted_by_both(name: str) -> None:
    assert walk(VALID[name]) == []
    assert validate(VALID[name]) == []


@pytest.mark.parametrize("name", [name for name in VALID if name != "with_contained"])
def test_a_valid_resource_is_accepted_by_the_quick_look_alone(name: str) -> None:
    assert is_resource(VALID[name])


def test_there_are_at_least_sixty_wrong_resources() -> None:
    assert len({row[0] for row in ROWS}) == len(ROWS) >= 60


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_wrong_resource_is_found_out(row: Row) -> None:
    _, name, code, place, change = row
    wrong = changed(valid()[name], change)
    assert not is_resource(wrong)
    found = validate(wrong)
    assert (code, place) in [(issue.code, issue.place) for issue in found]
    assert all(issue.severity is Severity.ERROR for issue in found)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_wrong_resource_is_found_out_when_its_shape_comes_again(row: Row) -> None:
    _, name, code, place, change = row
    for _ in range(5):
        found = validate(changed(valid()[name], change))
        assert (code, place) in [(issue.code, issue.place) for issue in found]


def test_all_faults_are_told_at_once() -> None:
    wrong = changed(patient(), {"gender": "F", "birthDate": "1958-02-30", "name.0.given": [], "pets": 1})
    assert {issue.place for issue in validate(wrong)} == {
        "Patient.gender",
        "Patient.birthDate",
        "Patient.name[0].given",
        "Patient.pets",
    }


def test_an_unknown_element_comes_with_a_suggestion() -> None:
    (issue,) = validate({**patient(), "birthdate": "1958-01-13"})
    assert issue.hint == "birthDate"


def test_no_issue_quotes_a_value() -> None:
    mark = "Sokk4mark"
    for name, resource in valid().items():
        for place in list(_strings_of(resource)):
            for issue in validate(changed(copy.deepcopy(resource), {place: mark + "\x00"})):
                assert mark not in f"{issue.code}{issue.text}{issue.place}{issue.hint}", (name, place)


def _strings_of(value: Any, path: str = "") -> Any:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, found in steps:
        here = f"{path}.{key}" if path else str(key)
        if isinstance(found, str):
            yield here
        yield from _strings_of(found, here)


ACCEPTED: dict[str, tuple[Any, dict[str, Any]]] = {
    "an extension in the place of a required value": (
        observation,
        {"status": GONE, "_status": {"extension": [{"url": "u:a", "valueCode": "unknown"}]}},
    ),
    "null in a list with an extension beside it": (
        patient,
        {
            "name.0.given": ["Kari", None],
            "name.0._given": [None, {"extension": [{"url": "u:a", "valueBoolean": True}]}],
        },
    ),
    "only extensions in a list": (
        patient,
        {"name.0.given": GONE, "name.0._given": [{"extension": [{"url": "u:a", "valueBoolean": True}]}]},
    ),
    "29 February of a leap year": (patient, {"birthDate": "2024-02-29"}),
    "a year": (patient, {"birthDate": "1958"}),
    "a leap second and many digits": (observation, {"issued": "2016-12-31T23:59:60.123456789Z"}),
    "a whole number as decimal": (observation, {"valueQuantity.value": 72}),
    "a float": (observation, {"valueQuantity.value": 72.5}),
    "a small number with an exponent": (observation, {"valueQuantity.value": Decimal("1.20E-3")}),
    "a period within one day, one end without time": (encounter, {"period.end": "2026-01-14"}),
    "a reference by identifier": (observation, {"subject": {"identifier": {"value": "1"}}}),
    "a reference by urn": (observation, {"subject.reference": "urn:uuid:0c2d0001-0000-8000-8000-000000000000"}),
    "an absolute reference to the right type": (observation, {"subject.reference": "https://x.example/fhir/Patient/1"}),
    "letters of every kind": (patient, {"name.0.family": "Ŋærøy-Ðåß 山\u00a0x", "name.0.text": "line\r\nline\tx"}),
    "nested extensions": (
        patient,
        {"extension": [{"url": "u:a", "extension": [{"url": "b", "valuePeriod": {"start": "2026"}}]}]},
    ),
    "a contained resource that points to its container": (
        with_contained,
        {
            "contained": [{"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": "#"}}],
            "asserter": GONE,
        },
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_looks_odd_and_is_right_is_accepted(name: str) -> None:
    make, change = ACCEPTED[name]
    for _ in range(5):
        assert validate(changed(make(), change)) == []


@pytest.mark.parametrize("value", [None, [], "Patient", 5, {}, {"resourceType": None}, {"resourceType": ["Patient"]}])
def test_what_is_no_resource_is_found_out(value: Any) -> None:
    assert len(validate(value)) == 1


@pytest.mark.parametrize("odd", [[], {}, ["a"], {"a": 1}, 5, None], ids=str)
def test_an_id_of_another_kind_in_a_contained_resource_is_found_out(odd: Any) -> None:
    resource = with_contained()
    resource["contained"][0]["id"] = odd
    assert "Condition.contained[0].Practitioner.id" in {issue.place for issue in validate(resource)}


def test_a_resource_nested_too_deeply_is_an_issue_and_no_crash() -> None:
    deep: dict[str, Any] = {"url": "u:a", "valueString": "x"}
    for _ in range(5000):
        deep = {"url": "u:a", "extension": [deep]}
    assert [issue.code for issue in validate({**patient(), "extension": [deep]})] == ["fhir.depth"]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_the_quick_look_never_accepts_what_the_walk_refuses(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(VALID)))
    resource = copy.deepcopy(VALID[name])
    holders = list(_holders(resource))
    for _ in range(data.draw(st.integers(1, 3))):
        holder = data.draw(st.sampled_from(holders))
        odd = st.sampled_from(
            [
                None,
                "",
                " ",
                "x",
                "2026-02-30",
                True,
                1,
                -1,
                1.5,
                Decimal("1.0"),
                Decimal("x"),
                [],
                {},
                [{}],
                ["a"],
                {"a": 1},
            ]
        )
        if not holder:
            continue
        key = data.draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        if data.draw(st.booleans()) and isinstance(holder, dict):
            holder.pop(key)
        else:
            holder[key] = data.draw(odd)
    found = walk(resource)
    for _ in range(4):
        assert not (is_resource(resource) and found)
        assert validate(resource) == found


def _holders(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from _holders(item)


def test_every_invariant_of_what_mappings_make_has_a_rule() -> None:
    # ref-1 and dom-3 look at the container, txt-1 and txt-2 are part of the form of xhtml, ele-1 is emptiness itself;
    # bdl-9 also says bdl-10 and bdl-11 also says bdl-12.
    elsewhere = {"ele-1", "ref-1", "txt-1", "txt-2", "bdl-10", "bdl-12"}
    made = "Bundle Patient Practitioner PractitionerRole Organization Location Encounter EpisodeOfCare Condition "
    made += "AllergyIntolerance Observation DiagnosticReport ServiceRequest Specimen RelatedPerson Provenance "
    made += "DocumentReference Coverage Procedure Communication Task Flag Immunization Composition Appointment"
    seen: set[str] = set()
    lacking: set[str] = set()

    def visit(name: str) -> None:
        if name in seen or name in ("Resource", "ElementDefinition"):
            return
        seen.add(name)
        found = load().type(name)
        assert found is not None
        if found.kind == "primitive":
            return
        keys = {rule.key for rule in spec(name).rules} | elsewhere
        lacking.update(f"{name} {key}" for key in found.invariants if key not in keys)
        for element in found.elements.values():
            lacking.update(f"{name}.{element.name} {key}" for key in element.invariants if key not in keys)
            visit(element.type)

    for name in made.split():
        visit(name)
    assert lacking == set()


def test_the_generated_code_can_be_read() -> None:
    text = source(spec("Coding"), ("system", "code"))
    assert text.startswith("def judge(d):")
    assert "# system" in text
    assert source(spec("Coding"), ("system", "kode")) == ""


def test_a_shape_is_compiled_only_when_it_comes_again_and_never_without_end() -> None:
    from engine.standards.fhir.shapes import Shapes

    shapes = Shapes(spec("Patient"))
    body = dict(patient())
    assert shapes.unknown(body) and not shapes.known
    assert shapes.unknown(body) and shapes.unknown(body) and len(shapes.known) == 1
    names = [name for name in body if name not in ("resourceType", "birthDate", "_birthDate")]
    for turn in range(600):
        order = names[turn % len(names) :] + names[: turn % len(names)]
        some = {name: body[name] for bit, name in enumerate(order) if turn >> bit & 1 or bit > 10}
        for _ in range(3):
            assert shapes.unknown({"resourceType": "Patient", **some}) or not some
    assert len(shapes.known) <= 512


def test_no_resource_waits_for_more_code_than_its_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.standards.fhir import shapes

    monkeypatch.setattr(shapes, "_shapes", {})
    monkeypatch.setattr(shapes, "_resources", shapes._OfType())
    monkeypatch.setattr(shapes, "_AT_ONCE", 0)
    for _ in range(5):
        assert validate(patient()) == []
    assert not any(one.known for one in shapes._shapes.values())
    monkeypatch.setattr(shapes, "_AT_ONCE", 1)
    assert validate(patient()) == []
    assert sum(len(one.known) for one in shapes._shapes.values()) == 1


def test_a_bundle_is_looked_at_entry_by_entry() -> None:
    wrong = changed(bundle(), {"entry.2.resource.status": "x", "entry.0.resource.gender": "x"})
    assert [issue.place for issue in validate(wrong)] == [
        "Bundle.entry[0].resource.Patient.gender",
        "Bundle.entry[2].resource.Encounter.status",
    ]


@given(
    st.sampled_from(["transaction", "history", "searchset", "document", "batch", "collection"]),
    st.lists(
        st.dictionaries(
            st.sampled_from(["fullUrl", "resource", "request", "response", "search", "link"]),
            st.sampled_from(["urn:a", "urn:b", "urn:c"]),
            min_size=2,
            max_size=4,
        ),
        min_size=1,
        max_size=3,
    ),
)
@example("transaction", [{"fullUrl": "urn:a", "resource": "urn:a", "request": "urn:a"}])
def test_a_bundle_for_which_rules_are_settled_keeps_each_of_them(kind: str, entries: list[dict[str, str]]) -> None:
    whole = {"type": kind, "entry": entries}
    for rule in spec("Bundle").rules:
        if rule.settled is not None and rule.settled(whole):
            assert rule.holds is not None and rule.holds(whole), rule.key


def test_what_settles_the_rules_of_a_bundle_does_so_for_a_usual_one() -> None:
    assert [rule.key for rule in spec("Bundle").rules if rule.settled is not None and rule.settled(bundle())] == [
        *("bdl-2", "bdl-3", "bdl-4", "bdl-7", "bdl-9", "bdl-11"),
    ]


def test_a_nested_object_unlike_the_first_ones_is_judged_by_its_own_elements() -> None:
    like = {"valueQuantity": {"value": Decimal("1"), "unit": "g", "system": "http://unitsofmeasure.org", "code": "g"}}
    for _ in range(5):
        assert validate(changed(observation(), like)) == []
    others: list[tuple[dict[str, Any], list[str]]] = [
        ({"value": Decimal("1"), "unit": "g"}, []),
        ({"value": Decimal("1"), "unit": "g", "system": "http://unitsofmeasure.org", "comparator": "<"}, []),
        ({"value": Decimal("1"), "unit": "g", "system": "http://unitsofmeasure.org", "kode": "g"}, ["kode"]),
        ({"value": "1", "unit": "g", "system": "http://unitsofmeasure.org", "code": "g"}, ["value"]),
        ({"value": Decimal("1"), "unit": "g", "code": "g"}, [""]),
    ]
    for quantity, wrong in others * 4:
        places = [issue.place for issue in validate(changed(observation(), {"valueQuantity": quantity}))]
        assert places == [f"Observation.valueQuantity{'.' if name else ''}{name}" for name in wrong]


def test_what_is_of_a_person_is_not_remembered() -> None:
    from engine.standards.fhir.primitives import IDS, SEEN

    named = {"name.0.family": "Ukjentsen", "identifier.0.value": "13815897247", "birthDate": "1958-01-29"}
    middle = {"url": "http://hl7.no/fhir/StructureDefinition/no-basis-middlename", "valueString": "Mellomnavn"}
    named["name.0.extension"] = [middle]  # type: ignore[assignment]
    told = {"subject.display": "Ukjentsen", "subject.reference": "Patient/13815897247", "id": "13815897247"}
    sought = {"entry.0.request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:x%7C13815897247"}}
    for texts in (*SEEN.values(), *IDS.values()):
        texts.clear()
    for _ in range(5):
        assert validate(changed(patient(), named)) == []
        assert validate(changed(observation(), told)) == []
        assert validate(changed(bundle(), sought)) == []
    kept = {text for texts in (*SEEN.values(), *IDS.values()) for text in texts}
    assert kept.isdisjoint({"Ukjentsen", "Mellomnavn", "1958-01-29"})
    assert not any("13815897247" in text for text in kept)
    assert "final" in kept or "http://unitsofmeasure.org" in kept


def test_remembered_ids_are_bounded() -> None:
    from engine.standards.fhir.primitives import IDS

    for number in range(9000):
        validate({"resourceType": "Basic", "id": f"{number:036d}", "code": {"text": "x"}})
    assert all(len(ids) <= 4200 for ids in IDS.values())


@pytest.mark.parametrize("name", QUICK)
@given(
    text=st.one_of(
        st.text(max_size=90),
        st.from_regex(r"(urn:uuid:|[A-Z]{0,3}/)?[0-9a-f]{8}-?[^a-z]{27,28}"),
        st.from_regex(r"[0-3]\d\d\d-[0-3]\d-[0-3]\d"),
    )
)
def test_a_quick_expression_is_never_true_of_a_wrong_text(name: str, text: str) -> None:
    kind = {"fullUrl": "uri", "url": "uri", "reference": "string"}.get(name, name)
    seen: set[str] = set()
    names = {"v": text, "seen": seen, "add": seen.add, "day": whole_day}
    said = eval(QUICK[name].format(**{known: known for known in names}), names)
    assert not said or CHECKS[kind](text)
