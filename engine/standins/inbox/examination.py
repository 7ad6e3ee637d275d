"""What is to be said about the bytes of one message: can they be read, are they valid, what must reject them.

HITS 1168; HIS 80415; the schemas of `xsd/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.errors import InvalidMessage
from engine.message import Envelope, Issue, Receipt, Severity
from engine.standards import Charset
from engine.standards.kith.departure import issues_of
from engine.standards.kith.explain import explain
from engine.standards.kith.reader import KithDocument
from engine.standards.kith.schemas import CATALOGUE, Schemas
from engine.standards.kith.standard import Kith
from engine.standards.kith.words import issue_of

_KITH = Kith()


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found. `document` and `envelope` are None where the bytes cannot be read; `receipt` of an AppRec.

    `by_schema`: whether there was a schema for it. Standards that have none yet are judged by the rules alone.
    """

    issues: tuple[Issue, ...]
    by_schema: bool = False
    document: KithDocument | None = None
    envelope: Envelope | None = None
    receipt: Receipt | None = None

    @property
    def valid(self) -> bool:
        return all(issue.severity is not Severity.ERROR for issue in self.issues)


class Examiner:
    """Examines with the schemas of one folder; all are compiled at once, so that a bad one is found before start."""

    def __init__(self, xsd: Path | None) -> None:
        self._schemas: Schemas | None = None
        if xsd is not None:
            folder = xsd
            self._schemas = Schemas(lambda name: (folder / name).read_bytes())
            for namespace in CATALOGUE:
                self._schemas.schema_for(namespace)

    def examine(self, raw: bytes) -> Examined:
        """Read and judge; never raises for what is wrong with a message."""
        issues: list[Issue] = []
        document = envelope = receipt = None
        by_schema = False
        try:
            document = _KITH.decode(raw, Charset())
            issues += document.issues
            issues += _KITH.conformance(document)
            by_schema = self._has_schema(document)
            if by_schema:
                issues += self._departures(document)
            envelope = _KITH.envelope(document)
            receipt = _KITH.receipt_of(document)
        except InvalidMessage as refused:
            if not any(issue.code == refused.code for issue in issues):
                issues.append(issue_of(refused.code, refused.place))
        return Examined(tuple(issues), by_schema, document, envelope, receipt)

    def _has_schema(self, document: KithDocument) -> bool:
        """Why every payload: Content is strict, and one without a schema would make the head invalid."""
        if self._schemas is None or document.namespace not in self._schemas:
            return False
        return all(one.namespace in CATALOGUE for one in document.payloads)

    def _departures(self, document: KithDocument) -> list[Issue]:
        assert self._schemas is not None
        schema = self._schemas.schema_for(document.namespace)
        if schema.validate(document.message):
            return []
        return issues_of(explain(schema.error_log, document.message))
