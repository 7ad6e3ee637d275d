"""The linter on receipts: each kind of mistake with code, place and remedy. The sign ▸ marks where it must point."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.channels.lint import sound_site
from engine.errors import ConfigError
from tests.channels.test_lint import findings

HEAD = """\
version: 1
site: {name: demo}
systems:
  journal: {type: fhir, url: "http://127.0.0.1/fhir"}
  archive: {type: file, path: var/archive}
  gp: {type: http, url: "http://127.0.0.1/apprec", idempotent: true}
  lab: {type: mllp, address: "127.0.0.1:2576"}
  ehr: {type: hl7v2_sender}
policies:
  slow: {retry: {give_up_after: 96h}}
  quick: {retry: {give_up_after: 95h}}
channels:
  dialog:
    source: {type: http, listen: "127.0.0.1:8080"}
    standard: kith
"""
DESTINATION = "    destinations: {archive: {system: archive}}\n"
LATE = HEAD.replace("idempotent: true", "idempotent: true, receipt_within: WITHIN")


def site(ack: str, destination: str = DESTINATION, head: str = HEAD) -> str:
    return f"{head}    ack: {ack}\n{destination}"


MISTAKES = [
    pytest.param(site("{receipt: {return_via: ▸gpp}}"), "E201", "'gp'", "error", id="unknown system"),
    pytest.param(site("{receipt: {return_via: ▸journal}}"), "E208", "http or file", "error", id="a FHIR server"),
    pytest.param(site("{receipt: {return_via: ▸lab}}"), "E208", "http or file", "error", id="a receiver over MLLP"),
    pytest.param(site("{receipt: {return_via: ▸ehr}}"), "E208", "http or file", "error", id="one that only sends"),
    pytest.param(site("{receipt: {return_via: gp, policy: ▸quik}}"), "E201", "'quick'", "error", id="unknown policy"),
    pytest.param(
        site("{▸receipt: {return_via: gp}}", head=HEAD.replace("standard: kith", "standard: hl7v2")),
        "E218",
        "remove it",
        "error",
        id="HL7 v2 has none",
    ),
    pytest.param(
        site(
            "{▸receipt: {return_via: gp}}",
            "    destinations: {journal: {system: journal}}\n",
            HEAD.replace("standard: kith", "mapping: hl7v2/oru"),
        ),
        "E218",
        "remove it",
        "error",
        id="HL7 v2 has none, as its mapping says",
    ),
    pytest.param(
        site("{receipt: {return_via: gp}}", "    destinations: {▸receipt: {system: archive}}\n"),
        "E219",
        "another name",
        "error",
        id="a destination of that name",
    ),
    pytest.param(
        site("{receipt: {return_via: gp, policy: ▸slow}}"), "W318", "96h", "warning", id="still tried after 96 hours"
    ),
    pytest.param(
        site("{}", head=LATE.replace("WITHIN", "▸97h")), "W318", "96h", "warning", id="awaited after 96 hours"
    ),
    pytest.param(
        site("{after: ▸delivered, deadline: 40s, receipt: {return_via: gp}}"),
        "W319",
        "receipt: {after: delivered}",
        "warning",
        id="told twice",
    ),
]


@pytest.mark.parametrize(("marked", "code", "remedy", "severity"), MISTAKES)
def test_a_mistake_is_found_where_it_stands_and_says_what_to_write(
    tmp_path: Path, marked: str, code: str, remedy: str, severity: str
) -> None:
    found, place = findings(tmp_path, marked)
    assert [(one.line, one.column, one.code, one.severity) for one in found] == [(*place, code, severity)], found
    assert remedy in found[0].suggestion


QUIET = [
    pytest.param(site("{receipt: {return_via: gp}}"), id="the plain case"),
    pytest.param(site("{receipt: {return_via: archive, after: delivered, policy: quick}}"), id="into a folder"),
    pytest.param(site("{}", "    destinations: {receipt: {system: archive}}\n"), id="the name without receipts"),
    pytest.param(site("{}"), id="no receipts at all"),
    pytest.param(site("{}", head=LATE.replace("WITHIN", "96h")), id="awaited for 96 hours"),
]


@pytest.mark.parametrize("text", QUIET)
def test_what_is_right_is_left_alone(tmp_path: Path, text: str) -> None:
    assert findings(tmp_path, text)[0] == []


def test_no_site_starts_whose_receipts_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "channels.yaml").write_text(site("{receipt: {return_via: pg, policy: quik}}"), "utf-8")
    with pytest.raises(ConfigError) as raised:
        sound_site(tmp_path, {})
    assert [one.code for one in raised.value.findings] == ["E201", "E201"]


def test_a_system_that_takes_only_fhir_cannot_be_told_to_expect_receipts(tmp_path: Path) -> None:
    text = site("{}", head=HEAD.replace('/fhir"', '/fhir", receipt_within: 96h'))
    (tmp_path / "channels.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match="receipt_within"):
        sound_site(tmp_path, {})


def test_what_a_mapping_reads_is_not_guessed_while_nobody_has_looked(tmp_path: Path) -> None:
    head = HEAD.replace("standard: kith", "mapping: kith/unheard_of")
    assert "E218" not in [one.code for one in findings(tmp_path, site("{receipt: {return_via: gp}}", head=head))[0]]
