"""Bytes of a message to text: byte order mark, MSH-18, the channel's default, strict UTF-8, the channel's fallback.

Never a replacement character: what no charset explains is refused.

Why: a claim of a one-byte charset can never be disproved by decoding, so two patterns that real text in it does not
have are taken as proof: bytes that are well-formed UTF-8, and bytes 80 to 9F (control characters in ISO 8859, letters
and quotes in Windows 1252).

HL7 v2.5.1, 2.15.9.18; HL7 table 0211.
"""

from __future__ import annotations

import codecs
import re

from engine.errors import InvalidMessage
from engine.message import Issue, Severity
from engine.standards import Charset

_ISO_IR = {
    "6": "ascii", "13": "shift_jis", "14": "shift_jis", "87": "iso2022_jp", "100": "iso8859-1", "101": "iso8859-2",
    "109": "iso8859-3", "110": "iso8859-4", "126": "iso8859-7", "127": "iso8859-6", "138": "iso8859-8",
    "144": "iso8859-5", "148": "iso8859-9", "159": "iso2022_jp_1", "166": "tis-620", "192": "utf-8",
}  # fmt: skip

_NAMED = {
    "ASCII": "ascii", "US-ASCII": "ascii", "8859": "iso8859-1", "LATIN1": "iso8859-1", "LATIN-1": "iso8859-1",
    "UNICODE": "utf-8", "UTF-8": "utf-8", "UTF8": "utf-8", "UNICODE UTF-8": "utf-8", "UNICODE UTF8": "utf-8",
    "UTF-16": "utf-16", "UNICODE UTF-16": "utf-16", "UTF-32": "utf-32", "UNICODE UTF-32": "utf-32", "ANSI": "cp1252",
    "WINDOWS-1252": "cp1252", "CP1252": "cp1252", "GB 18030-2000": "gb18030", "BIG-5": "big5", "KS X 1001": "euc_kr",
}  # fmt: skip
_NAMED |= {f"8859/{part}": f"iso8859-{part}" for part in range(1, 16) if part != 12}
_NAMED |= {f"ISO-8859-{part}": f"iso8859-{part}" for part in range(1, 17) if part != 12}
_NAMED |= {f"ISO8859-{part}": f"iso8859-{part}" for part in range(1, 17) if part != 12}
_NAMED |= {f"ISO IR{number}": codec for number, codec in _ISO_IR.items()}
_NAMED |= {f"ISO IR {number}": codec for number, codec in _ISO_IR.items()}

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_C1 = re.compile(rb"[\x80-\x9f]")


def codec_named(name: str) -> str:
    """Python's codec for a name of table 0211, "" for an unknown one."""
    return _NAMED.get(name.strip().upper(), "")


def byte_order_mark(raw: bytes) -> tuple[bytes, str]:
    """The mark that `raw` begins with and the codec it states; both empty without one."""
    for mark, codec in _MARKS:
        if raw.startswith(mark):
            return mark, codec
    return b"", ""


def claimed(raw: bytes) -> str:
    """First repetition of MSH-18 as ASCII text, read from the bytes of a message that begins with MSH."""
    end = raw.find(b"\r")
    line_feed = raw.find(b"\n", 0, end) if end >= 0 else raw.find(b"\n")
    header = raw[: line_feed if line_feed >= 0 else end if end >= 0 else len(raw)]
    fields = header.split(header[3:4] or b"|", 18)
    if len(fields) < 18:
        return ""
    repetition = fields[1][1:2]
    value = fields[17].split(repetition)[0] if repetition else fields[17]
    return value.decode("ascii", "replace").strip()


def decode(raw: bytes, name: str, charset: Charset, issues: list[Issue]) -> tuple[str, str]:
    """Text of bytes that are not all ASCII, and the codec used. `name` is what MSH-18 claims.

    Raises: InvalidMessage where no charset explains the bytes.
    """
    codec = codec_named(name)
    if name and not codec:
        issues.append(_issue("the charset named in MSH-18 is not one of table 0211", "103"))
    if codec:
        text = _as_claimed(raw, codec)
        if text is not None:
            return text, codec
        issues.append(_issue("the bytes are not in the charset that MSH-18 names", "102"))
    if charset.default and not codec:
        default = codec_named(charset.default) or charset.default
        text = _strict(raw, default)
        if text is not None:
            return text, default
        issues.append(_issue("the bytes are not in the channel's default charset", "102"))
    text = _strict(raw, "utf-8")
    if text is not None:
        return text, "utf-8"
    return _fallen_back(raw, charset, issues)


def _fallen_back(raw: bytes, charset: Charset, issues: list[Issue]) -> tuple[str, str]:
    fallback = codec_named(charset.fallback) or charset.fallback
    text = _strict(raw, fallback) if fallback else None
    if text is None:
        raise InvalidMessage(
            "no charset explains the bytes", code="hl7.charset", place="MSH[1]-18", reject=True, standard_code="102"
        )
    issues.append(_issue("read in the channel's fallback charset", "102"))
    return text, fallback


def _as_claimed(raw: bytes, codec: str) -> str | None:
    if codec.startswith("iso8859") and _strict(raw, "utf-8") is not None:
        return None
    if codec in ("iso8859-1", "iso8859-15") and _C1.search(raw):
        return None
    if codec.startswith(("utf-16", "utf-32")):
        return None
    return _strict(raw, codec)


def _strict(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return None


def _issue(text: str, standard_code: str) -> Issue:
    return Issue(Severity.WARNING, "hl7.charset", text, "MSH[1]-18", standard_code)
