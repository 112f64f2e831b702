"""What a template cannot reach, and what it cannot make (TPL-3)."""

from __future__ import annotations

import pytest

from noetl.compiler.expr import RefusedFunction, TemplateFailed, evaluate, is_undefined, parse_template, render
from noetl.compiler.values import MISSING, plain, view


class Names(dict[str, object]):
    def lookup(self, name: str) -> object:
        return self.get(name, MISSING)


SCOPE = Names(
    items=[1, 2, 3],
    users=[{"name": "ann"}],
    response=view("http", {"status": 200, "data": {"items": [7]}}),
)


@pytest.mark.parametrize(
    "expression",
    [
        "''.__class__.__mro__",
        "''['__class__']",
        "''['__cl' ~ 'ass__']",
        "'' | attr('__class__')",
        "[''] | map(attribute='__class__') | first",
        "'{0.__class__}'.format('')",
        "'{0[__class__]}'.format('')",
        "''.format.__globals__",
        "''.format_map({})",
        "range.__self__",
        "cycler.__init__.__globals__",
        "nope.__class__",
        "now.__globals__",
        "response.kind",
        "response.value",
        "response.read",
        "response['_rows']",
        "self",
        "joiner.__init__",
        "dict.fromkeys([1])",
        "dict(a=1).__class__",
        "items.__len__()",
        "'x'.encode()",
        "'x'.maketrans('a', 'b')",
        "(1).__add__(1)",
        "(1).real",
    ],
)
def test_nothing_of_python_is_reached(expression: str) -> None:
    try:
        made = plain(evaluate(expression, SCOPE))
    except TemplateFailed:
        return
    assert made in (None, "")


def test_namespaces_and_loops_show_nothing_private() -> None:
    for part in ("__class__", "_Namespace__attrs", "__init__"):
        assert render(f"{{% set n = namespace(a=1) %}}<{{{{ n.{part} }}}}>", Names()) == "<>"
    assert render("{% for i in [1] %}<{{ loop._iterable }}{{ loop.__init__ }}>{% endfor %}", Names()) == "<>"
    assert render("{% macro m() %}{% endmacro %}<{{ m._func }}{{ m.__init__ }}>", Names()) == "<>"


@pytest.mark.parametrize("expression", ["'' ~ ''.upper", "''.upper | string", "''.upper | upper", "'%s' % ''.upper"])
def test_functions_have_no_text(expression: str) -> None:
    with pytest.raises(TemplateFailed) as caught:
        evaluate(expression, Names())
    assert "0x" not in str(caught.value)


@pytest.mark.parametrize(
    "expression", ["users[0].items", "users[0]['keys']", "response.values", "users[0] | attr('get')"]
)
def test_a_method_of_a_map_that_is_not_called_is_undefined(expression: str) -> None:
    assert is_undefined(evaluate(expression, SCOPE))
    assert evaluate(f"{expression} | default(1)", SCOPE) == 1


@pytest.mark.parametrize(
    "expression",
    [
        "'a' * 10 ** 9",
        "10 ** 9 * [1]",
        "10 ** (10 ** 10)",
        "(10 ** 50000) * (10 ** 50000)",
        "range(10 ** 6)",
        "'a'.ljust(10 ** 9)",
        "'a'.zfill(10 ** 9)",
        "('\\t' * 1000).expandtabs(100000)",
        "'a' | center(10 ** 9)",
        "'a' | center(width=10 ** 9)",
        "'a' | indent(10 ** 9)",
        "1 | round(10 ** 9, 'floor')",
        "[] | batch(10 ** 9, 0) | list",
        "[] | slice(10 ** 9) | list",
        "[1] | tojson(10 ** 9)",
        "'%1000000000d' % 1",
        "'%.*f' % (10 ** 9, 1)",
        "'%9999999999d' | format(1)",
        "'{:1000000000}'.format(1)",
        "'{:{w}}'.format(1, w=10 ** 9)",
        "('a' * 10 ** 6).replace('a', 'b' * 1000)",
        "('a' * 10 ** 6) | replace('a', 'b' * 1000)",
        "('a' * 10 ** 6).join(range(10 ** 5))",
        "range(10 ** 5) | join('a' * 10 ** 6)",
    ],
)
def test_a_short_text_makes_no_huge_value(expression: str) -> None:
    with pytest.raises(TemplateFailed, match=r"TooLarge: an? "):
        evaluate(expression, Names())


def test_text_that_doubles_is_stopped() -> None:
    template = "{% set n = namespace(t='x') %}{% for i in range(60) %}{% set n.t = n.t ~ n.t %}{% endfor %}{{ n.t }}"
    with pytest.raises(TemplateFailed, match="a text of more than 50000000 characters"):
        render(template, Names())


def test_a_macro_without_end_is_stopped() -> None:
    with pytest.raises(TemplateFailed, match="it recurses too deeply"):
        render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", Names())


@pytest.mark.parametrize(
    ("template", "offset", "message"),
    [
        ("{{ [1] | random }}", 9, 'filter "random" is refused: its value is left to chance'),
        ("{{ [[1]] | map('random') }}", 15, 'filter "random" is refused: its value is left to chance'),
        ("x {{ lipsum() }}", 5, 'function "lipsum" is refused: its value is left to chance'),
    ],
)
def test_chance_is_refused(template: str, offset: int, message: str) -> None:
    with pytest.raises(RefusedFunction) as caught:
        parse_template(template)
    assert (caught.value.offset, str(caught.value)) == (offset, message)
    with pytest.raises(TemplateFailed):
        render(template, Names())


def test_chance_by_a_computed_name_fails_when_it_runs() -> None:
    with pytest.raises(TemplateFailed):
        evaluate("[[1]] | map('ran' ~ 'dom') | list", Names())
