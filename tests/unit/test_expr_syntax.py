"""Syntax errors and other problems, with their places, and the one expression of DOC-8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from noetl.compiler.expr import (
    ExpressionError,
    TemplateFailed,
    TextAround,
    evaluate,
    parse_expression,
    parse_template,
    render,
    strip_braces,
)
from noetl.compiler.expr.analysis import problems
from noetl.compiler.values import MISSING


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("{% if a %}b", 'unexpected end of template, expected "elif" or "else" or "endif"', None),
        ("{% for a in b %}{% endif %}", 'unexpected tag "endif", expected "endfor" or "else"', None),
        (
            "{% for a in b %}{% if a %}{% endfor %}",
            'unexpected tag "endfor", expected "elif" or "else" or "endif"',
            None,
        ),
        ("{% endif %}", 'unexpected tag "endif"', None),
        ("{{ a = 1 }}", 'expected token "}}", got "="', 'write "==" to compare'),
        ("{{ a && b }}", 'unexpected char "&"', 'write "and"'),
        ("{{ a || b }}", 'expected token "name", got "|"', 'write "or"'),
        ("{{ !a }}", 'unexpected char "!"', 'write "not"'),
        ("{{ a ? 1 : 2 }}", 'unexpected char "?"', 'write "b if a else c"'),
    ],
)
def test_jinjas_words_are_one_sentence_and_other_languages_are_known(
    source: str, message: str, hint: str | None
) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_template(source)
    assert (caught.value.message, caught.value.hint) == (message, hint)


class Names(dict[str, object]):
    def lookup(self, name: str) -> object:
        return self.get(name, MISSING)


@pytest.mark.parametrize(
    ("source", "offset", "message"),
    [
        ("a +", 3, 'unexpected "end of expression"'),
        ("", 0, 'unexpected "end of expression"'),
        ("a b", 2, 'unexpected "b" after the expression'),
        ("a }} b", 2, 'unexpected "}}" after the expression'),
        ("a\n  ? b", 4, 'unexpected char "?"'),
        ("(a", 2, 'unexpected end of expression, expected ")"'),
        ("a)", 1, 'unexpected ")"'),
        ("[a)", 2, 'unexpected ")", expected "]"'),
        ("'a", 0, 'unexpected char "\'"'),
        ("'\\x4'", 0, "truncated \\xXX escape"),
        ("1e999", 0, "a number is too large"),
        ("9" * 4301, 0, "a number has more than 4300 digits"),
        ("a.", 1, "expected name or number"),
        ("a is", 4, None),
        ("(" * 25 + "a" + ")" * 25, 24, "brackets nest deeper than 24 levels"),
        ("+".join("a" * 200), None, "it nests too deeply"),
        ("\ufb01 + 1", 0, 'name "\ufb01" is not in Unicode normal form NFKC'),
        ("a[1:2, 3]", 1, "a slice cannot be one of several indexes"),
        ("dict(a=1, a=2)", 7, 'argument "a" cannot be given here'),
        ("self.x", 0, '"self" cannot be used in a playbook'),
        ("now(1)", 3, "now() takes no arguments"),
        ("a | uper", 4, 'unknown filter "uper"'),
        ("a is definde", 2, 'unknown test "definde"'),
        ("nwo()", 0, 'unknown function "nwo"'),
        ("'a'.uper()", 3, 'unknown method "uper"'),
        ("a | map('uper')", 8, 'unknown filter "uper"'),
        ("a | selectattr('x', 'eqq', 1)", 20, 'unknown test "eqq"'),
    ],
)
def test_problems_of_an_expression(source: str, offset: int | None, message: str | None) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(source)
    if message is not None:
        assert str(caught.value) == message
    if offset is not None:
        assert caught.value.offset == offset
    with pytest.raises(TemplateFailed):
        evaluate(source, Names())


@pytest.mark.parametrize(
    ("source", "offset", "message"),
    [
        ("{{ a", 4, None),
        ("{{ a b }}", 5, 'expected token "}}", got "b"'),
        ("line\n  {{ a | nope }}", 14, 'unknown filter "nope"'),
        ("x {#- c -#}\n {%- raw %} {{ ? }} {% endraw -%}\n\n {{ ! }}", 51, 'unexpected char "!"'),
        ("{# open", 2, "missing end of comment tag"),
        ("{% raw %} x", 9, "missing end of raw directive"),
        ("{% if a %}x", 11, None),
        ("{% endif %}", 3, None),
        ("{% nope %}", 3, 'encountered unknown tag "nope"'),
        ("{% include 'a' %}", 3, '"include" cannot be used in a playbook'),
        ("{% extends 'a' %}", 3, '"extends" cannot be used in a playbook'),
        ("{% import 'a' as b %}", 3, '"import" cannot be used in a playbook'),
        ("{% from 'a' import b %}", 3, '"from" cannot be used in a playbook'),
        ("{% block b %}{% endblock %}", 3, '"block" cannot be used in a playbook'),
        ("{% autoescape true %}{% endautoescape %}", 3, '"autoescape" cannot be used in a playbook'),
        ("{% set a.b = 1 %}", 7, '"a" is no namespace of this template'),
        ("{% macro m(a, a) %}{% endmacro %}", 11, 'argument "a" is given twice'),
        ("\r\n\r{{ a ? }}", 8, 'unexpected char "?"'),
        ("{% if a %}" * 20 + "{% endif %}" * 20, None, "it nests too deeply"),
        (
            "x {% for loop in a %}{{ loop.x }}{% endfor %}",
            9,
            "can't assign to special loop variable in for-loop target",
        ),
    ],
)
def test_problems_of_a_template(source: str, offset: int | None, message: str | None) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_template(source)
    if message is not None:
        assert str(caught.value) == message
    if offset is not None:
        assert caught.value.offset == offset
    with pytest.raises(TemplateFailed):
        render(source, Names())


def test_a_hint_names_the_nearest() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression("a | lenght")
    assert caught.value.hint == 'did you mean "length"?'
    with pytest.raises(ExpressionError) as caught:
        parse_expression("qqqq()")
    assert caught.value.hint == "expected one of cycler, dict, joiner, namespace, now, range"


def test_names_are_case_sensitive_and_may_be_unicode() -> None:
    assert evaluate("größe + Größe", Names(größe=1, Größe=2)) == 3


# -- DOC-8: one expression


@pytest.mark.parametrize(
    ("text", "expression", "offset"),
    [
        ("{{ a + 1 }}", "a + 1", 3),
        ("{{a}}", "a", 2),
        ("  {{- a -}}\n", "a", 6),
        ("{{\n  a\n  and b\n}}\n", "a\n  and b", 5),
        ("a + 1", "a + 1", 0),
        ("  a\n", "a", 2),
        ("{{ '}}' ~ \"{{\" }}", "'}}' ~ \"{{\"", 3),
        ("{'a': {'b': 1}}", "{'a': {'b': 1}}", 0),
        ("{{ {'a': {'b': 1}} }}", "{'a': {'b': 1}}", 3),
        ("a == '{{ b }}'", "a == '{{ b }}'", 0),
        ("", "", 0),
        ("{{ }}", "", 3),
        ("{{ a b }}", "a b", 3),
    ],
)
def test_one_expression(text: str, expression: str, offset: int) -> None:
    assert strip_braces(text) == (expression, offset)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("x {{ a }}", 0),
        ("{{ a }} x", 8),
        ("{{ a }} and {{ b }}", 8),
        ("{{ a }}{{ b }}", 7),
        ("not {{ a }}", 0),
        ("{% if a %}{{ a }}{% endif %}", 0),
        ("{# c #}{{ a }}", 0),
        ("{{ a }}{# c #}", 7),
        ("  x {{ a }}", 2),
    ],
)
def test_text_around_an_expression(text: str, offset: int) -> None:
    with pytest.raises(TextAround) as caught:
        strip_braces(text)
    assert caught.value.offset == offset


@pytest.mark.parametrize(("text", "offset"), [("{{ a", 4), ("{{ a }", 5), ("{{ ? }}", 3), ("  {{ 'a }}", 5)])
def test_braces_that_do_not_close(text: str, offset: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        strip_braces(text)
    assert not isinstance(caught.value, TextAround)
    assert caught.value.offset == offset


Shapes = dict[str, Callable[[int], str]]

NESTED: Final[Shapes] = {
    "brackets": lambda n: "(" * n + "x" + ")" * n,
    "lists": lambda n: "[" * n + "x" + "]" * n,
    "calls": lambda n: "dict(x=" * n + "x" + ")" * n,
    "sum": lambda n: "+".join("x" * n),
    "or": lambda n: " or ".join(["x == 2"] * n),
    "not": lambda n: "not " * n + "x",
    "signs": lambda n: "-" * n + "x",
    "attributes": lambda n: "x" + ".d" * n,
    "items": lambda n: "x" + "[x]" * n,
    "filters": lambda n: "x" + " | string" * n,
    "methods": lambda n: "d" + ".copy()" * n,
    "choices": lambda n: "x if 0 else " * n + "x",
    "conditions": lambda n: " if 1 else x".join("x" * n),
    "comparison": lambda n: "1" + " < 2" * n,
    "membership": lambda n: "1" + " in [1]" * n,
    "powers": lambda n: "1" + "**1" * n,
}
BLOCKS: Final[Shapes] = {
    "if": lambda n: "{% if x %}" * n + "{% endif %}" * n,
    "elif": lambda n: "{% if 0 %}" + "{% elif 0 %}a" * n + "{% endif %}",
    "for": lambda n: "{% for a in [1] %}" * n + "{% else %}{% endfor %}" * n,
    "set": lambda n: "{% set a %}" * n + "{% endset %}" * n,
    "macro": lambda n: "{% macro a() %}" * n + "{% endmacro %}" * n,
    "with": lambda n: "{% with a = 1 %}" * n + "{% endwith %}" * n,
    "filter": lambda n: "{% filter upper %}" * n + "{% endfilter %}" * n,
}


@pytest.mark.parametrize("shape", NESTED)
def test_an_expression_may_nest_to_a_bound(shape: str) -> None:
    names = Names(x=1, d={"d": {}})
    assert problems(NESTED[shape](20), False) == ()
    evaluate_or_fail(NESTED[shape](20), names)
    for levels in (150, 3000):
        found = problems(NESTED[shape](levels), False)
        assert len(found) == 1
        assert "nest" in str(found[0])


@pytest.mark.parametrize("shape", BLOCKS)
def test_statements_may_nest_to_a_bound(shape: str) -> None:
    assert problems(BLOCKS[shape](15), True) == ()
    assert isinstance(render(BLOCKS[shape](15), Names(x=1)), str)
    for levels in (150, 3000):
        found = problems(BLOCKS[shape](levels), True)
        assert [str(p) for p in found] == ["it nests too deeply"]


def test_brackets_nest_inside_statements_that_nest() -> None:
    inner = "{{ " + NESTED["brackets"](24) + " }}"
    assert render(BLOCKS["if"](14).replace("%}{% end", f"%}}{inner}{{% end", 1), Names(x=1)) == "1"


def evaluate_or_fail(source: str, names: Names) -> None:
    """Only a failure that is about the values may come out of code that lint lets pass."""
    try:
        evaluate(source, names)
    except TemplateFailed as error:
        failure = str(error)
    else:
        failure = ""
    assert "invalid" not in failure
    assert "recurse" not in failure


def test_a_long_list_is_not_deep() -> None:
    source = "[" + ", ".join(["1 if x else -1", "not x"] * 500) + "]"
    assert evaluate(source, Names(x=1)) == [1, False] * 500
    assert evaluate(" ~ ".join(["x"] * 5000), Names(x=1)) == "1" * 5000


def test_a_template_has_a_bounded_length() -> None:
    assert [str(p) for p in problems("x" * 1_000_001, True)] == ["a template has more than 1000000 characters"]
    assert render("x" * 1_000_000, Names()) == "x" * 1_000_000
