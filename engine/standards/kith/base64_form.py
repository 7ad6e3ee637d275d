"""The form of a Base64 text, judged as the schema judges it, without the schema and without decoding.

What is no digit and no `=` is passed over (RFC 2045, 6.8). Digits come before `=`, by four; one `=` stands for one
digit, two for two, and the bits that they leave over are zero.

Why not a decoder: those of the standard library refuse line ends or take anything, and make bytes that nobody wants.
XML Schema 1.0, part 2, 3.2.16 (base64Binary), as libxml2 has it; the tests compare.
"""

from __future__ import annotations

_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_STRAY = bytes(set(range(256)) - set(_DIGITS + b"="))
_AT_ONCE = 1 << 16
"""Characters looked at in one go, so that a large text is not copied whole."""
_LEFT_OVER = {0: 0, 1: 0b11, 2: 0b1111}
"""The bits of the last digit that must be zero, by the number of `=`."""


def is_base64(text: str) -> bool:
    """Whether a text is Base64. Linear; copies little of it at a time."""
    digits = padding = 0
    last = b""
    for start in range(0, len(text), _AT_ONCE):
        piece = text[start : start + _AT_ONCE].encode("ascii", "ignore").translate(None, _STRAY)
        body = piece.rstrip(b"=")
        if b"=" in body or (body and padding):
            return False
        digits += len(body)
        padding += len(piece) - len(body)
        last = body[-1:] or last
    if padding > 2 or (digits + padding) % 4:
        return False
    return not padding or not _DIGITS.index(last) & _LEFT_OVER[padding]
