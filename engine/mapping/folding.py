"""Functions of literals, done when the mapping is compiled; and which table a function means."""

from __future__ import annotations

from engine.expression import Literal, Pipe, Variable
from engine.mapping.functions import FUNCTIONS, BadValue
from engine.mapping.module import Module
from engine.mapping.shapes import Value


class Folding:
    """Gives constants for functions of constants."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def fault(self, column: int, text: str, suggestion: str = "") -> None:
        self.module.fault("M503", column, text, suggestion)

    def folded(self, pipe: Pipe, source: Value) -> Value | None:
        """A function of a literal: done now, once."""
        text = str(source.constant)
        if pipe.function in ("table", "coding"):
            return self.folded_code(pipe, text)
        function = FUNCTIONS.get(pipe.function)
        if function is None or any(isinstance(argument, Variable) for argument in pipe.arguments):
            self.fault(pipe.column, f"{pipe.function} of a literal", "write the literal as it is to be")
            return None
        arguments = [argument.text for argument in pipe.arguments if isinstance(argument, Literal)]
        try:
            made = function.call(text, *arguments)
        except BadValue as error:
            self.fault(pipe.column, f"{pipe.function}: {error}")
            return None
        return Value(
            self.module.shared(made),
            function.gives,
            many=function.many,
            total=bool(made) or function.total,
            constant=made,
        )

    def folded_code(self, pipe: Pipe, text: str) -> Value | None:
        argument = pipe.arguments[0]
        table = self.module.tables.get(argument.text) if isinstance(argument, Literal) else None
        if table is None:
            self.no_table(pipe)
            return None
        target = table.targets.get(text)
        if target is None and not table.keep:
            self.fault(
                pipe.column,
                f"table '{table.name}' has no code '{text}'",
                self.module.findings.near(text, table.targets),
            )
            return None
        if pipe.function == "table":
            made = target.code if target else text
            return Value(repr(made), "code", f"table {table.name}", total=True, constant=made)
        coding = target.coding(table.system) if target else {"system": table.system, "code": text}
        return Value(self.module.shared(coding), "coding", f"{table.name}|", total=True, constant=coding)

    def no_table(self, pipe: Pipe) -> None:
        argument = pipe.arguments[0]
        name = argument.text if isinstance(argument, Literal) else f"${argument.name}"
        hint = self.module.findings.near(name, self.module.tables)
        self.fault(argument.column, f"there is no table '{name}'", hint or "include the file that has it")
