"""Text as code and as uri: what the generated code asks of values whose type R4 narrows."""

from __future__ import annotations

from typing import Any

from engine.mapping.runtime import Rule, Run
from engine.standards.fhir.shared import share
from engine.standards.hl7v2.er7 import Segment

_MOST_KEPT = 2048


class Kept(dict[Any, Any]):
    """What templates made of codes and units, for the next message: bounded, and begun anew when full.

    What is kept stands in many messages and is judged once (`share`): nobody changes it.
    """

    def __setitem__(self, key: Any, value: Any) -> None:
        if len(self) >= _MOST_KEPT:
            self.clear()
        super().__setitem__(key, share(value))


def as_code(text: str) -> str:
    """A code has no blanks around it and single ones inside. FHIR R4, 2.24.0.1 (code)."""
    return " ".join(text.split())


def as_uri(run: Run, text: str, rule: Rule, segment: Segment, path: str) -> str:
    """A uri without blanks; an issue and nothing for one that has them."""
    if text.isalnum() or (text.isprintable() and " " not in text and "\u00a0" not in text):
        return text
    run.bad(ValueError("a uri has no blanks"), rule, segment, path, text)
    return ""
