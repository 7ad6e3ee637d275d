"""UCUM units: is a text one, in the case-sensitive form. UCUM 2.1, tables 1 to 4 as far as laboratories use them."""

from __future__ import annotations

import re

_FIXED = (
    "10*", "10^", "%", "[ppth]", "[ppm]", "[ppb]", "min", "h", "d", "a", "mo", "wk", "deg", "'", "''", "[pH]", "[in_i]",
    "[ft_i]", "[lb_av]", "[degF]", "[oz_av]", "[drp]",
)  # fmt: skip
"""Units that take no prefix."""
_ATOMS = (
    *_FIXED, "mol", "sr", "Hz", "N", "Pa", "J", "W", "A", "V", "F", "Ohm", "S", "Wb", "Cel", "T", "H", "lm", "lx", "Bq",
    "Gy", "Sv", "g", "m", "s", "rad", "K", "C", "cd", "L", "l", "ar", "t", "bar", "u", "eV", "pc", "st", "gon", "kat",
    "U", "[iU]", "[IU]", "[arb'U]", "[USP'U]", "eq", "osm", "g%", "Torr", "cal", "m[H2O]", "m[Hg]", "[APL'U]",
    "[GPL'U]", "[MPL'U]", "[PFU]", "[CFU]", "[CCID_50]", "[copies]", "B", "Np", "[beth'U]", "[ELU]", "[EU]",
)  # fmt: skip
_PREFIXES = (*"YZEPTGMkhdcmunpfazy", "da")
_METRIC = set(_ATOMS) - set(_FIXED)
_UNITS = set(_ATOMS) | {front + atom for front in _PREFIXES for atom in _METRIC}
_TERM = re.compile(r"((?:[^0-9./{}()+-]|10\*|10\^|(?<=_)\d+|(?<=H)2(?=O))+)?([+-]?\d+)?(\{[!-z|~]*\})?")


_KNOWN_UNITS: dict[str, str] = {}
_MOST_UNITS = 1024


def ucum(text: str) -> str:
    """The text when it is a UCUM unit in its case-sensitive form, else nothing.

    >>> ucum("mmol/L"), ucum("10*9/L"), ucum("mm[Hg]"), ucum("/min"), ucum("{score}"), ucum("stk"), ucum("mg/dl/")
    ('mmol/L', '10*9/L', 'mm[Hg]', '/min', '{score}', '', '')
    """
    if text not in _KNOWN_UNITS:
        if len(_KNOWN_UNITS) >= _MOST_UNITS:
            _KNOWN_UNITS.clear()
        _KNOWN_UNITS[text] = _unit(text)
    return _KNOWN_UNITS[text]


def _unit(text: str) -> str:
    terms = re.split(r"[./]", text[1:] if text[:1] == "/" else text)
    return text if text and all(map(_is_term, terms)) else ""


def _is_term(term: str) -> bool:
    if term.isascii() and term.isdigit():
        return True
    found = _TERM.fullmatch(term)
    if not term or found is None:
        return False
    unit, exponent, note = found.groups()
    if unit is None:
        return note is not None and exponent is None
    return unit in _UNITS
