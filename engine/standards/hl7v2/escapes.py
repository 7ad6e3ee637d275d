r"""Escape sequences, undone once, after splitting: `\F\ \S\ \T\ \R\ \E\ \P\ \X..\ \.br\ \.sp\ \.in\ \H\ \N\`.

What is no escape sequence (`4\5 re.`) is text. MAPPING 3, item 4.
HL7 v2.5.1, 2.7.1 (characters), 2.7.4 (highlighting), 2.7.5 (formatted text), 2.7.3 (hexadecimal).
"""

from __future__ import annotations

from engine.standards.hl7v2.separators import Separators


def unescape(text: str, separators: Separators, charset: str, formatted: bool = False) -> str:
    """Text without escape sequences. `charset` decodes hexadecimal ones; `formatted` turns `.br` and friends to breaks.

    Formatting commands outside formatted text, and `.br` among them, stay as written: there they are text.
    """
    escape = separators.escape
    if not escape or escape not in text:
        return text
    pieces = text.split(escape)
    out = [pieces[0]]
    pending = bytearray()
    index, last = 1, len(pieces) - 1
    while index < last:
        sequence = pieces[index]
        octets = _hexadecimal(sequence)
        if octets is not None:
            pending += octets
            if pieces[index + 1]:
                out.append(_decoded(pending, charset))
                pending = bytearray()
            out.append(pieces[index + 1])
            index += 2
            continue
        if pending:
            out.append(_decoded(pending, charset))
            pending = bytearray()
        replacement = _replacement(sequence, separators, formatted)
        if replacement is None:
            # No sequence: the escape character is text, and the next one may open a real one.
            out.append(escape)
            out.append(sequence)
            index += 1
        else:
            out.append(replacement)
            out.append(pieces[index + 1])
            index += 2
    if pending:
        out.append(_decoded(pending, charset))
    if index == last:
        out.append(escape)
        out.append(pieces[last])
    return "".join(out)


def escape(text: str, separators: Separators) -> str:
    """Text that can stand in a component: every separator as its escape sequence, CR and LF as hexadecimal ones."""
    mark = separators.escape
    if not mark:
        return text
    table = {
        mark: "E", separators.field: "F", separators.component: "S", separators.subcomponent: "T",
        separators.repetition: "R", separators.truncation: "P", "\r": "X0D", "\n": "X0A",
    }  # fmt: skip
    return text.translate({ord(key): f"{mark}{code}{mark}" for key, code in table.items() if key})


def _hexadecimal(sequence: str) -> bytes | None:
    if sequence[:1] != "X" or len(sequence) < 3 or len(sequence) % 2 == 0 or not sequence.isascii():
        return None
    try:
        return bytes.fromhex(sequence[1:]) if " " not in sequence else None
    except ValueError:
        return None


def _decoded(octets: bytearray, charset: str) -> str:
    for codec in (charset, "utf-8", "cp1252"):
        try:
            return octets.decode(codec)
        except (UnicodeDecodeError, LookupError):
            continue
    return octets.decode("latin-1")


def _replacement(sequence: str, separators: Separators, formatted: bool) -> str | None:
    if len(sequence) == 1:
        return _character(sequence, separators)
    if sequence[:1] == "." and formatted:
        return _formatting(sequence[1:])
    if sequence[:1] in ("C", "M") and len(sequence) in (5, 7) and _is_hexadecimal(sequence[1:]):
        return ""
    return None


def _character(letter: str, separators: Separators) -> str | None:
    if letter == "E":
        return separators.escape
    if letter == "F":
        return separators.field
    if letter == "S":
        return separators.component
    if letter == "T":
        return separators.subcomponent or "&"
    if letter == "R":
        return separators.repetition or "~"
    if letter == "P":
        return separators.truncation or "#"
    if letter in "HN":
        return ""
    return None


def _formatting(command: str) -> str | None:
    """`.br` and `.ce` one break, `.sp` one or n, indents and modes nothing; None for what is no command."""
    name, argument = command[:2], command[2:].strip()
    count = argument.lstrip("+-")
    if argument and not (count.isascii() and count.isdigit() and len(count) < 4):
        return None
    if name in ("br", "ce"):
        return "\n"
    if name == "sp":
        return "\n" * min(int(count or 1), 100)
    if name == "sk":
        return " " * min(int(count or 1), 100)
    return "" if name in ("in", "ti", "fi", "nf") else None


def _is_hexadecimal(text: str) -> bool:
    return all(character in "0123456789ABCDEFabcdef" for character in text)
