"""The site's code tables: pairs in the config, columns of a CSV file."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.channels.site import Site, load_site
from engine.channels.tables import every_table, site_tables, tables_revision
from engine.errors import ConfigError

HEAD = "version: 1\nsite: {name: demo}\nsystems: {j: {type: file, path: var}}\n"
CHANNEL = """\
channels:
  adt:
    source: {type: mllp, listen: "127.0.0.1:0"}
    mapping: hl7v2/adt
    destinations: {j: {system: j}}
"""
WARDS = "tables: {wards: {file: tables/wards.csv, key: code, columns: [her_id, name]}}\n"


def site_of(folder: Path, tables: str, csv: str | bytes = "") -> Site:
    (folder / "tables").mkdir(exist_ok=True)
    (folder / "tables" / "wards.csv").write_bytes(csv if isinstance(csv, bytes) else csv.encode("utf-8"))
    (folder / "channels.yaml").write_text(HEAD + tables + CHANNEL, encoding="utf-8")
    return load_site(folder, {})


def test_pairs_written_in_the_config_are_taken_as_they_are(tmp_path: Path) -> None:
    site = site_of(tmp_path, 'tables: {sex: {map: {K: female, NO: "01"}}}\n')
    assert site_tables(site, {"gender": "sex"}) == {"gender": {"K": "female", "NO": "01"}}


@pytest.mark.parametrize(
    "csv",
    [
        pytest.param("code,her_id,name\nA,0301,Ås\nB,42,Bø\n", id="comma"),
        pytest.param("code;her_id;name\r\nA;0301;Ås\r\nB;42;Bø\r\n", id="semicolon and CRLF"),
        pytest.param(
            "\ufeffname;extra;her_id;code\nÅs;;0301;A\n\nBø;x;42; B \n", id="byte order mark, other order, blank line"
        ),
        pytest.param('code,her_id,name\n"A","0301","Ås"\nB,42,Bø', id="quoted, no last line end"),
        pytest.param("code,her_id,name\nA,0301,Ås\nA,0301,Ås\nB,42,Bø\n", id="the same line twice"),
    ],
)
def test_a_csv_file_gives_a_table_for_each_column(tmp_path: Path, csv: str) -> None:
    tables = every_table(site_of(tmp_path, WARDS, csv))
    assert tables["wards"] == tables["wards.her_id"] == {"A": "0301", "B": "42"}
    assert tables["wards.name"] == {"A": "Ås", "B": "Bø"}


@pytest.mark.parametrize(
    ("csv", "code", "line"),
    [
        pytest.param("code,her_id\nA,1\n", "E210", 4, id="column missing"),
        pytest.param("", "E210", 4, id="empty file"),
        pytest.param(b"code,her_id,name\nA,1,\xc5s\n", "E210", 4, id="not UTF-8"),
        pytest.param("code,her_id,name\nA,1,x\nB,2\n", "E210", 3, id="short line"),
        pytest.param("code,her_id,name\nA,1,x\nB,2,y\nA,3,x\n", "E211", 4, id="code twice with another value"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(tmp_path: Path, csv: str | bytes, code: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        every_table(site_of(tmp_path, WARDS, csv))
    assert [(finding.code, finding.line) for finding in caught.value.findings] == [(code, line)]
    assert caught.value.findings[0].suggestion


def test_a_channel_that_wants_no_table_reads_no_file(tmp_path: Path) -> None:
    assert site_tables(site_of(tmp_path, WARDS, ""), {}) == {}


def test_the_revision_of_tables_follows_their_content() -> None:
    assert tables_revision({"a": {"x": "1", "y": "2"}}) == tables_revision({"a": {"y": "2", "x": "1"}})
    assert tables_revision({"a": {"x": "1"}}) != tables_revision({"a": {"x": "2"}})
