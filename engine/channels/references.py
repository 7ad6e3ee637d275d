"""References in a config: `${env:NAME}`, `${env:NAME:-default}`, `${secret:store/name}`, `${file:path}`.

They are resolved after YAML is parsed, only in fields that are marked for it (`Resolved`, `Secret`), and the result is
typed again; so a value from outside can never become structure. `$${` stands for the two signs themselves.
A secret keeps the reference it came from and shows only that; a literal where a secret belongs is E105, whatever
cannot be resolved E104.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from engine.channels.scalars import did_you_mean, refusal

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_NAMES = {"env": "${env:NAME}", "secret": "${secret:files/name}", "file": "${file:path}"}


@dataclass(frozen=True, slots=True)
class Resolver:
    """What references are resolved against: the site folder, the environment, the secret stores (name to folder)."""

    folder: Path
    env: Mapping[str, str]
    stores: Mapping[str, Path] = field(default_factory=dict)

    def text(self, written: str) -> str:
        """`written` with every `${env:}` and `${file:}` in it replaced. Raises: PydanticCustomError E104."""

        def one(match: re.Match[str]) -> str:
            if match[0] == "$${":
                return "${"
            kind, _, rest = self._split(match)
            if kind == "secret":
                raise refusal(
                    "E104", "a secret may not be used in this field", "only passwords, tokens and keys take secrets"
                )
            return self._env(rest) if kind == "env" else self.read(self.folder / rest, rest)

        return _REFERENCE.sub(one, written)

    def secret(self, written: str) -> Secret:
        """The secret that `written`, one whole reference, names. Raises: PydanticCustomError E104, E105."""
        match = _REFERENCE.fullmatch(written)
        if match is None or match[0] == "$${":
            hint = 'put it in a file of its own under secrets/ and write "${secret:files/NAME}"'
            raise refusal("E105", "a secret written in the file", hint)
        kind, _, rest = self._split(match)
        if kind == "env":
            return Secret(written, self._env(rest))
        path = self.folder / rest
        if kind == "secret":
            store, slash, name = rest.partition("/")
            if store not in self.stores:
                raise refusal("E104", f"no secret store '{store}'", did_you_mean(store, self.stores))
            if not slash or not name or ".." in Path(name).parts or Path(name).is_absolute():
                raise refusal("E104", "a secret is named STORE/NAME", 'write "${secret:files/NAME}"')
            path = self.stores[store] / name
        return Secret(written, self.read(path, rest), path)

    def _split(self, match: re.Match[str]) -> tuple[str, str, str]:
        kind, colon, rest = (match[1] or "").partition(":")
        if not match[0].endswith("}") or not colon or not rest or kind not in _NAMES:
            raise refusal("E104", "not a reference", f"write {', '.join(_NAMES.values())}; $${{ stands for the signs")
        return kind, colon, rest

    def _env(self, rest: str) -> str:
        name, separator, default = rest.partition(":-")
        value = self.env.get(name, "")
        if value or separator:
            return value or default
        raise refusal(
            "E104", f"the environment variable {name} is not set", f"set it, or write ${{env:{name}:-default}}"
        )

    def read(self, path: Path, shown: str) -> str:
        """The text of a referenced file without its last line end. Raises: PydanticCustomError E104."""
        try:
            return path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, ValueError):
            raise refusal("E104", f"cannot read the file {shown}", f"it is looked for at {path}") from None


@dataclass(frozen=True, slots=True)
class Secret:
    """A password, token or key: `reveal()` gives it, everything else shows only the reference it came from.

    `path` is the file it was read from, for libraries that want key files; None where it came from the environment.
    """

    reference: str
    _value: str = field(repr=False, compare=False)
    path: Path | None = field(default=None, repr=False, compare=False)

    def reveal(self) -> str:
        """The secret itself. Never log it."""
        return self._value

    def __str__(self) -> str:
        return self.reference

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _secret, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": r"^\$\{(env|secret|file):.+\}$", "examples": ["${secret:files/NAME}"]}


def _secret(value: Any, info: ValidationInfo) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise refusal("E105", "a secret written in the file", 'write "${secret:files/NAME}"')
    resolver = info.context if isinstance(info.context, Resolver) else Resolver(Path(), {})
    return resolver.secret(value)


def _in_file(secret: Secret) -> Secret:
    if secret.path is None:
        raise refusal("E112", "a key must lie in a file", 'write "${secret:files/NAME}" or "${file:certs/NAME.pem}"')
    return secret


KeyFile = Annotated[Secret, AfterValidator(_in_file)]
"""A private key: a secret that lies in a file, because TLS libraries take paths."""


def _resolve(value: Any, info: ValidationInfo) -> Any:
    if not isinstance(value, str) or "${" not in value:
        return value
    resolver = info.context if isinstance(info.context, Resolver) else Resolver(Path(), {})
    return resolver.text(value)


class _Resolved:
    """The mark itself: resolves before typing, and tells editors that a reference may stand where a pattern rules."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_before_validator_function(_resolve, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        plain = dict(handler(core))
        return plain if plain == {"type": "string"} else {"anyOf": [plain, {"type": "string", "pattern": r"\$\{.+\}"}]}


Resolved = _Resolved()
"""Marks a field in which references are resolved before it is typed: `Annotated[str, is_url, Resolved]`."""

ResolvedText = Annotated[str, Resolved]
"""Text in which references may stand."""
