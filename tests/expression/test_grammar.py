"""The grammar as a table: what each good line means, what is said of each bad one."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.expression import Where
from engine.expression.parser import parse

WHERE = Where("adt.yaml", 7, 11)


def shape(node: object) -> str:
    """The tree on one line: the node's name and its parts, columns left out."""
    if isinstance(node, tuple):
        return "[" + " ".join(map(shape, node)) + "]"
    if not dataclasses.is_dataclass(node):
        return repr(node)
    parts = [getattr(node, f.name) for f in dataclasses.fields(node) if f.name != "column"]
    shown = [shape(part) for part in parts if part not in ("", 0, None, (), False)]
    return f"{type(node).__name__}({' '.join(shown)})"


GOOD = [
    ("PID-8", "Path([Step('PID' 8)])"),
    ("PID-5.1.2", "Path([Step('PID' 5 [1 2])])"),
    ("PID-3[*]", "Path([Step('PID' 3 Pick())])"),
    ("PID-3[2].1", "Path([Step('PID' 3 Pick(2) [1])])"),
    ("PID-3[.5 = 'FNR'].1", "Path([Step('PID' 3 Pick(Compare(Path([Step([5])]) Literal('FNR') True)) [1])])"),
    ("ZPI-3.2", "Path([Step('ZPI' 3 [2])])"),
    (".", "Path([Step()])"),
    (".4.1", "Path([Step([4 1])])"),
    (".3[*]", "Path([Step(Pick() [3])])"),
    ("PV1", "Path([Step('PV1')])"),
    ("order / SPM", "Path([Step('order') Step('SPM')])"),
    (
        "OBX[.2 = 'ED'] / OBX-5[*]",
        "Path([Step('OBX' Pick(Compare(Path([Step([2])]) Literal('ED') True))) Step('OBX' 5 Pick())])",
    ),
    ("'it''s'", 'Literal("it\'s")'),
    ("= final", "Literal('final')"),
    ("= http://unitsofmeasure.org", "Literal('http://unitsofmeasure.org')"),
    ("= a and b's | lower", "Pipe(Literal(\"a and b's\") 'lower')"),
    ("$number", "Variable('number')"),
    ("->patient", "Reference('patient')"),
    ("all ->obs", "Reference('obs' True)"),
    ("namespace()", "Call('namespace')"),
    ("join(' ', .5, .6)", "Call('join' [Literal(' ') Path([Step([5])]) Path([Step([6])])])"),
    ("xp(//a[text()=')'])", "XPath(\"//a[text()=')']\")"),
    ("A01-1 else B01-2 | date", "Pipe(Else(Path([Step('A01' 1)]) Path([Step('B01' 2)])) 'date')"),
    (".4 as HD else namespace()", "Else(As(Path([Step([4])]) 'HD') Call('namespace'))"),
    ("PD1-4 as XCN.identifier", "As(Path([Step('PD1' 4)]) 'XCN' 'identifier')"),
    (
        "PID-13[*] as XTN with use=home,rank='1'",
        "As(Path([Step('PID' 13 Pick())]) 'XTN' [['use' Literal('home')] ['rank' Literal('1')]])",
    ),
    (".5 | coding v2-0074", "Pipe(Path([Step([5])]) 'coding' [Literal('v2-0074')])"),
    (".1 | prefix 'urn:oid:' | lower", "Pipe(Pipe(Path([Step([1])]) 'prefix' [Literal('urn:oid:')]) 'lower')"),
    (".3 in ('A','B') and .2", "And(In(Path([Step([3])]) ['A' 'B']) Path([Step([2])]))"),
    (".3 not in ('A')", "In(Path([Step([3])]) ['A'] True)"),
    ("not .3 or .4 and .5", "Or(Not(Path([Step([3])])) And(Path([Step([4])]) Path([Step([5])])))"),
    ("not not .3", "Path([Step([3])])"),
    ("(.3 or .4) and .5", "And(Or(Path([Step([3])]) Path([Step([4])])) Path([Step([5])]))"),
    (".2 != 'ED'", "Compare(Path([Step([2])]) Literal('ED'))"),
    ("not (.4 as HD)", "Not(As(Path([Step([4])]) 'HD'))"),
]


@pytest.mark.parametrize(("line", "tree"), GOOD, ids=[line for line, _ in GOOD])
def test_a_good_line_means_one_tree(line: str, tree: str) -> None:
    assert shape(parse(line, WHERE)) == tree


BAD = [
    ("", 1, "X101", "leave the key out"),
    ("=", 1, "X101", "write the text"),
    ("PID-3 ?? PID-2", 7, "X100", "write 'else'"),
    ("PID-8 == 'F'", 7, "X100", "write one '='"),
    ("PID-8 && PID-7", 7, "X100", "write 'and'"),
    ("PID-8 || PID-7", 7, "X100", "write 'or'"),
    ("!PID-8", 1, "X100", "write 'not'"),
    ('"M"', 1, "X100", "single quotes"),
    ("PID-8 = 'M", 9, "X100", "close the quote"),
    ("@V", 1, "X100", "xp(...)"),
    ("$", 1, "X100", "a name after '$'"),
    ("PID-5 PID-6", 7, "X102", "put 'else'"),
    ("PID-7 |", 8, "X102", "PID-7 | date"),
    ("PID-7 | 'date'", 9, "X102", "PID-7 | date"),
    ("PID-5 as", 9, "X102", "PID-5 as XPN"),
    ("PID-5 as XPN with", 18, "X102", "with use=home"),
    ("PID-5 as XPN with use", 22, "X102", ""),
    ("PID-3[", 7, "X102", "write a path"),
    ("PID-3[2", 8, "X102", ""),
    ("PID-3[0]", 7, "X103", "repetitions count from 1"),
    ("PID-0", 1, "X103", "fields count from 1"),
    ("PID-3.0", 6, "X103", "components count from 1"),
    ("PID-8 in 'M'", 10, "X102", "in ('A','B')"),
    ("PID-8 in (M)", 11, "X102", "in ('A','B')"),
    ("all obs", 5, "X102", "write all ->obs"),
    ("->", 1, "X100", "key of an entry"),
    ("PID-8 else", 11, "X102", "write a path"),
    ("(PID-8", 7, "X102", ""),
    ("order /", 8, "X102", "order / OBX / OBX-5"),
    ("xp(//a", 1, "X102", "close it"),
    ("PID-8 and", 10, "X102", "write a path"),
    ("else PID-8", 1, "X102", "write a path"),
    ("(" * 50 + "PID-8" + ")" * 50, 41, "X104", ""),
]


@pytest.mark.parametrize(("line", "column", "code", "hint"), BAD, ids=[line[:30] or "(empty)" for line, *_ in BAD])
def test_a_bad_line_says_where_and_what_to_write(line: str, column: int, code: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(line, WHERE)
    (finding,) = caught.value.findings
    assert (finding.file, finding.line, finding.column) == ("adt.yaml", 7, 10 + column)
    assert finding.code == code
    assert hint in finding.suggestion


@given(st.text(alphabet="PID-35.[]()*|/$'= andorelsewith>0\"", max_size=40))
def test_any_text_is_read_or_refused_with_a_finding(text: str) -> None:
    try:
        parse(text, WHERE)
    except ConfigError as error:
        assert len(error.findings) == 1
        assert error.findings[0].column >= WHERE.column
