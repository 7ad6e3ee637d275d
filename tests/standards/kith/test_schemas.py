"""Our schemas take what the standards take, refuse what they refuse, and are found by namespace alone."""

from __future__ import annotations

import importlib.util
import random
import socket
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kith_changes import FAULTS, NS, ODDITIES, PARSER, SAMPLES, again, attribute, changed, sample, text
from lxml import etree

from engine.errors import ConfigError
from engine.standards.kith.schemas import CATALOGUE, MSGHEAD, Schemas

ROOT = Path(__file__).resolve().parents[3]
XSD = ROOT / "xsd"
UNSCHEMED = {"std_epikrise_1_2", "std_henvisning_1_1", "std_svarrapport_1_4"}
"""Samples of standards that have no schema of ours yet."""
OWN = [path for path in sorted(SAMPLES.glob("*.xml")) if path.stem not in UNSCHEMED]
SHARED = ROOT.parent / "shared"
NATIONAL = SHARED / "reference" / "kith-xsd"
PUBLIC = [SHARED / "reference" / "kith-samples" / kind for kind in ("apprec", "dialogmelding")]
TOOL = SHARED / "tools" / "schema_equivalence.py"
XS = "{http://www.w3.org/2001/XMLSchema}"
DATATYPES, PARTIES = "http://www.kith.no/xmlstds", NS["p"]


def read(name: str) -> bytes:
    return (XSD / name).read_bytes()


def edited(name: str, old: str, new: str) -> Callable[[str], bytes]:
    """Reads as `read`, but one file has been edited."""

    def reading(asked: str) -> bytes:
        raw = read(asked)
        assert asked != name or old.encode() in raw
        return raw.replace(old.encode(), new.encode()) if asked == name else raw

    return reading


OURS = Schemas(read)


def is_valid(root: Any) -> bool:
    return OURS.schema_for(etree.QName(root).namespace).validate(root)


# What is valid


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_our_own_samples_are_valid(path: Path) -> None:
    assert is_valid(etree.parse(str(path), PARSER).getroot())


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_refused(fault: str) -> None:
    assert not is_valid(changed(*FAULTS[fault]))


@pytest.mark.parametrize("oddity", ODDITIES)
def test_what_is_odd_but_allowed_passes(oddity: str) -> None:
    assert is_valid(changed(*ODDITIES[oddity]))


@pytest.mark.parametrize("name", ["apprec_ok", "apprec_rejected", "apprec_partial"])
def test_the_two_receipts_differ_in_namespace_alone(name: str) -> None:
    versions = [NS["a"], NS["a11"]]
    raw = (SAMPLES / f"{name}.xml").read_text("utf-8")
    here = next(each for each in versions if each in raw)
    for version in versions:
        assert is_valid(etree.fromstring(raw.replace(here, version).encode(), PARSER))


def test_a_long_number_that_is_nearly_an_oid_is_refused_at_once() -> None:
    nearly = changed("dialog_foresporsel", attribute("//d:TypeForesp", "S", "1" * 200_000 + "x"))
    start = time.process_time()
    assert not is_valid(nearly)
    assert time.process_time() - start < 2


# Files and catalogue


def test_every_file_is_in_the_catalogue_and_the_other_way_round() -> None:
    files = {path.relative_to(XSD).as_posix() for path in XSD.rglob("*.xsd")}
    assert sorted(CATALOGUE.values()) == sorted(files)
    table = (XSD / "README.md").read_text("utf-8")
    for namespace, name in CATALOGUE.items():
        assert etree.fromstring(read(name)).get("targetNamespace") == namespace
        assert f"| `{name}` | `{namespace}` |" in table


@pytest.mark.parametrize("name", CATALOGUE.values())
def test_a_schema_refers_to_its_neighbours_and_never_to_the_network(name: str) -> None:
    tree = etree.fromstring(read(name)).getroottree()
    assert not tree.docinfo.doctype
    assert not list(tree.iter(XS + "include", XS + "redefine"))
    for each in tree.iter(XS + "import"):
        neighbour = (XSD / name).parent / each.get("schemaLocation", "")
        assert neighbour.relative_to(XSD).as_posix() == CATALOGUE[each.get("namespace", "")]


@pytest.mark.parametrize("namespace", CATALOGUE)
def test_a_schema_stands_after_those_it_imports(namespace: str) -> None:
    order = OURS.order_of(namespace)
    for place, each in enumerate(order):
        needed = {i.get("namespace") for i in etree.fromstring(read(CATALOGUE[each])).iter(XS + "import")}
        assert needed <= set(order[:place])
    assert namespace in order and len(order) == len(set(order))


def test_a_dialog_alone_needs_no_msghead_and_msghead_knows_every_payload() -> None:
    assert set(OURS.order_of(NS["d"])) == {DATATYPES, PARTIES, NS["d"]}
    assert set(OURS.order_of(MSGHEAD)) == set(CATALOGUE)


# How they are found


def test_a_schema_is_compiled_once_and_each_file_read_once() -> None:
    asked: Counter[str] = Counter()

    def counting(name: str) -> bytes:
        asked[name] += 1
        return read(name)

    schemas = Schemas(counting)
    assert schemas.schema_for(MSGHEAD) is schemas.schema_for(MSGHEAD)
    schemas.schema_for(NS["d"])
    assert asked == Counter(CATALOGUE.values())


def test_nothing_is_read_before_it_is_asked_for() -> None:
    schemas = Schemas(lambda name: pytest.fail(f"read {name}"))
    assert MSGHEAD in schemas and "urn:example:unknown" not in schemas


def test_threads_do_not_read_each_others_errors() -> None:
    schemas = Schemas(read)
    faulty = {name: changed("dialog_svar", text(f"//m:{name}", "unknown")) for name in ("GenDate", "DateOfBirth")}

    def many(name: str) -> None:
        for _ in range(300):
            schema = schemas.schema_for(MSGHEAD)
            assert not schema.validate(faulty[name])
            assert len(schema.error_log) == 1 and f"}}{name}'" in schema.error_log[0].message

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(many, [*faulty, *faulty]))


def test_a_schema_whose_files_were_not_all_asked_for_is_compiled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread that ends its parsing takes the loader away, and libxml2 passes over what it cannot load."""
    compile_, tries = etree.XMLSchema, 0

    def at_first_without_a_loader(root: Any) -> etree.XMLSchema:
        nonlocal tries
        tries += 1
        return compile_(again(root) if tries == 1 else root)

    monkeypatch.setattr("lxml.etree.XMLSchema", at_first_without_a_loader)
    assert Schemas(read).schema_for(MSGHEAD).validate(sample("dialog_svar"))
    assert tries == 2


POINTERS = {
    "a hint at an imported schema": ('schemaLocation="', 'schemaLocation="{there}'),
    "an external entity": ("<xs:schema ", '<!DOCTYPE xs:schema [<!ENTITY % e SYSTEM "{there}"> %e;]><xs:schema '),
    "an external DTD": ("<xs:schema ", '<!DOCTYPE xs:schema SYSTEM "{there}"><xs:schema '),
}


@pytest.mark.parametrize("pointer", POINTERS)
def test_what_a_schema_file_points_at_is_never_fetched(pointer: str) -> None:
    old, new = POINTERS[pointer]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        there = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        schemas = Schemas(lambda name: read(name).replace(old.encode(), new.format(there=there).encode()))
        assert schemas.schema_for(MSGHEAD).validate(sample("dialog_svar"))
        with pytest.raises(BlockingIOError):
            listening.accept()


# What is wrong with them is said before start


def refusal(read: Callable[[str], bytes], namespace: str = MSGHEAD) -> tuple[str, str, int, str]:
    with pytest.raises(ConfigError) as caught:
        Schemas(read).schema_for(namespace)
    (finding,) = caught.value.findings
    return finding.code, finding.file, finding.line, str(finding)


@pytest.mark.parametrize("error", [KeyError, FileNotFoundError])
def test_a_missing_file_is_named_with_its_namespace(error: type[Exception]) -> None:
    def without(name: str) -> bytes:
        if name == "kith/parties.xsd":
            raise error(name)
        return read(name)

    code, file, _, words = refusal(without)
    assert (code, file) == ("E220", "xsd/kith/parties.xsd")
    assert PARTIES in words


def test_a_namespace_outside_the_catalogue_is_named() -> None:
    code, _, _, words = refusal(read, "urn:example:unknown")
    assert code == "E220" and "urn:example:unknown" in words


def test_an_import_outside_the_catalogue_is_named_with_the_file_that_wants_it() -> None:
    wants = edited(
        "kith/dialog-1.0.xsd", f'<xs:import namespace="{PARTIES}"', '<xs:import namespace="urn:example:unknown"'
    )
    code, file, _, words = refusal(wants)
    assert (code, file) == ("E220", "xsd/kith/dialog-1.0.xsd")
    assert "urn:example:unknown" in words


BROKEN = {
    "not well-formed": ("</xs:schema>", "", "not well-formed"),
    "for another namespace": (
        f'targetNamespace="{NS["a"]}"',
        'targetNamespace="urn:other"',
        "not a schema for namespace",
    ),
    "pulls in a file": ("<xs:import ", '<xs:include schemaLocation="x.xsd"/><xs:import ', "one file"),
    "names a type that is not there": ('name="Role" type="k:CS"', 'name="Role" type="k:CX"', "does not compile"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_file_that_does_not_hold_is_named_with_its_line(fault: str) -> None:
    old, new, words = BROKEN[fault]
    code, file, line, said = refusal(edited("kith/apprec-1.0.xsd", old, new))
    assert (code, file) == ("E221", "xsd/kith/apprec-1.0.xsd")
    assert words in said and line > 0


# Equivalence with the national schemas


def equivalence() -> Any:
    """The tool that measures it, as a module."""
    spec = importlib.util.spec_from_file_location("schema_equivalence", TOOL)
    assert spec is not None and spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


beside = pytest.mark.skipif(
    not (NATIONAL.is_dir() and TOOL.is_file()), reason="the national schemas are not beside the repository"
)


@beside
@pytest.mark.parametrize("name", [*FAULTS, *ODDITIES])
def test_the_national_schemas_say_the_same_of_each_fault_and_oddity(name: str) -> None:
    tool = equivalence()
    root = changed(*(FAULTS | ODDITIES)[name])
    theirs = tool.SchemaSet.from_folder(NATIONAL).schema_for(CATALOGUE)
    assert theirs.validate(root) is (name in ODDITIES)


@beside
def test_ours_and_the_national_schemas_agree_on_every_sample_and_its_mutants() -> None:
    tool = equivalence()
    theirs = tool.SchemaSet.from_folder(NATIONAL).schema_for(CATALOGUE)
    chance = random.Random(20261124)
    verdicts: Counter[bool] = Counter()
    for path in [*OWN, *(each for folder in PUBLIC for each in sorted(folder.rglob("*.xml")))]:
        root = tool.message_root(etree.parse(str(path), PARSER))
        if etree.QName(root).namespace not in OURS:
            continue
        cases = [(again(root), "as it is", ""), *filter(None, (tool.mutate(root, chance) for _ in range(12)))]
        for mutant, kind, place in cases:
            verdict = theirs.validate(again(mutant))
            assert is_valid(again(mutant)) is verdict, f"{path.name}: {kind} at {place}"
            verdicts[verdict] += 1
    assert verdicts[True] > 50 and verdicts[False] > 150


@beside
@pytest.mark.parametrize("namespace", CATALOGUE)
def test_every_element_that_a_national_schema_lets_stand_alone_may_stand_alone_in_ours(namespace: str) -> None:
    def alone(path: Path) -> set[str]:
        return {each.get("name", "") for each in etree.parse(str(path)).getroot().iterchildren(XS + "element")}

    theirs = equivalence().SchemaSet.from_folder(NATIONAL).files[namespace]
    assert alone(XSD / CATALOGUE[namespace]) == alone(theirs)
