"""StructureDefinitions cut down to rows: what a type's elements are called, hold and must have.

A type's row list has only what the type adds to its base, so that `id`, `extension`, `text` stand once in the file.
Backbones become types of their own, named by path (`Patient.contact`).

Why: packages that carry the definitions have been seen to add elements of their own to types (`Meta`, `ResearchStudy`)
and to put R5 in place of R4 (`EvidenceVariable`). `dataelements.json` in the same folder is the standard's own flat
list; a leaf is written only if that list has it, and as that list has it.

FHIR R4, ElementDefinition 2.28.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
Row = list[Any]
"""name, minimum, many, types, choice, value set, targets, invariants, profile; trailing empty ones left out."""

_FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
_REGEX = "http://hl7.org/fhir/StructureDefinition/regex"
_EVERYWHERE = {"ele-1", "ext-1"}
_CUT = 60
"""The flat list's ids are cut at 64 characters, and what became equal is gone: of longer paths it says nothing."""
_NOT_R4 = {f"EvidenceVariable.characteristic.definitionBy{ending}" for ending in ("Combination", "TypeAndValue")}
"""Of R5, not caught through the flat list because their children are content references or too long."""
_BACKBONES = ("BackboneElement", "Element")


def leaves_of(flat: list[Json]) -> dict[str, Json]:
    """The standard's flat list as path to ElementDefinition: every element that has no children of its own."""
    return {e["path"]: e for definition in flat for e in definition["snapshot"]["element"] if "." in e["path"]}


def types_of(definition: Json, leaves: dict[str, Json]) -> dict[str, Json]:
    """The type that a StructureDefinition defines, and one for each backbone inside it, by name."""
    name: str = definition["type"]
    if definition["kind"] != "primitive-type":
        elements = _as_published(definition["snapshot"]["element"], name, leaves)
    else:
        elements = definition["snapshot"]["element"]
    paths = {element["path"] for element in elements}
    inner = {path.rpartition(".")[0] for path in paths if "." in path}
    found: dict[str, Json] = {}
    kind = {"resource": "resource", "primitive-type": "primitive"}.get(definition["kind"], "complex")
    for element in elements:
        path = element["path"]
        if path not in inner and path != name:
            continue
        parent = definition.get("baseDefinition", "").rpartition("/")[2] if path == name else element["type"][0]["code"]
        described: Json = {"kind": kind if path == name else "complex", "base": parent}
        if path == name and definition.get("abstract"):
            described["abstract"] = True
        if keys := _invariants(element):
            described["invariants"] = keys
        described["elements"] = [
            _row(child, inner) for child in elements if child["path"].rpartition(".")[0] == path and _own(child, path)
        ]
        found[path] = described
    if kind == "primitive":
        found[name]["elements"] = []
        if regex := _regex(elements):
            found[name]["regex"] = regex
    return found


def _as_published(elements: list[Json], name: str, leaves: dict[str, Json]) -> list[Json]:
    """The elements of one type, each leaf replaced by the standard's own, and what the standard lacks left out."""
    parents = {element["path"].rpartition(".")[0] for element in elements}
    kept: list[Json] = []
    for element in elements:
        path = element["path"]
        if path in _NOT_R4 or path.rpartition(".")[0] in _NOT_R4:
            continue
        if path in parents or "contentReference" in element or not _own_here(element):
            kept.append(element)
        elif path in leaves or len(path) > _CUT:
            kept.append(leaves.get(path, element))
    have = {element["path"] for element in kept}
    lacking = [path for path in leaves if path.startswith(name + ".") and path not in have]
    kept += [leaves[path] for path in lacking if path.rpartition(".")[0] in parents]
    while True:
        full = {e["path"].rpartition(".")[0] for e in kept if _own_here(e)}
        less = [e for e in kept if e["path"] not in parents or e["path"] in full or e["path"] == name]
        if len(less) == len(kept):
            return kept
        kept = less


def _own_here(element: Json) -> bool:
    return _own(element, element["path"].rpartition(".")[0])


def _own(element: Json, path: str) -> bool:
    """Whether the element is first defined here. `base.path` of an inherited one names the type it comes from."""
    return bool(element["base"]["path"] == element["path"] or element["base"]["path"].startswith(path + "."))


def _row(element: Json, inner: set[str]) -> Row:
    name = element["path"].rpartition(".")[2]
    choice = ""
    if name.endswith("[x]"):
        name = choice = name[:-3]
    types: list[str] = []
    targets: list[str] = []
    profile = ""
    if "contentReference" in element:
        types.append(element["contentReference"].partition("#")[2])
    for described in element.get("type", []):
        code = _code(described)
        if code in _BACKBONES and element["path"] in inner:
            code = element["path"]
        types.append(code)
        if code == "Reference":
            targets += [url.rpartition("/")[2] for url in described.get("targetProfile", [])]
        elif described.get("profile"):
            profile = described["profile"][0].rpartition("/")[2]
    if element["path"] == "Resource.id":
        types = ["id"]
    if "Resource" in targets:
        targets = []
    binding = element.get("binding", {})
    bound = binding.get("valueSet", "").partition("|")[0] if binding.get("strength") == "required" else ""
    keys = [] if element["path"] in inner else _invariants(element)
    row: Row = [name, element["min"], int(element["max"] not in ("0", "1")), " ".join(types), choice, bound]
    row += [" ".join(targets), " ".join(keys), profile]
    while row[-1] == "":
        row.pop()
    return row


def _code(described: Json) -> str:
    for extension in described.get("extension", []):
        if extension["url"] == _FHIR_TYPE:
            return str(extension.get("valueUrl") or extension.get("valueUri"))
    return str(described["code"])


def _invariants(element: Json) -> list[str]:
    """Keys of the rules stated here that make an instance wrong; rules of every element are not repeated."""
    stated = [rule for rule in element.get("constraint", []) if rule["severity"] == "error"]
    here = [rule for rule in stated if rule["key"] not in _EVERYWHERE or element["path"] in ("Element", "Extension")]
    return [rule["key"] for rule in here]


def _regex(elements: list[Json]) -> str:
    for element in elements:
        for described in element.get("type", []):
            for extension in described.get("extension", []):
                if extension["url"] == _REGEX and element["path"].endswith(".value"):
                    return str(extension["valueString"])
    return ""
