"""A second opinion on HL7 v2 structure: what hl7apy's own validator says of a message.

It takes a thousand times as long as ours and may loop on odd input, so it runs in a process of its own that is ended
after some seconds. It never decides anything: the verdict is `judge`'s (decision 1).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

SECONDS = 15.0
LARGEST = 256 * 1024
_MOST_LINES = 100
_LONGEST = 200


def structure_report(raw: bytes, seconds: float = SECONDS) -> list[str]:
    """hl7apy's findings as lines, or the one line that says why there are none. Never raises."""
    if len(raw) > LARGEST:
        return [f"hl7apy was not asked: the message is larger than {LARGEST // 1024} KB"]
    command = [sys.executable, "-m", __name__]
    try:
        done = subprocess.run(command, input=raw, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return [f"hl7apy was stopped after {seconds:g} seconds"]
    except OSError as error:
        return [f"hl7apy could not be asked: {type(error).__name__}"]
    if done.returncode:
        return ["hl7apy failed on this message"]
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return [line[:_LONGEST] for line in lines[:_MOST_LINES]]


def _judged(raw: bytes) -> list[str]:
    """In the process of its own: the lines, errors before warnings. They may quote coded values."""
    from hl7apy.consts import VALIDATION_LEVEL
    from hl7apy.parser import parse_message

    text = raw.decode("utf-8", "replace").replace("\r\n", "\r").replace("\n", "\r").strip("\r") + "\r"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        try:
            message = parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=True)
            message.validate(report_file=str(report))
        except Exception as error:  # whatever it does with odd input, a line is all that comes of it
            if not report.exists():
                return [f"Error: hl7apy cannot judge this message: {type(error).__name__}"]
        lines = report.read_text("utf-8").splitlines()
    return sorted(dict.fromkeys(line.strip() for line in lines if line.strip()), key=_weight)


def _weight(line: str) -> bool:
    return not line.lower().startswith("error")


if __name__ == "__main__":
    sys.stdout.write("\n".join(_judged(sys.stdin.buffer.read())))
