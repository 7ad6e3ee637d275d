"""Bytes of an XML message to UTF-8: byte order mark, declaration, the channel's default, strict UTF-8, the fallback.

Never a replacement character: what no charset explains is refused.

Why not the parser's own choice: it believes a declaration that the bytes disprove, and it refuses text in ISO 8859-1
without one, which older senders write. A claim of a one-byte charset is disproved by bytes that are well-formed UTF-8
and by bytes 80 to 9F, as in HL7 v2.

XML 1.0, 4.3.3 and appendix F.
"""

from __future__ import annotations

import codecs
import re

from engine.message import Issue, Severity
from engine.standards import Charset
from engine.standards.kith.words import refusal

_KNOWN = {"utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "ascii": "ascii", "utf-16": "utf-16"}
_KNOWN |= {"utf-16le": "utf-16", "utf-16be": "utf-16", "latin1": "iso8859-1", "latin-1": "iso8859-1"}
_KNOWN |= {f"iso-8859-{part}": f"iso8859-{part}" for part in range(1, 17) if part != 12}
_KNOWN |= {f"iso8859-{part}": f"iso8859-{part}" for part in range(1, 17) if part != 12}
_KNOWN |= {f"windows-{page}": f"cp{page}" for page in range(1250, 1259)}
_KNOWN |= {f"cp{page}": f"cp{page}" for page in range(1250, 1259)}

_WIDE = (
    (codecs.BOM_UTF16_LE, 2, "utf-16-le"),
    (codecs.BOM_UTF16_BE, 2, "utf-16-be"),
    (b"<\x00", 0, "utf-16-le"),
    (b"\x00<", 0, "utf-16-be"),
)
_DECLARATION = re.compile(rb"<\?xml\s[^>]{0,200}?\bencoding\s*=\s*[\"']([A-Za-z][A-Za-z0-9._-]{0,40})[\"']")
_PIECE = 1 << 16
_C1 = re.compile(rb"[\x80-\x9f]")


def decode(raw: bytes, charset: Charset, issues: list[Issue]) -> tuple[bytes, str]:
    """The message as UTF-8 bytes without a mark, and the codec that it came in. Raises: InvalidMessage."""
    for mark, length, codec in _WIDE:
        if raw.startswith(mark):
            text = _strict(raw[length:], codec)
            if text is None:
                raise refusal("kith.charset", "line 1")
            return text.encode("utf-8"), codec
    if raw.startswith(codecs.BOM_UTF8):
        body = raw[len(codecs.BOM_UTF8) :]
        if _is_utf8(body):
            return body, "utf-8"
        issues.append(_issue("the bytes are not in UTF-8, which their mark states"))
        return _fallen_back(body, charset, issues)
    return _unmarked(raw, charset, issues)


def _unmarked(raw: bytes, charset: Charset, issues: list[Issue]) -> tuple[bytes, str]:
    found = _DECLARATION.match(raw)
    name = found[1].decode("ascii").lower() if found else ""
    claimed = _KNOWN.get(name, "")
    if name and not claimed:
        issues.append(_issue("the encoding that the declaration names is not known"))
    if claimed:
        if _holds(raw, claimed):
            return _as_utf8(raw, claimed), claimed
        issues.append(_issue("the bytes are not in the encoding that the declaration names"))
    default = _codec(charset.default)
    if default and not claimed:
        if _strict(raw, default) is not None:
            return _as_utf8(raw, default), default
        issues.append(_issue("the bytes are not in the channel's default charset"))
    if _is_utf8(raw):
        return raw, "utf-8"
    return _fallen_back(raw, charset, issues)


def _fallen_back(raw: bytes, charset: Charset, issues: list[Issue]) -> tuple[bytes, str]:
    codec = _codec(charset.fallback)
    text = _strict(raw, codec) if codec else None
    if text is None:
        raise refusal("kith.charset", "line 1")
    issues.append(_issue("read in the channel's fallback charset"))
    return text.encode("utf-8"), codec


def _codec(name: str) -> str:
    return _KNOWN.get(name.lower(), name)


def _holds(raw: bytes, codec: str) -> bool:
    if codec == "utf-16":
        return False
    if raw.isascii():
        return True
    if codec.startswith(("iso8859", "cp")) and _is_utf8(raw):
        return False
    if codec in ("iso8859-1", "iso8859-15") and _C1.search(raw):
        return False
    return _is_utf8(raw) if codec == "utf-8" else _strict(raw, codec) is not None


def _as_utf8(raw: bytes, codec: str) -> bytes:
    return raw if codec == "utf-8" or raw.isascii() else raw.decode(codec).encode("utf-8")


def _is_utf8(raw: bytes) -> bool:
    """Why by pieces: a message is nearly all ASCII, and one letter that is not makes the whole text slow and wide."""
    if len(raw) <= _PIECE:
        return _strict(raw, "utf-8") is not None
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(raw), _PIECE):
            decoder.decode(raw[start : start + _PIECE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _strict(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return None


def _issue(text: str) -> Issue:
    return Issue(Severity.WARNING, "kith.charset", text, "line 1", "T99")
