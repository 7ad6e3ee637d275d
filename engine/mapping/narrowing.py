"""A generated function for one shape of its segments: what is absent falls away, what is built is built at once.

A partial evaluation of the generated Python, statement by statement. It knows which fields or components are empty; it
keeps constants, second names and objects under construction back until somebody looks at them.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from engine.mapping.keeping import Keeping, nothing, same
from engine.mapping.knowledge import Knowledge, Pending, constant, is_empty, loads, stores, truth


class Narrowing(Keeping):
    """Walks statements with what is known; gives the statements that remain."""

    def walk(self, statements: list[ast.stmt], known: Knowledge, live: frozenset[str]) -> list[ast.stmt]:
        """What remains of a block. `live`: names that are read after it."""
        after = [live]
        for statement in reversed(statements):
            after.append(after[-1] | loads(statement))
        after.reverse()
        out: list[ast.stmt] = []
        position = 0
        while position < len(statements):
            statement = statements[position]
            position += 1
            following = statements[position] if position < len(statements) else None
            if self.text(statement, following, known, after[min(position + 1, len(after) - 1)], out):
                position += 1
                continue
            if isinstance(statement, ast.If):
                statement = ast.If(statement.test, list(statement.body), list(statement.orelse))
                while position < len(statements) and self.joins(statement, statements[position], known):
                    taken = statements[position]
                    assert isinstance(taken, ast.If)
                    same = ast.dump(taken.test) == ast.dump(statement.test)
                    statement.body += taken.body if same else [taken]
                    position += 1
            self.one(statement, known, after[position], out)
            if out and isinstance(out[-1], ast.Return | ast.Break | ast.Continue):
                break
        return out

    def joins(self, first: ast.If, second: ast.stmt, known: Knowledge) -> bool:
        """Whether a second test can go inside the first: it repeats it, or asks for what only the first can make."""
        if first.orelse or not isinstance(second, ast.If) or second.orelse or not isinstance(second.test, ast.Name):
            return False
        name = second.test.id
        if isinstance(first.test, ast.Name) and first.test.id == name:
            return not any(name in stores(one) for one in first.body)
        return is_empty(known.facts.get(name))

    def text(
        self, first: ast.stmt, second: ast.stmt | None, known: Knowledge, live: frozenset[str], out: list[ast.stmt]
    ) -> bool:
        """A read of text in its two lines: done once for each place."""
        if not (
            isinstance(first, ast.Assign)
            and isinstance(first.targets[0], ast.Name)
            and isinstance(second, ast.If)
            and len(second.body) == 1
            and isinstance(second.body[0], ast.Assign)
            and isinstance(call := _last(second.body[0].value), ast.Call)
            and isinstance(call.func, ast.Name)
            and call.func.id in ("leaf", "formatted")
            and ast.dump(call.args[0]) == ast.dump(ast.Name(first.targets[0].id, ast.Load()))
        ):
            return False
        name = first.targets[0].id
        value = self.fold(first.value, known)
        if isinstance(value, ast.Constant) and value.value == "":
            self.kill(name, known, out)
            known.facts[name] = constant("")
            return True
        key = f"{call.func.id}({ast.unparse(value)})"
        found = known.reads.get(key)
        self.kill(name, known, out)
        if found is not None:
            known.facts[name] = ast.Name(found[0], ast.Load())
            return True
        if name not in live:
            return True
        self.flush_all(loads(value), known, out)
        out.append(ast.Assign([ast.Name(name, ast.Store())], value))
        test: ast.expr = second.test
        if truth(value, known) and isinstance(test, ast.BoolOp):
            test = test.values[1]
        out.append(ast.If(test, [second.body[0]], []))
        known.reads[key] = (name, loads(value) | {name})
        return True

    def one(self, statement: ast.stmt, known: Knowledge, live: frozenset[str], out: list[ast.stmt]) -> None:
        if isinstance(statement, ast.Assign) and len(statement.targets) > 1:
            for target in statement.targets:
                self.one(ast.Assign([target], statement.value), known, live, out)
        elif _parallel(statement):
            assert isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple)
            assert isinstance(statement.value, ast.Tuple)
            for target, value in zip(statement.targets[0].elts, statement.value.elts, strict=True):
                self.one(ast.Assign([target], value), known, live, out)
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            self.assign(statement.targets[0].id, self.fold(statement.value, known), known, live, out)
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Subscript):
            self.put(statement, statement.targets[0], known, live, out)
        elif isinstance(statement, ast.If):
            self.branch(statement, known, live, out)
        elif isinstance(statement, ast.For):
            self.loop(statement, known, live, out)
        elif isinstance(statement, ast.Try):
            self.attempt(statement, known, live, out)
        elif isinstance(statement, ast.AugAssign):
            value = self.fold(statement.value, known)
            if not nothing(value):
                self.plain(ast.AugAssign(statement.target, statement.op, value), known, out)
        elif isinstance(statement, ast.Expr):
            self.expression(self.fold(statement.value, known), known, live, out)
        elif isinstance(statement, ast.Break | ast.Continue):
            self.flush_all(live | self.around, known, out)
            out.append(statement)
        elif not isinstance(statement, ast.Pass):
            if isinstance(statement, ast.Return) and statement.value is not None:
                statement = ast.Return(self.fold(statement.value, known))
            elif isinstance(statement, ast.Assign):
                statement = ast.Assign(statement.targets, self.fold(statement.value, known))
            self.plain(statement, known, out)

    def plain(self, statement: ast.stmt, known: Knowledge, out: list[ast.stmt]) -> None:
        """A statement as it stands."""
        written = stores(statement)
        self.flush_all(loads(statement) | written, known, out)
        for name in written:
            self.kill(name, known, out)
        out.append(statement)

    def branch(self, statement: ast.If, known: Knowledge, live: frozenset[str], out: list[ast.stmt]) -> None:
        if self.pads(statement):
            return
        test = self.fold(statement.test, known)
        sure = truth(test, known)
        if sure is not None:
            out += self.walk(statement.body if sure else statement.orelse, known, live)
            return
        inside = frozenset[str]().union(*map(loads, (*statement.body, *statement.orelse)))
        written = frozenset[str]().union(*map(stores, (*statement.body, *statement.orelse)))
        for name in inside | written:
            if isinstance(known.facts.get(name), Pending) and name in live | self.around:
                self.flush(name, known, out)
        self.flush_all(loads(test), known, out)
        self.release(written, known, out)
        yes, no = known.copy(), known.copy()
        if isinstance(test, ast.Name):
            yes.facts[test.id] = True
        elif isinstance(test, ast.UnaryOp) and isinstance(test.operand, ast.Name):
            no.facts[test.operand.id] = True
        body, orelse = self.walk(statement.body, yes, live), self.walk(statement.orelse, no, live)
        ended = [bool(one) and isinstance(one[-1], ast.Return | ast.Break | ast.Continue) for one in (body, orelse)]
        if ended[0] or ended[1]:
            known.become(no if ended[0] else yes)
        else:
            self.join(known, yes, no, body, orelse, live | self.around, out)
        if body or orelse:
            if not body:
                test, body, orelse = ast.UnaryOp(ast.Not(), test), orelse, []
            out.append(ast.If(test, body, orelse))

    def pads(self, statement: ast.If) -> bool:
        """Whether it only fills up a list whose missing texts are known to be missing."""
        inside = statement.body[0]
        return (
            isinstance(inside, ast.AugAssign)
            and isinstance(inside.target, ast.Name)
            and inside.target.id in self.shapes
            and isinstance(statement.test, ast.Compare)
        )

    def join(
        self,
        known: Knowledge,
        yes: Knowledge,
        no: Knowledge,
        body: list[ast.stmt],
        orelse: list[ast.stmt],
        live: frozenset[str],
        out: list[ast.stmt],
    ) -> None:
        """What is known where two ways meet; what was kept back on one of them is written there."""
        for name in sorted({*yes.facts, *no.facts}):
            one, other = yes.facts.get(name), no.facts.get(name)
            if same(one, other):
                continue
            if name in live:
                if other is not None and other is not True and same(other, known.facts.get(name)) and not orelse:
                    self.flush(name, no, out)
                else:
                    self.flush(name, no, orelse)
                self.flush(name, yes, body)
            one, other = yes.facts.get(name), no.facts.get(name)
            for side in (yes, no):
                side.facts.pop(name, None)
            if one is True and other is True:
                yes.facts[name] = no.facts[name] = True
        yes.reads = {key: read for key, read in yes.reads.items() if no.reads.get(key) == read}
        known.become(yes)

    def loop(self, statement: ast.For, known: Knowledge, live: frozenset[str], out: list[ast.stmt]) -> None:
        over = self.fold(statement.iter, known)
        if nothing(over):
            return
        inside = frozenset[str]().union(*map(loads, statement.body))
        written = stores(statement)
        self.flush_all(loads(over), known, out)
        for name in inside | written:
            if isinstance(known.facts.get(name), Pending):
                self.flush(name, known, out)
        self.release(written, known, out, live | inside)
        for name in written:
            known.forget(name)
        around, self.around = self.around, self.around | inside | live
        within = known.copy()
        body = self.walk(list(statement.body), within, live | inside)
        for name in written & (live | inside):
            self.flush(name, within, body)
        self.around = around
        known.facts = {name: fact for name, fact in known.facts.items() if same(fact, within.facts.get(name))}
        out.append(ast.For(statement.target, over, body or [ast.Pass()], []))

    def attempt(self, statement: ast.Try, known: Knowledge, live: frozenset[str], out: list[ast.stmt]) -> None:
        written = stores(statement)
        self.flush_all(loads(statement) & known.pending(), known, out)
        self.release(written, known, out, live | loads(statement))
        for name in written:
            known.forget(name)

        def part(statements: list[ast.stmt]) -> list[ast.stmt]:
            within = known.copy()
            remains = self.walk(list(statements), within, live | loads(statement))
            for name in written & live:
                self.flush(name, within, remains)
            return remains

        handlers = [ast.ExceptHandler(one.type, one.name, part(one.body) or [ast.Pass()]) for one in statement.handlers]
        out.append(ast.Try(part(statement.body) or [ast.Pass()], handlers, part(statement.orelse), []))


def _last(value: ast.expr) -> ast.expr:
    """`leaf(v, d)` of `texts.get(v) or leaf(v, d)`."""
    return value.values[-1] if isinstance(value, ast.BoolOp) else value


def _parallel(statement: ast.stmt) -> bool:
    """`a, b = c, d` that may as well be done one after the other."""
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Tuple):
        return False
    return isinstance(statement.targets[0], ast.Tuple) and not stores(statement) & loads(statement)


def narrowed(function: ast.FunctionDef, given: Mapping[str, bytes], tables: bool | None) -> ast.FunctionDef:
    """The function for lists of texts of these shapes. The text that a template is called with is there.

    `tables`: whether the site has tables of its own; None where that is not known.
    """
    names = [one.arg for one in function.args.args]
    sure = {"t"} & set(names)
    body = function.body
    for _ in range(2):
        body = Narrowing(given, tables).walk(body, Knowledge(dict.fromkeys(sure, True)), frozenset())
    made = ast.FunctionDef(function.name, function.args, body or [ast.Pass()], [])
    return ast.fix_missing_locations(made)
