"""A running set from config (decision 2): plans for `judge`, lanes for the dispatcher, sources and destinations.

Nothing is started here and nothing listens; `Runner.start` does that, so that a config that cannot be built leaves no
trace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from engine.channels.build_ends import concurrency_of, destination_of, source_of
from engine.channels.channel import DestinationPart, ReceiptPart
from engine.channels.config import config_revision
from engine.channels.dispatcher import Dispatcher
from engine.channels.files import MAPPINGS, SchemaFiles
from engine.channels.intake import ChannelIntake
from engine.channels.keys import kept_key
from engine.channels.lane import Lane, System
from engine.channels.receipting import DESTINATION as RECEIPTS
from engine.channels.receipts import Receipts
from engine.channels.revision import After, Condition, Plan, Receipting, Target, Value
from engine.channels.router import Router
from engine.channels.runner import Runner, Running
from engine.channels.selection import Taken, selection_findings, standard_of
from engine.channels.site import Site
from engine.channels.systems import FhirSystem, FileSystem, Hl7v2Sender, HttpSystem
from engine.channels.tables import every_table, site_tables, tables_revision
from engine.clock import Clock, Jitter
from engine.destinations import Destination
from engine.errors import ConfigError, Finding
from engine.mapping import CompiledMapping
from engine.mapping.conditions import compile_condition, compile_value
from engine.mapping.shelf import load_mapping
from engine.message import Severity
from engine.plugins import Registry
from engine.standards import Standard
from engine.standards.fhir.render import Writing
from engine.store import Store


@dataclass(frozen=True, slots=True)
class Keys:
    """What a site keeps secret: the ring for hashes of identifiers, and how each system is written with its key."""

    ring: bytes
    writings: Mapping[str, Writing]


def store_path(site: Site) -> Path:
    """Where the site's store lies."""
    return site.beside(site.config.store.path)


def mapping_reader(site_folder: Path) -> Callable[[str], str]:
    """Reads a mapping or module by id: the site's own first, then the shipped one (decision 5).

    The function raises FileNotFoundError when neither has it.
    """

    def read(name: str) -> str:
        for folder in (site_folder / "mappings", MAPPINGS):
            path = folder / f"{name}.yaml"
            if path.is_file():
                return path.read_text("utf-8")
        raise FileNotFoundError(name)

    return read


def plans_of(site: Site, registry: Registry, make_keys: bool = True) -> dict[str, Plan]:
    """Every channel as `judge` takes it. With `make_keys` False nothing is written where the site has no keys yet.

    Raises: ConfigError with the findings of every mapping.
    """
    read = mapping_reader(site.folder)
    keys = Keys(kept_key(site.beside("secrets/site.key"), make_keys), _writings(site, make_keys))
    loaded: dict[str, CompiledMapping] = {}
    findings: list[Finding] = []
    for channel in site.config.channels.values():
        own = (part.mapping for part in channel.destinations.values() if part.mapping)
        for id in (*channel.mapping, *own):
            try:
                if id not in loaded:
                    loaded[id] = load_mapping(id, read, standards=registry.standards)
            except ConfigError as error:
                findings += error.findings
    taken = {id: Taken(mapping.standard, mapping.types) for id, mapping in loaded.items()}
    for name in site.config.channels:
        findings += selection_findings(site, name, taken, registry.standards)
    if findings:
        raise ConfigError(findings)
    spoken = {name: standard_of(channel, taken) for name, channel in site.config.channels.items()}
    files = SchemaFiles(site.folder)
    standards = {each: registry.standards[each].with_files(files) for each in sorted(set(spoken.values()))}
    used = [f"{id}={loaded[id].revision}" for id in sorted(loaded)]
    others = (*used, tables_revision(every_table(site)), *files.revision(), *sorted(spoken.values()))
    revision = config_revision(site.config, *others)
    return {name: _plan(site, standards[each], name, loaded, keys, revision) for name, each in spoken.items()}


def _plan(
    site: Site,
    standard: Standard,
    name: str,
    loaded: Mapping[str, CompiledMapping],
    keys: Keys,
    revision: str,
) -> Plan:
    channel = site.config.channels[name]
    paths = {field: part.path for field, part in channel.fields.items()}

    def condition(text: str, *where: str) -> Condition:
        return compile_condition(text, site.where(("channels", name, *where)), paths, standard)

    def value(field: str, *where: str) -> Value:
        return compile_value(paths.get(field, field), site.where(("channels", name, *where)), None, standard)

    mappings = {type_: loaded[id] for id in channel.mapping for type_ in loaded[id].types}
    targets = tuple(
        _target(site, keys, loaded, key, part, condition(part.when, "destinations", key, "when") if part.when else None)
        for key, part in channel.destinations.items()
    )
    return Plan(
        name=name,
        revision=revision,
        standard=standard,
        mappings=mappings,
        targets=targets,
        keyring=keys.ring,
        after=After(channel.ack.after),
        deadline=channel.ack.deadline,
        charset=channel.charset.charset(),
        conformance=_weight(channel.validation.conformance),
        unread=_severity(channel.unread),
        processing=frozenset(site.config.processing(name)),
        accept_only=condition(channel.accept_only, "accept_only") if channel.accept_only else None,
        otherwise=channel.otherwise.reason if channel.otherwise else "",
        dedup=tuple(value(key, "dedup", "key") for key in channel.dedup.key),
        dedup_window=channel.dedup.window,
        order_by=tuple(value(key, "order_by") for key in channel.order_by or ()),
        unmatched=channel.route.unmatched or "quarantine",
        first_match=channel.route.mode == "first_match",
        keep_original=channel.keep_original,
        time_zone=site.config.site.timezone,
        tables=site_tables(site, channel.tables),
        senders=_senders(site, channel.source.senders),
        receipt=_receipting(site, channel.ack.receipt),
        invalid_kind=channel.ack.refused or "",
    )


def _senders(site: Site, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    found = [site.config.systems[name] for name in names]
    facilities = [sender.facility for sender in found if isinstance(sender, Hl7v2Sender)]
    return tuple((each.msh_3 or "", each.msh_4 or "") for each in facilities)


def _weight(word: str | None) -> Severity | Literal["off"] | None:
    if word == "off":
        return "off"
    return None if word is None else Severity(word)


def _severity(word: str) -> Severity | None:
    return None if word == "off" else Severity(word)


def _writings(site: Site, make_keys: bool) -> dict[str, Writing]:
    """How each FHIR system is written, with the key of its identities: its own, or one that the site keeps for it."""
    writings = {}
    for name, system in site.config.systems.items():
        if isinstance(system, FhirSystem):
            if system.identity_key is not None:
                key = system.identity_key.reveal().encode()
            else:
                key = kept_key(site.beside(f"secrets/{name}.identity.key"), make_keys)
            writings[name] = Writing(system.writes, key)
    return writings


def _target(
    site: Site,
    keys: Keys,
    loaded: Mapping[str, CompiledMapping],
    name: str,
    part: DestinationPart,
    when: Condition | None,
) -> Target:
    policy = site.config.policy(part.policy)
    writing = keys.writings.get(part.system)
    own = dict.fromkeys(loaded[part.mapping].types, loaded[part.mapping]) if part.mapping else {}
    system = site.config.systems[part.system]
    within = system.receipt_within if isinstance(system, HttpSystem | FileSystem) else None
    return Target(name, part.system, policy, writing, when, part.when or "", part.required, within or 0.0, own)


def build(site: Site, registry: Registry, store: Store, clock: Clock, jitter: Jitter) -> Runner:
    """The whole engine of a site, not yet started. Raises: ConfigError."""
    plans = plans_of(site, registry)
    systems: dict[str, System] = {}
    destinations: dict[str, Destination] = {}
    lanes: list[Lane] = []
    leading = Counter(way.system for plan in plans.values() for way in _ways(plan))
    for name, plan in plans.items():
        waits = plan.receipt is not None and plan.receipt.after == "delivered"
        for way in _ways(plan):
            if way.system not in systems:
                systems[way.system] = System(way.system, concurrency_of(site, way.system, leading[way.system]))
                destinations[way.system] = destination_of(site, way.system, way.policy)
            sender = destinations[way.system]
            receipted = waits and way.name != RECEIPTS
            lanes.append(Lane(name, way.name, systems[way.system], way.policy, sender, receipted))
    dispatcher = Dispatcher(store, lanes, clock, jitter)
    receipts = Receipts(plans, store, dispatcher, clock)
    router = Router(plans, store, dispatcher)
    channels = []
    for name, channel in site.config.channels.items():
        plan = plans[name]
        source = source_of(site, name, channel, plan.standard)
        channels.append(Running(name, source, ChannelIntake(plan, store, dispatcher, clock, router.ring)))
    return Runner(store, channels, list(destinations.values()), dispatcher, router, receipts)


def _ways(plan: Plan) -> list[Target]:
    """Where a channel's deliveries go: its destinations, and the way back of its receipts."""
    back = [] if plan.receipt is None else [Target(RECEIPTS, plan.receipt.system, plan.receipt.policy)]
    return [*plan.targets, *back]


def _receipting(site: Site, part: ReceiptPart | None) -> Receipting | None:
    """As the channel says. Whatever its policy: a receipt that is given up holds none of the sender's later ones back.

    Why: each is about a message of its own, and has to be there within 96 hours (HIS 80415).
    """
    if part is None:
        return None
    policy = replace(site.config.policy(part.policy), blocked_key="continue")
    return Receipting(part.return_via, policy, part.after, frozenset(part.receivers))
