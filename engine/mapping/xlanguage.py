"""XPath 1.0 expressions as Python over nodes: the part of the language that mappings use. The rest is left to lxml.

Why not all by lxml: it makes an object for each element it gives, which the nodes of the tree are looked up by; a look
into a dict of children costs a tenth. XML Path Language 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from engine.mapping.xparts import Beyond, Part

Constant = Callable[[str], str]
"""The name of a constant with this source."""

_TOKEN = re.compile(
    r"\s*(?:('[^']*'|\"[^\"]*\")|(\$root\b)|(//|\.\.|::|!=|[./@()\[\]|=,*>])|(\d+)"
    r"|([^\W\d][\w-]*(?:\.[\w-]+)*(?::[^\W\d][\w.-]*)?))"
)


class Compiled:
    """One expression on its way to Python of `r`, the run, and `node`, the variable of the node that it begins at."""

    def __init__(self, text: str, constant: Constant, node: str) -> None:
        self.constant = constant
        self.tokens = _tokens(text)
        self.at = 0
        self.node = node
        self.count = 0
        self.positions = False

    def whole(self) -> Part:
        """The whole expression. Raises: Beyond."""
        part = self.expression()
        if self.tokens[self.at]:
            raise Beyond(self.tokens[self.at])
        return part

    # words of the language

    def take(self, token: str) -> bool:
        if self.tokens[self.at] == token:
            self.at += 1
            return True
        return False

    def want(self, token: str) -> None:
        if not self.take(token):
            raise Beyond(self.tokens[self.at])

    def expression(self) -> Part:
        return self.joined("or", lambda: self.joined("and", self.compared))

    def joined(self, word: str, inner: Callable[[], Part]) -> Part:
        parts = [inner()]
        while self.take(word):
            parts.append(inner())
        return parts[0] if len(parts) == 1 else Part("test", f"({f' {word} '.join(one.test for one in parts)})")

    def compared(self) -> Part:
        left = self.union()
        for sign, python in (("=", "=="), ("!=", "!="), (">", ">")):
            if self.take(sign):
                right = self.union()
                if left.kind == right.kind == "number":
                    return Part("test", f"({left.code} {python} {right.code})")
                if sign == ">" or {left.kind, right.kind} & {"number", "test"}:
                    raise Beyond(sign)
                if sign == "=" and right.kind == "text":
                    return Part("test", f"({right.code} in {left.texts})")
                return Part("test", f"any(a {python} b for a in {left.texts} for b in {right.texts})")
        return left

    def union(self) -> Part:
        found = self.path()
        while self.take("|"):
            other = self.path()
            if found.kind not in ("nodes", "attributes") or (found.kind, found.attribute) != (
                other.kind,
                other.attribute,
            ):
                raise Beyond("|")
            found = Part(found.kind, f"united({found.code}, {other.code})", found.attribute, nested=True)
        return found

    def path(self) -> Part:
        token = self.tokens[self.at]
        if token[:1] in ("'", '"'):
            self.at += 1
            return Part("text", repr(token[1:-1]))
        if token.isdigit():
            self.at += 1
            return Part("number", token)
        if self.take("("):
            found = self.expression()
            self.want(")")
            found = self.sliced(replace(found, way="", child=False))
        elif token in _CALLS and self.tokens[self.at + 1] == "(":
            self.at += 2
            return _CALLS[token](self)
        elif self.take("$root"):
            found = Part("nodes", "r.ways[ROOT]", way="ROOT")
        else:
            found = self.step(Part("nodes", f"[{self.node}]", single=self.node))
        return self.further(found)

    def further(self, found: Part) -> Part:
        while self.tokens[self.at] in ("/", "//"):
            if found.kind != "nodes":
                raise Beyond("/")
            deep = self.tokens[self.at] == "//"
            self.at += 1
            found = self.deep(found) if deep else self.step(found)
        return found

    def deep(self, found: Part) -> Part:
        code = f"below(r, {found.code}, {self.named()})"
        return self.predicates(Part("nodes", code, nested=True))

    def step(self, found: Part) -> Part:
        if self.take("@"):
            return replace(found, kind="attributes", attribute=self.attribute(), way="", child=False)
        if self.take(".."):
            return Part("nodes", f"above(r, {found.code})", nested=not found.single)
        if self.take("."):
            return found
        if self.take("*"):
            return self.predicates(Part("nodes", f"starred({found.code})", nested=True))
        if self.tokens[self.at + 1] == "::":
            return self.axis(found)
        name = self.named()
        if found.way:
            way = self.constant(f"Way({found.way}, {name})")
            return self.predicates(Part("nodes", f"r.ways[{way}]", way=way, child=True), f"r.ways[{found.way}]", name)
        code = f"[c for p in {found.code} for c in p.children.get({name}, ())]"
        if found.single:
            code = f"({found.single}.children.get({name}) or NO)"
        if found.nested:
            code = f"ordered({code})"
        return self.predicates(Part("nodes", code, child=True), found.code, name)

    def axis(self, found: Part) -> Part:
        axis = self.tokens[self.at]
        self.at += 2
        name = self.named()
        if axis == "self":
            return Part("nodes", f"[c for c in {found.code} if c.name == {name}]", nested=found.nested)
        if axis == "preceding" and found.single:
            return Part("nodes", f"preceding(r, {found.single}, {name})", nested=True)
        raise Beyond(axis)

    def predicates(self, found: Part, parents: str = "", name: str = "") -> Part:
        """What brackets leave of a step. A number picks among the children of each parent."""
        while self.take("["):
            pick = self.number()
            if pick is not None:
                if not found.child:
                    raise Beyond("[")
                code = f"[c for p in {parents} for c in p.children.get({name}, NO){pick}]"
            else:
                self.count += 1
                outer, self.node = self.node, f"n{self.count}"
                before, self.positions = self.positions, found.child
                inner = self.expression()
                if inner.kind == "number":
                    raise Beyond("[")
                code = f"[{self.node} for {self.node} in {found.code} if {inner.test}]"
                self.node, self.positions = outer, before
                self.want("]")
            found = Part("nodes", code, nested=found.nested)
        return found

    def sliced(self, found: Part) -> Part:
        """What brackets leave of a whole."""
        while self.tokens[self.at] == "[" and found.kind == "nodes":
            mark = self.at
            self.at += 1
            pick = self.number()
            if pick is None:
                self.at = mark
                return self.predicates(found)
            found = Part("nodes", f"{found.code}{pick}", nested=found.nested)
        return found

    def number(self) -> str | None:
        """`2]` or `last()]`, as a slice."""
        token, after = self.tokens[self.at], self.tokens[self.at + 1]
        if token.isdigit() and after == "]":
            self.at += 2
            return f"[{int(token) - 1}:{token}]"
        if self.tokens[self.at : self.at + 4] == ["last", "(", ")", "]"]:
            self.at += 4
            return "[-1:]"
        return None

    def named(self) -> str:
        prefix, colon, local = self.tokens[self.at].partition(":")
        if not colon or not local or self.tokens[self.at + 1] == "(":
            raise Beyond(self.tokens[self.at])
        self.at += 1
        return self.constant(f"Q({prefix!r}, {local!r})")

    def attribute(self) -> str:
        name = self.tokens[self.at]
        if not name[:1].isalpha() or ":" in name:
            raise Beyond(name)
        self.at += 1
        return name

    # functions

    def arguments(self, count: int) -> list[Part]:
        found = [self.expression()]
        while self.take(","):
            found.append(self.expression())
        self.want(")")
        if len(found) != count:
            raise Beyond("(")
        return found

    def negated(self) -> Part:
        return Part("test", f"(not {self.arguments(1)[0].test})")

    def contained(self) -> Part:
        whole, part = self.arguments(2)
        return Part("test", f"({part.text} in {whole.text})")

    def after(self) -> Part:
        whole, part = self.arguments(2)
        return Part("text", f"after({whole.text}, {part.text})")

    def before(self) -> Part:
        whole, part = self.arguments(2)
        return Part("text", f"before({whole.text}, {part.text})")

    def normal(self) -> Part:
        return Part("text", f"normal({self.arguments(1)[0].text})")

    def length(self) -> Part:
        return Part("number", f"len({self.arguments(1)[0].text})")

    def translated(self) -> Part:
        text, old, new = self.arguments(3)
        if not old.code.startswith(("'", '"')) or not new.code.startswith(("'", '"')):
            raise Beyond("translate")
        return Part("text", f"{text.text}.translate({self.constant(f'replacements({old.code}, {new.code})')})")

    def counted(self) -> Part:
        (found,) = self.arguments(1)
        if found.kind != "nodes":
            raise Beyond("count")
        return Part("number", f"len({found.code})")

    def positioned(self) -> Part:
        self.want(")")
        if not self.positions:
            raise Beyond("position")
        return Part("number", f"{self.node}.position")


_CALLS: dict[str, Callable[[Compiled], Part]] = {
    "not": Compiled.negated,
    "contains": Compiled.contained,
    "substring-after": Compiled.after,
    "substring-before": Compiled.before,
    "normalize-space": Compiled.normal,
    "string-length": Compiled.length,
    "translate": Compiled.translated,
    "count": Compiled.counted,
    "position": Compiled.positioned,
}


def compiled(text: str, constant: Constant, node: str) -> Part | None:
    """An expression that begins at a node, as Python; None where it is for lxml."""
    try:
        return Compiled(text, constant, node).whole()
    except Beyond:
        return None


def _tokens(text: str) -> list[str]:
    """The words of an expression, and empty ones at the end. Raises: Beyond."""
    found, position, text = [], 0, text.rstrip()
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise Beyond(text[position])
        found.append(token[0].strip())
        position = token.end()
    return [*found, "", "", "", ""]
