"""Reads and checks the KITH message in a file; prints the peak of memory over its size, and the verdict.

A process of its own for each, because a peak never falls.
"""

from __future__ import annotations

import sys
from pathlib import Path

from engine.errors import InvalidMessage
from engine.standards import Charset
from engine.standards.kith.schemas import MSGHEAD, Schemas
from engine.standards.kith.standard import Kith
from engine.standards.kith.validation import schema_findings
from tests.performance.test_memory import peak

ROOT = Path(__file__).resolve().parents[2]


def run(file: str) -> None:
    schemas, kith = Schemas(lambda name: (ROOT / "xsd" / name).read_bytes()), Kith()
    schemas.schema_for(MSGHEAD)
    before = peak("self")
    raw = Path(file).read_bytes()
    try:
        document = kith.decode(raw, Charset())
        kith.envelope(document)
        said = ",".join(issue.code for issue in (*kith.conformance(document), *schema_findings(document, schemas)))
    except InvalidMessage as error:
        said = error.code
    print(f"{(peak('self') - before) / len(raw):.2f} {said or 'valid'}")


if __name__ == "__main__":
    run(sys.argv[1])
