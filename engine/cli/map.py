"""`budstikke map`: try, test and explain mappings without an engine running."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.words import show_json, show_table
from engine.errors import ConfigError, InvalidMessage
from engine.mapping import Context
from engine.mapping.cases import run_cases
from engine.mapping.explain import explain as explained
from engine.mapping.shelf import LoadedMapping, load_mapping
from engine.message import Issue, Severity
from engine.plugins.builtin import full_registry
from engine.standards import Charset, Document, Standard
from engine.standards.fhir.dump import dump
from engine.standards.fhir.identity import Writing
from engine.standards.fhir.provenance import Origin
from engine.standards.fhir.render import render

app = typer.Typer(help="Try, test and explain mappings.", no_args_is_help=True, rich_markup_mode=None)

SHIPPED = Path(__file__).resolve().parents[2]
"""Where the shipped mappings/ and samples/ lie."""

File = Annotated[Path, typer.Argument(help="a file with one message, HL7 v2 or KITH-XML; - reads standard input")]
Id = Annotated[str, typer.Option("--mapping", help="mapping id, as in hl7v2/adt; default: the one that takes the type")]
Json = Annotated[bool, typer.Option("--json", help="one JSON document, for scripts")]
Received = Annotated[int, typer.Option("--received", help="when it came in, microseconds since 1970 UTC")]

_RECEIVED = 1_767_268_800_000_000


def folders() -> Iterator[Path]:
    """The site folder, then what is shipped."""
    yield Path.cwd()
    if Path.cwd() != SHIPPED:
        yield SHIPPED


def reader(id: str) -> str:
    """Text of a mapping file, site first. Raises: OSError."""
    for folder in folders():
        path = folder / "mappings" / f"{id}.yaml"
        if path.is_file():
            return path.read_text("utf-8")
    raise FileNotFoundError(id)


def sample(name: str) -> bytes:
    """A file under samples/. Raises: OSError."""
    for folder in folders():
        path = folder / "samples" / name
        if path.is_file():
            return path.read_bytes()
    raise FileNotFoundError(f"samples/{name}")


def known_ids() -> list[str]:
    """Every mapping (not module) that can be found."""
    found: dict[str, None] = {}
    for folder in folders():
        root = folder / "mappings"
        for path in sorted(root.rglob("*.yaml")) if root.is_dir() else ():
            if any(line.startswith("mapping:") for line in path.read_text("utf-8").splitlines()):
                found[path.relative_to(root).with_suffix("").as_posix()] = None
    return list(found)


def fail(text: str, code: int) -> typer.Exit:
    print(text, file=sys.stderr)
    return typer.Exit(code)


def loaded(id: str) -> LoadedMapping:
    """A mapping by id; wrong use where there is none. Raises: ConfigError."""
    try:
        reader(id)
    except OSError:
        raise fail(f"there is no mapping '{id}'; known: {', '.join(known_ids()) or 'none'}", 2) from None
    return load_mapping(id, reader, standards=full_registry().standards)


def opened(file: Path, id: str) -> tuple[LoadedMapping, Document, bytes]:
    """The message, and the mapping that takes it."""
    if str(file) != "-" and not file.is_file():
        raise fail(f"there is no file {file}", 2)
    raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    if id:
        mapping = loaded(id)
        return mapping, _decoded(raw, [mapping.reader])[1], raw
    standard, document = _decoded(raw, list(full_registry().standards.values()))
    names = standard.matches(standard.envelope(document))
    for known in known_ids():
        mapping = loaded(known)
        if mapping.standard == standard.name and not set(names).isdisjoint(mapping.types):
            return mapping, document, raw
    raise fail(f"no mapping takes {names[0]}; name one with --mapping", 1)


def _decoded(raw: bytes, standards: list[Standard]) -> tuple[Standard, Document]:
    """The first standard that can read it. Where none can, that to which it looks tells why."""
    looks = [one for one in standards if (one.paths == "xml") is raw.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<")]
    for standard in looks or standards:
        try:
            document = standard.decode(raw, Charset())
            standard.envelope(document)
        except InvalidMessage as error:
            told = fail(f"error {error.code} {error}", 1)
        else:
            return standard, document
    raise told from None


def context_of(mapping: LoadedMapping, document: Document, received: int) -> Context:
    envelope = mapping.reader.envelope(document)
    sender = envelope.sender.identifier or "unknown"
    return Context(
        envelope, received, mapping.sources.time_zone or "Europe/Oslo", "urn:x-budstikke:" + "".join(sender.split())
    )


def told(issues: list[Issue]) -> None:
    """Issues on standard error, one a line, without content."""
    for issue in issues:
        rule = f" ({issue.rule})" if issue.rule else ""
        print(f"{issue.severity} {issue.code} {issue.place} {issue.text}{rule}".replace("  ", " "), file=sys.stderr)


@app.command()
def run(
    file: File,
    mapping: Id = "",
    received: Received = _RECEIVED,
    original: Annotated[bool, typer.Option("--original", help="with the message as DocumentReference")] = False,
) -> None:
    """Map one message and print its Bundle; issues go to standard error. Exit code 0 mapped, 1 refused, 2 wrong use.

    Example: budstikke map run samples/hl7v2/adt_a01.hl7
    """
    used, document, raw = opened(file, mapping)
    mapped = used.run(document, context_of(used, document, received))
    told(mapped.issues)
    if any(issue.severity is Severity.ERROR for issue in mapped.issues):
        raise typer.Exit(1)
    envelope = used.reader.envelope(document)
    digest = hashlib.sha256(raw).digest()
    origin = Origin(
        channel="map", message=digest.hex()[:32], message_id=envelope.message_id, message_type=envelope.type,
        sender=envelope.sender, mapping=used.id, mapping_revision=used.revision, revision="", sha256=digest,
        received=received, raw=raw, content_type=used.reader.media_type, include_original=original,
    )  # fmt: skip
    rendered = render(mapped.entries, mapped.links, Writing("by_id", b"budstikke map run"), origin)
    sys.stdout.buffer.write(dump(rendered.bundle, pretty=True) + b"\n")


@app.command()
def explain(
    file: File,
    mapping: Id = "",
    element: Annotated[str, typer.Option("--element", help="only what begins so, as in Patient.name")] = "",
    as_json: Json = False,
) -> None:
    """Say which rule and which place of the message made each element.

    Example: budstikke map explain samples/hl7v2/adt_a01.hl7 --element Patient.birthDate
    """
    used, document, _ = opened(file, mapping)
    found = explained(used, document, context_of(used, document, _RECEIVED))
    chosen = [one for one in found if one.path.startswith(element) or one.entry == element]
    if element and not chosen:
        raise fail(f"nothing made {element}", 1)
    if as_json:
        show_json([asdict(one) for one in chosen])
        return
    show_table(
        ("element", "value", "rule", "from"),
        [(one.path, one.value, one.rule, " ".join(one.places)) for one in chosen],
    )


@app.command()
def unread(file: File, mapping: Id = "", as_json: Json = False) -> None:
    """List what the message holds and no rule reads. Exit code 1 where there is something.

    Example: budstikke map unread samples/hl7v2/adt_a01.hl7
    """
    used, document, _ = opened(file, mapping)
    mapped = used.run(document, context_of(used, document, _RECEIVED))
    places = [issue.place for issue in used.unread(document, mapped)]
    if as_json:
        show_json({"mapping": used.id, "unread": places})
    else:
        for place in places:
            print(place)
    raise typer.Exit(1 if places else 0)


@app.command()
def show(
    id: Annotated[str, typer.Argument(help="mapping id, as in hl7v2/adt")],
    source: Annotated[bool, typer.Option("--source", help="the Python that it is compiled to")] = False,
    as_json: Json = False,
) -> None:
    """What a mapping is: types, files, entries, tables, revision.

    Example: budstikke map show hl7v2/adt --source
    """
    used = loaded(id)
    if source:
        print(used.source, end="")
        return
    facts = {
        "id": used.id,
        "version": used.version,
        "revision": used.revision,
        "standard": used.standard,
        "types": list(used.types),
        "files": sorted(used.sources.texts),
        "entries": list(used.sources.entries),
        "groups": list(used.sources.groups),
        "tables": list(used.sources.tables),
        "cases": len(used.sources.cases),
    }
    if as_json:
        show_json(facts)
        return
    for name, value in facts.items():
        print(f"{name}\t{' '.join(map(str, value)) if isinstance(value, list) else value}")


@app.command()
def test(
    ids: Annotated[list[str] | None, typer.Argument(help="mapping ids; default: all")] = None, as_json: Json = False
) -> None:
    """Run the cases of mappings. Exit code 1 when one fails or a mapping does not load.

    Example: budstikke map test hl7v2/adt
    """
    failed = passed = 0
    shown: list[dict[str, object]] = []
    for id in ids or known_ids():
        try:
            mapping = loaded(id)
        except ConfigError as error:
            failed += 1
            for finding in error.findings:
                print(finding, file=sys.stderr)
            continue
        for outcome in run_cases(mapping, sample):
            passed, failed = passed + outcome.passed, failed + (not outcome.passed)
            shown.append({"mapping": id, **asdict(outcome), "passed": outcome.passed})
            if not as_json and not outcome.passed:
                print(f"{outcome.file}:{outcome.line} failed: {outcome.name}")
                for fault in outcome.faults:
                    print(f"    {fault}")
    if as_json:
        show_json({"passed": passed, "failed": failed, "cases": shown})
    else:
        print(f"{passed} cases passed, {failed} failed")
    raise typer.Exit(1 if failed else 0)
