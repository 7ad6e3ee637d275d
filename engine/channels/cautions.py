"""Warnings: a config that works, and that someone will be sorry for.

Codes: W301 destinations overlap on one system · W302 condition that never or always holds · W304 plain text listener
outside this machine · W305 `blocked_key: continue` with ADT · W306 unclear answers sent again to a receiver that may
take a message twice · W308 patient data not flagged `phi` · W309 duplicates forgotten before delivery is given up ·
W310 policy that hardly gives up · W311 certificate that expires · W313 plain text to another machine · W314
`ack.deadline` shorter than one attempt · W315 condition on an undeclared path · W316 secret that others may read ·
W317 watched folder that is not there.

Why: W307 and W312 of the plan are not here yet: channel tests and profiles are not part of a site so far.
"""

from __future__ import annotations

import ipaddress
import re
import stat
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from pydantic import BaseModel

from engine.channels.channel import Channel
from engine.channels.conditions import Demand, column_in, demand, parsed, used
from engine.channels.places import Steps, place_of
from engine.channels.references import Secret
from engine.channels.site import Site
from engine.channels.sources import FileSource, HttpSource
from engine.channels.systems import FhirSystem, HttpSystem, MllpSystem
from engine.errors import ConfigError, Finding

DAY = 86_400.0
LONG = 30 * DAY
"""Seconds after which a policy that still tries counts as one that never gives up."""

_PATIENT = re.compile(r"(PID|PD1|NK1|MRG|GT1|IN1|IN2|ZPI)-\d+|OBX-5|NTE-3")
_LOCAL_NAMES = {"localhost", "::1"}


def cautions(site: Site, now: datetime | None) -> Iterator[Finding]:
    """Every warning. `now` for the certificates' dates; without it they are not read."""
    for name, channel in site.config.channels.items():
        here: Steps = ("channels", name)
        yield from _listener(site, channel, here)
        yield from _conditions(site, channel, here)
        yield from _policies(site, channel, here)
        yield from _fields(site, channel, here)
    yield from _policy_ages(site)
    yield from _systems(site)
    yield from _secrets(site)
    if now is not None:
        yield from _certificates(site, now)


def _warn(site: Site, path: Steps, code: str, text: str, hint: str) -> Finding:
    return Finding(code, *site.where(path), text, hint, "warning")


def _here(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host in _LOCAL_NAMES


def _listener(site: Site, channel: Channel, here: Steps) -> Iterator[Finding]:
    source = channel.source
    if isinstance(source, FileSource):
        folder = site.beside(source.path)
        if not folder.is_dir():
            yield _warn(
                site,
                (*here, "source", "path"),
                "W317",
                "the watched folder is not there",
                f"it is looked for at {folder}",
            )
        return
    host, _ = source.address
    if source.tls is None and not _here(host):
        text = "patient data in plain text on the network"
        yield _warn(site, (*here, "source", "listen"), "W304", text, "write tls: {cert, key}, or listen on 127.0.0.1")


def _conditions(site: Site, channel: Channel, here: Steps) -> Iterator[Finding]:
    demands: dict[str, Demand] = {}
    gate = Demand()
    texts = {(*here, "accept_only"): channel.accept_only}
    texts |= {(*here, "destinations", name, "when"): part.when for name, part in channel.destinations.items()}
    for path, text in texts.items():
        try:
            found = Demand() if text is None else _judged(site, path, text)
        except ConfigError:
            continue  # the linter says what is wrong with it
        if text is not None:
            yield from _undeclared(site, path, text)
        if path[-1] == "accept_only":
            gate = found
        else:
            demands[str(path[-2])] = found
        if text is not None and (found.never or (path[-1] == "when" and found.excludes(gate))):
            because = "" if found.never else " for what accept_only lets through"
            yield _warn(site, path, "W302", f"this never holds{because}", "compare with what the senders write")
        elif text is not None and found.always:
            yield _warn(site, path, "W302", "this holds for every message", "leave it out")
    yield from _overlaps(site, channel, here, demands)


def _judged(site: Site, path: Steps, text: str) -> Demand:
    return demand(parsed(text, place_of(site.tree, path), site.file))


def _undeclared(site: Site, path: Steps, text: str) -> Iterator[Finding]:
    node = place_of(site.tree, path)
    for use in used(parsed(text, node, site.file)):
        if not use.declared and not use.name.startswith("MSH"):
            where = site.file, node.line, column_in(node, use.column)
            hint = "declare it under fields: and use its name, so that people see why the condition held"
            yield Finding("W315", *where, f"{use.name} is not a declared field", hint, "warning")


def _overlaps(site: Site, channel: Channel, here: Steps, demands: Mapping[str, Demand]) -> Iterator[Finding]:
    names = list(channel.destinations)
    for index, name in enumerate(names):
        for earlier in names[:index]:
            same = channel.destinations[earlier].system == channel.destinations[name].system
            first_match = channel.route.mode == "first_match"
            if first_match and channel.destinations[earlier].when is None:
                text = f"never reached: '{earlier}' takes every message"
                yield _warn(
                    site, (*here, "destinations", name), "W302", text, "put it first, or give the other a when:"
                )
                break
            apart = name in demands and earlier in demands and demands[name].excludes(demands[earlier])
            if same and not first_match and not apart and _sure(channel, name, earlier, demands):
                text = f"'{earlier}' sends the same messages to this system"
                yield _warn(
                    site, (*here, "destinations", name), "W301", text, "make their conditions exclude each other"
                )


def _sure(channel: Channel, name: str, earlier: str, demands: Mapping[str, Demand]) -> bool:
    """Whether two conditions are known to hold together for some message: one has none, or both are understood."""
    texts = (channel.destinations[name].when, channel.destinations[earlier].when)
    if None in texts or texts[0] == texts[1]:
        return True
    return all(which in demands and demands[which].exact for which in (name, earlier))


def _policies(site: Site, channel: Channel, here: Steps) -> Iterator[Finding]:
    for name, part in channel.destinations.items():
        try:
            policy = site.config.policy(part.policy)
        except KeyError:
            continue
        path = (*here, "destinations", name)
        if policy.blocked_key == "continue" and any(re.search(r"(^|/)adt", mapping) for mapping in channel.mapping):
            text = "later patient events pass a failed one (blocked_key: continue)"
            yield _warn(site, (*path, "policy"), "W305", text, "use a policy that holds, such as clinical")
        system = site.config.systems.get(part.system)
        if isinstance(system, HttpSystem | MllpSystem) and not system.idempotent and policy.on_ambiguous == "retry":
            text = f"an unclear answer is sent again, and '{part.system}' may take the message twice"
            hint = "write idempotent: true where it knows repeats, or a policy with outcomes: {ambiguous: park}"
            yield _warn(site, (*path, "policy"), "W306", text, hint)
        if channel.dedup.window < policy.give_up_after:
            text = f"duplicates are forgotten before '{part.policy}' gives up"
            yield _warn(site, path, "W309", text, "make dedup.window at least as long as give_up_after")
        longest = policy.response_timeout
        if channel.ack.after == "delivered" and part.required and channel.ack.deadline < longest:
            text = f"the deadline is shorter than one attempt at '{name}' may take ({longest:g}s)"
            yield _warn(
                site, (*here, "ack", "deadline"), "W314", text, "lengthen it, or shorten the policy's time-outs"
            )


def _fields(site: Site, channel: Channel, here: Steps) -> Iterator[Finding]:
    for name, part in channel.fields.items():
        if _PATIENT.match(part.path) and not part.phi:
            text = f"'{name}' reads patient data and is not flagged"
            yield _warn(site, (*here, "fields", name), "W308", text, "write phi: true")


def _policy_ages(site: Site) -> Iterator[Finding]:
    for name in site.config.policies:
        try:
            policy = site.config.policy(name)
        except KeyError:
            continue
        if policy.give_up_after > LONG:
            path = ("policies", name, "retry", "give_up_after")
            text = f"gives up only after {policy.give_up_after / DAY:.0f} days"
            yield _warn(site, path, "W310", text, "a person should decide sooner: 72h is usual")


def _systems(site: Site) -> Iterator[Finding]:
    for name, system in site.config.systems.items():
        text = "patient data in plain text to another machine"
        if isinstance(system, FhirSystem | HttpSystem):
            parts = urlsplit(system.url)
            if parts.scheme == "http" and not _here(parts.hostname or ""):
                yield _warn(site, ("systems", name, "url"), "W313", text, "use https://")
        elif isinstance(system, MllpSystem) and system.tls is None and not _here(system.host_and_port[0]):
            yield _warn(site, ("systems", name, "address"), "W313", text, "write tls: {ca: ...}")


def _secrets(site: Site) -> Iterator[Finding]:
    for path, secret in _found(site.config, ()):
        if secret.path is None:
            continue
        try:
            mode = secret.path.stat().st_mode
        except OSError:
            continue
        if mode & (stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH):
            yield _warn(
                site, path, "W316", "others on this machine may read this secret", f"chmod 600 {secret.path.name}"
            )


def _found(value: object, path: Steps) -> Iterator[tuple[Steps, Secret]]:
    """Every secret of the config and where it stands."""
    if isinstance(value, Secret):
        yield path, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _found(getattr(value, name), (*path, field.alias or name))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _found(inner, (*path, key))


def _certificates(site: Site, now: datetime) -> Iterator[Finding]:
    wanted: list[tuple[Steps, str | None]] = []
    for name, system in site.config.systems.items():
        if isinstance(system, FhirSystem | HttpSystem | MllpSystem) and system.tls is not None:
            wanted += [(("systems", name, "tls", key), getattr(system.tls, key)) for key in ("ca", "client_cert")]
    for name, channel in site.config.channels.items():
        source = channel.source
        if not isinstance(source, FileSource) and source.tls is not None:
            block = "auth" if isinstance(source, HttpSource) else "tls"
            wanted.append((("channels", name, "source", "tls", "cert"), source.tls.cert))
            wanted.append((("channels", name, "source", block, "client_ca"), source.client_ca))
    for path, file in wanted:
        if file is not None:
            yield from _certificate(site, path, site.beside(file), now)


def _certificate(site: Site, path: Steps, file: Path, now: datetime) -> Iterator[Finding]:
    try:
        certificates = x509.load_pem_x509_certificates(file.read_bytes())
    except OSError:
        yield Finding("E213", *site.where(path), "the certificate's file cannot be read", f"it is looked for at {file}")
        return
    except ValueError:
        yield Finding("E213", *site.where(path), "no certificate in this file", "a PEM file begins with -----BEGIN")
        return
    ends = min(certificate.not_valid_after_utc for certificate in certificates)
    if ends < now + timedelta(days=30):
        text = f"a certificate in it expires {ends.date().isoformat()}"
        yield _warn(site, path, "W311", text, "renew it; at least 30 days should be left")
