"""A site folder read: `channels.yaml` and what lies beside it, as typed values that know their line.

Every mistake is found at once: what the models refuse is left out and the rest is read again, so that the linter can
still judge it. Nothing is guessed: an unquoted number where text belongs is E102, not text.

Codes: E102 unquoted identifier · E103 unknown key · E104 unresolved reference · E105 literal secret ·
E112 wrong value · E113 missing key · E120 no file; those of YAML itself in `engine.yamlfile`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.channels.config import SiteConfig
from engine.channels.places import finding_of, place_of
from engine.channels.references import Resolver
from engine.errors import ConfigError, Finding
from engine.yamlfile import YamlList, YamlMap, YamlNode, YamlScalar, load

FILE = "channels.yaml"

_FOLLOWS = {"missing", "too_short", "union_tag_not_found"}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Site:
    """A site's config, the folder it stands in and where each value is written."""

    config: SiteConfig
    folder: Path
    file: str = FILE
    tree: YamlNode = field(default_factory=lambda: YamlScalar("", "plain", 0, 0), repr=False)

    def where(self, path: tuple[str | int, ...]) -> tuple[str, int, int]:
        """File, line and column of the value at `path`; of the nearest block around it where it is not written."""
        node = place_of(self.tree, path)
        return self.file, node.line, node.column

    def beside(self, name: str) -> Path:
        """A path that the config names, from the site folder; absolute ones as they are."""
        return self.folder / name


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of a site folder: its sound part (None where nothing holds), and all that the reader has to say.

    `named` are the names that the file declares under `systems`, `policies`, `tables`, also the unsound ones.
    """

    site: Site | None
    findings: tuple[Finding, ...]
    named: Mapping[str, frozenset[str]] = field(default_factory=dict)


def load_site(folder: Path, env: Mapping[str, str]) -> Site:
    """The site in `folder`. Raises: ConfigError with every finding of the reader."""
    reading = read_site(folder, env)
    if reading.findings or reading.site is None:
        raise ConfigError(reading.findings)
    return reading.site


def read_site(folder: Path, env: Mapping[str, str]) -> Reading:
    """The site in `folder` as far as it is sound, and all findings. Never raises for what stands in the file."""
    shown = FILE if folder in {Path(), Path(".")} else str(folder / FILE)
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        hint = "run it in the site folder, or name the folder; `budstikke init` makes one"
        return Reading(None, (Finding("E120", shown, 0, 0, "there is no channels.yaml here", hint),))
    except UnicodeDecodeError:
        return Reading(None, (Finding("E100", shown, 0, 0, "the file is not UTF-8", "save it as UTF-8"),))
    except OSError as error:
        return Reading(None, (Finding("E120", shown, 0, 0, f"cannot read the file: {error.strerror}"),))
    try:
        tree = load(text, shown)
    except ConfigError as error:
        return Reading(None, error.findings)
    return _typed(tree, folder, shown, env)


def _typed(tree: YamlNode, folder: Path, file: str, env: Mapping[str, str]) -> Reading:
    findings: list[Finding] = []
    if not isinstance(tree, YamlMap):
        wrong = Finding("E113", file, tree.line, tree.column, "not a config", "begin with version: 1")
        return Reading(None, (wrong,))
    raw: dict[str, Any] = _value(tree, file, findings)
    named = {key: frozenset(raw[key]) for key in ("systems", "policies", "tables") if isinstance(raw.get(key), dict)}
    resolver = Resolver(folder, env, _stores(raw, folder))
    config: SiteConfig | None = None
    for attempt in range(8):
        try:
            config = SiteConfig.model_validate(raw, context=resolver)
            break
        except ValidationError as error:
            problems = error.errors(include_url=False)
        # What is missing only because it was taken out for an earlier finding is no finding of its own.
        new = [problem for problem in problems if attempt == 0 or problem["type"] not in _FOLLOWS]
        findings.extend(finding_of(problem, tree, file) for problem in new)
        pruned = [_prune(raw, problem["loc"]) for problem in problems]
        if not any(pruned):
            break
    unique = tuple(sorted(set(findings), key=lambda finding: (finding.line, finding.column, finding.code)))
    return Reading(None if config is None else Site(config, folder, file, tree), unique, named)


def _stores(raw: dict[str, Any], folder: Path) -> dict[str, Path]:
    """The secret stores, read before everything else because everything else may name them."""
    said = raw.get("secrets", {"files": {"path": "secrets/"}})
    stores = said.items() if isinstance(said, dict) else ()
    return {name: folder / str(store["path"]) for name, store in stores if isinstance(store, dict) and "path" in store}


def _value(node: YamlNode, file: str, findings: list[Finding]) -> Any:
    """YAML 1.2 core types: truth values, numbers and text; an empty value is left out and found."""
    if isinstance(node, YamlMap):
        pairs = ((key.text, _value(value, file, findings)) for key, value in node.entries)
        return {key: value for key, value in pairs if value is not None}
    if isinstance(node, YamlList):
        return [_value(item, file, findings) for item in node.items]
    if not node.plain:
        return node.text
    if node.text in {"", "~", "null"}:
        findings.append(Finding("E112", file, node.line, node.column, "an empty value", "write one, or remove the key"))
        return None
    return core_value(node.text)


def core_value(text: str) -> bool | int | float | str:
    """What a plain scalar means. YAML 1.2.2, 10.3.2; of the truth values only the lower-case ones."""
    if text in {"true", "false"}:
        return text == "true"
    if len(text) <= 100 and _INT.fullmatch(text):
        return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _prune(raw: dict[str, Any], place: tuple[str | int, ...]) -> bool:
    """Take what was refused out of `raw`: the one key, or if that is not there the channel or system around it."""
    here: Any = raw
    for step in place[:-1]:
        inner = here[step] if isinstance(here, list) and isinstance(step, int) and step < len(here) else None
        inner = here.get(step) if isinstance(here, dict) else inner
        here = here if inner is None else inner
    if isinstance(here, dict) and place and here.pop(place[-1], None) is not None:
        return True
    block = raw.get(str(place[0])) if place else None
    if len(place) >= 2 and isinstance(block, dict):
        return block.pop(place[1], None) is not None
    return bool(place) and raw.pop(str(place[0]), None) is not None
