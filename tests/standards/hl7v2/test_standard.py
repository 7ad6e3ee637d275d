"""HL7 v2 as a standard: envelope, ordering keys, populated units; and nothing but our errors for any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import EngineError, InvalidMessage
from engine.message import Answer, AnswerKind, Party
from engine.standards import Charset, Standard
from engine.standards.hl7v2.er7 import Er7Document
from engine.standards.hl7v2.standard import Hl7v2

HL7: Standard = Hl7v2()
HEADER = "MSH|^~\\&|EPJ^9.9^ISO|KONTOR^1.2.3^ISO|JOURNAL|KOMMUNE|20240115103000+0100||{type}|M1|P^T|2.5.1^NOR"


def decoded(*lines: str, type_: str = "ADT^A01^ADT_A01") -> Er7Document:
    document = HL7.decode("\r".join([HEADER.format(type=type_), *lines]).encode(), Charset())
    assert isinstance(document, Er7Document)
    return document


def test_the_envelope_says_who_sent_what() -> None:
    envelope = HL7.envelope(decoded())

    assert (envelope.standard, envelope.message_id, envelope.type) == ("hl7v2", "M1", "ADT^A01")
    assert envelope.sender == Party("KONTOR", "1.2.3", "EPJ")
    assert envelope.receiver == Party("KOMMUNE", "", "JOURNAL")
    assert (envelope.version, envelope.processing, envelope.sent) == ("2.5.1", "P", "20240115103000+0100")


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        pytest.param("ADT^A01", "ADT^A01", id="two parts"),
        pytest.param("ADT^A01^ADT_A01^", "ADT^A01", id="three and an empty one"),
        pytest.param("ORU", "ORU", id="alone"),
        pytest.param("ORU^", "ORU", id="event empty"),
        pytest.param(" ORU ^ R01 ", "ORU^R01", id="blanks"),
    ],
)
def test_the_type_is_that_of_the_header(type_: str, expected: str) -> None:
    assert HL7.envelope(decoded(type_=type_)).type == expected


@pytest.mark.parametrize(
    ("application", "facility", "party"),
    [
        pytest.param("EPJ", "KONTOR", Party("KONTOR", "", "EPJ"), id="facility"),
        pytest.param("EPJ", "", Party("EPJ", "", "EPJ"), id="application where there is no facility"),
        pytest.param("EPJ", '""', Party("EPJ", "", "EPJ"), id="facility null"),
        pytest.param("EPJ", "^1.2.3^ISO", Party("1.2.3", "", "EPJ"), id="universal id alone"),
        pytest.param("A\\T\\B", "X~Y", Party("X", "", "A&B"), id="escape and repetition"),
        pytest.param("", "", Party(""), id="nothing"),
    ],
)
def test_a_party_is_its_facility_or_else_its_application(application: str, facility: str, party: Party) -> None:
    raw = f"MSH|^~\\&|{application}|{facility}|||||ADT^A01|1|P|2.5".encode()
    assert HL7.envelope(HL7.decode(raw, Charset())).sender == party


@pytest.mark.parametrize(
    ("header", "place"),
    [
        ("MSH|^~\\&|||||||ADT^A01||P|2.5", "MSH[1]-10"),
        ("MSH|^~\\&|||||||ADT^A01", "MSH[1]-10"),
        ("MSH|^~\\&||||||||1|P|2.5", "MSH[1]-9"),
        ('MSH|^~\\&|||||||""|1|P|2.5', "MSH[1]-9"),
    ],
)
def test_a_message_without_type_or_id_is_rejected(header: str, place: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        HL7.envelope(HL7.decode(header.encode(), Charset()))
    assert (caught.value.place, caught.value.standard_code, caught.value.reject) == (place, "101", True)


@pytest.mark.parametrize(
    ("lines", "keys"),
    [
        pytest.param(["PID|1|A|1^^^X~2^^^Y~3"], ("1", "2", "3"), id="all of PID-3"),
        pytest.param(["PID|1|A|||B~C"], ("A",), id="PID-2 where PID-3 is empty"),
        pytest.param(["PID|1|A||B~C"], ("A", "B", "C"), id="PID-2 and PID-4"),
        pytest.param(["PID|1||1", "MRG|9~8", "PID|2||2", "MRG|7"], ("1", "2", "9", "8", "7"), id="every merge pair"),
        pytest.param(["PID|1||138158 97247^^^X"], ("13815897247",), id="blank after six digits"),
        pytest.param(['PID|1||""~4^^^A~4^^^B'], ("4",), id="null and repeated value"),
        pytest.param(["PID|1||a&b^c"], ("a",), id="sub-component"),
        pytest.param(["PID|1"], (), id="none"),
        pytest.param(["EVN|A01"], (), id="no patient"),
    ],
)
def test_ordering_keys_are_all_identifiers_of_all_patients(lines: list[str], keys: tuple[str, ...]) -> None:
    assert HL7.order_keys(decoded(*lines)) == keys


def test_populated_units_stand_at_repetition_and_component_and_count_null() -> None:
    units = list(HL7.populated(decoded('PID|1||4711^^^HUS~^""|| |&^X&', "NTE|1", "NTE|2", "ZPI||x")))

    assert [unit.place for unit in units if unit.segment != "MSH"] == [
        "PID[1]-1[1].1",
        "PID[1]-3[1].1",
        "PID[1]-3[1].4",
        "PID[1]-3[2].2",
        "PID[1]-6[1].2",
        "NTE[1]-1[1].1",
        "NTE[2]-1[1].1",
        "ZPI[1]-2[1].1",
    ]
    assert [(u.field, u.component) for u in units if u.segment == "MSH"][:4] == [(3, 1), (3, 2), (3, 3), (4, 1)]


HEADS = st.sampled_from([b"", b"MSH|^~\\&|", b"MSH#!@%*#", HEADER.format(type="ADT^A01").encode() + b"\r"])
LINES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.tuples(
            st.sampled_from([b"PID|", b"OBX|", b"MRG|", b"MSH|", b"zzz|", b"BTS|"]),
            st.lists(st.sampled_from([b"|", b"^", b"~", b"&", b"\\", b'""', b"1", b"a", b"\xe6", b"\n"]), max_size=20),
        ).map(lambda pair: pair[0] + b"".join(pair[1])),
    ),
    max_size=5,
)


@given(HEADS, LINES)
def test_any_bytes_go_through_every_door_or_raise_our_errors(head: bytes, lines: list[bytes]) -> None:
    for raw in HL7.split(head + b"\r".join(lines)):
        HL7.acknowledge(raw, Answer(AnswerKind.REJECT, text="x"), "1", 0)
        try:
            document = HL7.decode(raw, Charset())
            HL7.order_keys(document)
            HL7.conformance(document)
            list(HL7.populated(document))
            HL7.envelope(document)
        except EngineError:
            pass
