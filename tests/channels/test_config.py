"""What a channels.yaml means: typed scalars, defaults, references, policies, the revision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.channels.config import SiteConfig, config_revision
from engine.channels.references import Secret
from engine.channels.site import Site, load_site
from engine.channels.sources import MllpSource
from engine.channels.systems import BasicAuth, BearerAuth, FhirSystem
from engine.delivery import Policy
from engine.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]

BASE = """\
version: 1
site: {name: demo}
systems:
  journal: {type: fhir, url: "http://127.0.0.1:8090/fhir"}
channels:
  adt:
    source: {type: mllp, listen: "127.0.0.1:2575"}
    mapping: hl7v2/adt
    destinations:
      journal: {system: journal}
"""


def read(folder: Path, text: str, env: Mapping[str, str] | None = None) -> Site:
    (folder / "channels.yaml").write_text(text, encoding="utf-8")
    return load_site(folder, env or {})


def codes(folder: Path, text: str, env: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, env)
    return [finding.code for finding in caught.value.findings]


def test_the_smallest_site_has_the_documented_defaults(tmp_path: Path) -> None:
    config = read(tmp_path, BASE).config
    channel = config.channels["adt"]
    assert (config.site.timezone, config.site.environment, config.store.path) == (
        "Europe/Oslo",
        "test",
        "var/budstikke.sqlite",
    )
    assert (channel.ack.after, channel.ack.deadline, channel.ack.refused) == ("validated", 30.0, None)
    assert (channel.source.idle_timeout, channel.source.frame_timeout) == (600.0, 60.0)
    assert (channel.source.max_message, channel.source.address) == (25 * 1024 * 1024, ("127.0.0.1", 2575))
    assert (channel.validation.conformance, channel.unread, channel.keep_original) == (None, "note", True)
    assert (channel.order_by, channel.dedup.key, channel.dedup.window) == (None, (), 604800.0)
    assert (channel.mapping, channel.route.mode, channel.route.unmatched) == (("hl7v2/adt",), "all_matching", None)
    assert (channel.charset.charset().default, channel.charset.charset().fallback) == ("", "cp1252")
    journal = config.systems["journal"]
    assert isinstance(journal, FhirSystem)
    assert (journal.writes, journal.identity_key, journal.limits.concurrency) == ("by_id", None, 16)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("500ms", 0.5), ("30s", 30.0), ("1.5m", 90.0), ("72h", 259200.0), ("7d", 604800.0), ("5y", 157680000.0)],
)
def test_a_duration_becomes_seconds(tmp_path: Path, written: str, seconds: float) -> None:
    text = BASE.replace('"127.0.0.1:2575"}', f'"127.0.0.1:2575", idle_timeout: {written}}}')
    assert read(tmp_path, text).config.channels["adt"].source.idle_timeout == seconds


@pytest.mark.parametrize("written", ["30", "30 s", "-1s", "1month", "s", '"30"', "00:30", "true"])
def test_what_is_no_duration_is_refused(tmp_path: Path, written: str) -> None:
    text = BASE.replace('"127.0.0.1:2575"}', f'"127.0.0.1:2575", idle_timeout: {written}}}')
    assert codes(tmp_path, text) == ["E112"]


@pytest.mark.parametrize(("written", "count"), [("64KB", 65536), ("1MB", 1048576), ("64MB", 67108864)])
def test_a_size_becomes_bytes(tmp_path: Path, written: str, count: int) -> None:
    text = BASE.replace('"127.0.0.1:2575"}', f'"127.0.0.1:2575", max_message: {written}}}')
    assert read(tmp_path, text).config.channels["adt"].source.max_message == count


@pytest.mark.parametrize("written", ["65MB", "1GB", "10B", "25", "25mb"])
def test_a_size_beyond_the_limits_or_without_unit_is_refused(tmp_path: Path, written: str) -> None:
    text = BASE.replace('"127.0.0.1:2575"}', f'"127.0.0.1:2575", max_message: {written}}}')
    assert codes(tmp_path, text) == ["E112"]


def test_references_are_resolved_and_typed_again(tmp_path: Path) -> None:
    (tmp_path / "her.txt").write_text("8094321\n", encoding="utf-8")
    text = BASE.replace("{name: demo}", '{name: demo, her_id: "${file:her.txt}", environment: "${env:ENVIRONMENT}"}')
    text = text.replace("http://127.0.0.1:8090", "${env:HOST:-https://journal.example.no}/${env:BASE}")
    config = read(tmp_path, text, {"ENVIRONMENT": "production", "BASE": "r4"}).config
    journal = config.systems["journal"]
    assert isinstance(journal, FhirSystem)
    assert (config.site.her_id, config.site.environment) == ("8094321", "production")
    assert journal.url == "https://journal.example.no/r4/fhir"
    assert codes(tmp_path, text, {"ENVIRONMENT": "staging", "BASE": "r4"}) == ["E112"]


def test_a_value_from_outside_can_never_become_structure(tmp_path: Path) -> None:
    text = BASE.replace('"http://127.0.0.1:8090/fhir"', '"${env:URL}"')
    journal = read(tmp_path, text, {"URL": 'http://x", writes: "conditional'}).config.systems["journal"]
    assert isinstance(journal, FhirSystem)
    assert (journal.url, journal.writes) == ('http://x", writes: "conditional', "by_id")


def test_an_empty_variable_takes_the_default_as_in_a_shell(tmp_path: Path) -> None:
    text = BASE.replace('"http://127.0.0.1:8090/fhir"', '"${env:URL:-http://default}"')
    for env in ({}, {"URL": ""}):
        journal = read(tmp_path, text, env).config.systems["journal"]
        assert isinstance(journal, FhirSystem) and journal.url == "http://default"


def test_a_doubled_dollar_stands_for_the_signs_themselves(tmp_path: Path) -> None:
    text = BASE.replace('"http://127.0.0.1:8090/fhir"', '"http://x/$${env:NOT}"')
    journal = read(tmp_path, text).config.systems["journal"]
    assert isinstance(journal, FhirSystem) and journal.url == "http://x/${env:NOT}"


def secret_site(folder: Path, reference: str) -> str:
    (folder / "secrets").mkdir(exist_ok=True)
    (folder / "secrets" / "journal").write_text("hunter2\n", encoding="utf-8")
    auth = f'auth: {{type: basic, username: engine, password: "{reference}"}}'
    return BASE.replace('/fhir"}', f'/fhir", {auth}}}')


def test_a_secret_is_read_and_never_shown(tmp_path: Path) -> None:
    site = read(tmp_path, secret_site(tmp_path, "${secret:files/journal}"))
    journal = site.config.systems["journal"]
    assert isinstance(journal, FhirSystem) and isinstance(journal.auth, BasicAuth)
    assert journal.auth.password.reveal() == "hunter2"
    assert journal.auth.password.path == tmp_path / "secrets" / "journal"
    for shown in (repr(site), str(site.config), site.config.model_dump_json(), repr(journal.auth.password)):
        assert "hunter2" not in shown
    assert "${secret:files/journal}" in site.config.model_dump_json()


def test_a_secret_may_come_from_the_environment(tmp_path: Path) -> None:
    text = BASE.replace('/fhir"}', '/fhir", auth: {type: bearer, token: "${env:TOKEN}"}}')
    journal = read(tmp_path, text, {"TOKEN": "t"}).config.systems["journal"]
    assert isinstance(journal, FhirSystem) and isinstance(journal.auth, BearerAuth)
    assert (journal.auth.token.reveal(), journal.auth.token.path, str(journal.auth.token)) == (
        "t",
        None,
        "${env:TOKEN}",
    )


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        pytest.param("hunter2", "E105", id="literal"),
        pytest.param("x${secret:files/journal}", "E105", id="literal before a reference"),
        pytest.param("$${secret:files/journal}", "E105", id="escaped"),
        pytest.param("${secret:files/absent}", "E104", id="no such file"),
        pytest.param("${secret:file/journal}", "E104", id="no such store"),
        pytest.param("${secret:files/../channels.yaml}", "E104", id="out of the store"),
        pytest.param("${secret:files//etc/passwd}", "E104", id="absolute"),
        pytest.param("${vault:x}", "E104", id="unknown kind"),
        pytest.param("${secret:}", "E104", id="empty"),
        pytest.param("${env:ABSENT}", "E104", id="variable not set"),
    ],
)
def test_a_secret_that_cannot_be_had_is_refused(tmp_path: Path, reference: str, code: str) -> None:
    text = secret_site(tmp_path, reference)
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert [(finding.code, finding.line) for finding in caught.value.findings] == [(code, 4)]
    assert "hunter2" not in str(caught.value)


def test_a_key_must_lie_in_a_file_because_tls_wants_paths(tmp_path: Path) -> None:
    tls = 'tls: {cert: certs/a.pem, key: "${env:KEY}"}'
    text = BASE.replace('"127.0.0.1:2575"}', f'"127.0.0.1:2575", {tls}}}')
    assert codes(tmp_path, text, {"KEY": "-----BEGIN"}) == ["E112"]


def test_the_built_in_policies_are_those_of_the_page(tmp_path: Path) -> None:
    config = read(tmp_path, BASE).config
    assert config.policy("clinical") == Policy()
    assert config.policy("results") == Policy(5.0, 2.0, 900.0, 0.2, 86400.0, "retry", "continue", 5.0, 30.0)
    with pytest.raises(KeyError):
        config.policy("unknown")


def test_a_policy_takes_what_it_does_not_say_from_the_one_it_extends(tmp_path: Path) -> None:
    text = BASE + (
        "policies:\n"
        "  slow: {extends: results, retry: {max: 1h}, timeout: {response: 2m}}\n"
        "  once: {outcomes: {ambiguous: park}}\n"
        "  clinical: {retry: {jitter: 0%}}\n"
        "  mine: {extends: clinical, blocked_key: continue}\n"
    )
    config = read(tmp_path, text).config
    assert config.policy("slow") == Policy(5.0, 2.0, 3600.0, 0.2, 86400.0, "retry", "continue", 5.0, 120.0)
    assert config.policy("once") == Policy(on_ambiguous="park")
    assert config.policy("clinical") == Policy(jitter=0.0)
    assert config.policy("mine") == Policy(jitter=0.0, blocked_key="continue")


@pytest.mark.parametrize(
    ("environment", "said", "taken"),
    [
        ("test", "", ("P", "T", "D")),
        ("production", "", ("P",)),
        ("production", "validate: {processing: [P, T]}", ("P", "T")),
    ],
)
def test_production_takes_no_test_messages_unless_told_to(
    tmp_path: Path, environment: str, said: str, taken: tuple[str, ...]
) -> None:
    text = BASE.replace("name: demo", f"name: demo, environment: {environment}")
    text = text.replace("    mapping:", f"    {said}\n    mapping:")
    assert read(tmp_path, text).config.processing("adt") == taken


def test_where_tells_the_line_of_a_value(tmp_path: Path) -> None:
    site = read(tmp_path, BASE)
    file = str(tmp_path / "channels.yaml")
    assert site.where(("channels", "adt", "source", "listen")) == (file, 7, 34)
    assert site.where(("channels", "adt")) == (file, 6, 3)
    assert site.where(("channels", "adt", "ack", "after")) == (file, 6, 3), "not written: the block around it"


CONNECTION = [
    pytest.param("127.0.0.1:8090", "127.0.0.1:9999", id="url"),
    pytest.param('/fhir"}', '/fhir", limits: {concurrency: 2}}', id="limits"),
    pytest.param('/fhir"}', '/fhir", timeout: {response: 3s}}', id="time-out of the system"),
    pytest.param('/fhir"}', '/fhir", auth: {type: bearer, token: "${env:T}"}}', id="credentials"),
    pytest.param("127.0.0.1:2575", "127.0.0.1:2577", id="listen"),
    pytest.param('2575"}', '2575", max_message: 1MB, idle_timeout: 1m}', id="limits of the source"),
    pytest.param("version: 1", "version: 1\nstore: {path: elsewhere.sqlite}", id="store"),
    pytest.param("version: 1", "# said otherwise\nversion: 1", id="comment"),
    pytest.param("mapping: hl7v2/adt", "mapping: [hl7v2/adt]\n    ack: {after: validated}", id="a default written out"),
]

HANDLING = [
    pytest.param("hl7v2/adt", "hl7v2/other", id="mapping"),
    pytest.param("{system: journal}", "{system: journal, required: false}", id="required"),
    pytest.param("{system: journal}", "{system: journal, policy: results}", id="policy"),
    pytest.param('/fhir"}', '/fhir", writes: conditional}', id="writes"),
    pytest.param("{name: demo}", "{name: demo, timezone: UTC}", id="time zone"),
    pytest.param("    mapping:", "    unread: warning\n    mapping:", id="unread"),
]


@pytest.mark.parametrize(("old", "new"), CONNECTION)
def test_connections_credentials_and_limits_are_not_in_the_revision(tmp_path: Path, old: str, new: str) -> None:
    assert old in BASE
    before = config_revision(read(tmp_path, BASE).config)
    assert config_revision(read(tmp_path, BASE.replace(old, new), {"T": "secret"}).config) == before


@pytest.mark.parametrize(("old", "new"), HANDLING)
def test_what_rules_the_handling_of_a_message_is_in_the_revision(tmp_path: Path, old: str, new: str) -> None:
    assert old in BASE
    before = config_revision(read(tmp_path, BASE).config)
    assert config_revision(read(tmp_path, BASE.replace(old, new)).config) != before


def test_the_revision_covers_what_the_config_names() -> None:
    config = SiteConfig.model_validate(
        {
            "version": 1,
            "site": {"name": "x"},
            "channels": {
                "a": {
                    "source": {"type": "mllp", "listen": "127.0.0.1:0"},
                    "mapping": "hl7v2/adt",
                    "destinations": {"j": {"system": "j"}},
                }
            },
        }
    )
    assert config_revision(config, "mapping one") != config_revision(config, "mapping two")
    assert config_revision(config) == config_revision(config)
    assert len(config_revision(config)) == 64


def test_the_demo_site_of_the_repository_loads() -> None:
    config = load_site(ROOT, {}).config
    journal = config.systems["journal"]
    assert isinstance(journal, FhirSystem) and journal.url.startswith("http://127.0.0.1:8090")
    sources = {name: channel.source for name, channel in config.channels.items()}
    assert {name: source.address for name, source in sources.items() if isinstance(source, MllpSource)} == {
        "adt": ("127.0.0.1", 2575),
        "lab": ("127.0.0.1", 2576),
    }
    assert config.channels["lab"].destinations["archive"].required is False


def test_a_secret_compares_by_its_reference() -> None:
    assert Secret("${env:A}", "one") == Secret("${env:A}", "two")
