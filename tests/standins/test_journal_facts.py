"""What the journal knows of R4 by itself agrees with the R4 table."""

from __future__ import annotations

import pytest

from engine.standards.fhir.r4 import load
from engine.standins.journal.r4 import REFERENCES, TYPES, has_identifier

PATHS = [(name, kind, path) for name, kinds in REFERENCES.items() for kind, path in kinds.items()]


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_a_type_is_of_r4_and_is_searched_by_identifier_if_it_has_one(kind: str) -> None:
    known = load().type(kind)
    assert known is not None
    assert known.kind == "resource"
    assert has_identifier(kind) == ("identifier" in known.elements)


@pytest.mark.parametrize(
    ("name", "kind", "path"), PATHS, ids=[f"{kind}.{path} by {name}" for name, kind, path in PATHS]
)
def test_a_reference_is_searched_where_r4_has_one(name: str, kind: str, path: str) -> None:
    known = load().type(kind)
    assert known is not None
    assert path.split(".")[0] in known.elements
