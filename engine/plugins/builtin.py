"""What ships with Budstikke, through the same door as any plugin."""

from __future__ import annotations

from importlib.metadata import entry_points

from engine.plugins import GROUP, Registry
from engine.standards.hl7v2.standard import Hl7v2
from engine.standards.kith.standard import Kith


def register(registry: Registry) -> None:
    """The standards that ship."""
    registry.add_standard(Hl7v2())
    registry.add_standard(Kith())


def full_registry() -> Registry:
    """What ships and what is installed beside it."""
    registry = Registry()
    register(registry)
    for entry in entry_points(group=GROUP):
        entry.load()(registry)
    return registry
