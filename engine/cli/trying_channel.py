"""Which channel a file would go to, for the sandbox: the first that takes a message of its standard and type."""

from __future__ import annotations

from collections.abc import Mapping

from engine.channels.revision import Plan
from engine.errors import EngineError, InvalidMessage
from engine.message import Envelope


def chosen(plans: Mapping[str, Plan], named: str, raw: bytes) -> Plan:
    """The channel of that name; without a name the one that maps such a message, else one that passes all on, else,
    for what nobody can read, the first of the standard that it looks like. Raises: EngineError."""
    if named:
        if named not in plans:
            raise EngineError(f"no channel '{named}'; there are: {', '.join(plans)}", code="try.channel")
        return plans[named]
    read = {name: envelope for name, plan in plans.items() if (envelope := _envelope(plan, raw)) is not None}
    for name, envelope in read.items():
        plan = plans[name]
        if any(match in plan.mappings for match in plan.standard.matches(envelope)):
            return plan
    for name in read:
        if _passes_on(plans[name]):
            return plans[name]
    if not read:
        for plan in plans.values():
            if (plan.standard.name == "kith") == _is_markup(raw):
                return plan
    taken = "; ".join(_takes(plan) for plan in plans.values())
    type_ = next((f" of type {envelope.type}" for envelope in read.values()), "")
    raise EngineError(f"no channel takes a message{type_}; there are: {taken}", code="try.no_channel")


def _envelope(plan: Plan, raw: bytes) -> Envelope | None:
    """None where the channel's standard cannot read it."""
    parts = plan.standard.split(raw)
    try:
        return plan.standard.envelope(plan.standard.decode(parts[0] if parts else raw, plan.charset))
    except InvalidMessage:
        return None


def _passes_on(plan: Plan) -> bool:
    """Whether every destination takes the bytes as they are, so that no type needs a mapping."""
    return all(target.writing is None for target in plan.targets)


def _takes(plan: Plan) -> str:
    types = "every type" if _passes_on(plan) else ", ".join(sorted(plan.mappings)) or "nothing"
    return f"{plan.name} ({plan.standard.name}: {types})"


def _is_markup(raw: bytes) -> bool:
    """Whether it looks like XML, in any of the encodings that XML may begin with."""
    return raw.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")[:1] == b"<"
