"""`as TYPE`: a datatype template becomes one Python function of a raw repetition or component."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.expression import As, Literal, Variable
from engine.mapping.frames import Frame, Level
from engine.mapping.keeping import Keeping
from engine.mapping.module import Module
from engine.mapping.parameters import parameters as parameters_of
from engine.mapping.raws import Raw
from engine.mapping.reach import KEPT, Field, owners_of
from engine.mapping.reads import Reads
from engine.mapping.shapes import Value, Want
from engine.mapping.sources import Defined
from engine.mapping.terms import Terms
from engine.mapping.writer import Block
from engine.yamlfile import YamlList, YamlMap, YamlNode, YamlScalar


@dataclass(frozen=True, slots=True)
class Made:
    """One generated function: its name, what it gives, what it reads of its argument."""

    name: str
    value: Value
    reads: frozenset[tuple[int, int]]
    kept: bool = False

    def call(self, raw: str, segment: str, path: str, extra: str) -> str:
        """Python of its value; of a kept one the look for it, without a call."""
        made = f"{self.name}(r, {raw}, {segment}, {path}{extra})"
        return f"(M_{self.name}.get(({raw}, r.sender{extra})) or {made})" if self.kept else made


class Templates:
    """Emits template functions when they are first used, one for each level and set of constants."""

    def __init__(self, module: Module, reads: Reads, terms: Terms) -> None:
        self.module, self.reads, self.terms = module, reads, terms
        self.made: dict[tuple[object, ...], Made | None] = {}
        self.open: list[str] = []
        self.beyond: dict[tuple[object, ...], bool] = {}
        self.owners: frozenset[Field] | None = None

    def fault(self, column: int, text: str, suggestion: str = "") -> None:
        self.module.fault("M504", column, text, suggestion)

    def call(self, expression: As, frame: Frame, block: Block, many: bool) -> Value | None:
        """The template's value of the path before `as`."""
        expression = self.resolved(expression, frame)
        raw = self.terms.raw(expression.source, frame, block, many)
        if raw is None:
            return None
        extra = self.extras(expression, frame)
        made = None if extra is None else self.function(expression, raw.level, False, self.of_owners(raw))
        if made is None or extra is None:
            return None
        self.reads.account(raw, tuple(made.reads))
        self.reads.see(raw)
        variable = self.module.name("l" if raw.many else "v")
        if raw.many:
            one, result = self.module.name("t"), self.module.name("o")
            spot = raw.segment or (one if raw.level == "node" else "NOWHERE")
            call = made.call(one, spot, raw.path, extra)
            block.line(f"{variable} = []")
            each = block.inside(f"for {one} in {raw.code}:")
            each.line(f"{result} = {call}")
            each.line(f"if {result}: {variable}.append({result})")
        else:
            call = made.call(raw.code, raw.segment, raw.path, extra)
            # A template is not called on nothing, and need not ask whether it was.
            own = raw.template is not None and raw.code == "t"
            block.line(f"{variable} = {call}" if own else f"{variable} = {call} if {raw.code} else {made.value.absent}")
        value = made.value
        return Value(variable, value.shape, value.of, many=raw.many, sure=value.sure, needs=raw.needs)

    def identity(self, expression: As, frame: Frame, block: Block, raw: Raw | None = None) -> tuple[str, str] | None:
        """Python names of system and value of the Identifier that the template makes."""
        expression = self.resolved(expression, frame)
        raw = raw or self.terms.raw(expression.source, frame, block)
        extra = self.extras(expression, frame) if raw is not None else None
        made = None if raw is None or extra is None else self.function(expression, raw.level, True)
        if raw is None or made is None or extra is None:
            return None
        self.reads.account(raw, tuple(made.reads))
        self.reads.see(raw)
        system, value = self.module.name("system"), self.module.name("value")
        block.line(f"{system} = {value} = ''")
        block.line(f"if {raw.code}: {system}, {value} = {made.call(raw.code, raw.segment, raw.path, extra)}")
        return system, value

    def of_owners(self, raw: Raw) -> bool:
        """Whether a raw text stands for staff, an organisation or a place wherever it may come from."""
        if self.owners is None:
            self.owners = owners_of(self.module)
        places = [one.origin for one in (raw, *raw.others)]
        return all(one is not None and (one.segment, one.field) in self.owners for one in places) and not raw.above

    def resolved(self, expression: As, frame: Frame) -> As:
        """`with k=$v` where $v is a constant here, or nothing."""
        found: list[tuple[str, Literal | Variable]] = []
        for key, binding in expression.bindings:
            value = frame.variable(binding.name) if isinstance(binding, Variable) else None
            if value is not None and value.never:
                continue
            if value is not None and value.fixed:
                binding = Literal(binding.column, str(value.constant))
            found.append((key, binding))
        return replace(expression, bindings=tuple(found))

    def extras(self, expression: As, frame: Frame) -> str | None:
        """Further arguments: variables given by `with`."""
        found = ""
        for _, binding in expression.bindings:
            if not isinstance(binding, Literal):
                value = frame.variable(binding.name)
                if value is None or value.shape not in ("text", "code", "uri"):
                    self.fault(binding.column, f"${binding.name} is no text here", "define it in $let")
                    return None
                found += f", {value.code}"
        return found

    def function(self, expression: As, level: Level, identity: bool, owner: bool = False) -> Made | None:
        """The function for this use of a template, written now if it is new. `owner`: its text may be kept."""
        types = self.module.sources.types
        defined = types.get(expression.type)
        if defined is None or not isinstance(defined.node, YamlMap):
            hint = self.module.findings.near(expression.type, types)
            self.fault(
                expression.column, f"there is no type '{expression.type}'", hint or "include the file that has it"
            )
            return None
        bindings = tuple((key, b.text if isinstance(b, Literal) else None) for key, b in expression.bindings)
        owner = owner and defined.node.get("$target") is None
        key = (expression.type, level, expression.part, bindings, identity, owner)
        if key not in self.made:
            if expression.type in self.open:
                self.fault(expression.column, f"type '{expression.type}' uses itself")
                return None
            self.made[key] = None
            module = self.module
            before = (module.leaf, module.label, module.seen, module.counting, module.loose)
            beyond = module.beyond
            module.seen, module.counting, module.beyond = [], True, False
            self.open.append(expression.type)
            self.made[key] = self.write(expression, defined, defined.node, level, bindings, identity, owner)
            self.open.pop()
            module.leaf, module.label, module.seen, module.counting, module.loose = before
            self.beyond[key], module.beyond = module.beyond, beyond
        self.module.beyond |= self.beyond.get(key, True)
        return self.made[key]

    def write(
        self,
        expression: As,
        defined: Defined,
        node: YamlMap,
        level: Level,
        bindings: tuple[tuple[str, str | None], ...],
        identity: bool,
        owner: bool,
    ) -> Made | None:
        parameters = [key for key, text in bindings if text is None]
        name = self.module.name(
            f"{_python(expression.type)}_{'_'.join(_python(k) for k, _ in bindings)}_".replace("__", "_")
        )
        function = Block()
        body = function.inside(f"def {name}({', '.join(['r', 't', 's', 'w', *parameters])}):")
        target, chosen = self.target(expression, defined, node)
        if chosen is None:
            return None
        whole = node.get("$target")
        kept = whole.text in KEPT if isinstance(whole, YamlScalar) else owner
        keep = self.remembered(name, parameters, body) if kept and level != "node" else ""
        keeping = Keeping(self.module, name, parameters, body) if kept and level == "node" else None
        head = self.module.begun(body)
        frame = Frame("text", defined.file, "t", body.here(), level=level, segment="s", path="w", template=set())
        for parameter, text in bindings:
            given = Value(parameter, "text") if text is None else Value(repr(text), "text", total=True, constant=text)
            frame.variables[parameter] = given
        for free in parameters_of(node) - set(frame.variables):
            frame.variables[free] = Value("''", "text")
        chosen = self.overridden(expression, chosen, target, frame)
        value: Value | None
        if identity:
            value = self.pair(expression, chosen, target, frame, body)
        elif target:
            value = self.module.nodes.node(chosen, Want(target, target), frame, body)
        else:
            value = self.module.nodes.node(chosen, Want("", expression.type), frame, body)
        if value is None:
            return None
        if value.test:
            body.line(f"o = {value.code} if {value.test} else {value.absent}")
            value = replace(value, code="o", test="")
        if keep:
            body.line(f"{keep} = {value.code}")
        if keeping is not None and not self.module.trace:
            keeping.end(value.code, body)
        body.line(f"return {value.code}")
        self.module.ended(head)
        self.module.functions.add(function)
        assert frame.template is not None
        return Made(name, value, frozenset(frame.template), bool(keep))

    def remembered(self, name: str, parameters: list[str], body: Block) -> str:
        """Look for what the same text gave before; the place to keep it, or "" where it is not kept.

        A bounded number is kept. What gave an issue is made anew each time, and what has escapes, since their meaning
        may depend on the character set.
        """
        if self.module.trace:
            return ""
        self.module.top.line(f"M_{name} = Kept()")
        body.line(f"key = (t, r.sender{''.join(f', {one}' for one in parameters)})")
        body.line(f"found = M_{name}.get(key)")
        body.line("if found is not None: return found")
        body.line("told = len(r.issues)")
        return f"if told == len(r.issues) and E not in t: M_{name}[key]"

    def target(self, expression: As, defined: Defined, node: YamlMap) -> tuple[str, YamlNode | None]:
        """FHIR type and rules of the template, or of the one element asked for; "" for text."""
        stated = node.get("$target")
        target = stated.text if isinstance(stated, YamlScalar) else ""
        if stated is not None and self.module.r4.type(target) is None:
            hint = self.module.findings.near(target, self.module.r4.names)
            self.module.findings.add("M401", defined.file, stated, f"'{target}' is no R4 type", hint)
            return "", None
        rules = YamlMap(tuple(pair for pair in node.entries if pair[0].text != "$target"), node.line, node.column)
        if not target and rules.get("$value") is None:
            self.module.findings.add("M402", defined.file, node, f"type '{expression.type}' needs $target or $value")
            return "", None
        if not expression.part:
            return target, rules
        definition = self.module.r4.type(target)
        element = definition.elements.get(expression.part) if definition else None
        chosen = rules.get(expression.part)
        if element is None or chosen is None:
            names = [key for key, _ in rules if not key.startswith("$")]
            self.fault(
                expression.column,
                f"type '{expression.type}' has no '{expression.part}'",
                self.module.findings.near(expression.part, names),
            )
            return "", None
        if isinstance(chosen, YamlList) and chosen.items:
            chosen = chosen.items[0]
        return element.type, chosen

    def overridden(self, expression: As, node: YamlNode, target: str, frame: Frame) -> YamlNode:
        """Rules with those of `with k=v` put in, where k is an element and not read as $k."""
        read = parameters_of(node)
        for key, binding in expression.bindings:
            if key in read or not isinstance(node, YamlMap):
                continue
            definition = self.module.r4.type(target)
            element = definition.elements.get(key) if definition else None
            kind = self.module.r4.type(element.type) if element else None
            if element is None or kind is None or kind.kind != "primitive":
                names = [*read, *(definition.elements if definition else ())]
                hint = self.module.findings.near(key, names)
                self.fault(
                    expression.column,
                    f"type '{expression.type}' takes no '{key}'",
                    hint or f"read ${key} in the template",
                )
                continue
            rule = f"${key}" if not isinstance(binding, Literal) else f"= {binding.text}"
            place = node.key(key) or YamlScalar(key, "plain", node.line, node.column)
            scalar = YamlScalar(rule, "plain", place.line, place.column)
            kept = tuple(pair for pair in node.entries if pair[0].text != key)
            node = YamlMap((*kept, (place, scalar)), node.line, node.column)
        return node

    def pair(self, expression: As, node: YamlNode, target: str, frame: Frame, body: Block) -> Value | None:
        """System and value alone: what an identity needs of an Identifier."""
        if isinstance(node, YamlScalar):
            inner = self.terms.parsed(node, frame.file)
            if isinstance(inner, As):
                found = self.identity(inner, frame, body)
                if found is None:
                    return None
                return Value(f"({found[0]}, {found[1]})", "text")
        if target != "Identifier" or not isinstance(node, YamlMap) or node.get("value") is None:
            self.fault(expression.column, "an identity needs an Identifier with a value", "write PID-3 as CX")
            return None
        let = tuple(pair for pair in node.entries if pair[0].text in ("$let", "$when"))
        chosen = tuple(pair for pair in node.entries if pair[0].text in ("system", "value"))
        only = YamlMap((*let, *chosen), node.line, node.column)
        made = self.module.nodes.node(only, Want("Identifier", "Identifier"), frame, body)
        if made is None:
            return None
        given = f"({made.code}.get('system', ''), {made.code}.get('value', ''))"
        return Value(f"({given} if {made.present} else ('', ''))", "text")


def _python(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)
