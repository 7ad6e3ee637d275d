"""A whole `channels.yaml` as typed values: one model for the loader, the linter and the editors' JSON Schema.

`engine.channels.site.load_site` makes it from a site folder.
Order of the modules that are the config: scalars < references < systems < policies < sources < channel < config < site.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from engine.channels.channel import Channel
from engine.channels.policies import BUILT_IN, PolicyPart, effective_policy
from engine.channels.references import Resolved, ResolvedText
from engine.channels.scalars import Name, Text, Words, is_zone, refusal
from engine.channels.systems import Part, System
from engine.delivery import Policy


class SiteFacts(Part):
    """Which installation this is."""

    name: Annotated[Name, Words("short name of the installation", "kort navn på installasjonen")]
    timezone: Annotated[
        str, is_zone, Resolved, Words("time zone of times without one", "tidssonen for tider uten sone")
    ] = "Europe/Oslo"
    her_id: Annotated[
        str | None, Field(pattern=r"^\d{1,12}$"), Resolved, Words("HER-id of the organisation", "virksomhetens HER-id")
    ] = None
    environment: Annotated[
        Literal["test", "production"],
        Resolved,
        Words("production takes no test messages (MSH-11)", "production tar ikke imot testmeldinger (MSH-11)"),
    ] = "test"


class StorePart(Part):
    """Where messages and deliveries are kept."""

    path: Annotated[ResolvedText, Words("SQLite file, from the site folder", "SQLite-fil, regnet fra mappen")] = (
        "var/budstikke.sqlite"
    )


class DirectoryStore(Part):
    """A folder with one file for each secret."""

    type: Literal["directory"]
    path: Annotated[Text, Words("folder, from the site folder", "mappe, regnet fra mappen til stedet")]


class TablePart(Part):
    """A code table of the site: a CSV file, or the pairs themselves."""

    file: Annotated[Text | None, Words("CSV file with a header line, UTF-8", "CSV-fil med overskriftslinje, UTF-8")] = (
        None
    )
    key: Annotated[Text | None, Words("the column that is looked up", "kolonnen det slås opp i")] = None
    columns: Annotated[tuple[Text, ...], Words("the columns that are given back", "kolonnene som gis tilbake")] = ()
    map: Annotated[dict[str, Text] | None, Words("code: value", "kode: verdi")] = None

    @model_validator(mode="after")
    def _one_kind(self) -> TablePart:
        if (self.file is None) == (self.map is None):
            raise refusal("E112", "a table is a file or a map", "write file:, key: and columns:, or map:")
        if self.file is not None and (self.key is None or not self.columns):
            raise refusal("E113", "a table from a file needs key and columns", "name columns of the file's first line")
        if self.map is not None and (self.key is not None or self.columns):
            raise refusal("E112", "a map has no key and columns", "remove key: and columns:")
        return self


class SiteConfig(Part):
    """A whole `channels.yaml`."""

    version: Annotated[Literal[1], Words("version of the language", "versjon av språket")]
    site: Annotated[SiteFacts, Words("which installation this is", "hvilken installasjon dette er")]
    store: Annotated[StorePart, Words("where messages are kept", "hvor meldinger lagres")] = StorePart()
    secrets: Annotated[dict[Name, DirectoryStore], Words("stores of secrets", "hemmelighetslagre")] = {  # noqa: RUF012
        "files": DirectoryStore(type="directory", path="secrets/")
    }
    systems: Annotated[dict[Name, System], Words("senders and receivers", "avsendere og mottakere")] = {}  # noqa: RUF012
    policies: Annotated[dict[Name, PolicyPart], Words("how hard to try", "hvor hardt det prøves")] = {}  # noqa: RUF012
    tables: Annotated[dict[Name, TablePart], Words("code tables of the site", "stedets kodetabeller")] = {}  # noqa: RUF012
    channels: Annotated[dict[Name, Channel], Field(min_length=1), Words("the channels", "kanalene")]

    def policy(self, name: str) -> Policy:
        """The policy as the dispatcher takes it. Raises: KeyError when neither the site nor the engine has it."""
        part = self.policies.get(name)
        if part is None:
            return BUILT_IN[name]
        if part.extends is None or part.extends == name:
            return effective_policy(part, BUILT_IN.get(name, BUILT_IN["clinical"]))
        parent = self.policies.get(part.extends)
        below = BUILT_IN[part.extends] if parent is None else effective_policy(parent, BUILT_IN["clinical"])
        return effective_policy(part, below)

    def processing(self, channel: str) -> tuple[str, ...]:
        """The processing ids (MSH-11) that a channel takes: production takes no test messages unless told to."""
        said = self.channels[channel].validation.processing
        if said is not None:
            return said
        return ("P",) if self.site.environment == "production" else ("P", "T", "D")


_NOT_IN_REVISION: Any = {
    "systems": {
        "__all__": {
            *("url", "path", "address", "headers", "auth", "tls", "limits", "timeout", "identity_key", "allow"),
            *("idempotent", "message_id_header"),
        }
    },
    "channels": {
        "__all__": {
            "source": {
                *("listen", "path", "tls", "auth", "max_message", "match", "every", "ready_when", "order"),
                *("idle_timeout", "frame_timeout", "header_timeout", "body_timeout", "after_success", "after_reject"),
            }
        }
    },
    "store": True,
    "secrets": True,
}


def config_revision(config: SiteConfig, *others: str) -> str:
    """Hash over the effective config without connections, credentials and limits, and over `others`.

    Effective: defaults and references filled in, so the way it is written does not matter. `others` are the hashes of
    what the config names: mappings, tables, the engine's version. Decision 15.
    """
    told = config.model_dump(mode="json", by_alias=True, exclude=_NOT_IN_REVISION)
    text = json.dumps([told, *others], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
