"""What must hold of the entries of a transaction: shape, R4, one identity once, references that lead somewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from engine.message import Issue, Severity
from engine.standins.journal import Refused, Remark, Validate
from engine.standins.journal.asked import Asked
from engine.standins.journal.conditional import Write
from engine.standins.journal.index import refers_to
from engine.standins.journal.links import Slot, local
from engine.standins.journal.r4 import TYPES
from engine.standins.journal.store import Store, Version

_ISSUE_TYPE = {
    "fhir.required": "required",
    "fhir.invariant": "invariant",
    "fhir.code": "code-invalid",
    "fhir.lexical": "value",
}


@contextmanager
def placed(asked: Asked) -> Iterator[None]:
    """What is refused in here is refused at the entry's place in its Bundle."""
    try:
        yield
    except Refused as refused:
        raise refused.at(asked.place) from None


def refuse_overlap(writes: Sequence[Write]) -> None:
    """One identity, one write. Raises: Refused (400). FHIR R4, 3.1.0.11.2."""
    seen: set[str] = set()
    for write in writes:
        asked = write.asked
        names = [write.reference]
        if asked.if_none_exist:
            names.append(f"{asked.target.type}?{asked.if_none_exist}")
        elif asked.method == "PUT" and asked.target.query is not None:
            names.append(f"{asked.target.type}?{asked.target.query}")
        for name in names:
            if name in seen:
                raise Refused(400, Remark("duplicate", "the transaction writes one identity twice")).at(asked.place)
            seen.add(name)


def check_shape(resource: dict[str, Any], kind: str) -> None:
    """What must hold before anything can be read: type, meta. Raises: Refused (422; 400 for another type)."""
    written = resource.get("resourceType")
    if not isinstance(written, str) or written not in TYPES:
        raise Refused(422, Remark("structure", "resourceType is not a resource of R4"))
    if written != kind:
        raise Refused(400, Remark("invalid", "the resource is of another type than the URL", f"{kind}.resourceType"))
    if not isinstance(resource.get("meta", {}), dict):
        raise Refused(422, Remark("structure", "meta is an object", f"{kind}.meta"))


def check_r4(resource: dict[str, Any], validate: Validate) -> None:
    """Raises: Refused (422) with everything that the validator has to say, when one of it is an error."""
    issues = validate(resource)
    if any(issue.severity is Severity.ERROR for issue in issues):
        raise Refused(422, *(_remark(issue) for issue in issues))


def _remark(issue: Issue) -> Remark:
    code = _ISSUE_TYPE.get(issue.code, "structure")
    severity = {Severity.ERROR: "error", Severity.WARNING: "warning"}.get(issue.severity, "information")
    return Remark(code, issue.text, issue.place, severity)


class Integrity:
    """References lead to something that exists, and what is referred to is not deleted. Raises: Refused (422, 409)."""

    def __init__(self, store: Store, address: str, must_exist: bool) -> None:
        self.store = store
        self.address = address
        self.must_exist = must_exist

    def check(self, write: Write, found: Sequence[Slot], staged: dict[str, Version]) -> None:
        """One write, seen as if all of `staged` were there already."""
        for slot in found:
            if slot.name == "reference" and not slot.text.startswith("#"):
                self._lead(slot.text, staged)
        if write.action == "delete" and self.must_exist:
            for referrer in self.store.with_key(refers_to(write.reference)):
                new = staged.get(referrer)
                if new is None or write.reference in new.referred:
                    raise Refused(409, Remark("conflict", "other resources refer to it"))

    def _lead(self, text: str, staged: dict[str, Version]) -> None:
        target = local(text, self.address)
        if not target:
            if text.startswith(("http://", "https://")):
                return
            raise Refused(422, Remark("not-found", "a reference that leads to no entry and is no address"))
        if target.partition("/")[0] not in TYPES:
            raise Refused(422, Remark("value", "a reference to what is no resource type"))
        new = staged.get(target)
        exists = not new.deleted if new is not None else self.store.live(target) is not None
        if self.must_exist and not exists:
            raise Refused(422, Remark("not-found", "a reference to a resource that does not exist"))
