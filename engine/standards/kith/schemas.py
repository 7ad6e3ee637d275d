"""Schemas by namespace: the file of each, what it needs first, and the compiled schema that validates a document.

Imports are resolved by namespace alone; where a file says that another one lies is never followed, and nothing is ever
fetched. So a site may put a file of the national archive in the place of one of ours, web addresses and all.

Codes: E220 there is no such schema · E221 a schema file that does not hold.
Why a schema for each thread: compiling takes milliseconds, and a compiled schema keeps the errors of its last document
in itself (`error_log`); two threads would read each other's. Ask in the thread that validates.
HIS 80601:2006 (MsgHead); XML Schema 1.0, 4.2.3 (import).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from lxml import etree

from engine.errors import ConfigError, Finding

Read = Callable[[str], bytes]
"""`read("kith/msghead-1.2.xsd")` gives the bytes of that file, site first.

Raises: KeyError or OSError when there is none.

Why bytes: an XML file says its own encoding, and the national files differ.
"""

MSGHEAD: Final = "http://www.kith.no/xmlstds/msghead/2006-05-24"

CATALOGUE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "http://www.kith.no/xmlstds": "kith/datatypes.xsd",
        "http://www.kith.no/xmlstds/felleskomponent1": "kith/parties.xsd",
        "http://www.kith.no/xmlstds/base64container": "kith/attachment.xsd",
        "http://www.w3.org/2000/09/xmldsig#": "kith/signature.xsd",
        MSGHEAD: "kith/msghead-1.2.xsd",
        "http://www.kith.no/xmlstds/apprec/2004-11-21": "kith/apprec-1.0.xsd",
        "http://www.kith.no/xmlstds/apprec/2012-02-15": "kith/apprec-1.1.xsd",
        "http://www.kith.no/xmlstds/dialog/2006-10-11": "kith/dialog-1.0.xsd",
        "http://www.kith.no/xmlstds/dialog/2013-01-23": "kith/dialog-1.1.xsd",
    }
)
"""Namespace to file under `xsd/`: every schema there is."""

_XS: Final = "{http://www.w3.org/2001/XMLSchema}"
_PLACE: Final = "xsd:"
_TRIES: Final = 100


@dataclass(frozen=True, slots=True)
class _File:
    text: bytes
    imports: tuple[str, ...]


class Schemas:
    """The catalogue with its files, compiled when first asked for and then kept."""

    def __init__(self, read: Read, catalogue: Mapping[str, str] = CATALOGUE) -> None:
        self._read, self._catalogue = read, catalogue
        self._files: dict[str, _File] = {}
        self._compiled = threading.local()
        self._compiling = threading.Lock()

    def __contains__(self, namespace: str) -> bool:
        """Whether a document whose root is in this namespace can be validated at all."""
        return namespace in self._catalogue

    def schema_for(self, namespace: str) -> etree.XMLSchema:
        """The schema for documents whose root is in `namespace`; the same object each time within one thread.

        That of MsgHead knows the whole catalogue, because its Content is any XML with a known schema: a payload with
        another namespace makes the message invalid. Ask with MSGHEAD for a message, not with its payload's namespace.
        Raises: ConfigError naming the schema that is missing or does not hold.
        """
        kept: dict[str, etree.XMLSchema] = self._compiled.__dict__
        found = kept.get(namespace)
        if found is None:
            # libxml2 makes its built-in types at the first compilation, and two at once would find them half made.
            with self._compiling:
                found = kept[namespace] = self._compile(self.order_of(namespace))
        return found

    def order_of(self, namespace: str) -> tuple[str, ...]:
        """The namespaces that this one needs, and itself: each after those that it imports."""
        order: list[str] = []
        seen: set[str] = set()

        def visit(wanted: str, asker: str) -> None:
            if wanted not in seen:
                seen.add(wanted)
                for needed in self._file_of(wanted, asker).imports:
                    visit(needed, self._catalogue[wanted])
                order.append(wanted)

        visit(namespace, "")
        if namespace == MSGHEAD:
            for carried in self._catalogue:
                visit(carried, "")
        return tuple(order)

    def _file_of(self, namespace: str, asker: str = "") -> _File:
        """One file, read once; `asker` is the file that imports it."""
        name = self._catalogue.get(namespace)
        if name is None:
            raise _missing(asker or "kith", f"there is no schema for namespace {namespace}", "add it to the catalogue")
        found = self._files.get(name)
        if found is None:
            try:
                raw = self._read(name)
            except (KeyError, OSError):
                raise _missing(name, f"the schema for namespace {namespace} is missing", "put it back") from None
            found = self._files[name] = _file(raw, name, namespace)
        return found

    def _compile(self, order: tuple[str, ...]) -> etree.XMLSchema:
        """One schema out of many files: a root that imports each, those first that others need.

        Why again and again: lxml lends libxml2 the loader of a document through one global place, and another thread
        that ends its own parsing takes it back. Imports then fail silently, and the schema would lack what they hold.
        """
        texts = {_PLACE + self._catalogue[each]: self._file_of(each).text for each in order}
        root = etree.Element(_XS + "schema", targetNamespace="urn:budstikke:xsd")
        for each in order:
            etree.SubElement(root, _XS + "import", namespace=each, schemaLocation=_PLACE + self._catalogue[each])
        written = etree.tostring(root)
        for _ in range(_TRIES):
            parser, loader = _parser(), _Loader(texts)
            parser.resolvers.add(loader)
            try:
                schema = etree.XMLSchema(etree.fromstring(written, parser))
            except etree.XMLSchemaParseError as error:
                if loader.given == texts.keys():
                    raise _uncompiled(error) from error
            else:
                if loader.given == texts.keys():
                    return schema
        raise _unsound(self._catalogue[order[-1]], 0, "other threads have kept the schema from being compiled")


class _Loader(etree.Resolver):
    """Gives libxml2 the texts of the catalogue and remembers which; anything else is an empty document."""

    def __init__(self, texts: Mapping[str, bytes]) -> None:
        self._texts = texts
        self.given: set[str] = set()

    def resolve(self, system_url: str | None, public_id: str | None, context: Any) -> Any:
        url = system_url or ""
        if url not in self._texts:
            return self.resolve_empty(context)
        self.given.add(url)
        return self.resolve_string(self._texts[url], context, base_url=url)


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def _file(raw: bytes, name: str, namespace: str) -> _File:
    """A file without its hints at where others lie. Raises: ConfigError when it is not one schema for `namespace`."""
    try:
        root = etree.fromstring(raw, _parser())
    except etree.XMLSyntaxError as error:
        raise _unsound(name, error.lineno or 0, "not well-formed XML") from error
    if root.tag != _XS + "schema" or root.get("targetNamespace") != namespace:
        raise _unsound(name, root.sourceline or 0, f"not a schema for namespace {namespace}")
    for pulled in root.iter(_XS + "include", _XS + "redefine"):
        raise _unsound(name, pulled.sourceline or 0, "pulls in another file; a namespace is one file here")
    imports = list(root.iter(_XS + "import"))
    for each in imports:
        each.attrib.pop("schemaLocation", None)
    # Errors keep their line: what stood before the root becomes empty lines.
    text = b"\n" * ((root.sourceline or 1) - 1) + etree.tostring(root, encoding="utf-8", with_tail=False)
    return _File(text, tuple(each.get("namespace", "") for each in imports))


def _uncompiled(error: etree.XMLSchemaParseError) -> ConfigError:
    last = error.error_log.last_error
    file, line = (last.filename or "", last.line) if last is not None else ("", 0)
    return _unsound(file.removeprefix(_PLACE), line, "the schema does not compile")


def _missing(name: str, text: str, suggestion: str) -> ConfigError:
    return ConfigError((Finding("E220", f"xsd/{name}", 0, 0, text, suggestion),))


def _unsound(name: str, line: int, text: str) -> ConfigError:
    return ConfigError((Finding("E221", f"xsd/{name}", line, 0, text),))
