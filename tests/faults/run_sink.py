"""The dumb recording sink as a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from engine.standins.sink import run

if __name__ == "__main__":
    run(record=Path(sys.argv[1]))
