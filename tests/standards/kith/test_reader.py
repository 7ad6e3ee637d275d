"""The hardened reader: what it reads, and what it refuses with a code and a line, in bounded time."""

from __future__ import annotations

import socket
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kith_built import CHARSET, MSGHEAD, NAMES, document, edited, into, sample, text

from engine.errors import EngineError, InvalidMessage
from engine.standards.kith.reader import MOST_ATTRIBUTES, MOST_DEPTH, Family, read
from engine.standards.kith.words import LIST_8221, WORDS

HEAD = f'<MsgHead xmlns="{MSGHEAD}">'.encode()
LAUGHS = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(20)
)
BAD = {
    "nothing at all": (b"", "kith.not_xml", "line 1"),
    "an HL7 v2 message": (b"MSH|^~\\&|A|B|C|D|2026||ADT^A01|1|P|2.5\r", "kith.not_xml", "line 1"),
    "cut off in the middle": (sample("std_dialog_1_0")[:1500], "kith.not_xml", None),
    "two roots": (HEAD + b"</MsgHead><a/>", "kith.not_xml", "line 1"),
    "an entity that nobody declared": (HEAD + b"\n&who;</MsgHead>", "kith.not_xml", "line 2"),
    "a control character": (HEAD + b"\x01</MsgHead>", "kith.not_xml", "line 1"),
    "a NUL": (HEAD + b"\x00</MsgHead>", "kith.not_xml", "line 1"),
    "a prefix without a namespace": (b"<m:MsgHead/>", "kith.not_xml", "line 1"),
    "any document type declaration": (b"<!DOCTYPE MsgHead>" + HEAD + b"</MsgHead>", "kith.doctype", ""),
    "one behind a comment and an instruction": (
        b'<?xml version="1.0"?>\n<!-- <!DOCTYPE --><?x y?> <!DOCTYPE a>' + HEAD + b"</MsgHead>",
        "kith.doctype",
        "",
    ),
    "one in UTF-16": ("<!DOCTYPE a>".encode("utf-16") + b"", "kith.doctype", ""),
    "billion laughs": (LAUGHS + b"]>" + HEAD + b"&u;</MsgHead>", "kith.doctype", ""),
    "billion laughs in an attribute": (LAUGHS + b"]>" + HEAD[:-1] + b' a="&u;"/>', "kith.doctype", ""),
    "10 000 levels": (HEAD + b"<a>" * 10_000 + b"</a>" * 10_000 + b"</MsgHead>", "kith.too_deep", "line 1"),
    "one level too many": (HEAD + b"<a>" * MOST_DEPTH + b"</a>" * MOST_DEPTH + b"</MsgHead>", "kith.too_deep", ""),
    "200 000 attributes": (
        HEAD + b"<a " + b" ".join(b'a%d="1"' % n for n in range(200_000)) + b"/></MsgHead>",
        "kith.too_many_attributes",
        "",
    ),
    "one attribute too many": (
        HEAD + b"<a " + b" ".join(b'a%d="1"' % n for n in range(MOST_ATTRIBUTES + 1)) + b"/></MsgHead>",
        "kith.too_many_attributes",
        "",
    ),
    "one too many, in other quotes, on lines, with signs in them": (
        HEAD + b"<a" + b"".join(b"\n\ta%d = '=\"/>'" % n for n in range(MOST_ATTRIBUTES + 1)) + b"/></MsgHead>",
        "kith.too_many_attributes",
        "",
    ),
    "200 000 attributes that are cut off": (
        HEAD + b"<a " + b" ".join(b'a%d="1"' % n for n in range(200_000)),
        "kith.too_many_attributes",
        "",
    ),
    "a million elements": (HEAD + b"<a/>" * 1_000_001 + b"</MsgHead>", "kith.too_many_elements", ""),
    "more than 64 MB": (HEAD + b" " * (64 << 20) + b"</MsgHead>", "kith.too_large", ""),
    "another root": (b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"/>', "kith.root", ""),
    "a bare payload": (b'<Dialogmelding xmlns="http://www.kith.no/xmlstds/dialog/2006-10-11"/>', "kith.root", ""),
    "MsgHead of nobody": (b"<MsgHead/>", "kith.root", ""),
    "a wrapper around nothing": (b'<EI_fellesformat xmlns="http://www.nav.no/xml/eiff/2/"/>', "kith.root", ""),
}


@pytest.mark.parametrize(("raw", "code", "place"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused_with_a_stable_code_and_a_line_in_bounded_time(
    raw: bytes, code: str, place: str | None
) -> None:
    start = time.process_time()
    with pytest.raises(InvalidMessage) as raised:
        read(raw, CHARSET)
    assert raised.value.code == code
    assert raised.value.text == WORDS[code][1]
    assert raised.value.reject
    assert raised.value.standard_code in LIST_8221
    assert place is None or raised.value.place == place
    assert time.process_time() - start < 3


def test_an_external_entity_is_refused_before_anyone_is_asked_for_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        raw = f'<!DOCTYPE a SYSTEM "{url}" [<!ENTITY x SYSTEM "{url}">]>'.encode() + HEAD + b"&x;</MsgHead>"
        with pytest.raises(InvalidMessage, match="document type"):
            read(raw, CHARSET)
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_schema_location_is_not_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x.xsd"
        hint = f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="{MSGHEAD} {url}"'
        read(sample("std_dialog_1_0").replace(b"<MsgHead ", f"<MsgHead {hint} ".encode()), CHARSET)
        with pytest.raises(TimeoutError):
            server.accept()


def test_the_words_of_a_document_type_may_stand_in_a_text() -> None:
    note = sample("std_dialog_1_0").replace(b"Ny dosering", b"<![CDATA[<!DOCTYPE html>]]>")
    element = read(note, CHARSET).payloads[0].element
    assert "<!DOCTYPE html>" in "".join(str(part) for part in element.itertext())


def test_a_text_of_more_than_10_mb_is_read_whole() -> None:
    big = "A" * 11_000_000
    start = time.process_time()
    read_back = document("std_dialog_1_1", text("Document/RefDoc/Content/Base64Container", big))
    container = read_back.attachments[0].container
    assert container is not None and container.text == big
    assert time.process_time() - start < 3


def test_depth_and_attributes_up_to_the_bound_are_read() -> None:
    attributes = b" ".join(b'a%d="1"' % n for n in range(MOST_ATTRIBUTES))
    deep = b"<a>" * (MOST_DEPTH - 2) + b"<a " + attributes + b"/>" + b"</a>" * (MOST_DEPTH - 2)
    assert read(HEAD + deep + b"</MsgHead>", CHARSET).family is Family.MSGHEAD


@pytest.mark.parametrize("name", NAMES)
def test_the_bytes_are_kept_as_received(name: str) -> None:
    assert read(sample(name), CHARSET).raw == sample(name)


def test_many_equals_signs_are_no_attributes() -> None:
    lines = b"<a b='1'/>" * MOST_ATTRIBUTES + b"<c d='2'>" + b" x='1'" * 2 * MOST_ATTRIBUTES + b"</c>"
    assert read(HEAD + lines + b"</MsgHead>", CHARSET).family is Family.MSGHEAD


def test_msghead_has_its_payload_and_its_attachments_apart() -> None:
    read_back = document("std_dialog_1_1")
    assert read_back.family is Family.MSGHEAD
    assert [(one.namespace, one.name) for one in read_back.payloads] == [
        ("http://www.kith.no/xmlstds/dialog/2013-01-23", "Dialogmelding")
    ]
    assert [(one.mime_type, one.description) for one in read_back.attachments] == [("application/pdf", "Sårkurve")]
    assert read_back.place(read_back.attachments[0].element) == "MsgHead/Document[2]/RefDoc"


def test_a_message_is_its_own_payload_and_a_file_reference_is_an_attachment() -> None:
    refdoc = (
        '<RefDoc xmlns="http://www.kith.no/xmlstds/labsvar/2012-02-15"><MsgType V="A"/><MimeType>image/tiff</MimeType>'
        "<FileReference>bilde.tif</FileReference></RefDoc>"
    )
    read_back = document("std_svarrapport_1_4", into("ServReport", refdoc))
    assert [one.element for one in read_back.payloads] == [read_back.message]
    assert [(one.file_reference, one.container) for one in read_back.attachments] == [("bilde.tif", None)]


def test_content_that_is_no_base64_is_a_payload_whatever_code_its_kind_has() -> None:
    raw = sample("std_dialog_1_0").replace(b'<MsgType V="XML"', b'<MsgType V="XLM"')
    assert [one.name for one in read(raw, CHARSET).payloads] == ["Dialogmelding"]


def test_a_report_of_several_patients_has_the_payload_of_each() -> None:
    inner = sample("std_dialog_1_0")
    start, end = inner.index(b"  <Document>"), inner.index(b"</MsgHead>")
    report = b"<PatientReport><CaseNo>1</CaseNo>" + inner[start:end] + b"</PatientReport>"
    assert len(read(inner[:start] + report * 3 + inner[end:], CHARSET).payloads) == 3


@pytest.mark.parametrize("namespace", ["http://www.nav.no/xml/eiff/2/", "http://www.trygdeetaten.no/xml/eiff/1/"])
@pytest.mark.parametrize("name", ["std_dialog_1_0", "std_apprec_1_0"])
def test_the_wrapper_of_nav_is_opened(namespace: str, name: str) -> None:
    inner = sample(name).partition(b"?>")[2]
    raw = f'<EI_fellesformat xmlns="{namespace}">'.encode() + inner + b"<Mottak/></EI_fellesformat>"
    read_back = read(raw, CHARSET)
    assert read_back.root is not read_back.message
    assert read_back.family.value in name.replace("dialog", "MsgHead").replace("apprec", "AppRec")


def test_a_comment_does_not_cut_a_text_in_two() -> None:
    raw = sample("std_dialog_1_0").replace(b"<Id>14857140193</Id>", b"<Id>148571<!-- x -->40193</Id>")
    patient = read(raw, CHARSET).message.find(f".//{{{MSGHEAD}}}Patient/{{{MSGHEAD}}}Ident/{{{MSGHEAD}}}Id")
    assert patient is not None and patient.text == "14857140193"


def test_a_refusal_never_quotes_the_message() -> None:
    with pytest.raises(InvalidMessage) as raised:
        read(HEAD + b"<Navn>Hemmelig</Navm></MsgHead>", CHARSET)
    assert "Nav" not in str(raised.value) and raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
@example(b"\xff\xfe<\x00")
@example(b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-16'?>")
def test_arbitrary_bytes_raise_nothing_but_our_own_errors(noise: bytes) -> None:
    try:
        read(noise, CHARSET)
    except EngineError as error:
        assert error.code in WORDS


@settings(max_examples=300, deadline=None)
@given(noise=st.binary(min_size=1, max_size=30), at=st.floats(0, 1), name=st.sampled_from(NAMES))
def test_a_message_with_noise_in_it_raises_nothing_but_our_own_errors(noise: bytes, at: float, name: str) -> None:
    raw = edited(name)
    place = int(len(raw) * at)
    try:
        read(raw[:place] + noise + raw[place:], CHARSET)
    except EngineError as error:
        assert error.code in WORDS
