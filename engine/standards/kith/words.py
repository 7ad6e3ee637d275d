"""Our stable codes for KITH: what each says in English and in Norwegian, and its code in list 8221.

The English sentence is the text of an issue. The Norwegian one stands in the receipt, where a clinician reads it.
AppRec list 8221 (2.16.578.1.12.4.1.1.8221).
"""

from __future__ import annotations

from engine.errors import InvalidMessage
from engine.message import Issue, Severity

LIST_8221 = {
    "E10": "Ugyldig meldingsidentifikator",
    "E20": "Lege finnes ikke",
    "E21": "Mottaker finnes ikke",
    "E30": "Pasientens fødselsnummer mangler",
    "E31": "Pasientens fødselsnummer er feil",
    "E32": "Pasientens navn mangler",
    "E33": "Pasientens etternavn mangler",
    "E34": "Pasientens fornavn mangler",
    "E35": "Pasienten finnes ikke i mottakersystemet",
    "E36": "Pasientopplysninger er utilstrekkelige",
    "E53": "Pasientens fødselsnummer eller D-nummer finnes ikke registrert i Folkeregisteret.",
    "E54": "Pasientens fødselsnummer er ikke registrert i mottagersystemet",
    "S01": "Feil på signatur",
    "S02": "Ugyldig sertifikat",
    "S03": "Tilbaketrukket sertifikat",
    "S99": "Annen feil på signatur eller sertifikat",
    "T01": "Ikke XML / ikke 'well formed' / uleselig",
    "T02": "XML validerer ikke",
    "T10": "Støtter ikke meldingsformatet",
    "T99": "Annen feil på format",
    "X99": "Annen feil",
}
"""Code and display, as the list has them."""

ANY_OTHER = "X99"

WORDS = {
    "kith.not_xml": ("T01", "not well-formed XML", "Ikke velformet XML"),
    "kith.charset": ("T01", "no charset explains the bytes", "Tegnsettet kan ikke leses"),
    "kith.doctype": ("T01", "a document type declaration is not allowed", "DOCTYPE er ikke tillatt"),
    "kith.too_large": ("T99", "larger than any message may be", "Meldingen er for stor"),
    "kith.too_deep": ("T99", "elements are nested too deep", "Elementene er nøstet for dypt"),
    "kith.too_many_elements": ("T99", "more elements than any message has", "Meldingen har for mange elementer"),
    "kith.too_many_attributes": ("T99", "an element has too many attributes", "Et element har for mange attributter"),
    "kith.root": ("T10", "the root is not that of a KITH message", "Rotelementet er ikke en kjent meldingstype"),
    "kith.required": ("T02", "a required part of the message is missing", "En obligatorisk opplysning mangler"),
    "kith.message_id": ("E10", "the message id is not a UUID", "Meldings-id er ikke en UUID"),
    "kith.receipt_status": ("T02", "the status is not one of list 8258", "Status er ikke i kodeverk 8258"),
    "kith.patient": (
        "E36",
        "the patient lacks a name, or a national number or else birth date and sex",
        "Pasienten mangler navn, eller fødselsnummer, D-nummer eller hjelpenummer, eller fødselsdato og kjønn",
    ),
    "gate.sender": (
        "X99",
        "the sender is not one that this channel takes messages from",
        "Avsenderen er ikke en som denne mottakeren tar imot meldinger fra",
    ),
    "gate.processing": (
        "X99",
        "messages of this processing status are not taken here",
        "Meldinger med denne behandlingsstatusen tas ikke imot her",
    ),
    "gate.type": ("T10", "the message type is not taken here", "Meldingstypen tas ikke imot her"),
    "kith.no_journal": ("E35", "the patient has no journal here", "Pasienten har ikke journal hos mottaker"),
    "kith.receiver": ("E21", "the receiver is not known here", "Mottaker er ikke kjent her"),
    "kith.signature": ("S01", "the personal signature does not hold", "Den personlige signaturen er ikke gyldig"),
    "kith.certificate": ("S02", "the signature's certificate is not valid", "Sertifikatet er ikke gyldig"),
    "kith.certificate_revoked": ("S03", "the signature's certificate is revoked", "Sertifikatet er trukket tilbake"),
    "kith.signature_other": ("S99", "signature or certificate cannot be used", "Annen feil på signaturen"),
    "kith.attachment_type": (
        "T99",
        "an attachment of a type that this message may not carry",
        "Vedlegget har en filtype som meldingen ikke tillater",
    ),
    "kith.payload_unknown": ("T10", "the message standard is not known here", "Meldingsstandarden støttes ikke"),
    "kith.payload_missing": ("T02", "the head carries no message", "Hodemeldingen har ikke noe innhold"),
    "kith.payload_misplaced": ("T02", "content stands where it does not belong", "Innholdet står på feil plass"),
    "kith.schema_order": ("T02", "an element stands where it may not", "Elementet skal ikke stå her"),
    "kith.schema_missing": ("T02", "an element is missing", "Et element mangler"),
    "kith.schema_unknown": ("T02", "an element is not known", "Elementet er ukjent"),
    "kith.schema_value": ("T02", "a value has the wrong form", "Verdien har feil form"),
    "kith.schema_attribute": ("T02", "an attribute is missing or may not stand", "Et attributt mangler eller er feil"),
    "kith.schema_text": ("T02", "text stands where only elements may", "Det står tekst der det bare kan stå elementer"),
    "kith.schema_content": ("T02", "content where none may be", "Det står innhold der det ikke kan stå noe"),
    "kith.schema": ("T02", "not as the schema says", "Stemmer ikke med skjemaet"),
}
"""Our code: its code in list 8221, English, Norwegian (bokmål)."""


def issue_of(code: str, place: str, severity: Severity = Severity.ERROR, text: str = "") -> Issue:
    """An issue with the words and the 8221 code of `code`; `text` where there is more to say than its own words."""
    standard_code, english, _ = WORDS[code]
    return Issue(severity, code, text or english, place, standard_code)


def refusal(code: str, place: str = "") -> InvalidMessage:
    """The error for bytes or a head that cannot be read. Never carries a parser's text."""
    standard_code, english, _ = WORDS[code]
    return InvalidMessage(english, code=code, place=place, reject=True, standard_code=standard_code)


def norwegian(issue: Issue) -> str:
    """What the receipt says of an issue: our Norwegian words, or the issue's own text where it is another's."""
    known = WORDS.get(issue.code)
    return known[2] if known else issue.text
