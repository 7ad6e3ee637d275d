"""The linter: each kind of mistake with code, place and suggestion. The sign ▸ marks where the finding must point."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from engine.channels.lint import Surroundings, lint, sound_site
from engine.channels.selection import Taken
from engine.channels.site import read_site
from engine.errors import ConfigError, Finding

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 1, 15, tzinfo=UTC)

HEAD = """\
version: 1
site: {name: demo}
systems:
  journal: {type: fhir, url: "http://127.0.0.1/fhir"}
  archive: {type: file, path: var/archive}
  ehr: {type: hl7v2_sender}
"""
CHANNEL = """\
channels:
  adt:
    source: {type: mllp, listen: "127.0.0.1:2575"}
    mapping: hl7v2/adt
    fields: {event: {path: MSH-9.2}, ward: {path: PV1-3.1}}
    destinations:
      journal: {system: journal}
"""
MAPPINGS: Mapping[str, Taken] = {
    "hl7v2/adt": Taken("hl7v2", ["ADT^A01", "ADT^A40"]),
    "hl7v2/oru": Taken("hl7v2", ["ORU^R01"]),
    "site/adt": Taken("hl7v2", ["ADT^A01"]),
    "kith/dialog": Taken("kith", ["dialog/2013-01-23"]),
}


def findings(folder: Path, marked: str, now: datetime | None = None) -> tuple[list[Finding], tuple[int, int]]:
    before = marked.partition("▸")[0]
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    (folder / "channels.yaml").write_text(marked.replace("▸", ""), encoding="utf-8")
    reading = read_site(folder, {})
    assert reading.site is not None and not reading.findings, reading.findings
    return list(lint(reading.site, Surroundings(mappings=MAPPINGS, standards=("hl7v2", "kith"), now=now))), place


def with_destination(line: str, more: str = "") -> str:
    return HEAD + CHANNEL.replace("      journal: {system: journal}\n", line) + more


MISTAKES = [
    pytest.param(with_destination("      j: {system: ▸jurnal}\n"), "E201", "'journal'", id="unknown system"),
    pytest.param(
        with_destination("      j: {system: ▸ehr}\n"), "E208", "mllp or file", id="destination that only sends"
    ),
    pytest.param(
        HEAD + CHANNEL.replace('2575"', '2575", from: ▸erh'),
        "E201",
        "'ehr'",
        id="unknown sender",
    ),
    pytest.param(
        HEAD + CHANNEL.replace('2575"', '2575", from: ▸journal'), "E208", "hl7v2_sender", id="sender that only receives"
    ),
    pytest.param(
        with_destination("      j: {system: journal, policy: ▸clinicl}\n"), "E201", "'clinical'", id="unknown policy"
    ),
    pytest.param(
        HEAD + "policies: {p: {extends: ▸resluts}}\n" + CHANNEL, "E201", "'results'", id="policy of an unknown one"
    ),
    pytest.param(
        HEAD + "policies: {a: {extends: b}, b: {extends: clinical}}\n".replace("b}", "▸b}", 1) + CHANNEL,
        "E209",
        "extend 'clinical'",
        id="two levels",
    ),
    pytest.param(
        HEAD + "tables: {wards: {map: {A: B}}}\n" + CHANNEL + "    tables: {location: ▸ward}\n",
        "E201",
        "'wards'",
        id="unknown table",
    ),
    pytest.param(
        HEAD + "tables: {t: {file: ▸t.csv, key: a, columns: [b]}}\n" + CHANNEL, "E210", "looked for", id="no file"
    ),
    pytest.param(HEAD + CHANNEL.replace("hl7v2/adt", "▸hl7v2/atd"), "E201", "'hl7v2/adt'", id="unknown mapping"),
    pytest.param(
        with_destination("      j: {system: journal, mapping: ▸hl7v2/orr}\n"),
        "E201",
        "'hl7v2/oru'",
        id="its own mapping",
    ),
    pytest.param(
        HEAD + CHANNEL.replace("hl7v2/adt", "[hl7v2/adt, ▸site/adt]"), "E212", "list one", id="two take one type"
    ),
    pytest.param(
        HEAD + CHANNEL.replace("hl7v2/adt", "[hl7v2/adt, ▸kith/dialog]"), "E216", "two channels", id="two standards"
    ),
    pytest.param(
        with_destination("      j: {system: journal, mapping: ▸kith/dialog}\n"),
        "E216",
        "two channels",
        id="a destination's mapping of another standard",
    ),
    pytest.param(
        HEAD + CHANNEL.replace("hl7v2/adt", "kith/dialog").replace("type: mllp", "type: ▸mllp"),
        "E217",
        "type: http",
        id="KITH over MLLP",
    ),
    pytest.param(
        HEAD
        + CHANNEL.replace("    mapping: hl7v2/adt\n", "    standard: ▸kiht\n").replace(
            "system: journal", "system: archive"
        ),
        "E216",
        "'kith'",
        id="unknown standard",
    ),
    pytest.param(
        HEAD + CHANNEL.replace("    mapping: hl7v2/adt\n", "").replace("system: journal", "system: ▸journal"),
        "E215",
        "write mapping:",
        id="FHIR without a mapping",
    ),
    pytest.param(HEAD + CHANNEL + "    order_by: [event, ▸evnt]\n", "E205", "'event'", id="unknown order field"),
    pytest.param(
        HEAD + CHANNEL + "    dedup: {key: [MSH-10, ▸PID-3]}\n", "E205", "MSH-10", id="unknown duplicate field"
    ),
    pytest.param(HEAD + CHANNEL + "    order_by: ▸visit\n", "E205", "declare it", id="unknown field, one name"),
    pytest.param(
        with_destination(
            "      j: {system: journal, when: \"▸evnt = 'A01'\"}\n", "    route: {unmatched: store_only}\n"
        ),
        "E205",
        "'event'",
        id="unknown field in a condition",
    ),
    pytest.param(
        with_destination(
            "      j: {system: journal, when: event = 'A01' and ▸evnt}\n", "    route: {unmatched: store_only}\n"
        ),
        "E205",
        "'event'",
        id="unknown field further on",
    ),
    pytest.param(
        with_destination(
            "      j: {system: journal, when: \"event ▸== 'A01'\"}\n", "    route: {unmatched: store_only}\n"
        ),
        "X100",
        "one '='",
        id="condition that does not parse",
    ),
    pytest.param(
        HEAD + CHANNEL + '    accept_only: "event in (▸A01)"\n    otherwise: {action: store_only, reason: x}\n',
        "X102",
        "('A','B')",
        id="filter that does not parse",
    ),
    pytest.param(
        HEAD + CHANNEL.replace("path: MSH-9.2", "path: ▸event"), "E207", "PID-3.1", id="field that is no path"
    ),
    pytest.param(
        HEAD + CHANNEL.replace("path: MSH-9.2", "path: ▸MSH-0"), "X103", "from 1", id="field with a wrong path"
    ),
    pytest.param(
        HEAD
        + CHANNEL
        + '  lab:\n    source: {type: mllp, listen: ▸"0.0.0.0:2575", tls: {cert: c.pem, key: "${file:k}"}}\n'
        "    mapping: hl7v2/oru\n    destinations: {journal: {system: journal}}\n",
        "E202",
        "another port",
        id="two listeners on one address",
    ),
    pytest.param(
        with_destination("      j: {system: journal, when: event = 'A01'}\n").replace("  adt:", "  ▸adt:"),
        "E203",
        "quarantine",
        id="unmatched not said",
    ),
]


@pytest.mark.parametrize(("marked", "code", "suggestion"), MISTAKES)
def test_a_mistake_is_found_where_it_stands(tmp_path: Path, marked: str, code: str, suggestion: str) -> None:
    (tmp_path / "k").write_text("key", encoding="utf-8")
    os.chmod(tmp_path / "k", 0o600)
    found, place = findings(tmp_path, marked)
    assert [(one.line, one.column, one.code, one.severity) for one in found] == [(*place, code, "error")], found
    assert suggestion in found[0].suggestion


CAUTIONS = [
    pytest.param(
        HEAD + CHANNEL.replace('"127.0.0.1:2575"', '▸"0.0.0.0:2575"'), "W304", "tls", id="plain text listener"
    ),
    pytest.param(
        HEAD.replace('"http://127.0.0.1', '▸"http://journal.example.no') + CHANNEL, "W313", "https", id="plain http"
    ),
    pytest.param(
        with_destination("      a: {system: journal}\n      ▸b: {system: journal}\n"),
        "W301",
        "exclude",
        id="same twice",
    ),
    pytest.param(
        with_destination("      a: {system: journal}\n      ▸b: {system: journal, when: event = 'A01'}\n"),
        "W301",
        "exclude",
        id="all and some",
    ),
    pytest.param(
        with_destination(
            "      a: {system: journal, when: \"event in ('A01','A02')\"}\n"
            "      ▸b: {system: journal, when: event = 'A02'}\n",
            "    route: {unmatched: store_only}\n",
        ),
        "W301",
        "exclude",
        id="conditions that share a value",
    ),
    pytest.param(
        with_destination(
            "      a: {system: journal}\n      ▸b: {system: archive}\n", "    route: {mode: first_match}\n"
        ),
        "W302",
        "put it first",
        id="never reached",
    ),
    pytest.param(
        with_destination(
            "      a: {system: archive, when: ▸event = 'A01' and event = 'A02'}\n      j: {system: journal}\n"
        ),
        "W302",
        "senders",
        id="never holds",
    ),
    pytest.param(
        with_destination(
            "      a: {system: archive, when: ▸event = 'A01' or event != 'A01'}\n      j: {system: journal}\n"
        ),
        "W302",
        "leave it out",
        id="always holds",
    ),
    pytest.param(
        with_destination(
            "      a: {system: archive, when: ▸event = 'A03'}\n      j: {system: journal}\n",
            "    accept_only: event in ('A01','A02')\n    otherwise: {action: store_only, reason: x}\n",
        ),
        "W302",
        "senders",
        id="never holds after the filter",
    ),
    pytest.param(
        with_destination("      a: {system: archive, when: ward and ▸PV1-2 = 'I'}\n      j: {system: journal}\n"),
        "W315",
        "declare",
        id="undeclared path",
    ),
    pytest.param(
        with_destination("      j: {system: journal, policy: ▸results}\n"), "W305", "clinical", id="ADT that passes"
    ),
    pytest.param(
        HEAD + CHANNEL.replace("ward: {path: PV1-3.1}", "▸name: {path: PID-5.1}"),
        "W308",
        "phi: true",
        id="patient data",
    ),
    pytest.param(
        HEAD + CHANNEL.replace("      journal: {", "      ▸journal: {") + "    dedup: {window: 1d}\n",
        "W309",
        "dedup.window",
        id="duplicates forgotten",
    ),
    pytest.param(
        HEAD + "policies: {p: {retry: {give_up_after: ▸1y}}}\n" + CHANNEL, "W310", "72h", id="hardly gives up"
    ),
    pytest.param(HEAD + CHANNEL + "    ack: {after: delivered, deadline: ▸10s}\n", "W314", "time-outs", id="deadline"),
]


@pytest.mark.parametrize(("marked", "code", "suggestion"), CAUTIONS)
def test_a_caution_is_told_where_it_stands(tmp_path: Path, marked: str, code: str, suggestion: str) -> None:
    found, place = findings(tmp_path, marked)
    assert [(one.line, one.column, one.code, one.severity) for one in found] == [(*place, code, "warning")], found
    assert suggestion in found[0].suggestion


QUIET = [
    pytest.param(HEAD + CHANNEL, id="the plain case"),
    pytest.param(HEAD + CHANNEL.replace('"127.0.0.1:2575"', '"[::1]:2575"'), id="loopback, version 6"),
    pytest.param(HEAD + CHANNEL + "    order_by: [event, MSH-4.1]\n", id="predeclared field"),
    pytest.param(HEAD + CHANNEL.replace("path: PV1-3.1", "path: PV1-3.1 else PV1-6.1"), id="field with a second place"),
    pytest.param(
        HEAD + CHANNEL + CHANNEL.replace("channels:\n", "").replace("adt:", "adt2:").replace("2575", "2576"),
        id="two ports",
    ),
    pytest.param(
        (HEAD + CHANNEL + CHANNEL.replace("channels:\n", "").replace("adt:", "adt2:")).replace("2575", "0"),
        id="port 0 twice",
    ),
    pytest.param(
        with_destination(
            "      a: {system: journal, when: event = 'A01'}\n"
            "      b: {system: journal, when: \"event in ('A02','A03')\"}\n",
            "    route: {unmatched: quarantine}\n",
        ),
        id="conditions that exclude each other",
    ),
    pytest.param(
        with_destination(
            "      a: {system: journal, when: event = 'A01'}\n      b: {system: journal, when: not event = 'A01'}\n",
            "    route: {unmatched: quarantine}\n",
        ),
        id="a condition and its opposite",
    ),
    pytest.param(
        with_destination(
            "      a: {system: journal, when: event = 'A01'}\n      b: {system: journal}\n",
            "    route: {mode: first_match}\n",
        ),
        id="first match, the general one last",
    ),
    pytest.param(
        with_destination("      a: {system: archive, when: event = 'A01' and ward}\n      b: {system: journal}\n"),
        id="a condition that is only partly understood",
    ),
    pytest.param(HEAD + CHANNEL.replace("PV1-3.1}", "PV1-3.1}, name: {path: PID-5.1, phi: true}"), id="flagged"),
]


@pytest.mark.parametrize("text", QUIET)
def test_what_is_sound_is_not_complained_of(tmp_path: Path, text: str) -> None:
    assert findings(tmp_path, text)[0] == []


def test_all_findings_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = with_destination(
        "      a: {system: jurnal, policy: resluts, when: evnt = 'A01'}\n", "    order_by: [evnt]\n"
    ).replace("127.0.0.1:2575", "0.0.0.0:2575")
    found, _ = findings(tmp_path, text)
    assert [(one.line, one.code) for one in found] == [
        (8, "E203"),
        (9, "W304"),
        (13, "E201"),
        (13, "E201"),
        (13, "E205"),
        (14, "E205"),
    ]


def test_a_system_that_was_refused_is_not_also_called_unknown(tmp_path: Path) -> None:
    (tmp_path / "channels.yaml").write_text(
        HEAD.replace('"http://127.0.0.1/fhir"', "nowhere") + CHANNEL, encoding="utf-8"
    )
    reading = read_site(tmp_path, {})
    assert [one.code for one in reading.findings] == ["E112"] and reading.site is not None
    assert lint(reading.site, Surroundings(named=reading.named)) == ()


def test_without_a_look_at_mappings_none_is_called_unknown(tmp_path: Path) -> None:
    (tmp_path / "channels.yaml").write_text(HEAD + CHANNEL, encoding="utf-8")
    site = read_site(tmp_path, {}).site
    assert site is not None and lint(site) == ()
    assert [one.code for one in lint(site, Surroundings(mappings={}))] == ["E201"]


def test_a_site_with_an_error_is_not_started_and_one_with_a_warning_is(tmp_path: Path) -> None:
    warned = HEAD + CHANNEL.replace('"127.0.0.1:2575"', '"0.0.0.0:2575"')
    (tmp_path / "channels.yaml").write_text(warned, encoding="utf-8")
    assert sound_site(tmp_path, {}).config.site.name == "demo"
    (tmp_path / "channels.yaml").write_text(warned.replace("{system: journal}", "{system: jurnal}"), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        sound_site(tmp_path, {})
    assert [one.code for one in caught.value.findings] == ["E201"]


def certificate(path: Path, ends: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "engine.example.no")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(ends - timedelta(days=365)).not_valid_after(ends)
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(
    ("days", "expected"), [(29, ["W311"]), (-1, ["W311"]), (31, [])], ids=["soon", "expired", "in time"]
)
def test_a_certificate_that_expires_is_told(tmp_path: Path, days: int, expected: list[str]) -> None:
    certificate(tmp_path / "ca.pem", NOW + timedelta(days=days))
    text = HEAD.replace('/fhir"}', '/fhir", tls: {ca: ▸ca.pem}}') + CHANNEL
    found, place = findings(tmp_path, text, NOW)
    assert [one.code for one in found] == expected
    assert all((one.line, one.column) == place for one in found)


def test_a_certificate_that_is_none_or_not_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing", encoding="utf-8")
    text = HEAD.replace('/fhir"}', '/fhir", tls: {ca: ca.pem}}') + CHANNEL
    assert [(one.code, one.severity) for one in findings(tmp_path, text, NOW)[0]] == [("E213", "error")]
    assert [one.code for one in findings(tmp_path, text.replace("ca.pem", "no.pem"), NOW)[0]] == ["E213"]


def test_a_secret_that_others_may_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    secret = tmp_path / "secrets" / "token"
    secret.write_text("t", encoding="utf-8")
    text = HEAD.replace('/fhir"}', '/fhir", auth: {type: bearer, token: ▸"${secret:files/token}"}}') + CHANNEL
    for mode, expected in ((0o600, []), (0o644, ["W316"])):
        os.chmod(secret, mode)
        found, place = findings(tmp_path, text)
        assert [one.code for one in found] == expected
        assert all((one.line, one.column) == place for one in found)


def test_the_demo_site_of_the_repository_is_clean() -> None:
    reading = read_site(ROOT, {})
    assert reading.site is not None and reading.findings == ()
    assert lint(reading.site, Surroundings(now=NOW)) == ()
