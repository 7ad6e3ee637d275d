"""The encoding characters of one message: MSH-1 and MSH-2, taken as the sender wrote them.

HL7 v2.5.1, 2.5.4; HL7 v2.7, 2.5.4 (truncation character).
"""

from __future__ import annotations

from typing import NamedTuple

from engine.errors import InvalidMessage

SMALL_TILDE = "\u02dc"
"""What a word processor makes of `~`."""


class Separators(NamedTuple):
    """One character each; "" where the sender states none."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""


USUAL = Separators()


def _refused(text: str, field: int) -> InvalidMessage:
    return InvalidMessage(text, code="hl7.separators", place=f"MSH[1]-{field}", reject=True, standard_code="102")


def separators_of(field: str, encoding: str) -> Separators:
    """Separators from MSH-1 and MSH-2. One to five encoding characters; fewer than four leave the later ones absent.

    Raises: InvalidMessage for none, too many, duplicates, or characters that can stand in ordinary text.
    """
    if field == "|" and encoding == "^~\\&":
        return USUAL
    if not _may_separate(field):
        raise _refused("the field separator is a letter, digit, blank, control or non-ASCII character", 1)
    if not 1 <= len(encoding) <= 5:
        raise _refused(f"{len(encoding)} encoding characters where 2 to 5 are allowed", 2)
    if not all(map(_may_separate, encoding)):
        raise _refused("an encoding character is a letter, digit, blank, control or non-ASCII character", 2)
    if len({field, *encoding}) != len(encoding) + 1:
        raise _refused("the same character separates two things", 2)
    return Separators(field, *(encoding[i : i + 1] for i in range(5)))


def _may_separate(character: str) -> bool:
    return " " < character < "\x7f" and not character.isalnum()
