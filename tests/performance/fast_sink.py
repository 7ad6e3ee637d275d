"""The fast sink as a process of its own; records nothing."""

from __future__ import annotations

from engine.standins.sink import run

if __name__ == "__main__":
    run()
