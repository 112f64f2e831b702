"""YAML 1.2 core schema, and the plain scalars that YAML 1.1 reads otherwise (DOC-12)."""

from __future__ import annotations

import math

import pytest

from noetl.compiler.nodes import Scalar, Seq
from noetl.compiler.source import Parsed, parse
from noetl.compiler.source.scalars import YAML11_BOOLEANS, resolve
from noetl.diagnostics import Severity, Span


def parsed(text: str) -> Parsed:
    """A list with one item, written as `text`."""
    return parse(f"- {text}\n", "playbook.yaml")


def item(result: Parsed) -> Scalar:
    assert isinstance(result.root, Seq)
    (scalar,) = result.root.items
    assert isinstance(scalar, Scalar)
    return scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((text, None) for text in ("", "~", "null", "Null", "NULL", "!!null ''", "!!null null")),
        *((text, True) for text in ("true", "True", "TRUE", "!!bool true")),
        *((text, False) for text in ("false", "False", "FALSE")),
        *((text, 12) for text in ("12", "+12", "0xc", "0xC", "!!int 12", "!!int '0xC'")),
        *((text, 0) for text in ("0", "-0", "00", "0x0")),
        *((text, 7) for text in ("07", "007")),
        ("-12", -12),
        (str(2**70), 2**70),
        ("-" + str(10**100), -(10**100)),
        *((text, 1.5) for text in ("1.5", "+1.5", "1.5e+0", "15.e-1", "!!float 1.5")),
        *((text, 0.5) for text in (".5", "0.5", "+.5")),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("!!float 1", 1.0),
        ("0.0", 0.0),
    ],
)
def test_core_values(text: str, value: object) -> None:
    result = parsed(text)
    assert result.diagnostics == []
    scalar = item(result)
    assert scalar.value == value
    assert type(scalar.value) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("nULL", "tRUE", "none", "None", "nil", "Nan", "inf", "-inf", "infinity", "nan"),
        *("0x", "0xg", "0o8", "--1", "+", "-x", ".", "..", "1.2.3", "1,000", "0b2", "e3", ".e3", "12a", "1e", "0x1.8"),
        *("1:99", "0:30", "00:30", "0b_", "2025-1-1", "2025-12-11x", "12-11-2025", "10:00 Uhr", "yess", "ON!", "yEs"),
        *("a", "a b", "Yes sir", "<", "=x", "?x", "-1-", "!!str 12", "! 12", "!!str ~", "!!str yes", "!!str .inf"),
    ],
)
def test_strings_in_every_version_of_yaml(text: str) -> None:
    result = parsed(text)
    assert result.diagnostics == []
    assert item(result).value == item(result).text == text.removeprefix("!!str ").removeprefix("! ")


@pytest.mark.parametrize("quoted", ["'{}'", '"{}"', "|-\n  {}", ">-\n  {}"])
@pytest.mark.parametrize("text", ["yes", "012", "null", "12", "1:30", ".inf", "2025-12-11", ""])
def test_a_quoted_scalar_is_a_string(quoted: str, text: str) -> None:
    result = parsed(quoted.format(text))
    assert (item(result).value, result.diagnostics) == (text, [])


@pytest.mark.parametrize("text", ["y", "n", "Y", "N"])
def test_a_letter_that_no_reader_takes_for_a_boolean_is_a_string(text: str) -> None:
    result = parsed(text)
    assert (item(result).value, result.diagnostics) == (text, [])


@pytest.mark.parametrize(
    ("text", "value", "reading"),
    [
        *((text, text, "a boolean") for text in ("yes", "No", "ON", "off", "Off")),
        ("012", 12, "the integer 10"),
        ("-010", -10, "the integer -8"),
        ("08", 8, "a string"),
        ("0o17", 15, "a string"),
        ("0b101", "0b101", "the integer 5"),
        ("-0x1F", "-0x1F", "the integer -31"),
        ("0x_f", "0x_f", "the integer 15"),
        ("1_000", "1_000", "the integer 1000"),
        ("0_7", "0_7", "the integer 7"),
        ("1_" + "0" * 40, "1_" + "0" * 40, "an integer"),
        ("1:30", "1:30", "the integer 90"),
        ("-1:30:15", "-1:30:15", "the integer -5415"),
        ("1:30.5", "1:30.5", "a float"),
        ("1_000.5", "1_000.5", "a float"),
        ("1e3", 1000.0, "a string"),
        ("1.5e3", 1500.0, "a string"),
        ("2025-12-11", "2025-12-11", "a date"),
        ("2025-12-11T10:30:00Z", "2025-12-11T10:30:00Z", "a timestamp"),
        ("2025-1-1 1:30:00.5 +02:00", "2025-1-1 1:30:00.5 +02:00", "a timestamp"),
        ("=", "=", "a special key"),
        ("<<", "<<", "a special key"),
    ],
)
def test_what_yaml_1_1_reads_otherwise_is_a_warning(text: str, value: object, reading: str) -> None:
    result = parsed(text)
    (found,) = result.diagnostics
    assert (found.code, found.severity) == ("NTL008", Severity.WARNING)
    assert found.span == Span(1, 3, 1, 3 + len(text))
    assert found.message.endswith(f"; YAML 1.1 reads {reading}")
    assert item(result).value == value
    assert type(item(result).value) is type(value)


def test_a_trap_says_what_it_is_here() -> None:
    (found,) = parsed("012").diagnostics
    assert found.message == '"012" is the number 12; YAML 1.1 reads the integer 10'
    assert found.hint == "quote it for the string"
    (found,) = parsed("on").diagnostics
    assert found.message == '"on" is a string; YAML 1.1 reads a boolean'
    assert found.hint == "write true or false for a boolean, quote it for the string"


def test_a_key_is_its_text_and_never_a_trap() -> None:
    result = parse("on: 1\n012: 2\n~: 3\n2025-12-11: 4\n.inf: 5\n", "playbook.yaml")
    assert result.diagnostics == []
    assert not isinstance(result.root, (Scalar, Seq))
    assert result.root is not None
    assert [(k.text, k.value) for k, _ in result.root.entries] == [
        (text, text) for text in ("on", "012", "~", "2025-12-11", ".inf")
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *((text, "infinity is not a JSON value") for text in (".inf", "-.Inf", "+.INF", "!!float .inf")),
        *((text, "not-a-number is not a JSON value") for text in (".nan", ".NaN", ".NAN")),
        *((text, "the number is too large for JSON") for text in ("1e400", "-1e400", "1" * 400 + ".0")),
        *((text, "an integer has at most 3500 digits") for text in ("1" * 3501, "0x" + "f" * 3500)),
        ("!!int x", "not an integer, as its tag says"),
        ("!!int 1.5", "not an integer, as its tag says"),
        ("!!float 0x1", "not a float, as its tag says"),
        ("!!bool yes", "not a boolean, as its tag says"),
        ("!!null x", "not null, as its tag says"),
        ("!!int .inf", "not an integer, as its tag says"),
    ],
)
def test_what_has_no_json_value_is_an_error(text: str, reason: str) -> None:
    result = parsed(text)
    assert [(d.code, d.severity) for d in result.diagnostics if d.code != "NTL008"] == [("NTL011", Severity.ERROR)]
    (found,) = (d for d in result.diagnostics if d.code == "NTL011")
    assert found.message.endswith(reason)
    content = text.split()[-1]
    assert found.span == Span(1, 3 + len(text) - len(content), 1, 3 + len(text))
    assert item(result).value == content


def test_a_tag_that_does_not_fit_hides_nothing_else() -> None:
    """A string with NUL in it is no JSON value that could cross a step's border (VAL-1)."""
    result = parsed(r'"a\0b"')
    assert [(d.code, d.span) for d in result.diagnostics] == [("NTL011", Span(1, 5, 1, 7))]


def test_long_integers_are_exact() -> None:
    text = "9" * 3500
    assert item(parsed(text)).value == int(text)


def test_the_booleans_of_yaml_1_1_are_listed_for_boolean_fields() -> None:
    assert len(YAML11_BOOLEANS) == 4 * 3
    for word in YAML11_BOOLEANS:
        found = resolve(word)
        assert found is not None
        assert (found.value, found.trap) == (word, "a boolean")


def test_floats_keep_their_sign_and_size() -> None:
    value = item(parsed("-0.0")).value
    assert isinstance(value, float)
    assert math.copysign(1, value) == -1
    assert item(parsed("1e-400")).value == 0
