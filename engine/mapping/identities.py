"""How a resource is known again: the first identity that has a value, and the instance it makes."""

from __future__ import annotations

from typing import Protocol

from engine.expression import As, Call, Else, Expression, Reference
from engine.mapping.frames import Frame
from engine.mapping.module import Module
from engine.mapping.plans import Plan
from engine.mapping.raws import Raw
from engine.mapping.templates import Templates
from engine.mapping.terms import Terms
from engine.mapping.writer import Block
from engine.yamlfile import YamlList, YamlNode


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

    def emit(self, plan: Plan, frame: Frame, block: Block, before: Block) -> None:
        """The first identity that has a value, and the instance it makes. `before`: what stands before the loop."""
        stated = plan.node.get("identity")
        choices = stated.items if isinstance(stated, YamlList) else (stated,) if stated is not None else ()
        if not choices:
            self.fault(
                plan,
                f"entry '{plan.key}' has no identity",
                "write identity: PID-3 as CX, or derived(->patient, ...)",
            )
            return
        since = len(self.module.seen)
        self.module.label = f"{plan.key}.identity"
        repeated = self.repeated(plan, choices)
        raw = self.terms.raw(repeated.source, frame, block) if repeated is not None else None
        outside = block
        if raw is not None:
            before.line("known = {}")
            block.line(f"n = known.get({raw.code})")
            block = block.inside("if n is None:")
            block.line("told = len(r.issues)")
        system, value, derived = self.chosen(plan, choices, frame, block, raw)
        then = block.inside(f"if {value}:")
        verb = "OWN" if plan.verb == "own" else "MENTION"
        if derived == "False":
            then.line(f"if not {system}: {system} = r.namespace")
        elif derived != "True":
            then.line(f"if not {derived} and not {system}: {system} = r.namespace")
        then.line(f"n = r.enter({plan.key!r}, {plan.resource!r}, {verb}, {system}, {value}, {derived})")
        level = "error" if plan.unidentified == "error" else "note"
        rule = self.module.rule(plan.file, plan.defined.name, f"{plan.resource} '{plan.key}'")
        block.inside("else:").line(f"r.unidentified({plan.key!r}, {level!r}, {rule}, {self.module.places(since)})")
        if raw is not None:
            then.line(f"if told == len(r.issues): known[{raw.code}] = n")
            then = outside.inside("if n is not None:")
        plan.registration = then.here()
        plan.parameters = plan.names()
        then.line(f"found.append((n, {''.join(f'{one}, ' for one in plan.parameters)}))")

    def repeated(self, plan: Plan, choices: tuple[YamlNode, ...]) -> As | None:
        """The one identity of what is mentioned in many places: the same text there is the same instance."""
        often = any(loop.walk is not None and loop.walk.outer for loop in plan.loops)
        expression = self.terms.parsed(choices[0], plan.file) if often and len(choices) == 1 else None
        if plan.verb != "mention" or not isinstance(expression, As) or expression.bindings:
            return None
        return expression

    def chosen(
        self, plan: Plan, choices: tuple[YamlNode, ...], frame: Frame, block: Block, raw: Raw | None
    ) -> tuple[str, str, str]:
        """Python names of system, value and whether it is derived, of the first alternative that has a value."""
        system, value, derived = self.module.name("system"), self.module.name("value"), self.module.name("derived")
        if len(choices) > 1:
            block.line(f"{system}, {value}, {derived} = '', '', False")
        for position, choice in enumerate(choices):
            if position:
                block = block.inside(f"if not {value}:")
            expression = self.terms.parsed(choice, plan.file)
            if expression is None:
                continue
            self.module.label = f"{plan.key}.identity"
            found = self.one(plan, expression, frame, block, raw)
            if found is not None and len(choices) > 1:
                block.line(f"if {found[1]}: {system}, {value}, {derived} = {', '.join(found)}")
            elif found is not None:
                return found
        return system, value, derived

    def one(
        self, plan: Plan, expression: Expression, frame: Frame, block: Block, raw: Raw | None
    ) -> tuple[str, str, str] | None:
        """System, value and whether it is derived, of one alternative."""
        if isinstance(expression, Call) and expression.name == "derived":
            return self.derived(plan, expression, frame, block)
        if isinstance(expression, As):
            found = self.templates.identity(expression, frame, block, raw)
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
        made = "r.repeat" if repeats else "r.derive"
        block.line(f"{variable} = {made}({owner}, {listed}, {' or '.join(stated) or 'True'})")
        return "''", variable, "True"
