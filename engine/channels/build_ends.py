"""The two ends of a channel from config: sources, destinations, their certificates and credentials."""

from __future__ import annotations

import ssl
from pathlib import Path

from engine.channels.channel import Channel
from engine.channels.site import Site
from engine.channels.systems import (
    BasicAuth,
    BearerAuth,
    ClientTls,
    FhirSystem,
    FileSystem,
    Hl7v2Sender,
)
from engine.delivery import Policy
from engine.destinations import Destination
from engine.destinations.fhir import FhirDestination, FhirSettings
from engine.destinations.file import FileDestination, FileSettings
from engine.errors import ConfigError, Finding
from engine.sources import Source
from engine.sources.mllp import MllpSettings, MllpSource
from engine.transport import tls
from engine.transport.http import Authorization, basic, bearer
from engine.transport.listeners import Allowed


def source_of(site: Site, name: str, channel: Channel) -> Source:
    """The channel's source, not yet listening. Raises: ConfigError when a certificate cannot be used."""
    config = channel.source
    context = None
    if config.tls is not None:
        context = tls.server_context(
            tls.ServerTls(
                str(site.beside(config.tls.cert)),
                _key_file(config.tls.key.path, "channels." + name),
                str(site.beside(config.tls.client_ca)) if config.tls.client_ca else "",
                config.tls.require_client_cert,
            )
        )
    senders = [site.config.systems[sender] for sender in config.senders]
    host, port = config.address
    return MllpSource(
        MllpSettings(
            host=host,
            port=port,
            channel=name,
            tls=context,
            allow=tuple(
                Allowed(sender.allow.networks, sender.allow.client_cert_subject or "")
                for sender in senders
                if isinstance(sender, Hl7v2Sender)
            ),
            tolerate=frozenset(config.tolerate),
            idle_timeout=config.idle_timeout,
            frame_timeout=config.frame_timeout,
            max_message=config.max_message,
        )
    )


def destination_of(site: Site, name: str, policy: Policy) -> Destination:
    """The destination that sends to system `name`. `policy` gives the time-outs that the system leaves open.

    Raises: ConfigError when the system only sends, or a certificate cannot be used.
    """
    system = site.config.systems[name]
    if isinstance(system, FhirSystem):
        return FhirDestination(
            FhirSettings(
                url=system.url,
                auth=_authorization(system),
                tls=_client_context(site, system.tls, system.url, name),
                concurrency=system.limits.concurrency,
                connect_timeout=system.timeout.connect or policy.connect_timeout,
                response_timeout=system.timeout.response or policy.response_timeout,
            )
        )
    if isinstance(system, FileSystem):
        return FileDestination(FileSettings(str(site.beside(system.path)), system.suffix))
    file, line, column = site.where(("systems", name))
    text = f"system '{name}' of type {system.type} sends, it cannot receive"
    raise ConfigError([Finding("E201", file, line, column, text, "name a system of type fhir or file")])


def _authorization(system: FhirSystem) -> Authorization | None:
    auth = system.auth
    if isinstance(auth, BasicAuth):
        return basic(auth.username, auth.password.reveal())
    if isinstance(auth, BearerAuth):
        return bearer(auth.token.reveal())
    return None


def _client_context(site: Site, config: ClientTls, url: str, name: str) -> ssl.SSLContext | None:
    if not url.startswith("https"):
        return None
    return tls.client_context(
        tls.ClientTls(
            str(site.beside(config.ca)) if config.ca else "",
            str(site.beside(config.client_cert)) if config.client_cert else "",
            _key_file(config.client_key.path, "systems." + name) if config.client_key else "",
            config.verify_hostname,
        )
    )


def _key_file(path: Path | None, where: str) -> str:
    """Keys must be files: a TLS library reads them itself."""
    if path is None:
        text = "a private key must come from a file"
        raise ConfigError([Finding("E311", where, 0, 0, text, 'write "${secret:files/NAME}"')])
    return str(path)
