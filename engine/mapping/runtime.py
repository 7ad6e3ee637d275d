"""One run of a compiled mapping: what the generated code calls besides plain Python.

Everything slow is here, off the straight path: issues, unknown codes, values that do not convert, merging.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote
from zoneinfo import ZoneInfo

from engine.clock import as_datetime
from engine.mapping import Context
from engine.mapping.groups import Scope
from engine.mapping.tables import Table
from engine.message import Issue, Severity
from engine.standards import Document
from engine.standards.fhir import Entry, Identity, Link, Resource, Verb
from engine.standards.hl7v2 import paths, times
from engine.standards.hl7v2.er7 import Er7Document, Segment

_SEVERITIES = {"error": Severity.ERROR, "warning": Severity.WARNING, "note": Severity.NOTE}


@dataclass(frozen=True, slots=True)
class Rule:
    """The place of a rule in its file, and what it makes: `mappings/hl7v2/adt.yaml:41`, `Patient.birthDate`."""

    at: str
    makes: str


@dataclass(frozen=True, slots=True)
class Made:
    """One element made in a traced run: which object, which element, by which rule, from which places."""

    owner: dict[str, Any]
    element: str
    rule: Rule
    places: tuple[str, ...]


@dataclass(slots=True)
class Run:
    """State of one run. The names are short because generated code is read by people."""

    document: Document
    context: Context
    message: Scope
    zone: ZoneInfo
    strict: dict[str, str]
    functions: dict[str, object]
    issues: list[Issue] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    slots: dict[int, dict[str, Any]] = field(default_factory=dict)
    index: dict[tuple[str, str, str], int] = field(default_factory=dict)
    trace: list[Made] = field(default_factory=list)
    fronts: dict[int, str] = field(default_factory=dict)
    repeats: dict[str, int] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    roots: list[tuple[dict[str, Any], int]] = field(default_factory=list)
    words: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    nameless: set[str] = field(default_factory=set)
    tables: bool = False
    sender: object = None
    offset: str = ""
    namespace: str = ""

    def issue(self, level: str, code: str, text: str, place: str, standard: str, rule: Rule, hint: str = "") -> None:
        self.issues.append(Issue(_SEVERITIES[level], code, text, place, standard, rule.at, hint))

    def place(self, segment: Segment, path: str, raw: str = "") -> str:
        return paths.place(segment, path, raw, self.functions)

    def where(self, places: tuple[tuple[Segment, str, str], ...]) -> str:
        """The first of several places that is in the message."""
        return next((place for one in places if (place := self.place(*one))), "")

    def bad(self, error: Exception, rule: Rule, segment: Segment, path: str, raw: str) -> None:
        """A value that did not convert: an issue, and nothing."""
        code = getattr(error, "code", "map.invalid_value")
        text = f"{rule.makes}: {error}"
        self.issue(
            self.strict["invalid_values"], "map.invalid_value", text, self.place(segment, path, raw), "102", rule, code
        )

    def noted(self, code: str, rule: Rule, segment: Segment, path: str, raw: str) -> None:
        """A value that was converted with a doubt."""
        self.issue(
            "note",
            code,
            f"{rule.makes}: {_NOTES.get(code, 'converted with a doubt')}",
            self.place(segment, path, raw),
            "",
            rule,
        )

    def unknown(self, table: Table, code: str, rule: Rule, segment: Segment, path: str) -> str:
        """A code that the table does not have, for `table`; "" when nothing comes of it."""
        found = self._site(table, code)
        if found:
            return found
        self._unknown(table, rule, segment, path, code)
        if table.keep:
            return code
        return table.fallback.code if table.fallback is not None else ""

    def unknown_coding(self, table: Table, code: str, rule: Rule, segment: Segment, path: str, concept: bool) -> Any:
        """The same for `coding`: a Coding, or a CodeableConcept where `concept`."""
        found = self._site(table, code)
        made: dict[str, str] | None = None
        if found:
            made = {"system": table.system, "code": found} if table.system else {"code": found}
        else:
            self._unknown(table, rule, segment, path, code)
            if table.fallback is not None:
                made = table.fallback.coding(table.system)
            elif table.keep:
                if concept and not table.system:
                    return {"text": code}
                made = {"system": table.system, "code": code} if table.system else {"code": code}
        if made is None:
            return None
        return {"coding": [made]} if concept else made

    def _site(self, table: Table, code: str) -> str:
        return self.context.tables.get(table.name, {}).get(code, "") if self.context.tables else ""

    def _unknown(self, table: Table, rule: Rule, segment: Segment, path: str, raw: str) -> None:
        if table.level:
            text = f"{rule.makes}: the code is not in table '{table.name}'"
            self.issue(table.level, "map.unknown_code", text, self.place(segment, path, raw), "103", rule)

    def required(self, rule: Rule, places: tuple[tuple[Segment, str, str], ...]) -> None:
        """A mandatory element has no value."""
        place = self.where(places)
        told = {self.place(*one) for one in places}
        if any(issue.severity is Severity.ERROR and issue.place in told for issue in self.issues):
            return
        self.issue("error", "map.required", f"{rule.makes} is required and has no value", place, "101", rule)

    def incomplete(self, rule: Rule, element: str) -> None:
        """A nested object without an element that R4 requires."""
        self.issue("note", "map.incomplete", f"{rule.makes} is left out: {element} has no value", "", "", rule)

    def absent(self, rule: Rule, segment: str) -> None:
        """No instance of an entry that must be there."""
        self.issue("error", "map.required", f"{rule.makes} is required, and the message has none", segment, "100", rule)

    def failed(self, key: str) -> bool:
        """An instance of this entry was there and could not be identified."""
        return key in self.nameless

    def unidentified(self, key: str, level: str, rule: Rule, places: tuple[tuple[Segment, str, str], ...]) -> None:
        place = self.where(places)
        standard = "101" if level == "error" else ""
        self.nameless.add(key)
        self.issue(level, "map.unidentified", f"{rule.makes}: no identity has a value", place, standard, rule)

    def received(self) -> str:
        """FHIR instant of the reception, UTC."""
        return as_datetime(self.context.received).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def front(self, number: int) -> str:
        """What identities derived from an entry begin with."""
        owner = self.entries[number]
        parts = (owner.resource["resourceType"], owner.identity.system, owner.identity.value)
        found = self.fronts[number] = _parted(parts)
        return found

    def qualified(self, owner: str) -> str:
        """The system of an owner that only this sender knows by that name."""
        return f"{self.namespace}:{quote(owner, safe='@._~-')}"

    def derive(self, parent: int | None, parts: tuple[str, ...], stated: str | bool) -> str:
        """Value of a derived identity; "" without parent or without any part from the message."""
        if parent is None or not stated:
            return ""
        made = "|".join(parts)
        if made.count("|") != len(parts) - 1 or "\\" in made:
            made = _parted(parts)
        return f"{self.fronts.get(parent) or self.front(parent)}|{made}"

    def repeat(self, parent: int | None, parts: tuple[str, ...], stated: str | bool) -> str:
        """The same, told apart from the same one earlier in the message: `...#2`. In one call: every result has one."""
        if parent is None or not stated:
            return ""
        made = "|".join(parts)
        if made.count("|") != len(parts) - 1 or "\\" in made:
            made = _parted(parts)
        value = f"{self.fronts.get(parent) or self.front(parent)}|{made}"
        number = self.repeats[value] = self.repeats.get(value, 0) + 1
        return f"{value}#{number}" if number > 1 else value

    def any_of(self, name: str, number: int, texts: set[str]) -> bool:
        """Whether a segment of this name may have one of these texts in a field. What is escaped or in parts may."""
        found = self.words.get((name, number))
        if found is None:
            named = cast("Er7Document", self.document).named
            all = [one.fields for one in named.get(name, ())]
            found = self.words[name, number] = {fields[number] for fields in all if len(fields) > number}
            found.discard("")
        return not found.isdisjoint(texts) or not "".join(found).isalnum()

    def enter(self, key: str, type: str, verb: Verb, system: str, value: str, derived: bool) -> int:
        """The number of the entry with this identity; a new one, or the one that was there."""
        self.keys.add(key)
        entries = self.entries
        number = len(entries)
        known = self.index.setdefault((type, system, value), number)
        if known == number:
            entries.append(Entry(key, {"resourceType": type}, verb, _tuple(Identity, (system, value, derived))))
        elif verb is Verb.OWN:
            entries[known].verb = verb
        return known

    def body(self, number: int) -> Resource:
        """Traced run only: where the elements of an entry go; a new resource where another rule has filled its own."""
        resource = self.entries[number].resource
        body = resource if len(resource) == 1 else {}
        self.roots.append((body, number))
        return body

    def put(self, number: int, body: Resource, rule: Rule) -> None:
        """The body of an entry that another rule had filled: the two joined."""
        entry = self.entries[number]
        if not _join(entry.resource, body):
            level = self.strict["contradictions"] if entry.verb is Verb.OWN else "note"
            text = f"{rule.makes} is stated twice with different content; the first stands"
            self.issue(level, "map.contradiction", text, "", "", rule)

    def link(self, number: int) -> dict[str, Any]:
        """The reference to an entry; every reference to one entry is one object."""
        slot = self.slots.get(number)
        if slot is None:
            slot = self.slots[number] = {"reference": ""}
            self.links.append(Link(slot, number))
        return slot

    def link_in(self, slot: dict[str, Any], number: int) -> None:
        """A reference inside an object with more to it."""
        slot["reference"] = ""
        self.links.append(Link(slot, number))

    def made(
        self, owner: dict[str, Any], element: str, rule: Rule, places: tuple[tuple[Segment, str, str], ...]
    ) -> None:
        """Traced run only: an element, the rule that made it, the places it was read from."""
        self.trace.append(Made(owner, element, rule, tuple(self.place(*place) for place in places)))

    def joined(self, owner: dict[str, Any], part: dict[str, Any] | None) -> None:
        """Traced run only: what was made for `part` is now of `owner`."""
        if part:
            self.trace += [Made(owner, one.element, one.rule, one.places) for one in self.trace if one.owner is part]


_tuple = tuple.__new__
"""Makes a named tuple without the call in between: each resource has an identity."""

_NOTES = {
    times.FILLED: "seconds were not stated; filled with zeros",
    times.AMBIGUOUS: "the hour exists twice that night; the first was taken",
    times.SKIPPED: "the hour does not exist that night",
    times.MIDNIGHT: "24:00 became 00:00 of the next day",
    "kith.time_filled": "seconds were not stated; filled with zeros",
    "kith.time_ambiguous": "the hour exists twice that night; the first was taken",
    "kith.time_skipped": "the hour does not exist that night",
    "kith.time_midnight": "24:00 became 00:00 of the next day",
    "map.decimal_comma": "a decimal comma became a point",
}


def _parted(parts: tuple[str, ...]) -> str:
    """The parts with `|` between them, and those in them told apart."""
    return "|".join([part.replace("\\", "\\\\").replace("|", "\\p") for part in parts])


def _join(present: Resource, body: Resource) -> bool:
    """Add what is new of `body`; False where the two disagree."""
    agree = True
    for name, value in body.items():
        there = present.get(name)
        if there is None:
            present[name] = value
        elif there != value:
            if isinstance(there, list) and isinstance(value, list):
                present[name] = there + [item for item in value if item not in there]
            else:
                agree = False
    return agree
