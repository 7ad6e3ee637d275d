"""Which rules need not be carried out every time: settled by codes, the same for a whole group, or by the same texts.

Why: a result has a code, a status and an interpretation that a thousand results before it had; thirty results have one
patient and one laboratory.
"""

from __future__ import annotations

from engine.mapping.frames import Frame
from engine.mapping.lookups import segment
from engine.mapping.module import Module
from engine.mapping.reach import Field, reach_of
from engine.mapping.shapes import Want
from engine.yamlfile import YamlNode

_PERSONAL = frozenset({"PID", "PD1", "NK1", "MRG", "GT1", "IN1", "IN2", "IN3", "NTE"})
"""Segments about persons, and what is written of them."""
_FOUND = frozenset({("OBX", 5)})
"""What was found in a patient."""


def settled(module: Module, node: YamlNode, want: Want) -> tuple[Field, ...]:
    """The coded fields that settle a rule for every message; none where anything else has a say.

    A field is coded where the rule itself converts it as a code; its other parts are then texts of that code. What
    such rules make says nothing of whom a message is about.
    """
    reach = reach_of(module, node, want.type)
    private = any(name in _PERSONAL or (name, number) in _FOUND for name, number in reach.fields)
    beyond = reach.here or reach.volatile or reach.typed or reach.other or reach.entries
    if private or beyond or not reach.coded >= set(reach.fields):
        return ()
    return tuple(reach.fields)


def steady(module: Module, node: YamlNode, want: Want, frame: Frame) -> bool:
    """Whether a rule of a body reads nothing of the innermost group: the same for all instances in the one around."""
    walk = frame.walk
    reach = reach_of(module, node, want.type)
    known = module.entries.known()
    if walk is None or reach.here or reach.other or any(entry not in known for entry, _ in reach.entries):
        return False
    if any(name in walk.group.own for name, _ in reach.fields):
        return False
    found = [module.entries.lookup(entry, frame, every) for entry, every in reach.entries]
    return not any(code.startswith(f"{walk.instance}.") for code in found)


def texts_of(module: Module, node: YamlNode, want: Want, frame: Frame) -> tuple[str, ...]:
    """Python code of the raw texts that a body is made of in one message; none where it reads more than that."""
    reach = reach_of(module, node, want.type)
    item = frame.item()
    if reach.other or reach.entries or (reach.here and (item is None or item.kind != "text")):
        return ()
    texts = [f"{segment(module, frame, name, number)[1]}[{number}]" for name, number in reach.fields]
    return (*texts, item.var) if reach.here and item is not None else tuple(texts)
