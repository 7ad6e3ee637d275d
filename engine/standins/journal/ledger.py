"""What was committed, in order: in memory for people and oracles, and in an append-only file that outlives the process.

The file has one JSON object a line, written with one call and before the answer. It is not fsynced: it survives the
end of a process at any moment, not of the machine. A line torn at the end of the file is cut off at start.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from engine.standins.journal import wire
from engine.standins.journal.store import Store, Version, seal


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit did about one resource; `version` is the newest after it (0: there never was one)."""

    resource: str
    version: int
    what: str


@dataclass(frozen=True, slots=True)
class Commit:
    """One request that was carried out: number from 1, FHIR instant, interaction, changes in order of processing."""

    number: int
    at: str
    kind: str
    changes: tuple[Change, ...]

    def shown(self) -> dict[str, Any]:
        """For JSON: ids and words, never content."""
        changes = [{"resource": c.resource, "version": c.version, "what": c.what} for c in self.changes]
        return {"number": self.number, "at": self.at, "kind": self.kind, "changes": changes}


class Ledger:
    """All commits since the beginning of the file, or of the process where there is no file."""

    def __init__(self, path: Path | None, store: Store, address: str) -> None:
        self.commits: list[Commit] = []
        self._descriptor: int | None = None
        self._length = 0
        if path is not None:
            self._open(path, store, address)

    def _open(self, path: Path, store: Store, address: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        if path.exists():
            for line in _whole_lines(path):
                self._length += len(line)
                commit, versions = read_line(line, address)
                store.add(versions)
                self.commits.append(commit)
        os.ftruncate(self._descriptor, self._length)

    def append(self, at: str, kind: str, changes: tuple[Change, ...], versions: list[Version]) -> Commit:
        """Record one commit. Raises: OSError, and then nothing of it is kept."""
        commit = Commit(len(self.commits) + 1, at, kind, changes)
        if self._descriptor is not None:
            line = orjson.dumps({**commit.shown(), "versions": [_sealed(version) for version in versions]}) + b"\n"
            self._write(self._descriptor, line)
        self.commits.append(commit)
        return commit

    def _write(self, descriptor: int, line: bytes) -> None:
        try:
            if os.write(descriptor, line) != len(line):
                raise OSError("short write")
        except OSError:
            os.ftruncate(descriptor, self._length)
            raise
        self._length += len(line)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _sealed(version: Version) -> dict[str, Any]:
    return {
        "resource": version.reference,
        "version": version.number,
        "updated": version.updated,
        "method": version.method,
        "content": orjson.Fragment(version.body) if version.body else None,
    }


def _whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                return
            yield line


def read_line(line: bytes, address: str = "") -> tuple[Commit, list[Version]]:
    """One line of a state file: the commit, and the versions it made."""
    written = wire.load(line)
    changes = tuple(Change(c["resource"], c["version"], c["what"]) for c in written["changes"])
    versions = [_unsealed(version, address) for version in written["versions"]]
    return Commit(written["number"], written["at"], written["kind"], changes), versions


def _unsealed(written: dict[str, Any], address: str) -> Version:
    number, updated, method = written["version"], written["updated"], written["method"]
    if written["content"] is None:
        kind, _, identity = written["resource"].partition("/")
        return Version(kind, identity, number, updated, method)
    return seal(written["content"], number, updated, method, address)


def read_state(path: Path) -> Iterator[tuple[Commit, list[Version]]]:
    """Everything committed to a state file, in order; safe while a journal still writes to it."""
    for line in _whole_lines(path):
        yield read_line(line)
