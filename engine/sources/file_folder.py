"""The folder on the disk: listed, read, put away. Plain calls that may block; never a link followed, never a file lost.

A file is put away by renaming it inside its folder, under its own name or, where that is taken, one with a number.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from engine.sources.file_ready import Found

REPORT = ".report.json"
_FIRST = 4096
_NAMES_MOST = 10_000
_SUFFIX_MOST = 20
_NAME_BYTES = 255
"""The longest name that usual file systems take."""


_KINDS = {stat.S_IFLNK: "link", stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe"}


class Changed(Exception):
    """The file is not what was seen: gone, replaced or written to. It is for the next round."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes, or the first of them where it is `too_large`."""

    raw: bytes = field(repr=False)
    too_large: bool = False


@dataclass(frozen=True, slots=True)
class Passed:
    """Something that is named like a file but is none: `link`, `folder`, `pipe`, `special`."""

    inode: int
    kind: str

    @property
    def version(self) -> tuple[int, int, int]:
        """As of a file: the same as long as it is there."""
        return self.inode, 0, 0


class Folder:
    """One watched folder and the two in it."""

    def __init__(self, path: Path, match: str, marker: str, accepted: str, refused: str) -> None:
        self._path, self._match, self._marker = path, match, marker
        self.accepted, self.refused = path / accepted, path / refused

    def prepare(self) -> None:
        """Make the two folders. Raises: OSError; NotADirectoryError also where one of them is a link."""
        if not self._path.is_dir():
            raise NotADirectoryError
        for inner in (self.accepted, self.refused):
            inner.mkdir(exist_ok=True)
            if inner.is_symlink() or not inner.is_dir():
                raise NotADirectoryError

    def files(self) -> tuple[list[Found], list[Passed]]:
        """Regular files whose names match, and links, folders and others that are named like them. Hidden ones are
        not there for us. Raises: OSError."""
        found, passed = [], []
        with os.scandir(self._path) as entries:
            by_name = {entry.name: entry for entry in entries}
        for name, entry in by_name.items():
            if name.startswith(".") or (self._marker and name.endswith(self._marker)):
                continue
            if not fnmatch.fnmatchcase(name, self._match):
                continue
            with contextlib.suppress(FileNotFoundError):
                facts = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(facts.st_mode):
                    marked = bool(self._marker) and name + self._marker in by_name
                    found.append(Found(name, facts.st_ino, facts.st_size, facts.st_mtime_ns, marked))
                elif name not in (self.accepted.name, self.refused.name):
                    passed.append(Passed(facts.st_ino, _KINDS.get(stat.S_IFMT(facts.st_mode), "special")))
        return found, passed

    def read(self, found: Found, most: int) -> Content:
        """The bytes of a file that stays as it was seen. Raises: Changed; OSError where it cannot be read."""
        flags = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | os.O_NONBLOCK
        try:
            handle = os.open(self._path / found.name, flags)
        except FileNotFoundError:
            raise Changed from None
        with open(handle, "rb") as source:
            self._same(os.fstat(handle), found)
            if found.size > most:
                return Content(source.read(_FIRST), too_large=True)
            raw = source.read(most + 1)
            self._same(os.fstat(handle), found)
        if len(raw) != found.size:
            raise Changed
        return Content(raw)

    def put_away(self, found: Found, into: Path, report: Mapping[str, object] | None = None) -> None:
        """Move a file, its report before it and its marker after it. Raises: Changed, OSError."""
        here = self._path / found.name
        try:
            self._same(here.lstat(), found)
        except FileNotFoundError:
            raise Changed from None
        name = _free(into, found.name, report is not None)
        if report is not None:
            partial = into / f".{found.inode}.part"
            partial.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
            partial.replace(into / (name + REPORT))
        here.rename(into / name)
        if self._marker:
            with contextlib.suppress(OSError):
                (self._path / (found.name + self._marker)).rename(into / (name + self._marker))

    def _same(self, facts: os.stat_result, found: Found) -> None:
        if not stat.S_ISREG(facts.st_mode) or (facts.st_ino, facts.st_size, facts.st_mtime_ns) != found.version:
            raise Changed


def _free(folder: Path, name: str, reported: bool) -> str:
    """A name that nothing has there yet; cut where it, or its report's, would be too long. Raises: FileExistsError."""
    stem, dot, suffix = name.partition(".")
    if len(suffix) > _SUFFIX_MOST:
        stem, dot, suffix = name, "", ""
    most = _NAME_BYTES - len(REPORT) * reported
    for number in range(_NAMES_MOST):
        end = f"-{number}{dot}{suffix}" if number else dot + suffix
        kept = stem
        while kept and len(os.fsencode(kept + end)) > most:
            kept = kept[:-1]
        if not os.path.lexists(folder / (kept + end)):
            return kept + end
    raise FileExistsError
