"""One departure from a schema: what is wrong, where, what was expected, in English and in Norwegian (bokmål)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from engine.message import Issue, Severity
from engine.standards.kith.words import issue_of

Language = Literal["en", "nb"]


class Kind(StrEnum):
    """What is wrong. Each has its sentence in `_SENTENCES` and its code in `words`."""

    ORDER = "order"
    MISSING = "missing"
    UNKNOWN = "unknown"
    TYPE = "type"
    SET = "set"
    PATTERN = "pattern"
    LONG = "long"
    SHORT = "short"
    RANGE = "range"
    FIXED = "fixed"
    FORM = "form"
    ATTRIBUTE_MISSING = "attribute missing"
    ATTRIBUTE_UNKNOWN = "attribute unknown"
    TEXT = "text"
    CONTENT = "content"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Departure:
    """One departure: `place` from the message's root, `line` of the XML (0 unknown), `expected` from the schema."""

    kind: Kind
    place: str
    line: int
    expected: tuple[str, ...] = ()
    attribute: str = ""

    @property
    def code(self) -> str:
        """Our code, one of `words`."""
        return _CODES.get(self.kind, "kith.schema_value")

    @property
    def of_a_value(self) -> bool:
        """Whether a value is wrong, and not where something stands."""
        return self.kind not in _CODES

    def words(self, language: Language) -> str:
        """The sentence, with what was expected, without the place."""
        english, norwegian = _SENTENCES[self.kind]
        expected = ", ".join(self.expected) or {"en": "(nothing)", "nb": "(ingenting)"}[language]
        return (english if language == "en" else norwegian).format(expected=expected, attribute=self.attribute)


_CODES = {
    Kind.ORDER: "kith.schema_order",
    Kind.MISSING: "kith.schema_missing",
    Kind.UNKNOWN: "kith.schema_unknown",
    Kind.ATTRIBUTE_MISSING: "kith.schema_attribute",
    Kind.ATTRIBUTE_UNKNOWN: "kith.schema_attribute",
    Kind.TEXT: "kith.schema_text",
    Kind.CONTENT: "kith.schema_content",
    Kind.OTHER: "kith.schema",
}

_SENTENCES = {
    Kind.ORDER: (
        "the element may not stand here; expected: {expected}",
        "elementet kan ikke stå her; ventet: {expected}",
    ),
    Kind.MISSING: ("an element is missing at its end: {expected}", "det mangler et element på slutten: {expected}"),
    Kind.UNKNOWN: ("no schema here knows the element", "ingen skjemaer her kjenner elementet"),
    Kind.TYPE: ("the value is not of the type {expected}", "verdien er ikke av typen {expected}"),
    Kind.SET: ("the value is not one of: {expected}", "verdien er ikke en av: {expected}"),
    Kind.PATTERN: ("the value does not have the form {expected}", "verdien har ikke formen {expected}"),
    Kind.LONG: ("the value is longer than {expected}", "verdien er lengre enn {expected}"),
    Kind.SHORT: ("the value is shorter than {expected}", "verdien er kortere enn {expected}"),
    Kind.RANGE: ("the value is beyond the limit {expected}", "verdien er utenfor grensen {expected}"),
    Kind.FIXED: ("the value must be {expected}", "verdien må være {expected}"),
    Kind.FORM: ("the value has the wrong form", "verdien har feil form"),
    Kind.ATTRIBUTE_MISSING: ("the attribute {attribute} is missing", "attributtet {attribute} mangler"),
    Kind.ATTRIBUTE_UNKNOWN: (
        "the attribute {attribute} may not stand here",
        "attributtet {attribute} kan ikke stå her",
    ),
    Kind.TEXT: ("there is text where only elements may stand", "det står tekst der bare elementer kan stå"),
    Kind.CONTENT: ("there is content where none may stand", "det står innhold der det ikke kan stå noe"),
    Kind.OTHER: ("not as the schema says", "stemmer ikke med skjemaet"),
}


def issues_of(departures: Iterable[Departure], severity: Severity = Severity.ERROR) -> list[Issue]:
    """The departures as issues: T02 in a receipt. Their text is the English sentence, their place has the line."""
    return [
        issue_of(
            one.code,
            one.place + (f"/@{one.attribute}" if one.attribute else ""),
            severity,
            one.words("en") + (f" (line {one.line})" if one.line else ""),
        )
        for one in departures
    ]
