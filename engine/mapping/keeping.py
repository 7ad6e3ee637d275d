"""Names, objects and lists of a generated function that are kept back until somebody looks at them."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from engine.mapping.knowledge import Folding, Knowledge, Pending, loads, truth

_PURE = frozenset({"part", "subpart", "nth"})
_TABLES = ("T_", "C_", "CC_")


class Keeping(Folding):
    """Assignments with what is known: written at once, kept back, or known already."""

    def assign(self, name: str, value: ast.expr, known: Knowledge, live: frozenset[str], out: list[ast.stmt]) -> None:
        if isinstance(value, ast.Name) and value.id == name:
            return
        if isinstance(value, ast.Name) and isinstance(known.facts.get(value.id), Pending):
            self.flush(value.id, known, out)
        read = ""
        if isinstance(value, ast.Call) and (
            (isinstance(value.func, ast.Name) and value.func.id in _PURE)
            or (
                isinstance(value.func, ast.Attribute)
                and value.func.attr == "get"
                and isinstance(value.func.value, ast.Name)
                and value.func.value.id.startswith(("T_", "C_", "CC_"))
            )
        ):
            read = ast.unparse(value)
            if read in known.reads:
                value = ast.Name(known.reads[read][0], ast.Load())
        self.kill(name, known, out)
        if isinstance(value, ast.Dict | ast.List) and not (value.keys if isinstance(value, ast.Dict) else value.elts):
            known.facts[name] = Pending(isinstance(value, ast.List))
        elif isinstance(value, ast.Constant | ast.Name) or nothing(value):
            known.facts[name] = value
        elif name in live or not (read or isinstance(value, ast.Subscript)):
            self.flush_all(loads(value), known, out)
            out.append(ast.Assign([ast.Name(name, ast.Store())], value))
            if truth(value, known):
                known.facts[name] = True
            if read:
                known.reads[read] = (name, loads(value) | {name})

    def put(
        self, statement: ast.Assign, target: ast.Subscript, known: Knowledge, live: frozenset[str], out: list[ast.stmt]
    ) -> None:
        """`o['name'] = value`: part of the object while it is still under construction."""
        value = self.ready(self.fold(statement.value, known), known, live, out)
        if isinstance(target.value, ast.Name) and isinstance(target.slice, ast.Constant):
            name = target.value.id
            fact = known.facts.get(name)
            if isinstance(fact, Pending) and not fact.listed and _simple(value):
                fact.keys.append(target.slice)
                fact.values.append(value)
                return
            self.flush_all(loads(value) | {name}, known, out)
            out.append(ast.Assign([target], value))
            known.facts[name] = True
            return
        self.flush_all(loads(value) | loads(target), known, out)
        out.append(ast.Assign([target], value))

    def expression(self, value: ast.expr, known: Knowledge, live: frozenset[str], out: list[ast.stmt]) -> None:
        if isinstance(value, ast.Constant):
            return
        if (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Attribute)
            and value.func.attr == "append"
            and isinstance(value.func.value, ast.Name)
        ):
            name = value.func.value.id
            item = self.ready(value.args[0], known, live, out)
            fact = known.facts.get(name)
            if isinstance(fact, Pending) and fact.listed and _simple(item):
                fact.values.append(item)
                return
            self.flush_all(loads(item) | {name}, known, out)
            out.append(ast.Expr(ast.Call(value.func, [item], [])))
            known.facts[name] = True
            return
        self.flush_all(loads(value), known, out)
        out.append(ast.Expr(value))

    def ready(self, value: ast.expr, known: Knowledge, live: frozenset[str], out: list[ast.stmt]) -> ast.expr:
        """A value to be stored: an object under construction that nobody asks for again goes in as it is written."""
        if isinstance(value, ast.List) and len(value.elts) == 1:
            return ast.List([self.ready(value.elts[0], known, live, out)], ast.Load())
        if isinstance(value, ast.Name) and isinstance(fact := known.facts.get(value.id), Pending):
            if value.id in live:
                self.flush(value.id, known, out)
                return value
            del known.facts[value.id]
            return fact.display()
        return value

    def release(
        self, written: Iterable[str], known: Knowledge, out: list[ast.stmt], live: frozenset[str] | None = None
    ) -> None:
        """Names that a block below writes: what is a second name for one of them is written now."""
        for name in written:
            for second, fact in list(known.facts.items()):
                mentions = (isinstance(fact, ast.Name) and fact.id == name) or (
                    isinstance(fact, Pending) and any(name in loads(value) for value in fact.values)
                )
                if mentions:
                    self.flush(second, known, out)
            if live is not None and name in live:
                self.flush(name, known, out)

    def kill(self, name: str, known: Knowledge, out: list[ast.stmt]) -> None:
        """A name gets another value."""
        known.facts.pop(name, None)
        self.release((name,), known, out)
        known.forget(name)

    def flush_all(self, names: Iterable[str], known: Knowledge, out: list[ast.stmt]) -> None:
        for name in sorted(names):
            self.flush(name, known, out)

    def flush(self, name: str, known: Knowledge, out: list[ast.stmt]) -> None:
        """Write what was kept back under a name."""
        fact = known.facts.get(name)
        if fact is None or fact is True:
            return
        value = fact.display() if isinstance(fact, Pending) else fact
        assert isinstance(value, ast.expr)
        del known.facts[name]
        self.flush_all(loads(value), known, out)
        out.append(ast.Assign([ast.Name(name, ast.Store())], value))
        if truth(value, known):
            known.facts[name] = True


def nothing(value: ast.expr) -> bool:
    return isinstance(value, ast.Tuple | ast.List) and not value.elts


def _simple(value: ast.expr) -> bool:
    """Whether it gives the same a little later."""
    if isinstance(value, ast.Dict):
        return all(map(_simple, value.values))
    if isinstance(value, ast.List):
        return all(map(_simple, value.elts))
    return isinstance(value, ast.Name | ast.Constant)


def same(one: object, other: object) -> bool:
    if one is other:
        return True
    if isinstance(one, Pending) and isinstance(other, Pending):
        return ast.dump(one.display()) == ast.dump(other.display())
    return isinstance(one, ast.expr) and isinstance(other, ast.expr) and ast.dump(one) == ast.dump(other)
