"""Where the engine's and a site's files lie: the site's own first, then what ships (decision 5)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import engine

_PRODUCT = Path(engine.__file__).resolve().parent.parent
MAPPINGS = _PRODUCT / "mappings"
SCHEMAS = _PRODUCT / "xsd"


class SchemaFiles:
    """Reads files of a standard by name, and remembers what it gave: that enters the revision (decision 15)."""

    def __init__(self, site_folder: Path) -> None:
        self._folders = (site_folder / "xsd", SCHEMAS)
        self._given: dict[str, str] = {}

    def __call__(self, name: str) -> bytes:
        """The bytes of one file: `kith/msghead-1.2.xsd`. Raises: FileNotFoundError when there is none."""
        for folder in self._folders:
            path = folder / name
            if path.is_file():
                raw = path.read_bytes()
                self._given[name] = hashlib.sha256(raw).hexdigest()
                return raw
        raise FileNotFoundError(name)

    def revision(self) -> list[str]:
        """One line for each file that was read, in order of their names."""
        return [f"{name}={self._given[name]}" for name in sorted(self._given)]
