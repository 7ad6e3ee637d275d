"""Sources as typed values: where a channel's messages arrive."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from engine.channels.references import KeyFile, Resolved, ResolvedText
from engine.channels.scalars import Duration, Names, Size, Truth, Words, is_listen, refusal
from engine.channels.systems import Part

MAX_MESSAGE = 64 << 20
"""Bytes: no channel may allow more (decision 17)."""


def _bearable(size: int) -> int:
    if not 1024 <= size <= MAX_MESSAGE:
        raise refusal("E112", "the largest message must lie between 1KB and 64MB", "25MB is usual")
    return size


class ServerTls(Part):
    """TLS of a listener. Paths are in the site folder."""

    cert: Annotated[ResolvedText, Words("our certificate with its chain (PEM)", "vårt sertifikat med kjede (PEM)")]
    key: Annotated[KeyFile, Words("its key, a secret reference", "nøkkelen til det, en hemmelighetsreferanse")]
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
    senders: Annotated[
        Names, Field(alias="from"), Words("systems that may send here; none named: all", "systemer som kan sende hit")
    ] = ()
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
    max_message: Annotated[
        Size, AfterValidator(_bearable), Words("largest message, at most 64MB", "største melding, høyst 64MB")
    ] = 25 << 20

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; port 0 asks the machine for a free one."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)
