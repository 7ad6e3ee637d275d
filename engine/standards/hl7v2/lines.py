"""Lines to segments: CR is the rule; LF, CRLF, mixed ends, blank lines and text broken over lines are accepted.

A line that does not begin with a segment name and the field separator belongs to the field before it. MAPPING 3, items
2 and 3. HL7 v2.5.1, 2.3.2.
"""

from __future__ import annotations

from engine.message import Issue, Severity

STRAY = "\x00\x0b\x1a\x1c \t\ufeff"
"""What may stand alone on a line without meaning anything: framing bytes, end-of-file marks, blanks."""


def begins_segment(line: str, separator: str) -> bool:
    """Whether a line begins with three letters or digits, the first a letter, all in one case, and the separator."""
    return line[3:4] == separator and names_segment(line[:3])


def names_segment(name: str) -> bool:
    """`PID`, `IN1`, and in lower case as some write it."""
    return len(name) == 3 and name.isascii() and name.isalnum() and name[0].isalpha() and (
        name.isupper() or name.islower()
    )  # fmt: skip


def segment_lines(text: str, separator: str, issues: list[Issue]) -> list[str]:
    """One string for each segment, without its end. Pasted line breaks stay inside it as LF."""
    cr, lf = text.find("\r"), text.find("\n")
    lf_ends = lf >= 0 and (cr < 0 or lf < cr)
    if lf >= 0:
        issues.append(Issue(Severity.NOTE, "hl7.line_end", "lines end with LF or CRLF instead of CR"))
        text = text.replace("\r\n", "\r")
        if lf_ends:
            text = text.replace("\n", "\r")
    lines: list[list[str]] = []
    broken = False
    for part in text.split("\r"):
        for number, line in enumerate(part.split("\n")):
            bare = number == 0 and line.isupper() and names_segment(line)
            if bare or begins_segment(line, separator) or not lines:
                lines.append([line])
            elif line.strip(STRAY):
                lines[-1].append(line)
                broken = True
            elif number:
                # A blank line in pasted text is part of it, unless nothing but a segment follows.
                lines[-1].append("")
    if broken:
        issues.append(
            Issue(
                Severity.WARNING, "hl7.broken_segment", "a field is broken over lines; the lines were joined", "", "102"
            )
        )
    return ["\n".join(parts).rstrip("\n") if len(parts) > 1 else parts[0] for parts in lines]
