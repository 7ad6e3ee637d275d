"""The ER7 reader: bytes of one message to segments, lazily split, in linear time.

Version-free: no grammar is asked; `conformance` does that. A segment is split into fields when one is first looked at,
what stands inside a field is the reader's affair who knows what it wants. MAPPING 3, items 1 to 8 and 20 to 22.
HL7 v2.5.1, 2.5 and 2.6.
"""

from __future__ import annotations

from engine.errors import InvalidMessage
from engine.message import Issue, Severity
from engine.standards import Charset
from engine.standards.hl7v2.charset import byte_order_mark, claimed, codec_named, decode
from engine.standards.hl7v2.escapes import unescape
from engine.standards.hl7v2.lines import STRAY, names_segment, segment_lines
from engine.standards.hl7v2.separators import SMALL_TILDE, USUAL, Separators, separators_of
from engine.standards.hl7v2.shapes import shapes_of, shapes_of_lines

__all__ = ["Er7Document", "Segment", "Separators", "read"]

NULL = '""'
"""HL7's null: the sender says that there is no value. Left as these two characters."""

_LEADING = b"\x00\x0b\x1c\x1a \t\r\n\x0c"
_MOST_LINES = 200_000
_MOST_FIELDS = 1_000
_FREQUENT = frozenset(
    (
        "MSH", "EVN", "PID", "PD1", "NK1", "PV1", "PV2", "MRG", "ORC", "OBR", "OBX", "NTE", "SPM", "AL1", "DG1",
        "PR1", "IN1", "GT1", "ROL", "PRT", "SFT", "TQ1",
    )
)  # fmt: skip
"""Names that need no further look; any other is looked at."""
SEPARATED_NAMES = ("MSH", "BHS", "FHS")
"""Segments whose first field is the field separator itself."""


class Segment:
    """One segment. `number` counts from 1 among its name, `position` from 0 among all.

    `fields[n]` is the raw text of field n with its repetitions, `fields[0]` the name; in MSH, BHS and FHS `fields[1]`
    is the field separator itself. The list is as long as what was sent, until a reader appends empty fields; a
    component is never split here.
    """

    __slots__ = ("_separator", "fields", "name", "number", "position", "raw")
    fields: list[str]

    def __init__(self, name: str, number: int, position: int, raw: str, separator: str) -> None:
        self.name = name
        self.number = number
        self.position = position
        self.raw = raw
        self._separator = separator

    def __getattr__(self, name: str) -> list[str]:
        # Reached once: the first look at `fields` finds its slot empty.
        if name != "fields":
            raise AttributeError(name)
        # What follows field 1000 stays in one piece, so that a segment of nothing but separators costs no memory.
        fields = self.raw.split(self._separator, _MOST_FIELDS)
        fields[0] = self.name
        if self.name in SEPARATED_NAMES:
            fields.insert(1, self._separator)
        self.fields = fields
        return fields


class Er7Document:
    """One message. `charset` is the Python codec it was read in, `offset` the zone offset of MSH-7 or "".

    `straight` when its segments are the lines of `raw`, nothing repaired, joined or left out in between.
    """

    __slots__ = ("_shapes", "charset", "issues", "named", "offset", "raw", "segments", "separators", "straight")

    def __init__(self, raw: bytes, separators: Separators, charset: str, issues: list[Issue]) -> None:
        self.raw = raw
        self.separators = separators
        self.charset = charset
        self.issues = issues
        self.segments: list[Segment] = []
        self.named: dict[str, list[Segment]] = {}
        self.offset = ""
        self.straight = False
        self._shapes: list[bytes] | None = None

    @property
    def shapes(self) -> list[bytes]:
        """The shape of each segment, in order; made when first asked for."""
        shapes = self._shapes
        if shapes is None:
            if self.straight:
                shapes = shapes_of(self.raw, self.charset, self.separators)
            if shapes is None:
                shapes = shapes_of_lines([segment.raw for segment in self.segments], self.separators)
            self._shapes = shapes
        return shapes

    def unescape(self, text: str, formatted: bool = False) -> str:
        """Text of a value, escape sequences undone. `formatted` for FT, TX, CF and NTE-3: line breaks count."""
        escape = self.separators.escape
        if not escape or escape not in text:
            return text
        return unescape(text, self.separators, self.charset, formatted)


def read(raw: bytes, charset: Charset) -> Er7Document:
    """One message, decoded and indexed by segment name.

    Raises: InvalidMessage for bytes that hold no MSH, cannot be decoded or state separators that separate nothing.
    """
    issues: list[Issue] = []
    text, codec = _text(raw, charset, issues)
    straight = SMALL_TILDE not in text[:9]
    if not straight:
        issues.append(Issue(Severity.WARNING, "hl7.small_tilde", "U+02DC for ~ in MSH-2; repaired", "MSH[1]-2", "102"))
        text = text.replace(SMALL_TILDE, "~")
    separators = _separators(text)
    document = Er7Document(raw, separators, codec, issues)
    if "\n" not in text and _index(document, _lines(text)):
        document.straight = straight
    else:
        document.segments.clear()
        document.named.clear()
        _index(document, segment_lines(text, separators.field, issues))
    header = document.segments[0].fields
    document.offset = _offset(header[7]) if len(header) > 7 else ""
    return document


def _separators(text: str) -> Separators:
    if text.startswith("|^~\\&|", 3):
        return USUAL
    separator = text[3:4]
    if separator in ("", "\r", "\n"):
        raise InvalidMessage(
            "MSH ends before its field separator", code="hl7.no_header", reject=True, standard_code="100"
        )
    # Nine characters are enough to see that there are more than five.
    encoding = text[4:13].split(separator, 1)[0]
    return separators_of(separator, encoding.splitlines()[0] if encoding else "")


def _text(raw: bytes, charset: Charset, issues: list[Issue]) -> tuple[str, str]:
    """Text that begins with MSH, and the codec."""
    body = raw
    if not raw.startswith(b"MSH"):
        body = raw.lstrip(_LEADING)
        for start in (raw, body):
            mark, codec = byte_order_mark(start)
            if mark:
                issues.append(Issue(Severity.NOTE, "hl7.byte_order_mark", "a byte order mark stands before MSH"))
                return _marked(start[len(mark) :], codec, charset, issues)
        if len(body) != len(raw):
            issues.append(Issue(Severity.NOTE, "hl7.leading_bytes", "blanks or control bytes before MSH were skipped"))
        _require_header(body[:3].decode("latin-1"))
    if b"\x00" in body:
        # Padding after the message, as some old senders leave it.
        body = body.rstrip(b"\x00")
        if b"\x00" in body:
            raise InvalidMessage("a NUL byte stands in the message", code="hl7.nul", standard_code="102")
    name = claimed(body)
    if not body.isascii():
        return decode(body, name, charset, issues)
    codec = codec_named(name)
    if codec.startswith("iso2022"):
        return decode(body, name, charset, issues)
    if name and not codec:
        issues.append(
            Issue(Severity.WARNING, "hl7.charset", "the charset in MSH-18 is not one of table 0211", "MSH[1]-18", "103")
        )
    return body.decode("ascii"), codec if codec and not codec.startswith("utf-") else "utf-8"


def _marked(body: bytes, codec: str, charset: Charset, issues: list[Issue]) -> tuple[str, str]:
    try:
        text = body.decode(codec)
    except UnicodeDecodeError:
        if codec != "utf-8":
            raise InvalidMessage(
                "the bytes are not what their byte order mark says",
                code="hl7.charset",
                reject=True,
                standard_code="102",
            ) from None
        text, codec = decode(body, "", charset, issues)
    text = text.lstrip(STRAY + "\r\n")
    _require_header(text[:3])
    if "\x00" in text:
        raise InvalidMessage("a NUL character stands in the message", code="hl7.nul", standard_code="102")
    return text, codec


def _require_header(start: str) -> None:
    if start.upper() != "MSH":
        raise InvalidMessage("no MSH at the beginning", code="hl7.no_header", reject=True, standard_code="100")


def _lines(text: str) -> list[str]:
    if len(text) > _MOST_LINES and text.count("\r") + text.count("\n") > _MOST_LINES:
        raise InvalidMessage(f"more than {_MOST_LINES} lines", code="hl7.too_many_segments", standard_code="100")
    lines = text.split("\r")
    if not lines[-1]:
        del lines[-1]
    return lines


def _index(document: Er7Document, lines: list[str]) -> bool:
    """Fill `segments` and `named`; False at the first line that does not begin as a segment does."""
    separator = document.separators.field
    named, segments = document.named, document.segments
    find, append = named.get, segments.append
    for position, line in enumerate(lines):
        name = line[:3]
        same = find(name)
        if same is None:
            if name not in _FREQUENT and not names_segment(name):
                return False
            name = name.upper()
            same = named.setdefault(name, [])
        if line[3:4] != separator and len(line) != 3:
            return False
        segment = Segment(name, len(same) + 1, position, line, separator)
        same.append(segment)
        append(segment)
    return True


def _offset(time: str) -> str:
    """`+0100`, `-05` at the end of a time, as written; "" without one."""
    at = max(time.find("+"), time.find("-"))
    if at < 4:
        return ""
    offset = time[at : at + 5]
    return offset if len(offset) in (3, 5) and offset[1:].isascii() and offset[1:].isdigit() else ""
