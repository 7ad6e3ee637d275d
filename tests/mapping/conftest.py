"""A mapping written in a test, and a message of a few segments run through it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from engine.mapping import Context, Mapped
from engine.mapping.shelf import LoadedMapping, load_mapping
from engine.standards import Charset
from engine.standards.hl7v2.envelope import envelope_of
from engine.standards.hl7v2.er7 import Er7Document, read

HEADER = "mapping: t\nstandard: hl7v2\nmatch: [ADT^A01]\n"
MSH = "MSH|^~\\&|EPJ|UNN|J|J|20260101120000+0100||ADT^A01|1|P|2.5.1"

Build = Callable[..., LoadedMapping]
RunOn = Callable[..., Mapped]
Message = Callable[..., Er7Document]
Patient = Callable[..., dict[str, Any]]


@pytest.fixture
def build() -> Build:
    """Compile a mapping from its text below the header; `modules` are files that it may include."""

    def compiled(text: str, site: dict[str, dict[str, str]] | None = None, **modules: str) -> LoadedMapping:
        files = {"t": HEADER + textwrap.dedent(text)}
        files |= {f"m/{name}": f"module: m/{name}\n" + textwrap.dedent(body) for name, body in modules.items()}
        return load_mapping("t", files.__getitem__, site)

    return compiled


@pytest.fixture
def message() -> Message:
    """A document of segments after a usual MSH (or after one of their own)."""

    def made(*segments: str) -> Er7Document:
        lines = segments if segments and segments[0].startswith("MSH") else (MSH, *segments)
        return read("\r".join(lines).encode(), Charset())

    return made


@pytest.fixture
def run_on(build: Build, message: Message) -> RunOn:
    """Map segments with a mapping, or with the text of one."""

    def ran(mapping: LoadedMapping | str, *segments: str, **context: Any) -> Mapped:
        compiled = build(mapping) if isinstance(mapping, str) else mapping
        document = message(*segments)
        given = {"received": 1_767_268_800_000_000, "namespace": "urn:x-budstikke:UNN", **context}
        return compiled.run(document, Context(envelope_of(document), **given))

    return ran


@pytest.fixture
def patient(run_on: RunOn) -> Patient:
    """The Patient that some body rules (YAML, below `body:`) make of segments; `before` stands above `entries:`."""

    def made(rules: str, *segments: str, before: str = "") -> dict[str, Any]:
        body = textwrap.indent(textwrap.dedent(rules).strip("\n"), " " * 6)
        text = f"{textwrap.dedent(before)}\nentries:\n  - key: p\n    resource: Patient\n    write: own\n"
        text += f"    identity: PID-3 as ID\n    body:\n{body}\ntypes:\n  ID: {{$target: Identifier, value: .1}}\n"
        result = run_on(text, *segments)
        return result.entries[0].resource

    return made
