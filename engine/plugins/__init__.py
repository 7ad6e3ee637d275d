"""The plugin door: what ships with Budstikke comes through it too (`builtin.register`).

A plugin is a distribution with an entry point in the group `budstikke.plugins` that names a function
`register(registry: Registry) -> None`. Nothing is registered on import and there is no global registry: whoever builds
an engine makes one and passes it on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.errors import ConfigError, Finding
from engine.standards import Standard

GROUP = "budstikke.plugins"


@dataclass(slots=True)
class Registry:
    """What this engine knows: message standards by name."""

    standards: dict[str, Standard] = field(default_factory=dict)

    def add_standard(self, standard: Standard) -> None:
        """Offer a message standard. Raises: ConfigError when its name is taken."""
        if standard.name in self.standards:
            text = f"standard '{standard.name}' is registered twice"
            raise ConfigError([Finding("E301", "plugins", 0, 0, text, "remove one of the plugins")])
        self.standards[standard.name] = standard
