"""Systems of a site: who sends, who receives, at which address and with which certificate.

Why: systems stand apart from channels so that an address, a certificate or a limit is changed once, and because the
breaker and the limits belong to the receiver, over all channels that send to it.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from engine.channels.references import KeyFile, Resolved, ResolvedText, Secret
from engine.channels.scalars import (
    Count,
    Duration,
    Text,
    Truth,
    Words,
    is_address,
    is_endpoint,
    is_media_type,
    is_network,
    is_url,
    refusal,
)


class Part(BaseModel):
    """One block of the file: frozen, and every key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NoAuth(Part):
    """No credentials."""

    type: Literal["none"] = "none"


class BasicAuth(Part):
    """User name and password. RFC 7617."""

    type: Literal["basic"]
    username: Annotated[ResolvedText, Words("user name", "brukernavn")]
    password: Annotated[Secret, Words("password, a secret reference", "passord, en hemmelighetsreferanse")]


class BearerAuth(Part):
    """A fixed bearer token. RFC 6750."""

    type: Literal["bearer"]
    token: Annotated[Secret, Words("token, a secret reference", "token, en hemmelighetsreferanse")]


Auth = Annotated[NoAuth | BasicAuth | BearerAuth, Field(discriminator="type")]


class ClientTls(Part):
    """How the receiver's certificate is checked, and the certificate that we show. Paths are in the site folder."""

    ca: Annotated[
        ResolvedText | None,
        Words("CA certificates that the server must chain to; default: the machine's", "CA-sertifikater for tjeneren"),
    ] = None
    client_cert: Annotated[
        ResolvedText | None, Words("our client certificate (PEM)", "vårt klientsertifikat (PEM)")
    ] = None
    client_key: Annotated[
        KeyFile | None, Words("its key, a secret reference", "nøkkelen til det, en hemmelighetsreferanse")
    ] = None
    verify_hostname: Annotated[
        Truth, Words("the certificate must name the host", "sertifikatet må gjelde for vertsnavnet")
    ] = True


class Limits(Part):
    """How much is sent to a system at once."""

    concurrency: Annotated[Count, Field(ge=1, le=1024), Words("requests in flight", "samtidige forespørsler")] = 16


class Timeouts(Part):
    """How long an attempt may wait."""

    connect: Annotated[Duration | None, Words("for a connection", "på forbindelse")] = None
    response: Annotated[Duration | None, Words("for the answer", "på svar")] = None


class FhirSystem(Part):
    """A FHIR R4 server, such as the municipal journal."""

    type: Literal["fhir"]
    url: Annotated[str, is_url, Resolved, Words("base address of the FHIR server", "baseadressen til FHIR-tjeneren")]
    writes: Annotated[
        Literal["by_id", "conditional"],
        Words(
            "by_id: PUT under identities that we derive (needs update-as-create); conditional: If-None-Exist",
            "by_id: PUT med id-er vi utleder (krever update-as-create); conditional: betingede skriv",
        ),
    ] = "by_id"
    identity_key: Annotated[
        Secret | None,
        Words(
            "key from which resource ids are derived; shared by every engine that feeds this journal, never changed; "
            "default: a key file that the site makes and keeps",
            "nøkkelen ressurs-id-er utledes av; felles for alle som skriver til journalen, endres aldri",
        ),
    ] = None
    auth: Annotated[Auth, Words("how we prove who we are", "hvordan vi legitimerer oss")] = NoAuth()
    tls: Annotated[ClientTls, Words("certificates", "sertifikater")] = ClientTls()
    limits: Annotated[Limits, Words("how much at once", "hvor mye samtidig")] = Limits()
    timeout: Annotated[
        Timeouts, Words("overrides the policy's time-outs for this system", "overstyrer tidsgrensene i policyen")
    ] = Timeouts()


_REPEATS = Words(
    "the receiver knows repeats by their id, so sending twice is harmless",
    "mottakeren kjenner igjen gjentakelser på id-en, så det er ufarlig å sende to ganger",
)


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", name) or re.search(r"[\x00-\x1f\x7f]", value):
            raise refusal("E112", "not a header", "write it as X-Tenant: 4601, on one line")
        if name.lower() in _OWN_HEADERS:
            raise refusal("E112", f"the header {name} is the engine's", "write auth:, content_type: or leave it out")
    return headers


_OWN_HEADERS = frozenset(
    {
        *("authorization", "connection", "content-encoding", "content-length", "content-type", "expect", "host"),
        *("te", "transfer-encoding", "upgrade"),
    }
)


class HttpSystem(Part):
    """A web address that takes one message for each POST."""

    type: Literal["http"]
    url: Annotated[str, is_endpoint, Resolved, Words("where messages are posted", "hit meldinger sendes med POST")]
    content_type: Annotated[
        Annotated[str, is_media_type] | None,
        Words("instead of the message's own media type", "i stedet for meldingens egen medietype"),
    ] = None
    headers: Annotated[
        dict[str, ResolvedText],
        AfterValidator(_headers),
        Words("sent along with each message; no secrets", "sendes med hver melding; ingen hemmeligheter"),
    ] = {}
    message_id_header: Annotated[
        Text,
        Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$"),
        Words("header with an id that stays the same over retries", "hode med id som er lik i alle forsøk"),
    ] = "X-Message-Id"
    receipt_within: Annotated[
        Duration | None,
        Words(
            "a receipt must come back in this time, or it is alarmed; none: none is expected. National rule: 96h",
            "kvittering må komme innen denne tiden, ellers varsles det; ingen: ventes ikke. Nasjonal regel: 96h",
        ),
    ] = None
    idempotent: Annotated[Truth, _REPEATS] = False
    auth: Annotated[Auth, Words("how we prove who we are", "hvordan vi legitimerer oss")] = NoAuth()
    tls: Annotated[ClientTls, Words("certificates", "sertifikater")] = ClientTls()
    limits: Annotated[Limits, Words("how much at once", "hvor mye samtidig")] = Limits(concurrency=4)
    timeout: Annotated[
        Timeouts, Words("overrides the policy's time-outs for this system", "overstyrer tidsgrensene i policyen")
    ] = Timeouts()


class MllpSystem(Part):
    """A receiver of HL7 v2 over MLLP: one connection for each channel that sends to it."""

    type: Literal["mllp"]
    address: Annotated[str, is_address, Resolved, Words("host and port of the receiver", "mottakerens vert og port")]
    tls: Annotated[ClientTls | None, Words("certificates; none: plain text", "sertifikater; ingen: klartekst")] = None
    idempotent: Annotated[Truth, _REPEATS] = False
    timeout: Annotated[
        Timeouts, Words("overrides the policy's time-outs for this system", "overstyrer tidsgrensene i policyen")
    ] = Timeouts()

    @property
    def host_and_port(self) -> tuple[str, int]:
        """The address in two parts."""
        host, _, port = self.address.rpartition(":")
        return host.strip("[]"), int(port)


class FileSystem(Part):
    """A folder that takes one file for each message."""

    type: Literal["file"]
    path: Annotated[ResolvedText, Words("folder, from the site folder", "mappe, regnet fra mappen til stedet")]
    suffix: Annotated[
        Text,
        Field(pattern=r"^\.[A-Za-z0-9.]{1,15}$"),
        Words("end of the file names; they begin with the delivery's reference", "slutten på filnavnene"),
    ] = ".json"
    receipt_within: Annotated[
        Duration | None,
        Words(
            "a receipt must come back in this time, or it is alarmed; none: none is expected. National rule: 96h",
            "kvittering må komme innen denne tiden, ellers varsles det; ingen: ventes ikke. Nasjonal regel: 96h",
        ),
    ] = None
    write: Annotated[Literal["one_file_per_message"], Words("how it is written", "hvordan det skrives")] = (
        "one_file_per_message"
    )


class Facility(Part):
    """What a sender writes in MSH-3 and MSH-4; a key left out is not compared."""

    msh_3: Annotated[Text | None, Words("sending application", "avsendende applikasjon")] = None
    msh_4: Annotated[Text | None, Words("sending facility", "avsendende virksomhet")] = None


class Allow(Part):
    """From where a sender may connect."""

    networks: Annotated[
        tuple[Annotated[str, is_network, Resolved], ...], Words("networks, as 10.20.0.0/16", "nettverk")
    ] = ()
    client_cert_subject: Annotated[
        ResolvedText | None, Words("subject of its client certificate", "subjektet i klientsertifikatet")
    ] = None


class Hl7v2Sender(Part):
    """A record system that sends HL7 v2."""

    type: Literal["hl7v2_sender"]
    facility: Annotated[Facility, Words("what it calls itself", "hva det kaller seg")] = Facility()
    allow: Annotated[Allow, Words("from where it may connect", "hvor det kan koble til fra")] = Allow()


System = Annotated[FhirSystem | FileSystem | HttpSystem | MllpSystem | Hl7v2Sender, Field(discriminator="type")]
