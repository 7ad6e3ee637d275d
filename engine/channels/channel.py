"""One channel as typed values: source, answer, validation, fields, mappings, destinations.

The order of keys follows the life of a message. A channel is what operators name, start, stop and are called about.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from engine.channels.scalars import (
    Duration,
    FieldName,
    MappingId,
    MappingIds,
    Name,
    Names,
    Text,
    Truth,
    Words,
    is_codec,
    refusal,
)
from engine.channels.sources import Source
from engine.channels.systems import Part
from engine.standards import Charset


class ReceiptPart(Part):
    """Receipts (AppRec) back to the sender: messages of their own (decision 8)."""

    return_via: Annotated[Text, Words("the system that leads back to the sender", "systemet som fører tilbake")]
    after: Annotated[
        Literal["validated", "delivered"],
        Words(
            "validated: at once; delivered: when the required destinations have it",
            "validated: straks; delivered: når mottakerne som kreves, har den",
        ),
    ] = "validated"
    policy: Annotated[Text, Words("how hard to try", "hvor hardt det prøves")] = "clinical"
    receivers: Annotated[
        tuple[Text, ...],
        Words(
            "identifiers (HER-id) of the receivers that are ours; default: the primary receiver",
            "id-er (HER-id) for mottakerne som er våre; standard: hovedmottakeren",
        ),
    ] = ()


class Ack(Part):
    """When the sender is answered, and how it is refused (decision 8)."""

    after: Annotated[
        Literal["validated", "stored", "delivered"],
        Words(
            "stored: when it is on disk; validated: when it is also validated and mapped; delivered: when the required "
            "destinations have it",
            "stored: når den er på disk; validated: når den også er validert og mappet; delivered: når mottakerne "
            "har den",
        ),
    ] = "validated"
    deadline: Annotated[Duration, Words("longest wait for delivered", "lengste ventetid for delivered")] = 30.0
    refused: Annotated[
        Literal["AE", "AR"] | None,
        Words("the code of every refusal; default: as HL7 says", "koden for alle avvisninger; standard: som i HL7"),
    ] = None
    receipt: Annotated[
        ReceiptPart | None,
        Words("receipts of the application; none: none are sent", "applikasjonskvitteringer; ingen: sendes ikke"),
    ] = None


class CharsetPart(Part):
    """How bytes become text where MSH-18 does not say."""

    default: Annotated[Text, is_codec, Words("assumed when MSH-18 is empty", "antas når MSH-18 er tom")] = ""
    fallback: Annotated[Text, is_codec, Words("when it is not valid UTF-8", "når det ikke er gyldig UTF-8")] = "cp1252"

    def charset(self) -> Charset:
        """As the standards take it."""
        return Charset(default=self.default, fallback=self.fallback)


class ValidatePart(Part):
    """What a message must be."""

    conformance: Annotated[
        Literal["off", "note", "warning", "error"] | None,
        Words(
            "weight of departures from the standard; default: as it weighs them (HL7 v2: note; KITH and its schemas: "
            "error, which refuses)",
            "hvor alvorlig avvik fra standarden er; standard: som den selv sier (HL7 v2: note; KITH med skjema: error, "
            "som avviser)",
        ),
    ] = None
    processing: Annotated[
        tuple[Literal["P", "T", "D"], ...] | None,
        Words(
            "processing ids (MSH-11) that are taken; default: P in production, all in test",
            "behandlingskoder (MSH-11) som tas imot; standard: P i produksjon, alle i test",
        ),
    ] = None


class FieldPart(Part):
    """A field that rules, order, duplicates and search may name."""

    path: Annotated[Text, Words("where it stands, as PID-3.1", "hvor det står, som PID-3.1")]
    phi: Annotated[Truth, Words("patient data: only a keyed hash is searched", "pasientopplysning")] = False
    optional: Annotated[Truth, Words("may be absent", "kan mangle")] = False


class Dedup(Part):
    """What makes two messages the same. Default: channel, sender and message id."""

    key: Annotated[Names, Words("fields that together identify a message", "felt som sammen identifiserer")] = ()
    window: Annotated[Duration, Words("how long identities are remembered", "hvor lenge de huskes")] = 7 * 86_400.0


class Otherwise(Part):
    """What becomes of a message that `accept_only` leaves out."""

    action: Annotated[Literal["store_only"], Words("kept, answered, not delivered", "lagres, besvares, leveres ikke")]
    reason: Annotated[Text, Field(min_length=1), Words("the reason that is shown", "grunnen som vises")]


class Route(Part):
    """Which destinations a message goes to."""

    mode: Annotated[
        Literal["all_matching", "first_match"],
        Words("every destination whose when holds, or the first", "alle eller første"),
    ] = "all_matching"
    unmatched: Annotated[
        Literal["quarantine", "store_only"] | None,
        Words("what becomes of a message that no destination takes", "hva som skjer når ingen mottaker passer"),
    ] = None


class DestinationPart(Part):
    """One receiver of a channel's messages."""

    system: Annotated[Text, Words("a system declared above", "et system som er deklarert over")]
    policy: Annotated[Text, Words("how hard to try", "hvor hardt det prøves")] = "clinical"
    when: Annotated[Text | None, Words("only messages for which this holds", "bare meldinger der dette gjelder")] = None
    required: Annotated[
        Truth, Words("false: its failure never touches the sender's answer", "false: feil påvirker aldri svaret")
    ] = True
    mapping: Annotated[MappingId | None, Words("another mapping for this one", "egen mapping for denne")] = None


class ChannelDescription(Part):
    """What the console shows, in both languages."""

    nb: Text = ""
    en: Text = ""


class Channel(Part):
    """What operators name, start, stop and are called about."""

    description: Annotated[ChannelDescription, Words("shown in the console", "vises i konsollet")] = (
        ChannelDescription()
    )
    owner: Annotated[Text, Words("who is called", "hvem som ringes")] = ""
    source: Annotated[Source, Words("where messages arrive", "hvor meldinger kommer inn")]
    standard: Annotated[
        Name | None,
        Words(
            "message standard: hl7v2 or kith; default: that of its mappings",
            "meldingsstandard: hl7v2 eller kith; standard: den som mappingene har",
        ),
    ] = None
    ack: Annotated[Ack, Words("when the sender is answered", "når avsenderen får svar")] = Ack()
    charset: Annotated[CharsetPart, Words("character set", "tegnsett")] = CharsetPart()
    validation: Annotated[
        ValidatePart, Field(alias="validate"), Words("what a message must be", "krav til meldingen")
    ] = ValidatePart()
    fields: Annotated[dict[FieldName, FieldPart], Words("named fields", "navngitte felt")] = {}  # noqa: RUF012
    dedup: Annotated[Dedup, Words("what makes two messages the same", "hva som gjør to meldinger like")] = Dedup()
    order_by: Annotated[
        Names | None,
        Words("keys in order; default: all patient identifiers", "rekkefølge; standard: alle pasient-id-er"),
    ] = None
    accept_only: Annotated[Text | None, Words("messages that are taken further", "meldinger som tas videre")] = None
    otherwise: Annotated[Otherwise | None, Words("what becomes of the others", "hva som skjer med resten")] = None
    mapping: Annotated[
        MappingIds,
        Words(
            "mappings, chosen by message type; none where every destination takes the original",
            "mappinger, valgt etter meldingstype; ingen når alle mottakere tar originalen",
        ),
    ] = ()
    tables: Annotated[
        dict[str, Text],
        Words("a mapping's table: the site's table, or table.column", "tabell i mapping: stedets tabell"),
    ] = {}  # noqa: RUF012
    keep_original: Annotated[Truth, Words("store the original as DocumentReference", "lagre originalen")] = True
    unread: Annotated[
        Literal["off", "note", "warning"],
        Words("populated fields that no rule reads", "utfylte felt ingen regel leser"),
    ] = "note"
    route: Annotated[Route, Words("which destinations take it", "hvilke mottakere som tar den")] = Route()
    destinations: Annotated[dict[Name, DestinationPart], Field(min_length=1), Words("who receives", "hvem som mottar")]

    @model_validator(mode="after")
    def _no_silent_filter(self) -> Channel:
        if self.accept_only is not None and self.otherwise is None:
            raise refusal("E113", "accept_only without otherwise", "write otherwise: {action: store_only, reason: ...}")
        if self.otherwise is not None and self.accept_only is None:
            raise refusal("E113", "otherwise without accept_only", "remove it, or write accept_only:")
        return self
