"""What is known of an expression without its data: RUL-2, RUL-3, names and their paths."""

from __future__ import annotations

import pytest

from noetl.compiler.expr.analysis import asks_about_failure, fold, mentions_event_name, names, paths, problems
from noetl.compiler.ir import EVENTS, EventName

DONE, ERROR, EXIT, ENTER, LOOP = "call.done", "call.error", "step.exit", "step.enter", "loop.done"


def events(source: str) -> list[str]:
    """The events for which the expression may be true."""
    return [event for event in EVENTS if fold(source, event, None, None) is not False]


@pytest.mark.parametrize(
    ("source", "heard"),
    [
        ("event.name == 'call.done'", [DONE]),
        ("event['name'] == 'call.done'", [DONE]),
        ("event.name == 'call.done' and response.status == 200", [DONE]),
        ("response.status == 200 and event.name == 'call.done'", [DONE]),
        ("'call.done' == event.name", [DONE]),
        ("event.name != 'step.exit'", [ENTER, DONE, ERROR, LOOP]),
        ("not event.name == 'step.exit'", [ENTER, DONE, ERROR, LOOP]),
        ("event.name in ['call.done', 'call.error']", [DONE, ERROR]),
        ("event.name not in ('call.done', 'call.error')", [ENTER, EXIT, LOOP]),
        ("event.name in 'call.done,loop.done'", [DONE, LOOP]),
        ("event.name.startswith('call')", [DONE, ERROR]),
        ("event.name.endswith('.done')", [DONE, LOOP]),
        ("event.name[:4] == 'call'", [DONE, ERROR]),
        ("event.name | upper == 'CALL.DONE'", [DONE]),
        ("event.name | length == 9", [DONE, EXIT, LOOP]),
        ("event.name.split('.')[1] == 'done'", [DONE, LOOP]),
        ("event.name == 'call' ~ '.' ~ 'done'", [DONE]),
        ("{'call.done': 1}[event.name]", [DONE]),
        ("{'call.done': 1, 'call.error': false}.get(event.name, 0)", [DONE]),
        ("event.name == 'step.exit' or event.name == 'loop.done'", [EXIT, LOOP]),
        ("(x if event.name == 'step.exit' else false)", [EXIT]),
        ("x.y > 1 if event.name == 'step.exit'", [EXIT]),
        ("'off' if event.name == 'call.done' else 'on'", [ENTER, ERROR, EXIT, LOOP]),
        ("event.name == 'nope'", []),
        ("false", []),
        ("true", list(EVENTS)),
        ("x", list(EVENTS)),
        ("event.step == 'a'", list(EVENTS)),
        ("event.name == 'call.done' and x is divisibleby(2)", [DONE]),
        ("event.name is eq('call.done') and not (x | default(false))", [DONE]),
        ("event.name == 'call.done' and 1 / 0", []),
        ("1 / 0 and event.name == 'call.done'", []),
        ("x and 1 / 0", []),
        ("1 + nope", list(EVENTS)),
        ("now() and event.name == 'call.done'", [DONE]),
        ("range(3) | length == 3 and event.name == 'call.done'", [DONE]),
        ("dict(a=event.name).a == 'call.done'", [DONE]),
        ("[event.name, x][0] == 'call.done'", list(EVENTS)),
        ("event.name < 'call.e'", [DONE]),
        ("'call' < event.name < 'call.e'", [DONE]),
    ],
)
def test_a_rule_listens_to_the_events_for_which_it_can_be_true(source: str, heard: list[str]) -> None:
    assert events(source) == heard


@pytest.mark.parametrize(
    ("source", "success", "failure"),
    [
        ("response is defined", True, False),
        ("response is undefined", False, True),
        ("response is not defined", False, True),
        ("not (result is defined)", False, True),
        ("error is defined", False, True),
        ("error", False, True),
        ("not error", True, False),
        ("response.status == 200", None, False),
        ("response.status != 200", None, True),
        ("response.status >= 400", None, False),
        ("not response.status >= 400", None, False),
        ("error.status >= 500", False, None),
        ("error.status in [500, 502]", False, None),
        ("error.status in x", False, None),
        ("error.status not in [500]", True, None),
        ("error.status | int == 500", False, None),
        ("error.type == 'Timeout' or response is defined", True, None),
        ("error == none", False, None),
        ("error is none", False, None),
        ("error | default(false)", False, None),
        ("(error | default('x')) == 'x'", True, None),
        ("error.status + x == 1", False, None),
        ("error.message ~ '' == ''", True, None),
        ("error | length == 0", True, None),
        ("x", None, None),
        ("this is defined and x", None, False),
        ("result is defined or x", True, None),
        ("response", None, False),
    ],
)
def test_the_truth_on_success_and_on_failure(source: str, success: bool | None, failure: bool | None) -> None:
    assert fold(source, "call.done", True, False) is success
    assert fold(source, "call.done", False, True) is failure


def test_what_is_not_known_stays_open() -> None:
    assert fold("response is defined", "call.done", None, None) is None
    assert fold("error is defined", "call.error", None, True) is True
    assert fold("x < ", "call.done", None, None) is None
    assert fold("x | nope", "call.done", None, None) is None


@pytest.mark.parametrize(
    "source",
    [
        "error is defined",
        "error.status == 500",
        "not error",
        "event.name == 'call.error'",
        "event.name in ['call.done', 'call.error']",
        "response is defined",
        "response is not defined",
        "result",
        "this == none",
        "response | length",
        "response.status == 200",
        "response['status'] == 200",
        "response.status_code == 200",
        "this.metadata.status_code == 200",
        "result['metadata']['status_code'] in [200]",
        "response.status | int == 200",
        "response.status is defined",
        "[response]",
        "(response) == 1",
    ],
)
def test_rules_that_ask_about_failure(source: str) -> None:
    assert asks_about_failure(source)


@pytest.mark.parametrize(
    "source",
    [
        "true",
        "event.name == 'call.done'",
        "event.name.startswith('call')",
        "response.data.status == 'ok'",
        "response.next_cursor != ''",
        "response.status.code == 1",
        "response.metadata.count == 1",
        "response.metadata",
        "response[x]",
        "response.items()",
        "response.get('status')",
        "response['sta' ~ 'tus']",
        "x.response is defined",
        "ctx.error",
        "workload.status == 200",
        "'call.error.x'",
        "x ==",
    ],
)
def test_rules_that_do_not_ask_about_failure(source: str) -> None:
    assert not asks_about_failure(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("event.name == 'x'", True),
        ("event['name'] == 'x'", True),
        ("event.name.startswith('x')", True),
        ("x == event.name", True),
        ("event.get('name') == 'x'", True),
        ("event | tojson", True),
        ("event[x]", True),
        ("event.step == 'x'", False),
        ("event.payload.name", False),
        ("x.event.name", False),
        ("'event.name'", False),
        ("true", False),
    ],
)
def test_whether_a_rule_mentions_the_name_of_the_event(source: str, expected: bool) -> None:
    assert mentions_event_name(source) is expected


def read(source: str, template: bool = False) -> list[tuple[str, tuple[str | int, ...], str | None, bool]]:
    return [(r.name, r.path, r.guard, r.whole) for r in paths(source, template)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a", [("a", (), None, True)]),
        ("a.b['c'].d[0]", [("a", ("b", "c", "d", 0), None, True)]),
        ("a.b[c.d].e", [("a", ("b",), None, False), ("c", ("d",), None, True)]),
        ("a.b[1:c]", [("a", ("b",), None, False), ("c", (), None, True)]),
        ("a.items()", [("a", (), None, False)]),
        ("a.b.split(c)", [("a", ("b",), None, False), ("c", (), None, True)]),
        ("a.b is defined", [("a", ("b",), "defined", True)]),
        ("a.b is not defined and c", [("a", ("b",), "defined", True), ("c", (), None, True)]),
        ("a.b | default(c)", [("a", ("b",), "default", True), ("c", (), None, True)]),
        ("(a.b | d({})).c", [("a", ("b",), "default", True)]),
        ("a | upper | default('x')", [("a", (), None, True)]),
        ("f.x(a, *b, k=c, **d)", [("f", (), None, False), *[(n, (), None, True) for n in "abcd"]]),
        ("a ~ b if c else d", [(n, (), None, True) for n in "abcd"]),
        ("[a, {b: c}, (d,)]", [(n, (), None, True) for n in "abcd"]),
        ("a is divisibleby(b)", [("a", (), None, True), ("b", (), None, True)]),
        ("now()", []),
        ("range(a)", [("a", (), None, True)]),
        ("steps['a/b'].x", [("steps", ("a/b", "x"), None, True)]),
        ("true and none", []),
        ("secret.NAME", [("secret", ("NAME",), None, True)]),
        ("a +", []),
    ],
)
def test_names_with_their_paths(source: str, expected: list[object]) -> None:
    assert read(source) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ a }} {{ b.c }}", ["a", "b"]),
        ("plain", []),
        (
            "{% for i in a %}{{ i.x }}{{ loop.index }}{{ b }}{% else %}{{ i }}{% endfor %}{{ loop }}",
            ["a", "b", "i", "loop"],
        ),
        ("{% for i in i %}{{ i }}{% endfor %}", ["i"]),
        ("{% for i, j in a if i > b %}{{ j }}{% endfor %}", ["a", "b"]),
        ("{{ x }}{% set x = y %}{{ x }}", ["x", "y"]),
        ("{% set x = x %}{{ x }}", ["x"]),
        ("{% set x %}{{ a }}{% set z = 1 %}{{ z }}{% endset %}{{ x }}{{ z }}", ["a", "z"]),
        ("{% for i in a %}{% set x = i %}{{ x }}{% endfor %}{{ x }}", ["a", "x"]),
        ("{% if a %}{% set x = 1 %}{% endif %}{{ x }}", ["a", "x"]),
        ("{% if a %}{% set x = 1 %}{% elif b %}{% set x = 2 %}{% else %}{% set x = 3 %}{% endif %}{{ x }}", ["a", "b"]),
        ("{% if a %}{% set x = 1 %}{% elif b %}{% else %}{% set x = 3 %}{% endif %}{{ x }}", ["a", "b", "x"]),
        ("{% with x = a, y = x %}{{ x }}{{ y }}{% endwith %}{{ y }}", ["a", "x", "y"]),
        ("{% macro m(p, q=d) %}{{ p }}{{ q }}{{ varargs }}{{ r }}{% endmacro %}{{ m(s) }}", ["d", "r", "s"]),
        ("{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ a }}{% endcall %}", ["a"]),
        ("{% filter replace(a, 'x') %}{{ b }}{% endfilter %}", ["a", "b"]),
        ("{% set n = namespace(t=a) %}{% set n.t = b %}{{ n.t }}{{ n.t.x() }}", ["a", "b"]),
        ("{# {{ a }} #}{% raw %}{{ b }}{% endraw %}{{ '{{ c }}' }}", []),
    ],
)
def test_names_that_a_template_binds_are_its_own(template: str, expected: list[str]) -> None:
    assert [r.name for r in paths(template, True)] == expected
    assert names(template, True) == set(expected)


@pytest.mark.parametrize(
    "template",
    [
        "x {{ name }}",
        "{{ 1\n + name.b }}",
        "a\n\n {%- if name -%} b {{- name -}}\n{% endif %} {{ name }}",
        "\n{# c\n #}{% raw -%} {{ name }} {%- endraw %}\t{{ name }}",
        "\r\n{{ name }}\r{{\r\n name }}\n{{ 'é\U0001f600' ~ name }}",
        "{%- for i in name -%}\n {{+ i }} {{ name[name] }}{%- endfor %}",
    ],
)
def test_the_place_of_a_name_is_exact(template: str) -> None:
    found = paths(template, True)
    assert len(found) == template.replace("{{ name }} {%- endraw", "").count("name")
    for one in found:
        assert template[one.offset : one.offset + 4] == "name"


def test_all_problems_of_a_source_come_together() -> None:
    found = problems("{{ a | nope }} {{ [1] | random }}\n{{ foo() }}{{ b is nope }}", True)
    assert [(p.offset, p.length, str(p)) for p in found] == [
        (7, 4, 'unknown filter "nope"'),
        (24, 6, 'filter "random" is refused: its value is left to chance'),
        (37, 3, 'unknown function "foo"'),
        (50, 2, 'unknown test "nope"'),
    ]
    assert [str(p) for p in problems("a |", False)] == ['unexpected end of expression, expected "name"']
    assert problems("a", False) == ()


@pytest.mark.parametrize("event", EVENTS)
def test_folding_is_the_same_each_time(event: EventName) -> None:
    source = "{'call.done': [1]}.get(event.name, []) | length > 0"
    assert fold(source, event, None, None) is fold(source, event, None, None) is (event == "call.done")
