"""Listening sockets that sources share: where, for whom, and under which name people know them."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.errors import ConfigError, Finding
from engine.transport.tls import peer_subject, subject_fits

_HANDSHAKE = 15.0
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AllowList:
    """The networks that may connect; an empty list lets everyone in."""

    def __init__(self, networks: Sequence[str]) -> None:
        """Raises: ConfigError for what is no network (`10.20.0.0/16`, `10.1.2.3`)."""
        self._networks: list[Network] = []
        for text in networks:
            try:
                self._networks.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                raise _wrong("listen.network", f"{text!r} is no network", "write it as 10.20.0.0/16") from None

    def admits(self, host: str) -> bool:
        """Whether this peer address may connect. An IPv4 address in IPv6 clothes counts as IPv4."""
        if not self._networks:
            return True
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


@dataclass(frozen=True, slots=True)
class Allowed:
    """One sender that may connect: from these networks (any when empty), with this certificate (any when empty).

    `client_cert_subject` names parts that the client certificate's subject must have: `CN=ehr-ward`.
    """

    networks: tuple[str, ...] = ()
    client_cert_subject: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the other end: address, subject of the certificate, and why it may not connect (empty: it may)."""

    peer: str
    certificate: str
    refused: str = ""


class Door:
    """Who may connect: everyone when nobody is named. A connection must fit one of them whole, never the network of one
    and the certificate of another."""

    def __init__(self, allow: Sequence[Allowed]) -> None:
        """Raises: ConfigError for an allow list that names no network."""
        self._allowed = [(AllowList(each.networks), each.client_cert_subject) for each in allow]

    def caller(self, transport: asyncio.BaseTransport, tls: bool) -> Caller:
        """The caller of a new connection, judged."""
        name = transport.get_extra_info("peername")
        peer = peer_text(name)
        subject = peer_subject(transport) if tls else ""
        near = [wanted for networks, wanted in self._allowed if peer and networks.admits(str(name[0]))]
        refused = ""
        if not peer or (self._allowed and not near):
            refused = "network"
        elif near and not any(not wanted or subject_fits(subject, wanted) for wanted in near):
            refused = "certificate"
        return Caller(peer, subject, refused)


async def listen(
    protocol: Callable[[], asyncio.Protocol], host: str, port: int, tls: ssl.SSLContext | None
) -> asyncio.Server:
    """Begin to listen; port 0 takes a free one. Raises: ConfigError when the address cannot be had."""
    seconds = _HANDSHAKE if tls is not None else None
    try:
        server = await asyncio.get_running_loop().create_server(
            protocol, host or None, port, ssl=tls, backlog=1024, ssl_handshake_timeout=seconds
        )
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise _wrong("listen.address", f"cannot listen on {host}:{port}: {reason}", "choose a free address") from None
    return server


def address_of(server: asyncio.Server) -> str:
    """`127.0.0.1:2575`, `[::1]:2575`: with the real port where 0 was asked for."""
    return peer_text(server.sockets[0].getsockname())


def peer_text(name: object) -> str:
    """A socket name for people; empty where there is none (a connection that is gone already)."""
    if not isinstance(name, tuple) or len(name) < 2:
        return ""
    host, port = str(name[0]), name[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _wrong(code: str, text: str, suggestion: str) -> ConfigError:
    return ConfigError([Finding(code, "", 0, 0, text, suggestion)])
