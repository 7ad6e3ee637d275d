"""README stays true: its commands run, its files and make targets are there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, re.S)
LINES = [line for block in BLOCKS for line in block.splitlines() if line.strip()]
SITE = ("channels.yaml", "samples", "mappings", "xsd")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a reader has in front of him, so that commands leave nothing in the checkout."""
    folder = tmp_path_factory.mktemp("readme")
    for name in SITE:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    return folder


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("budstikke")])
def test_each_command_of_the_readme_runs(line: str, site: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        line, shell=True, cwd=site, capture_output=True, text=True, timeout=60, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    assert done.stdout.strip() or ">" in line, f"{line} said nothing"


@pytest.mark.parametrize("line", re.findall(r"^source: \{.*\}", TEXT, re.M))
def test_each_source_of_the_readme_is_taken_by_a_channel(line: str, site: Path, tmp_path: Path) -> None:
    text = (site / "channels.yaml").read_text("utf-8")
    changed = re.sub(r"^    source:\n(?:      .*\n)+", f"    {line}\n", text, count=1, flags=re.M)
    assert changed != text
    (tmp_path / "channels.yaml").write_text(changed, "utf-8")
    (tmp_path / "inn").mkdir()
    done = subprocess.run(
        [Path(sys.executable).parent / "budstikke", "check"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("make")])
def test_each_make_target_of_the_readme_exists(line: str) -> None:
    target = line.split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.M)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", TEXT))))
def test_each_link_of_the_readme_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def test_every_state_that_a_message_may_have_is_explained() -> None:
    from engine.cli.words import STATE_STYLES

    for state in STATE_STYLES:
        assert f"`{state}`" in TEXT
