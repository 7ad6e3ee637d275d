"""What the sandbox says, in English and in Norwegian (bokmål). Codes, places and the issues' texts stay as they are."""

from __future__ import annotations

from typing import Literal

from engine.cli.trying_sections import Section, Standing

Language = Literal["en", "nb"]

_SECTIONS: dict[Section, tuple[str, str]] = {
    Section.WELL_FORMED: ("Well-formed", "Velformet"),
    Section.RECOGNISED: ("Standard and type recognised", "Standard og type gjenkjent"),
    Section.SCHEMA: ("By the standard's definitions", "Etter standardens definisjoner"),
    Section.RECEIPT_RULES: ("Rules for receipts (AppRec)", "Regler for kvittering (AppRec)"),
    Section.MAPPING: ("Mapping to FHIR", "Mapping til FHIR"),
    Section.UNREAD: ("Content that no rule reads", "Innhold ingen regel leser"),
    Section.CODES: ("Codes that are not in the tables", "Koder som ikke står i tabellene"),
}
_STANDINGS: dict[Standing, tuple[str, str]] = {
    Standing.GOOD: ("nothing to remark", "ingenting å bemerke"),
    Standing.REMARKS: ("remarks", "merknader"),
    Standing.WRONG: ("WRONG", "FEIL"),
    Standing.NOT_REACHED: ("not looked at: it was refused before", "ikke vurdert: avvist før dette"),
    Standing.NOT_ASKED: ("does not apply here", "gjelder ikke her"),
}
_PHRASES: dict[str, tuple[str, str]] = {
    "file": ("file", "fil"),
    "batch": ("The batch as a whole", "Bunken som helhet"),
    "message": ("Message", "Melding"),
    "of": ("of", "av"),
    "channel": ("channel", "kanal"),
    "accepted": ("would be accepted", "ville blitt godtatt"),
    "refused": ("would be REFUSED", "ville blitt AVVIST"),
    "answer": ("The answer it would get", "Svaret den ville fått"),
    "no_answer": ("none: the sender asks for none, or has none to get", "intet: avsender ber ikke om noe"),
    "moved": ("the file would be moved to", "filen ville blitt flyttet til"),
    "receipt": ("The receipt (AppRec) that would be owed", "Kvitteringen (AppRec) som ville blitt sendt"),
    "receipt_if": (
        "The receipt (AppRec), if this channel sent receipts",
        "Kvitteringen (AppRec), om denne kanalen sendte kvitteringer",
    ),
    "no_receipt": ("none: its sender cannot be read, or a person decides", "ingen: avsender kan ikke leses"),
    "sent": ("What would be sent to", "Det som ville blitt sendt til"),
    "structure": ("Second opinion on its structure (hl7apy)", "Andre vurdering av strukturen (hl7apy)"),
    "bytes": ("bytes, as received", "byte, som mottatt"),
    "resources": ("resources", "ressurser"),
    "none": ("nothing", "ingenting"),
    "severity": ("severity", "alvor"),
    "code": ("code", "kode"),
    "place": ("place", "sted"),
    "text": ("what", "hva"),
    "hint": ("what to do", "hva nå"),
    "rule": ("rule", "regel"),
    "error": ("error", "feil"),
    "warning": ("warning", "advarsel"),
    "note": ("note", "merknad"),
}


def heading(section: Section, language: Language) -> str:
    """The question."""
    return _SECTIONS[section][language == "nb"]


def standing(word: Standing, language: Language) -> str:
    """The short answer."""
    return _STANDINGS[word][language == "nb"]


def phrase(name: str, language: Language) -> str:
    """Any other word. Raises: KeyError."""
    return _PHRASES[name][language == "nb"]
