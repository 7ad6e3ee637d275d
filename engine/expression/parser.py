"""A leaf to its syntax tree: recursive descent, one function a rule of GRAMMAR.md.

Raises ConfigError with one finding (X100 to X104): a leaf is short, and after the first fault the rest is guesswork.
"""

from __future__ import annotations

from typing import NoReturn

from engine import expression as tree
from engine.expression import Expression, Where
from engine.expression.tokens import KEYWORDS, Token, fail, tokens

DEPTH = 40
"""Parentheses and brackets inside each other; no leaf that a person wrote comes near it."""


def parse(text: str, where: Where) -> Expression:
    """The tree of one leaf. Raises: ConfigError with file, line, column and what to write instead."""
    stripped = text.lstrip()
    start = len(text) - len(stripped)
    if not stripped:
        fail(where, 0, "X101", "an empty expression", "write a path, '= text', or leave the key out")
    if stripped.startswith("="):
        return _literal_first(text, start, where)
    parser = _Parser(text, where, tokens(text, where, start))
    return parser.whole(parser.expression())


def _literal_first(text: str, start: int, where: Where) -> Expression:
    """`= final | coding x`: from the sign to ` | ` or the end is text."""
    if text.startswith("==", start):
        fail(where, start, "X100", "'==' is no operator", "write one '='")
    bar = text.find(" | ", start)
    end = len(text) if bar < 0 else bar
    literal = tree.Literal(start + 1, text[start + 1 : end].strip())
    if not literal.text:
        fail(where, start, "X101", "no text after '='", "write the text, or '' for none")
    if bar < 0:
        return literal
    parser = _Parser(text, where, tokens(text, where, bar))
    return parser.whole(parser.stages(literal))


class _Parser:
    def __init__(self, text: str, where: Where, found: list[Token]) -> None:
        self.text, self.where, self.tokens, self.at, self.depth = text, where, found, 0, 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def fail(self, text: str, suggestion: str = "", code: str = "X102") -> NoReturn:
        fail(self.where, self.token.start, code, text, suggestion)

    def take(self) -> Token:
        token = self.token
        self.at += 1
        return token

    def sign(self, sign: str) -> bool:
        if self.token.kind == "sign" and self.token.text == sign:
            self.at += 1
            return True
        return False

    def word(self, word: str) -> bool:
        if self.token.kind == "name" and self.token.text == word:
            self.at += 1
            return True
        return False

    def expect(self, sign: str) -> None:
        if not self.sign(sign):
            self.fail(f"'{sign}' is missing" if self.token.kind == "end" else f"expected '{sign}' before this")

    def whole(self, expression: Expression) -> Expression:
        if self.token.kind != "end":
            hint = ""
            if self.token.kind in ("name", "string", "path", "relative"):
                hint = (
                    "put 'else', 'and', 'or' or ' | ' between; text needs single quotes, or '=' in front of all of it"
                )
            self.fail("this does not belong to the expression before it", hint)
        return expression

    def expression(self) -> Expression:
        self.depth += 1
        if self.depth > DEPTH:
            self.fail("nested too deeply", code="X104")
        left = self.conjunction()
        while (column := self.token.start + 1) and self.word("or"):
            left = tree.Or(column, left, self.conjunction())
        self.depth -= 1
        return left

    def conjunction(self) -> Expression:
        left = self.negation()
        while (column := self.token.start + 1) and self.word("and"):
            left = tree.And(column, left, self.negation())
        return left

    def negation(self) -> Expression:
        column = self.token.start + 1
        negations = 0
        while self.word("not"):
            negations += 1
        operand = self.comparison()
        return tree.Not(column, operand) if negations % 2 else operand

    def comparison(self) -> Expression:
        left = self.pipeline()
        column = self.token.start + 1
        if self.sign("="):
            return tree.Compare(column, left, self.pipeline(), True)
        if self.sign("!="):
            return tree.Compare(column, left, self.pipeline(), False)
        if self.word("in"):
            return tree.In(column, left, self.values(), False)
        if (
            self.token.text == "not"
            and self.tokens[self.at + 1 : self.at + 2]
            and self.tokens[self.at + 1].text == "in"
        ):
            self.at += 2
            return tree.In(column, left, self.values(), True)
        return left

    def values(self) -> tuple[str, ...]:
        if not self.sign("("):
            self.fail("a list is missing after 'in'", "write in ('A','B')")
        found: list[str] = []
        while True:
            if self.token.kind != "string":
                self.fail("a quoted text is missing in the list", "write in ('A','B')")
            found.append(_unquoted(self.take().text))
            if not self.sign(","):
                break
        self.expect(")")
        return tuple(found)

    def pipeline(self) -> Expression:
        return self.stages(self.operand())

    def stages(self, left: Expression) -> Expression:
        """`else`, `|` and `as`, left to right."""
        while True:
            column = self.token.start + 1
            if self.word("else"):
                left = tree.Else(column, left, self.operand())
            elif self.sign("|"):
                left = self.pipe(left)
            elif self.word("as"):
                left = self.datatype(left, column)
            else:
                return left

    def pipe(self, source: Expression) -> Expression:
        column = self.token.start + 1
        name = self.name("a function", "write ' | ' and a function, as in PID-7 | date")
        arguments: list[tree.Literal | tree.Variable] = []
        while (
            self.token.kind in ("string", "name", "segment", "number", "variable") and self.token.text not in KEYWORDS
        ):
            arguments.append(self.argument())
            self.sign(",")
        return tree.Pipe(column, source, name, tuple(arguments))

    def argument(self) -> tree.Literal | tree.Variable:
        token = self.take()
        if token.kind == "variable":
            return tree.Variable(token.start + 1, token.text[1:])
        text = _unquoted(token.text) if token.kind == "string" else token.text
        return tree.Literal(token.start + 1, text)

    def datatype(self, source: Expression, column: int) -> Expression:
        name = self.name("a type", "write 'as' and the name of a type, as in PID-5 as XPN")
        part = ""
        if (
            self.token.kind == "relative"
            and self.token.text == "."
            and self.token.start == self.tokens[self.at - 1].end
        ):
            self.at += 1
            part = self.name("an element", "write as CX.identifier")
        bindings: list[tuple[str, tree.Literal | tree.Variable]] = []
        if self.word("with"):
            while True:
                key = self.name("a name", "write with use=home")
                self.expect("=")
                if self.token.kind not in ("string", "name", "segment", "number", "variable"):
                    self.fail("a word, 'text' or $variable is missing after '='", "write with use=home")
                bindings.append((key, self.argument()))
                if not self.sign(","):
                    break
        return tree.As(column, source, name, part, tuple(bindings))

    def name(self, what: str, suggestion: str) -> str:
        if self.token.kind not in ("name", "segment") or self.token.text in KEYWORDS:
            self.fail(f"{what} is missing here", suggestion)
        return self.take().text

    def operand(self) -> Expression:
        token = self.token
        column = token.start + 1
        if token.kind == "string":
            return tree.Literal(column, _unquoted(self.take().text))
        if token.kind == "variable":
            return tree.Variable(column, self.take().text[1:])
        if token.kind == "reference":
            return tree.Reference(column, self.take().text[2:].strip(), False)
        if self.word("all"):
            if self.token.kind != "reference":
                self.fail("'->' and an entry are missing after 'all'", "write all ->obs")
            return tree.Reference(column, self.take().text[2:].strip(), True)
        if self.sign("("):
            inner = self.expression()
            self.expect(")")
            return inner
        if token.kind == "xpath":
            return tree.XPath(column, self.take().text)
        if token.kind in ("path", "segment", "relative"):
            return self.path()
        if token.kind != "name" or token.text in KEYWORDS:
            self.fail("a value is missing here", "write a path, 'text', $name, ->entry or a function")
        following = self.tokens[self.at + 1]
        called = following.text == "(" and following.start == token.end
        return self.call() if called else self.path()

    def call(self) -> Expression:
        token = self.take()
        self.expect("(")
        arguments: list[Expression] = []
        while not self.sign(")"):
            arguments.append(self.expression())
            if not self.sign(","):
                self.expect(")")
                break
        return tree.Call(token.start + 1, token.text, tuple(arguments))

    def path(self) -> Expression:
        column = self.token.start + 1
        steps = [self.step()]
        while self.sign("/"):
            if self.token.kind not in ("path", "segment", "relative", "name") or self.token.text in KEYWORDS:
                self.fail("a segment, field or group is missing after '/'", "write order / OBX / OBX-5")
            steps.append(self.step())
        return tree.Path(column, tuple(steps))

    def step(self) -> tree.Step:
        token = self.take()
        column = token.start + 1
        if token.kind == "path":
            name, _, field = token.text.partition("-")
            if int(field) == 0:
                fail(self.where, token.start, "X103", f"{name} has no field 0", "fields count from 1")
            pick = self.pick()
            return tree.Step(column, name, int(field), pick, self.parts())
        if token.kind == "relative":
            numbers = tuple(int(number) for number in token.text[1:].split(".") if number)
            pick = self.pick() if len(numbers) == 1 else None
            return tree.Step(column, "", 0, pick, self.checked((*numbers, *self.parts()), token))
        return tree.Step(column, token.text, 0, self.pick())

    def parts(self) -> tuple[int, ...]:
        """Component and sub-component, written without a blank before them."""
        token = self.token
        if token.kind != "relative" or token.text == "." or token.start != self.tokens[self.at - 1].end:
            return ()
        self.at += 1
        return self.checked(tuple(int(number) for number in token.text[1:].split(".")), token)

    def checked(self, numbers: tuple[int, ...], token: Token) -> tuple[int, ...]:
        if 0 in numbers:
            fail(self.where, token.start, "X103", "there is no component 0", "components count from 1")
        return numbers

    def pick(self) -> tree.Pick | None:
        column = self.token.start + 1
        if self.token.start != self.tokens[self.at - 1].end or not self.sign("["):
            return None
        if self.sign("*"):
            self.expect("]")
            return tree.Pick(column)
        if self.token.kind == "number":
            number = int(self.take().text)
            if number == 0:
                fail(self.where, column, "X103", "there is no repetition 0", "repetitions count from 1")
            self.expect("]")
            return tree.Pick(column, number)
        condition = self.expression()
        self.expect("]")
        return tree.Pick(column, 0, condition)


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'")
