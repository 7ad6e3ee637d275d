"""The structure as a test: floors, order inside channels, no circle (MODELS, Packages and floors; DECISIONS 2).

Imports at module level, under TYPE_CHECKING and inside functions all count.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "engine"

FLOORS: list[list[str]] = [
    ["errors"],
    ["clock"],
    ["message"],
    ["log"],
    ["delivery", "yamlfile", "expression", "metrics", "standards", "security"],
    ["records", "transport"],
    ["sources", "destinations", "mapping", "store"],
    ["plugins", "api"],
    ["channels"],
    ["workers", "console", "standins"],
    ["app"],
    ["cli"],
]
CHANNELS = [
    *(
        "scalars",
        "references",
        "systems",
        "policies",
        "sources",
        "channel",
        "config",
        "places",
        "site",
        "tables",
        "conditions",
        "cautions",
        "keys",
    ),
    *(
        "files",
        "selection",
        "revision",
        "answers",
        "identity",
        "verdict",
        "receipting",
        "receipt_findings",
        "lint",
        "schema",
        "gate",
        "judge",
        "lane",
        "alarm",
        "dispatcher",
        "offering",
        "arriving",
        "ending",
        "intake",
        "router",
        "receipts",
        "runner",
    ),
    *("build_ends", "build", "replay"),
]
ER7_FRONT_END = {"accounting", "compiler", "conditions", "groups", "languages", "runtime", "shelf", "values"}
"""The files of `engine.mapping` that may know the segments of HL7 v2. All else reads a message by its contract."""
SIBLINGS = ("engine.sources", "engine.destinations")
BANNED = {"manager", "handler", "processor", "service", "helper", "util", "utils", "common", "base", "impl", "data"}
BANNED |= {"info"}
LIMIT_FILE, LIMIT_FUNCTION = 300, 60


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ENGINE.rglob("*.py"))}


def imports(path: Path) -> set[str]:
    """Every engine module that a file imports, wherever in the file it does so."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in MODULES else str(node.module))
    return {name for name in found if name == "engine" or name.startswith("engine.")}


GRAPH = {name: imports(path) & MODULES.keys() for name, path in MODULES.items()}


def floor(name: str) -> int:
    package = name.split(".")[1]
    for number, packages in enumerate(FLOORS):
        if package in packages:
            return number
    raise AssertionError(f"{name} stands on no floor: name its package in FLOORS")


@pytest.mark.parametrize("name", [name for name in MODULES if name != "engine"])
def test_code_imports_only_from_lower_floors(name: str) -> None:
    mine = name.split(".")[1]
    for other in GRAPH[name] - {"engine"}:
        theirs = other.split(".")[1]
        if theirs != mine:
            assert floor(other) < floor(name), f"{name} imports {other}, which does not stand below it"


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("engine.channels.")])
def test_inside_channels_order_holds(name: str) -> None:
    mine = name.split(".")[2]
    assert mine in CHANNELS, f"give {name} its place in the order"
    for other in GRAPH[name]:
        if other.startswith("engine.channels."):
            theirs = other.split(".")[2]
            assert CHANNELS.index(theirs) < CHANNELS.index(mine) or theirs == mine, f"{name} imports {other}"


@pytest.mark.parametrize("package", [name for name, path in MODULES.items() if path.name == "__init__.py"])
def test_a_package_root_is_a_contract_and_imports_none_of_its_siblings(package: str) -> None:
    inner = {other for other in GRAPH[package] if other.startswith(package + ".")}
    if package != "engine":
        assert not inner - {name for name in inner if MODULES[name].name == "__init__.py"}, f"{package} imports {inner}"


@pytest.mark.parametrize("package", SIBLINGS)
def test_sources_and_destinations_do_not_know_their_neighbours_of_another_kind(package: str) -> None:
    kinds = {name for name in MODULES if name.startswith(package + ".")}
    for name in kinds:
        kind = name.removeprefix(package + ".").split("_")[0].split(".")[0]
        for other in GRAPH[name] & kinds:
            assert other.removeprefix(package + ".").split("_")[0].split(".")[0] == kind, f"{name} imports {other}"


def test_standards_do_not_know_each_other() -> None:
    folders = {path.name for path in (ENGINE / "standards").iterdir() if path.is_dir()}
    for name, others in GRAPH.items():
        parts = name.split(".")
        if parts[:2] == ["engine", "standards"] and len(parts) > 2 and parts[2] in folders:
            for other in others:
                theirs = other.split(".")
                if theirs[:2] == ["engine", "standards"] and len(theirs) > 2:
                    assert theirs[2] == parts[2], f"{name} imports {other}"


def test_mappings_know_no_standard_but_for_the_front_end_that_reads_segments() -> None:
    known: set[str] = set()
    for name, others in GRAPH.items():
        if name.startswith("engine.mapping"):
            assert not {other for other in others if other.startswith("engine.standards.kith")}, name
            if any(other.startswith("engine.standards.hl7v2") for other in others):
                known.add(name.rpartition(".")[2])
    assert known == ER7_FRONT_END


def test_there_is_no_circle() -> None:
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, "circle: " + " > ".join((*way[way.index(name) :], name))
        if name in done:
            return
        for other in sorted(GRAPH[name]):
            visit(other, (*way, name))
        done.add(name)

    for name in MODULES:
        visit(name, ())


@pytest.mark.parametrize("name", [name for name in MODULES if "generated" not in name])
def test_files_and_functions_stay_small(name: str) -> None:
    text = MODULES[name].read_text("utf-8")
    assert text.count("\n") <= LIMIT_FILE, f"{name} has more than {LIMIT_FILE} lines: split it by idea"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            assert size <= LIMIT_FUNCTION, f"{name}:{node.lineno} {node.name} has {size} lines"


def test_no_name_hides_its_idea_behind_a_banned_word() -> None:
    for name in MODULES:
        assert not BANNED & set(name.split(".")[-1].split("_")), name
        for node in ast.walk(ast.parse(MODULES[name].read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                words = "".join(f" {c}" if c.isupper() else c for c in node.name).lower().split()
                assert not BANNED & set(words), f"{name}: {node.name}"


ASYNC_FLOORS = {"transport", "sources", "destinations", "channels", "console", "standins", "workers", "app", "cli"}


def test_async_stays_where_it_belongs() -> None:
    for name, path in MODULES.items():
        parts = name.split(".")
        if len(parts) < 2 or (parts[1] in ASYNC_FLOORS and name != "engine.channels.judge"):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        assert not any(isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(tree)), name
