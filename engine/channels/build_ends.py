"""The two ends of a channel from config: sources, destinations, their certificates and credentials."""

from __future__ import annotations

import ssl
from pathlib import Path

from engine.channels.channel import Channel
from engine.channels.site import Site
from engine.channels.sources import FileSource, HttpSource, KeyPair, MllpSource, ServerTls
from engine.channels.systems import (
    Auth,
    BasicAuth,
    BearerAuth,
    ClientTls,
    FhirSystem,
    FileSystem,
    Hl7v2Sender,
    HttpSystem,
    MllpSystem,
    Timeouts,
)
from engine.delivery import Policy
from engine.destinations import Destination
from engine.destinations import fhir as to_fhir
from engine.destinations import file as to_file
from engine.destinations import http as to_http
from engine.destinations import mllp as to_mllp
from engine.errors import ConfigError, Finding
from engine.sources import Source
from engine.sources import file as from_file
from engine.sources import http as from_http
from engine.sources import mllp as from_mllp
from engine.sources.file_ready import ReadyWhen
from engine.sources.http_request import Credentials
from engine.standards import Standard
from engine.transport import tls
from engine.transport.http import Authorization, basic, bearer
from engine.transport.listeners import Allowed


def source_of(site: Site, name: str, channel: Channel, standard: Standard) -> Source:
    """The channel's source, not yet listening. Raises: ConfigError when a certificate cannot be used."""
    config = channel.source
    if isinstance(config, HttpSource):
        return _http_source(site, name, config, standard)
    if isinstance(config, FileSource):
        return _file_source(site, name, config)
    host, port = config.address
    return from_mllp.MllpSource(
        from_mllp.MllpSettings(
            host=host,
            port=port,
            channel=name,
            tls=_server_context(site, name, config.tls, config.client_ca),
            allow=_allowed(site, config),
            tolerate=frozenset(config.tolerate),
            idle_timeout=config.idle_timeout,
            frame_timeout=config.frame_timeout,
            max_message=config.max_message,
        )
    )


def _http_source(site: Site, name: str, config: HttpSource, standard: Standard) -> Source:
    host, port = config.address
    auth = config.auth
    return from_http.HttpSource(
        from_http.HttpSettings(
            host=host,
            port=port,
            channel=name,
            path=config.path,
            accept=config.accept or standard.media_types,
            credentials=Credentials(auth.username, auth.password.reveal()) if isinstance(auth, BasicAuth) else None,
            tls=_server_context(site, name, config.tls, config.client_ca),
            allow=_allowed(site, config),
            idle_timeout=config.idle_timeout,
            header_timeout=config.header_timeout,
            body_timeout=config.body_timeout,
            max_message=config.max_message,
        )
    )


def _file_source(site: Site, name: str, config: FileSource) -> Source:
    rule = config.ready_when
    return from_file.FileSource(
        from_file.FileSettings(
            folder=str(site.beside(config.path)),
            channel=name,
            match=config.match,
            every=config.every,
            ready=ReadyWhen(rule.stable_for, rule.marker or ""),
            until_final=config.move_when == "final",
            by_modified=config.order == "by_modified",
            accepted=config.after_success.move,
            refused=config.after_reject.move,
            write_report=config.after_reject.write_report,
            max_message=config.max_message,
        )
    )


def _server_context(site: Site, name: str, pair: KeyPair | None, client_ca: str | None) -> ssl.SSLContext | None:
    """Over MLLP a client may go without a certificate unless it is required; over HTTP asking for one requires it."""
    if pair is None:
        return None
    required = pair.require_client_cert if isinstance(pair, ServerTls) else client_ca is not None
    return tls.server_context(
        tls.ServerTls(
            str(site.beside(pair.cert)),
            _key_file(pair.key.path, "channels." + name),
            str(site.beside(client_ca)) if client_ca else "",
            required,
        )
    )


def _allowed(site: Site, config: MllpSource | HttpSource) -> tuple[Allowed, ...]:
    senders = [site.config.systems[sender] for sender in config.senders]
    return tuple(
        Allowed(sender.allow.networks, sender.allow.client_cert_subject or "")
        for sender in senders
        if isinstance(sender, Hl7v2Sender)
    )


def destination_of(site: Site, name: str, policy: Policy) -> Destination:
    """The destination that sends to system `name`. `policy` gives the time-outs that the system leaves open.

    Raises: ConfigError when the system only sends, or a certificate cannot be used.
    """
    system = site.config.systems[name]
    if isinstance(system, FhirSystem):
        connect, response = _seconds(system.timeout, policy)
        return to_fhir.FhirDestination(
            to_fhir.FhirSettings(
                url=system.url,
                auth=_authorization(system.auth),
                tls=_client_context(site, system.tls, name) if system.url.startswith("https") else None,
                concurrency=system.limits.concurrency,
                connect_timeout=connect,
                response_timeout=response,
            )
        )
    if isinstance(system, HttpSystem):
        return _http_destination(site, name, system, policy)
    if isinstance(system, MllpSystem):
        host, port = system.host_and_port
        context = _client_context(site, system.tls, name) if system.tls else None
        target = to_mllp.MllpTarget(host, port, context, system.idempotent, *_seconds(system.timeout, policy))
        return to_mllp.MllpDestination(target)
    if isinstance(system, FileSystem):
        return to_file.FileDestination(to_file.FileSettings(str(site.beside(system.path)), system.suffix))
    file, line, column = site.where(("systems", name))
    text = f"system '{name}' of type {system.type} sends, it cannot receive"
    raise ConfigError([Finding("E201", file, line, column, text, "name a system of type fhir, http, mllp or file")])


def _http_destination(site: Site, name: str, system: HttpSystem, policy: Policy) -> Destination:
    connect, response = _seconds(system.timeout, policy)
    return to_http.HttpDestination(
        to_http.HttpTarget(
            url=system.url,
            content_type=system.content_type or "",
            headers=system.headers,
            message_id_header=system.message_id_header,
            idempotent=system.idempotent,
            auth=_authorization(system.auth),
            tls=_client_context(site, system.tls, name) if system.url.startswith("https") else None,
            concurrency=system.limits.concurrency,
            connect_timeout=connect,
            response_timeout=response,
        )
    )


def concurrency_of(site: Site, name: str, lanes: int) -> int:
    """How many deliveries may be under way at a system to which so many lanes lead."""
    system = site.config.systems[name]
    if isinstance(system, FhirSystem | HttpSystem):
        return system.limits.concurrency
    return lanes if isinstance(system, MllpSystem) else 4


def _seconds(said: Timeouts, policy: Policy) -> tuple[float, float]:
    """How long to wait for a connection and for an answer."""
    return said.connect or policy.connect_timeout, said.response or policy.response_timeout


def _authorization(auth: Auth) -> Authorization | None:
    if isinstance(auth, BasicAuth):
        return basic(auth.username, auth.password.reveal())
    if isinstance(auth, BearerAuth):
        return bearer(auth.token.reveal())
    return None


def _client_context(site: Site, config: ClientTls, name: str) -> ssl.SSLContext:
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
