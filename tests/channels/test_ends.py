"""Sources and systems over HTTP, MLLP and files as they are written: meaning, mistakes, cautions, what is built.

The sign ▸ marks where the finding must point.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.channels.build_ends import concurrency_of, destination_of, source_of
from engine.channels.config import config_revision
from engine.channels.lint import lint
from engine.channels.schema import json_schema
from engine.channels.site import Site, load_site, read_site
from engine.delivery import Policy
from engine.destinations.http import HttpDestination
from engine.destinations.mllp import MllpDestination
from engine.errors import Finding
from engine.sources.file import FileSource
from engine.sources.http import HttpSource
from engine.standards.hl7v2.standard import Hl7v2
from tests.certificates import authority, stranger

__all__ = ["authority", "stranger"]

SITE = """\
version: 1
site: {{name: ends}}
systems:
  journal: {{type: fhir, url: "http://127.0.0.1/fhir"}}
  ward: {{type: hl7v2_sender, allow: {{client_cert_subject: CN=ward}}}}
  {system}
channels:
  adt:
    source: {source}
    mapping: hl7v2/adt
    destinations: {{journal: {{system: journal}}{more}}}
"""
MLLP = '{type: mllp, listen: "127.0.0.1:2575"}'
HTTP = '{type: http, listen: "127.0.0.1:8443", '
PAIR = 'tls: {cert: c.pem, key: "${file:k}"}'


def site(source: str = MLLP, system: str = "", more: str = "") -> str:
    return SITE.format(source=source, system=system, more=more)


def sending(system: str, policy: str = "once") -> str:
    """A channel that sends to a system of this kind."""
    more = f", x: {{system: x, policy: {policy}}}"
    once = "policies: {once: {outcomes: {ambiguous: park}, retry: {give_up_after: 1d}}}\n"
    return site(system=f"x: {system}", more=more) + once


def findings(folder: Path, marked: str) -> tuple[list[Finding], tuple[int, int]]:
    before = marked.partition("▸")[0]
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    (folder / "k").write_text("key")
    (folder / "k").chmod(0o600)
    (folder / "in").mkdir(exist_ok=True)
    (folder / "channels.yaml").write_text(marked.replace("▸", ""), encoding="utf-8")
    reading = read_site(folder, {})
    found = list(reading.findings)
    if reading.site is not None and not found:
        found = list(lint(reading.site))
    return found, place


MISTAKES = [
    pytest.param(site("{type: ▸htpp}"), "E112", "'http'", id="source type"),
    pytest.param(site(HTTP + "▸pth: /in}"), "E103", "'path'", id="key of an HTTP source"),
    pytest.param(site(HTTP + "path: ▸in}"), "E112", "/hl7/adt", id="path without a slash"),
    pytest.param(site(HTTP + 'path: ▸"/in?x=1"}'), "E112", "/hl7/adt", id="path with a query"),
    pytest.param(site(HTTP + "accept: [▸hl7]}"), "E112", "application/hl7-v2", id="media type"),
    pytest.param(site(HTTP + "▸accept: []}"), "E112", "write it", id="no media type"),
    pytest.param(site(HTTP + "auth: {type: ▸oauth}}"), "E112", "mtls", id="kind of authentication"),
    pytest.param(site(HTTP + "auth: {type: basic, username: a, password: ▸b}}"), "E105", "secret:", id="password"),
    pytest.param(
        site(HTTP + "auth: {type: mtls, client_ca: ca.pem}}").replace("    source", "    ▸source"),
        *("E113", "write tls: {cert, key}"),
        id="client certificates without TLS",
    ),
    pytest.param(site(HTTP + f"from: ▸ward, {PAIR}}}"), "E214", "client_ca", id="a certificate that is never shown"),
    pytest.param(site(MLLP[:-1] + ", from: ▸ward}"), "E214", "client_ca", id="the same over MLLP"),
    pytest.param(site(HTTP + "max_message: ▸65MB}"), "E112", "25MB", id="too large"),
    pytest.param(site("{type: file, path: in, every: ▸10ms}"), "E112", "5s", id="too often"),
    pytest.param(site("{type: file, path: in, ready_when: {marker: ▸ok}}"), "E112", ".ok", id="end of a marker"),
    pytest.param(
        site("{type: file, path: in, ▸ready_when: {renamed: true, marker: .ok}}"),
        "E112",
        "marker",
        id="two ready rules",
    ),
    pytest.param(
        site("{type: file, path: in, ready_when: {size_stable: ▸10}}")
        .replace("▸10", "10")
        .replace("size_s", "▸size_s"),
        *("E103", "'size_stable_for'"),
        id="key of a ready rule",
    ),
    pytest.param(
        site("{type: file, path: in, after_success: {move: ▸../out}}"), "E112", "behandlet/", id="folder outside"
    ),
    pytest.param(
        site("{type: file, path: in, after_success: {move: avvist}}").replace("    source", "    ▸source"),
        *("E112", "two folders"),
        id="one folder for both",
    ),
    pytest.param(site("{type: file, path: in, order: ▸by_size}"), "E112", "by_name", id="order"),
    pytest.param(
        site("{type: file, path: in}")
        + "  lab:\n    source: {type: file, path: ▸./in/}\n    mapping: hl7v2/oru\n"
        + "    destinations: {journal: {system: journal}}\n",
        *("E202", "another folder"),
        id="two sources on one folder",
    ),
    pytest.param(
        site(HTTP + "}")
        + '  lab:\n    source: {type: mllp, listen: ▸"127.0.0.1:8443"}\n    mapping: hl7v2/oru\n'
        + "    destinations: {journal: {system: journal}}\n",
        *("E202", "another port"),
        id="two kinds of listener on one address",
    ),
    pytest.param(sending('{type: http, url: ▸"x.example.no/in"}'), "E112", "whole", id="url of a web address"),
    pytest.param(sending('{type: http, url: ▸"https://u:p@x/in"}'), "E105", "auth", id="password in a url"),
    pytest.param(
        sending('{type: http, url: "http://127.0.0.1", ▸header: {}}'), "E103", "'headers'", id="key of a system"
    ),
    pytest.param(
        sending('{type: http, url: "http://127.0.0.1", ▸headers: {Content-Type: x}}'),
        "E112",
        "content_type",
        id="header",
    ),
    pytest.param(
        sending('{type: http, url: "http://127.0.0.1", headers: {X-Key: ▸"${secret:files/a}"}}'),
        *("E104", "passwords"),
        id="secret in a header",
    ),
    pytest.param(
        sending('{type: http, url: "http://127.0.0.1", content_type: ▸json}'), "E112", "lower case", id="content type"
    ),
    pytest.param(sending('{type: mllp, address: ▸"lis.example.no"}'), "E112", "host and port", id="no port"),
    pytest.param(sending('{type: mllp, address: ▸"lis.example.no:0"}'), "E112", "host and port", id="port 0"),
    pytest.param(
        sending('{type: mllp, listen: "x:1"}').replace("  x: {", "  ▸x: {"), "E113", "address", id="no address"
    ),
]


@pytest.mark.parametrize(("marked", "code", "suggestion"), MISTAKES)
def test_a_mistake_is_found_where_it_stands(tmp_path: Path, marked: str, code: str, suggestion: str) -> None:
    found, place = findings(tmp_path, marked)
    here = [one for one in found if one.code == code]
    assert [(one.line, one.column, one.severity) for one in here] == [(*place, "error")], found
    assert suggestion in here[0].suggestion


CAUTIONS = [
    pytest.param(
        site(HTTP.replace('"127.0.0.1', '▸"0.0.0.0') + "}"), "W304", "write tls: {cert, key}", id="plain HTTP listener"
    ),
    pytest.param(site("{type: file, path: ▸gone}"), "W317", "looked for", id="folder that is not there"),
    pytest.param(sending('{type: http, url: ▸"http://x.example.no/in"}'), "W313", "https", id="plain HTTP outwards"),
    pytest.param(sending('{type: mllp, address: ▸"x.example.no:2575"}'), "W313", "tls: {ca", id="plain MLLP outwards"),
    pytest.param(
        sending('{type: mllp, address: "127.0.0.1:2575"}', "▸clinical"), "W306", "idempotent: true", id="MLLP twice"
    ),
    pytest.param(
        sending('{type: http, url: "http://127.0.0.1"}', "▸clinical"), "W306", "ambiguous: park", id="HTTP twice"
    ),
]


@pytest.mark.parametrize(("marked", "code", "suggestion"), CAUTIONS)
def test_a_caution_is_told_where_it_stands(tmp_path: Path, marked: str, code: str, suggestion: str) -> None:
    found, place = findings(tmp_path, marked)
    assert [(one.line, one.column, one.code, one.severity) for one in found] == [(*place, code, "warning")], found
    assert suggestion in found[0].suggestion


QUIET = [
    pytest.param(site(HTTP + "path: /hl7/adt}"), id="HTTP in"),
    pytest.param(
        site(HTTP + f"from: ward, auth: {{type: mtls, client_ca: ca.pem}}, {PAIR}}}"), id="client certificates"
    ),
    pytest.param(site('{type: file, path: in, from: ward, match: "*.hl7", ready_when: {marker: .ok}}'), id="file in"),
    pytest.param(
        site("{type: file, path: in, after_reject: {move: avvist/, write_report: false}}"), id="as in the draft"
    ),
    pytest.param(sending('{type: http, url: "http://127.0.0.1/in/", headers: {X-Tenant: "4601"}}'), id="HTTP out"),
    pytest.param(sending('{type: http, url: "http://127.0.0.1", idempotent: true}', "clinical"), id="HTTP, idempotent"),
    pytest.param(sending('{type: mllp, address: "x.example.no:2575", tls: {}}'), id="MLLP out, with TLS"),
    pytest.param(sending('{type: mllp, address: "[::1]:2575", idempotent: true}', "clinical"), id="MLLP, idempotent"),
]


@pytest.mark.parametrize("text", QUIET)
def test_what_is_sound_is_not_complained_of(tmp_path: Path, text: str) -> None:
    assert findings(tmp_path, text)[0] == []


def built(folder: Path, text: str) -> Site:
    (folder / "channels.yaml").write_text(text, "utf-8")
    return load_site(folder, {})


def test_defaults_are_the_documented_ones(tmp_path: Path) -> None:
    source: Any = built(tmp_path, site(HTTP + "}")).config.channels["adt"].source
    assert (source.path, source.auth.type, source.tls, source.max_message) == ("/", "none", None, 25 << 20)
    assert source.accept is None
    assert (source.idle_timeout, source.header_timeout, source.body_timeout) == (60.0, 15.0, 60.0)
    source = built(tmp_path, site("{type: file, path: in}")).config.channels["adt"].source
    assert (source.match, source.every, source.order) == ("*", 5.0, "by_name")
    assert (source.ready_when.stable_for, source.after_success.move) == (10.0, "behandlet")
    assert (source.after_reject.move, source.after_reject.write_report) == ("avvist", True)
    system: Any = built(tmp_path, sending('{type: http, url: "http://127.0.0.1/in/"}')).config.systems["x"]
    assert (system.url, system.idempotent, system.message_id_header) == ("http://127.0.0.1/in/", False, "X-Message-Id")
    assert (system.limits.concurrency, system.content_type, system.headers) == (4, None, {})
    system = built(tmp_path, sending('{type: mllp, address: "[::1]:2575"}')).config.systems["x"]
    assert (system.host_and_port, system.tls, system.idempotent) == (("::1", 2575), None, False)


async def test_each_kind_is_built(tmp_path: Path) -> None:
    made = built(tmp_path, site(HTTP + "}"))
    assert isinstance(source_of(made, "adt", made.config.channels["adt"], Hl7v2()), HttpSource)
    made = built(tmp_path, site("{type: file, path: in}"))
    source = source_of(made, "adt", made.config.channels["adt"], Hl7v2())
    assert isinstance(source, FileSource) and source.address == str(tmp_path / "in")
    made = built(tmp_path, sending('{type: http, url: "https://127.0.0.1", idempotent: true}'))
    destination = destination_of(made, "x", Policy())
    assert isinstance(destination, HttpDestination) and destination.idempotent
    assert concurrency_of(made, "x", 7) == 4
    made = built(tmp_path, sending('{type: mllp, address: "127.0.0.1:2575"}'))
    destination = destination_of(made, "x", Policy())
    assert isinstance(destination, MllpDestination) and not destination.idempotent
    assert concurrency_of(made, "x", 7) == 7


def test_connections_are_no_part_of_the_revision(tmp_path: Path) -> None:
    one = site(HTTP + "path: /a}", 'x: {type: mllp, address: "a:1"}', ", x: {system: x}")
    other = site(HTTP + "path: /b, auth: {type: none}}", 'x: {type: mllp, address: "b:2", tls: {}}', ", x: {system: x}")
    assert config_revision(built(tmp_path, one).config) == config_revision(built(tmp_path, other).config)


@pytest.mark.parametrize(
    ("block", "key", "written"),
    [
        ("HttpSource", "idle_timeout", "1m"),
        ("HttpSource", "path", "/"),
        ("FileSource", "every", "5s"),
        ("FileSource", "max_message", "25MB"),
        ("HttpSystem", "message_id_header", "X-Message-Id"),
        ("MllpSystem", "idempotent", False),
    ],
)
def test_editors_are_told_the_defaults(block: str, key: str, written: object) -> None:
    assert json_schema()["$defs"][block]["properties"][key]["default"] == written
