"""How a resource is known again: the first identity that has a value, and the instance it makes."""

from __future__ import annotations

from typing import Protocol

from engine.expression import As, Call, Else, Expression, Reference
from engine.mapping.frames import Frame
from engine.mapping.module import Module
from engine.mapping.plans import Plan
from engine.mapping.templates import Templates
from engine.mapping.terms import Terms
from engine.mapping.writer import Block
from engine.yamlfile import YamlList


class Plans(Protocol):
    """The entries there are."""

    plans: dict[str, Plan]

    def lookup(self, key: str, frame: Frame, every: bool) -> str: ...


class Identities:
    """Emits identities."""

    def __init__(self, module: Module, terms: Terms, templates: Templates, entries: Plans) -> None:
        self.module, self.terms, self.templates, self.entries = module, terms, templates, entries

    def fault(self, plan: Plan, text: str, suggestion: str = "") -> None:
        self.module.findings.add("M601", plan.file, plan.defined.name, text, suggestion)

    def emit(self, plan: Plan, frame: Frame, block: Block) -> None:
        """The first identity that has a value, and the instance it makes."""
        stated = plan.node.get("identity")
        choices = stated.items if isinstance(stated, YamlList) else (stated,) if stated is not None else ()
        if not choices:
            self.fault(
                plan,
                f"entry '{plan.key}' has no identity",
                "write identity: PID-3 as CX, or derived(->patient, ...)",
            )
            return
        system, value, derived = self.module.name("system"), self.module.name("value"), self.module.name("derived")
        since = len(self.module.seen)
        at = block
        if len(choices) > 1:
            block.line(f"{system}, {value}, {derived} = '', '', False")
        for position, choice in enumerate(choices):
            if position:
                at = at.inside(f"if not {value}:")
            expression = self.terms.parsed(choice, plan.file)
            if expression is None:
                continue
            self.module.label = f"{plan.key}.identity"
            found = self.one(plan, expression, frame, at)
            if found is not None and len(choices) > 1:
                at.line(f"if {found[1]}: {system}, {value}, {derived} = {', '.join(found)}")
            elif found is not None:
                system, value, derived = found
        then = block.inside(f"if {value}:")
        verb = "OWN" if plan.verb == "own" else "MENTION"
        if derived == "False":
            then.line(f"if not {system}: {system} = r.namespace")
        elif derived != "True":
            then.line(f"if not {derived} and not {system}: {system} = r.namespace")
        then.line(f"n = r.enter({plan.key!r}, {plan.resource!r}, {verb}, {system}, {value}, {derived})")
        plan.registration = then.here()
        plan.parameters = plan.names()
        then.line(f"found.append((n, {''.join(f'{one}, ' for one in plan.parameters)}))")
        level = "error" if plan.unidentified == "error" else "note"
        rule = self.module.rule(plan.file, plan.defined.name, f"{plan.resource} '{plan.key}'")
        block.inside("else:").line(f"r.unidentified({plan.key!r}, {level!r}, {rule}, {self.module.places(since)})")

    def one(self, plan: Plan, expression: Expression, frame: Frame, block: Block) -> tuple[str, str, str] | None:
        """System, value and whether it is derived, of one alternative."""
        if isinstance(expression, Call) and expression.name == "derived":
            return self.derived(plan, expression, frame, block)
        if isinstance(expression, As):
            found = self.templates.identity(expression, frame, block)
            return None if found is None else (*found, "False")
        hint = "write X as CX, or derived(->patient, AL1-3.1)"
        if isinstance(expression, Else):
            hint = "write the alternatives as a list"
        self.module.fault("M602", expression.column, "an identity is an Identifier or derived(...)", hint)
        return None

    def derived(self, plan: Plan, call: Call, frame: Frame, block: Block) -> tuple[str, str, str] | None:
        if len(call.arguments) < 2 or not isinstance(call.arguments[0], Reference) or call.arguments[0].every:
            self.module.fault(
                "M602", call.column, "derived() takes an entry and parts", "write derived(->patient, AL1-3.1)"
            )
            return None
        parent = call.arguments[0].entry
        if parent not in self.entries.plans:
            self.module.fault(
                "M602",
                call.column,
                f"there is no entry '{parent}'",
                self.module.findings.near(parent, self.entries.plans),
            )
            return None
        plan.parents.add(parent)
        parts: list[str] = []
        stated: list[str] = []
        arguments = call.arguments[1:]
        last = arguments[-1]
        repeats = isinstance(last, Call) and last.name == "repeat" and not last.arguments
        for argument in arguments[:-1] if repeats else arguments:
            value = self.terms.value(argument, frame, block)
            if value is None:
                return None
            if not value.total:
                stated.append(value.code)
            parts.append(value.code if value.shape not in ("positiveInt", "integer") else f"str({value.code})")
        variable = self.module.name("value")
        listed = "(" + "".join(f"{part}, " for part in parts) + ")"
        owner = self.entries.lookup(parent, frame, False)
        block.line(f"{variable} = r.derive({owner}, {listed}, {' or '.join(stated) or 'True'})")
        if repeats:
            block.line(f"{variable} = r.repeat({variable})")
        return "''", variable, "True"
