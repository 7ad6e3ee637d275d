"""Keys that a site makes once and keeps."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from engine.channels.keys import kept_key
from engine.errors import ConfigError


def test_a_key_is_made_once_kept_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "site.key"
    first = kept_key(path)
    assert (kept_key(path), len(first)) == (first, 32)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_try_writes_no_key(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "site.key"
    assert kept_key(path, make=False) != kept_key(path, make=False)
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "abcd", "not hex at all"])
def test_a_damaged_key_is_never_replaced_in_silence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "site.key"
    path.write_text(content)
    with pytest.raises(ConfigError, match="E310"):
        kept_key(path)
    assert path.read_text() == content
