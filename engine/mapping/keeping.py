"""What a template makes of an element, kept for the next message with the same content: lines around its function.

Of codes, and of organisations and staff, which come again from message to message; never of a patient. A template
that reads beyond its element, or what differs from message to message, is not kept.
"""

from __future__ import annotations

from engine.mapping.module import Module
from engine.mapping.writer import Block


class Keeping:
    """The lines of one template. Only its end tells whether they stand."""

    def __init__(self, module: Module, name: str, parameters: list[str], body: Block) -> None:
        self.module, self.kept = module, f"M_{name}"
        self.stands = False
        more = "".join(f", {one}" for one in parameters)
        self.lines = [
            f"key = r.content(t, (r.sender{more}))" if more else "key = r.content(t, r.sender)",
            f"found = {self.kept}.get(key)",
            "if found is not None: return r.again(t, found)",
            "told, since = len(r.issues), len(r.reads)",
        ]
        body.lines(lambda: self.lines if self.stands else [])

    def end(self, code: str, body: Block) -> None:
        """Before the function returns this value."""
        if not self.module.beyond:
            self.stands = True
            self.module.top.line(f"{self.kept} = Kept()")
            body.line(f"if told == len(r.issues): r.keep({self.kept}, key, t, {code}, since)")
