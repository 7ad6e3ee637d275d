"""Sources as typed values: where a channel's messages arrive."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from engine.channels.references import KeyFile, Resolved, ResolvedText
from engine.channels.scalars import (
    Duration,
    Names,
    Size,
    Text,
    Truth,
    Words,
    is_listen,
    is_media_type,
    is_path,
    refusal,
)
from engine.channels.systems import BasicAuth, NoAuth, Part

MAX_MESSAGE = 64 << 20
"""Bytes: no channel may allow more (decision 17)."""


def _bearable(size: int) -> int:
    if not 1024 <= size <= MAX_MESSAGE:
        raise refusal("E112", "the largest message must lie between 1KB and 64MB", "25MB is usual")
    return size


def _inner(name: str) -> str:
    plain = name.removesuffix("/")
    if not re.fullmatch(r"[\w-][\w.-]{0,60}", plain):
        raise refusal("E112", "not a folder in the watched one", "write one name: behandlet/")
    return plain


def _ending(text: str) -> str:
    if not re.fullmatch(r"\.[A-Za-z0-9]{1,15}", text):
        raise refusal("E112", "not the end of a name", "write it with its dot: .ok")
    return text


def _not_too_often(seconds: float) -> float:
    if seconds < 0.1:
        raise refusal("E112", "too often", "100ms is the least, 5s is usual")
    return seconds


def _not_none(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise refusal("E112", "there must be at least one", "write it, or remove the key")
    return names


def _host_and_port(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


Senders = Annotated[
    Names, Field(alias="from"), Words("systems that may send here; none named: all", "systemer som kan sende hit")
]
Largest = Annotated[
    Size, AfterValidator(_bearable), Words("largest message, at most 64MB", "største melding, høyst 64MB")
]


class KeyPair(Part):
    """The certificate that a listener shows. Paths are in the site folder."""

    cert: Annotated[ResolvedText, Words("our certificate with its chain (PEM)", "vårt sertifikat med kjede (PEM)")]
    key: Annotated[KeyFile, Words("its key, a secret reference", "nøkkelen til det, en hemmelighetsreferanse")]


class ServerTls(KeyPair):
    """TLS of a listener, and whether it asks for client certificates. Paths are in the site folder."""

    client_ca: Annotated[
        ResolvedText | None, Words("CA of the clients' certificates", "CA for klientenes sertifikater")
    ] = None
    require_client_cert: Annotated[
        Truth, Words("refuse clients without a certificate", "avvis klienter uten sertifikat")
    ] = False

    @model_validator(mode="after")
    def _with_authority(self) -> ServerTls:
        if self.require_client_cert and self.client_ca is None:
            raise refusal("E113", "client certificates are required but no client_ca is named", "write client_ca:")
        return self


class MllpSource(Part):
    """A listener for HL7 v2 over MLLP."""

    type: Literal["mllp"]
    listen: Annotated[str, is_listen, Resolved, Words("host and port to listen on", "vert og port det lyttes på")]
    senders: Senders = ()
    tls: Annotated[ServerTls | None, Words("certificates; none: plain text", "sertifikater; ingen: klartekst")] = None
    tolerate: Annotated[
        tuple[Literal["no_start_block"], ...],
        Words(
            "departures that are let pass; no_start_block: MSH begins a frame also without its start block",
            "avvik som slippes gjennom; no_start_block: MSH begynner en ramme også uten startblokk",
        ),
    ] = ()
    idle_timeout: Annotated[Duration, Words("close a silent connection after", "lukk stille forbindelse etter")] = 600.0
    frame_timeout: Annotated[Duration, Words("longest time for one frame", "lengste tid for én ramme")] = 60.0
    max_message: Largest = 25 << 20

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; port 0 asks the machine for a free one."""
        return _host_and_port(self.listen)

    @property
    def client_ca(self) -> str | None:
        """The CA of client certificates, where the listener asks for them."""
        return self.tls.client_ca if self.tls else None


class MtlsAuth(Part):
    """Every client must show a certificate. RFC 8446, 4.4.2."""

    type: Literal["mtls"]
    client_ca: Annotated[ResolvedText, Words("CA of the clients' certificates", "CA for klientenes sertifikater")]


class HttpSource(Part):
    """A listener that takes one message, or one batch, for each POST."""

    type: Literal["http"]
    listen: Annotated[str, is_listen, Resolved, Words("host and port to listen on", "vert og port det lyttes på")]
    path: Annotated[str, is_path, Resolved, Words("path of the address", "stien i adressen")] = "/"
    senders: Senders = ()
    accept: Annotated[
        Annotated[tuple[Annotated[str, is_media_type], ...], AfterValidator(_not_none)] | None,
        Words(
            "media types that are taken; default: those of the channel's standard",
            "medietyper som tas imot; standard: de som hører til kanalens meldingsstandard",
        ),
    ] = None
    auth: Annotated[
        NoAuth | BasicAuth | MtlsAuth,
        Field(discriminator="type"),
        Words("how senders prove who they are", "hvordan avsendere legitimerer seg"),
    ] = NoAuth()
    tls: Annotated[KeyPair | None, Words("certificate; none: plain text", "sertifikat; ingen: klartekst")] = None
    idle_timeout: Annotated[Duration, Words("close a silent connection after", "lukk stille forbindelse etter")] = 60.0
    header_timeout: Annotated[Duration, Words("longest time for the headers", "lengste tid for hodene")] = 15.0
    body_timeout: Annotated[
        Duration,
        Words("longest pause in a body; more while it flows", "lengste pause i innholdet; mer så lenge det flyter"),
    ] = 60.0
    max_message: Largest = 25 << 20

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; port 0 asks the machine for a free one."""
        return _host_and_port(self.listen)

    @property
    def client_ca(self) -> str | None:
        """The CA of client certificates, where the listener asks for them."""
        return self.auth.client_ca if isinstance(self.auth, MtlsAuth) else None

    @model_validator(mode="after")
    def _certificates_over_tls(self) -> HttpSource:
        if self.client_ca is not None and self.tls is None:
            raise refusal("E113", "client certificates need TLS", "write tls: {cert, key}")
        return self


class ReadyWhen(Part):
    """When a file is whole: one of three rules; none written means that it has not changed for ten seconds."""

    size_stable_for: Annotated[
        Duration | None, Words("it has not changed for so long", "den har ikke endret seg på så lenge")
    ] = None
    marker: Annotated[
        Annotated[str, AfterValidator(_ending)] | None,
        Words(
            "a file of its name with this end lies beside it",
            "en fil med samme navn og denne endelsen ligger ved siden av",
        ),
    ] = None
    renamed: Annotated[
        Truth, Words("its writer renames it when it is done", "den som skriver, gir den navn når den er ferdig")
    ] = False

    @model_validator(mode="after")
    def _one_rule(self) -> ReadyWhen:
        if [self.size_stable_for is not None, self.marker is not None, self.renamed].count(True) > 1:
            hint = "write size_stable_for: 10s, marker: .ok or renamed: true"
            raise refusal("E112", "a file is ready by one rule", hint)
        return self

    @property
    def stable_for(self) -> float:
        """Seconds that a file must not have changed; 10 where no rule is written."""
        if self.size_stable_for is not None:
            return self.size_stable_for
        return 0.0 if self.marker is not None or self.renamed else 10.0


class AfterSuccess(Part):
    """What becomes of a file whose messages are accepted."""

    move: Annotated[str, AfterValidator(_inner), Words("folder in the watched one", "mappe i den overvåkede")] = (
        "behandlet"
    )


class AfterReject(Part):
    """What becomes of a file of which a message is refused."""

    move: Annotated[str, AfterValidator(_inner), Words("folder in the watched one", "mappe i den overvåkede")] = (
        "avvist"
    )
    write_report: Annotated[
        Truth, Words("with the reasons beside it, without content", "med grunnene ved siden av, uten innhold")
    ] = True


class FileSource(Part):
    """A watched folder: each file is one message or one batch."""

    type: Literal["file"]
    path: Annotated[ResolvedText, Words("folder, from the site folder", "mappe, regnet fra mappen til stedet")]
    senders: Senders = ()
    match: Annotated[
        Text,
        Field(pattern=r"^[^/]{1,100}$"),
        Words("file names that are taken, as *.hl7", "filnavn som tas, som *.hl7"),
    ] = "*"
    every: Annotated[
        Duration, AfterValidator(_not_too_often), Words("how often it looks", "hvor ofte den ser etter")
    ] = 5.0
    ready_when: Annotated[ReadyWhen, Words("when a file is whole", "når en fil er ferdig skrevet")] = ReadyWhen()
    order: Annotated[Literal["by_name", "by_modified"], Words("which file goes first", "hvilken fil som går først")] = (
        "by_name"
    )
    move_when: Annotated[
        Literal["final", "answered"],
        Words(
            "final: when each of its messages is delivered or refused; answered: when each is answered",
            "final: når hver melding i den er levert eller avvist; answered: når hver er besvart",
        ),
    ] = "final"
    after_success: Annotated[AfterSuccess, Words("an accepted file", "en godtatt fil")] = AfterSuccess()
    after_reject: Annotated[AfterReject, Words("a refused file", "en avvist fil")] = AfterReject()
    max_message: Largest = 25 << 20

    @model_validator(mode="after")
    def _two_folders(self) -> FileSource:
        if self.after_success.move == self.after_reject.move:
            raise refusal("E112", "accepted and refused files in one folder", "name two folders")
        return self


Source = Annotated[MllpSource | HttpSource | FileSource, Field(discriminator="type")]
