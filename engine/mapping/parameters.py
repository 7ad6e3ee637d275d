"""The parameters of a template: variables that it reads and does not define."""

from __future__ import annotations

from engine.yamlfile import YamlList, YamlMap, YamlNode, YamlScalar


def parameters(node: YamlNode) -> set[str]:
    """Variables that the leaves of a node read and no $let or $for_each in it defines."""
    found: set[str] = set()
    defined: set[str] = {"item"}

    def walk(one: YamlNode) -> None:
        if isinstance(one, YamlScalar):
            text = one.text
            at = text.find("$")
            while at >= 0:
                end = at + 1
                while end < len(text) and (text[end].isalnum() or text[end] == "_"):
                    end += 1
                found.add(text[at + 1 : end])
                at = text.find("$", end)
        elif isinstance(one, YamlList):
            for item in one.items:
                walk(item)
        else:
            for key, value in one:
                if key == "$let" and isinstance(value, YamlMap):
                    defined.update(name for name, _ in value)
                walk(value)

    walk(node)
    return {name for name in found - defined if name}
