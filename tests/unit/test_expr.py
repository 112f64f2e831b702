"""The one evaluator of expressions and templates: TPL-1 to TPL-6 and TPL-9."""

from __future__ import annotations

import pytest

from noetl.compiler import ir
from noetl.compiler.expr import NOW, TemplateFailed, evaluate, is_undefined, render, render_value
from noetl.compiler.values import MISSING, Undefined, plain, view
from noetl.diagnostics import Span


class Names(dict[str, object]):
    """A scope that remembers what it was asked for."""

    def __init__(self, **names: object) -> None:
        super().__init__(**names)
        self.asked: list[str] = []

    def lookup(self, name: str) -> object:
        self.asked.append(name)
        return self.get(name, MISSING)


def scope() -> Names:
    names = Names(
        a=2,
        text="x{{ a }}y",
        none_=None,
        items=[1, 2, 3],
        users=[{"name": "ann", "age": 3}, {"name": "bob"}],
        workload={"items": ["i"], "keys": "k", "deep": {"get": 5, "a b": 6}, "values": 0},
        response=view("http", {"status": 200, "url": "u", "data": {"items": [7], "page": {"next": 2}, "url": "inner"}}),
        table=view("sql", {"rows": [{"id": 1}, {"id": 2}], "row_count": 2, "columns": ["id"]}),
        outcome=view("plain", {"n": 1}),
        steps={"a/b": view("plain", {"status": "ok", "data": {"x": 1}})},
        event={"name": "call.done"},
    )
    names[NOW] = "2024-05-01T00:00:00+00:00"
    return names


def value(expression: str) -> object:
    return plain(evaluate(expression, scope()))


# -- TPL-1: native values and text


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ a }}", 2),
        ("{{a}}", 2),
        ("{{ a }}\n", 2),
        ("{{- a -}}", 2),
        ("{{ none_ }}", None),
        ("{{ items }}", [1, 2, 3]),
        ("{{ a, 3 }}", [2, 3]),
        ("{{ '1' }}", "1"),
        ("{{ '[1]' }}", "[1]"),
        ("{{ text }}", "x{{ a }}y"),
        ("{{ nope }}", None),
        (" {{ a }}", " 2"),
        ("{{ a }} ", "2 "),
        ("{{ a }}\n\n", "2\n\n"),
        ("{{ a }}{{ a }}", "22"),
        ("{{ a }}{# c #}", "2"),
        ("{# c #}{{ a }}", "2"),
        ("{{ none_ }}!", "None!"),
        ("{{ nope }}!", "!"),
        ("{{ nope.b[0] }}!", "!"),
        ("{{ true }} {{ 1.0 }} {{ 2 ** 70 }}", "True 1.0 1180591620717411303424"),
        ("{{ items }}!", "[1, 2, 3]!"),
        ("{{ {'a': none} }}!", "{'a': None}!"),
        ("{{ (1, nope) }}!", "[1, None]!"),
        ("{{ outcome }}!", "{'n': 1}!"),
        ("plain text\n", "plain text\n"),
        ("", ""),
        ("a\r\nb {{ a }}\r", "a\r\nb 2\r"),
        ("{{\r\n 'a\r\nb' }}", "a\r\nb"),
        ("{% if a %}yes{% else %}no{% endif %}", "yes"),
        ("{% for i in items %}{{ loop.index }}{{ i }},{% endfor %}\n", "11,22,33,\n"),
        ("{% for i in items -%} {{ i }} {%- endfor %}", "123"),
        ("{% set x = a + 1 %}{{ x }}", "3"),
        ("{% set ns = namespace(t=0) %}{% for i in items %}{% set ns.t = ns.t + i %}{% endfor %}{{ ns.t }}", "6"),
        ("{% macro m(x, y=2) %}<{{ x }}{{ y }}>{% endmacro %}{{ m(1) }}", "<12>"),
        ("{% filter upper %}a{{ text }}{% endfilter %}", "AX{{ A }}Y"),
        ("{% raw %}{{ a }}{% endraw %}", "{{ a }}"),
        ("{% for u in users recursive %}{{ u.name }}{% endfor %}", "annbob"),
        ("a}} b", "a}} b"),
    ],
)
def test_value_of_a_template(template: str, expected: object) -> None:
    made = plain(render(template, scope()))
    assert made == expected
    assert type(made) is type(expected)


def test_data_is_never_rendered() -> None:
    names = Names(x="{{ y }}", y=1, z={"k": "{% for %}"})
    assert render("{{ x }}", names) == "{{ y }}"
    assert render("{{ x }}{{ z.k }}", names) == "{{ y }}{% for %}"
    assert names.asked == ["x", "x", "z"]


def test_only_the_names_that_are_read_are_asked_for() -> None:
    names = scope()
    evaluate("a + (workload.deep.get if event.name else nope)", names)
    assert sorted(names.asked) == ["a", "event", "nope", "workload"]
    names = scope()
    render("{% for a in items %}{{ a }}{{ loop.first }}{% endfor %}", names)
    assert names.asked == ["items"]


def test_a_tree_is_rendered_where_it_stands() -> None:
    span = Span(1, 1, 1, 1)
    tree = ir.MapValue(
        (
            ("a", ir.Template("{{ a }}", span)),
            ("b", ir.ListValue((ir.Const("{{ a }}", span), ir.Template("<{{ a }}>", span)), span)),
            ("{{ a }}", ir.Const(None, span)),
        ),
        span,
    )
    assert render_value(tree, scope()) == {"a": 2, "b": ["{{ a }}", "<2>"], "{{ a }}": None}


# -- TPL-3, TPL-9: parts of values


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("workload.items", ["i"]),
        ("workload['items']", ["i"]),
        ("workload.keys", "k"),
        ("workload.deep.get", 5),
        ("workload.deep['a b']", 6),
        ("workload.deep.items()", [["get", 5], ["a b", 6]]),
        ("workload.deep.keys()", ["get", "a b"]),
        ("workload.deep.copy()", {"get": 5, "a b": 6}),
        ("workload['deep'].pop", None),
        ("{'a': 1}.get('b', 4)", 4),
        ("workload['it' ~ 'ems']", ["i"]),
        ("workload.deep['ite' ~ 'ms']", None),
        ("items[0] + items[-1]", 4),
        ("items[9]", None),
        ("items['0']", None),
        ("items.0", 1),
        ("items[1:]", [2, 3]),
        ("items[::-1]", [3, 2, 1]),
        ("text[:2]", "x{"),
        ("text[0]", "x"),
        ("a[0]", None),
        ("a.b.c", None),
        ("none_.x", None),
        ("text.nope", None),
        ("'Ab'.lower() ~ 'Ab'.upper()", "abAB"),
        ("'a,b'.split(',')", ["a", "b"]),
        ("'-'.join(items)", "1-2-3"),
        ("'a'.center(5, '.')", "..a.."),
        ("'{:>4}|{name}|{}'.format(a, 2, name=text)", "   2|x{{ a }}y|2"),
        ("'{u[name]}{u.name}'.format(u=users[0])", "annann"),
        ("'aa'.replace('a', 'b', 1)", "ba"),
        ("(7).bit_length()", 3),
        ("users | groupby('name') | map(attribute='grouper') | list", ["ann", "bob"]),
    ],
)
def test_parts_of_values(expression: str, expected: object) -> None:
    assert value(expression) == expected


def test_a_constant_item_reads_like_an_attribute() -> None:
    assert evaluate("text['upper']()", scope()) == "X{{ A }}Y"
    assert evaluate("workload.deep['items']()", scope()) == [("get", 5), ("a b", 6)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("response.status", 200),
        ("response.items", [7]),
        ("response['items']", [7]),
        ("response.data['items']", [7]),
        ("response.url", "u"),
        ("response.page.next", 2),
        ("response.data.page.next", 2),
        ("response.result.status", 200),
        ("response['pa' ~ 'ge']", None),
        ("response.get('page')", None),
        ("'page' in response", False),
        ("'status' in response", True),
        ("response.nope.nope", None),
        ("response | length", 3),
        ("response is mapping", True),
        ("response.keys()", ["status", "url", "data"]),
        ("response | items | list | length", 3),
        ("response | dictsort | first | first", "data"),
        ("response | list", ["status", "url", "data"]),
        ("(response | tojson | length) > 10", True),
        ("outcome.data.n", 1),
        ("outcome.result.data.n", 1),
        ("outcome.data == outcome", True),
        ("outcome == {'n': 1}", True),
        ("outcome.n.data", None),
        ("steps['a/b'].x", 1),
        ("steps['a/b'].data.x", 1),
        ("steps['a' ~ '/b'].x", 1),
        ("steps.nope.x", None),
        ("table[0].id", 1),
        ("table[-1]['id']", 2),
        ("table[1:] | length", 1),
        ("table | length", 2),
        ("table | map(attribute='id') | list", [1, 2]),
        ("table | first", {"id": 1}),
        ("table | sum(attribute='id')", 3),
        ("table | selectattr('id', 'gt', 1) | list", [{"id": 2}]),
        ("table.rows[1].id", 2),
        ("table.row_count", 2),
        ("table.data[0].id", 1),
        ("table.data.columns", ["id"]),
        ("{'id': 1} in table", True),
        ("'rows' in table", True),
        ("(table | tojson)[:10]", '{"columns"'),
        ("1 if table else 0", 1),
    ],
)
def test_views_of_root_values(expression: str, expected: object) -> None:
    assert value(expression) == expected


def test_text_over_rows() -> None:
    assert render("{% for row in table %}{{ row.id }};{% endfor %}", scope()) == "1;2;"
    assert render("{% for k in outcome %}{{ k }}{{ outcome[k] }};{% endfor %}", scope()) == "n1;"


def test_a_view_stays_a_view_through_data() -> None:
    names = scope()
    assert evaluate("table.data", names) is names["table"]
    assert evaluate("table", names) is names["table"]


# -- TPL-4: undefined


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("nope == nope2", True),
        ("nope == a.b.c", True),
        ("nope == none", False),
        ("none == nope", False),
        ("nope != none", True),
        ("nope == ''", False),
        ("nope is none", False),
        ("nope is defined", False),
        ("nope.x is undefined", True),
        ("a is defined", True),
        ("nope in [1, none]", False),
        ("nope in [nope2]", False),
        ("nope not in 'text'", True),
        ("'a' in nope", False),
        ("nope in nope2", False),
        ("1 < a in [2, nope]", True),
        ("3 in items not in []", True),
        ("not nope", True),
        ("1 if nope else 2", 2),
        ("nope | length", 0),
        ("nope | list", []),
        ("nope | default(3)", 3),
        ("nope.x.y | d('z')", "z"),
        ("none_ | default(3)", None),
        ("none_ | default(3, true)", 3),
        ("nope ~ 'x'", "x"),
        ("none ~ 'x'", "Nonex"),
        ("nope | string", ""),
        ("nope | join(',')", ""),
        ("[nope]", [None]),
        ("nope | tojson", "null"),
        ("(1 if false) == nope", True),
        ("nope[1:2]", None),
        ("nope[a]", None),
        ("items[nope]", None),
        ("workload[nope]", None),
        ("none_ | int", 0),
        ("[] | first == nope", True),
        ("nope and a.b", None),
    ],
)
def test_undefined(expression: str, expected: object) -> None:
    assert value(expression) == expected


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("nope + 1", '"nope" is undefined'),
        ("1 - nope.x", '"nope" is undefined'),
        ("workload.nope * 2", '"nope" is undefined'),
        ("nope < 1", '"nope" is undefined'),
        ("1 >= nope", '"nope" is undefined'),
        ("-nope", '"nope" is undefined'),
        ("nope | int", '"nope" is undefined'),
        ("nope | float", '"nope" is undefined'),
        ("workload.nope()", None),
        ("nope | abs", None),
        ("nope | round", None),
        ("(1 if false) + 1", 'a conditional expression without "else" has no value'),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("a + 'x'", "TypeError: unsupported operand type(s) for +: 'int' and 'str'"),
        ("1 in 'a'", None),
        ("a[1:2]", None),
        ("[] < {}", None),
        ("'x' | b64decode", None),
        ("text(1)", None),
    ],
)
def test_what_raises(expression: str, reason: str | None) -> None:
    with pytest.raises(TemplateFailed) as caught:
        evaluate(expression, scope())
    if reason is not None:
        assert str(caught.value) == f'"{expression}" failed: {reason}'


def test_undefined_is_a_value_for_the_caller() -> None:
    made = evaluate("nope.x", scope())
    assert isinstance(made, Undefined)
    assert is_undefined(made)
    assert not is_undefined(evaluate("none_", scope()))


def test_the_message_of_a_long_expression_is_short() -> None:
    with pytest.raises(TemplateFailed) as caught:
        evaluate("nope +\n 1 + " + "a + " * 40 + "1", scope())
    assert len(str(caught.value)) < 140
    assert "\n" not in str(caught.value)


# -- TPL-6: filters and functions


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("'é' | b64encode", "w6k="),
        ("'w6k=' | b64decode", "é"),
        ("a | b64encode", "Mg=="),
        ("now()", "2024-05-01T00:00:00+00:00"),
        ("now()[:4] | int", 2024),
        ("range(3)", [0, 1, 2]),
        ("range(1, 7, 2) | list", [1, 3, 5]),
        ("dict(a=1)", {"a": 1}),
        ("items | map('string') | join('-')", "1-2-3"),
        ("items | select('odd') | list", [1, 3]),
        ("items | select('odd') | length", 2),
        ("items | reject('odd')", [2]),
        ("users | map(attribute='age', default=0) | sum", 3),
        ("users | map(attribute='items')", [None, None]),
        ("items | batch(2)", [[1, 2], [3]]),
        ("items | slice(2)", [[1, 2], [3]]),
        ("[3, 1, 3] | unique", [3, 1]),
        ("items | reverse", [3, 2, 1]),
        ("'abc' | reverse", "cba"),
        ("{'b': 1, 'a': 2} | tojson", '{"a": 2, "b": 1}'),
        ("('<' ~ a) | tojson", '"\\u003c2"'),
        ("'<' + ({'a': 1} | tojson)", '<{"a": 1}'),
        ("'<' | e", "&lt;"),
        ("'%s-%03d' | format('x', 7)", "x-007"),
        ("'%(k)s' | format(k=items)", "[1, 2, 3]"),
        ("'%s' % [1]", "[1]"),
        ("'order 1234567 %s' | format(1)", "order 1234567 1"),
        ("'a' * 3 + 'b'", "aaab"),
        ("7 // 2, 7 % 4, 2 ** 3, 7 / 2", [3, 3, 8, 3.5]),
        ("9 | round(2)", 9.0),
        ("'x' | indent(2, true)", "  x"),
        ("items | first, items | last", [1, 3]),
        ("users | tojson | length > 0", True),
        ("'a\\d'", "a\\d"),
        ("'a\\tb\\x41\\\\'", "a\tbA\\"),
        ("1_000 + 0x10", 1016),
    ],
)
def test_filters_and_functions(expression: str, expected: object) -> None:
    assert value(expression) == expected


def test_a_function_is_found_whatever_data_has_its_name() -> None:
    names = Names(range=5, now="data", dict=1)
    names[NOW] = "t"
    assert evaluate("[range(2), range, now(), now, dict(a=dict)]", names) == [[0, 1], 5, "t", "data", {"a": 1}]


def test_now_needs_a_time() -> None:
    with pytest.raises(TemplateFailed, match=r"now\(\) is not known here"):
        evaluate("now()", Names())


def test_templates_do_not_change_data() -> None:
    names = Names(x=[1], d={"a": 1})
    for expression in (
        "x.append(2)",
        "d.update({'b': 1})",
        "d.pop('a')",
        "x.sort()",
        "d.setdefault('c', 1)",
        "x.clear()",
    ):
        with pytest.raises(TemplateFailed):
            evaluate(expression, names)
    render("{% set y = x %}{% set z = y + [2] %}{% for i in range(3) %}{{ x | reverse }}{% endfor %}", names)
    assert names == {"x": [1], "d": {"a": 1}}
