"""Whatever the expression and whatever the data: no other error, no second rendering, no wrong promise."""

from __future__ import annotations

import json
import string

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from noetl.compiler.expr import NOW, TemplateFailed, evaluate, render, strip_braces, truth
from noetl.compiler.expr.analysis import asks_about_failure, fold, mentions_event_name, paths, problems
from noetl.compiler.expr.methods import KNOWN
from noetl.compiler.expr.sandbox import SANDBOX
from noetl.compiler.expr.scan import ExpressionError
from noetl.compiler.ir import EVENTS, EventName, Json
from noetl.compiler.values import MISSING, NotSerializable, SecretNames, mask, plain, to_json, view


class Names(dict[str, object]):
    def lookup(self, name: str) -> object:
        return self.get(name, MISSING)


# without NUL and surrogates: VAL-1 keeps those out of every value
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
jinja_texts = st.lists(
    st.sampled_from(["{{ x }}", "{{", "}}", "{%", "%}", "{% if x %}", "{#", "#}", "'", '"', "\n", "\r\n", " ", "x"])
).map("".join)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts | jinja_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | jinja_texts, inner, max_size=3),
    max_leaves=6,
)

ROOTS = (
    "a",
    "b",
    "c",
    "d",
    "response",
    "rows",
    "event",
    "event.name",
    "error",
    "error.status",
    "nope",
    "secret.A",
    "loop",
)
CONSTANTS = (
    "1",
    "0",
    "2.5",
    "'call.done'",
    "''",
    "'{{ a }}'",
    "'%s'",
    "'{}'",
    "[]",
    "{}",
    "()",
    "none",
    "true",
    "'\\d\\x00'",
)
OPERATORS = ("+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">", "<=", ">=", "and", "or", "in", "not in")
FILTERS = sorted(name for name in SANDBOX.filters if name.isidentifier())
TESTS = sorted(SANDBOX.tests)
METHODS = sorted(KNOWN | {"__class__", "append", "items", "status", "name", "x"})


def combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.sampled_from(OPERATORS)
    one = [
        st.tuples(inner, st.sampled_from(FILTERS)).map(lambda t: f"({t[0]}) | {t[1]}"),
        st.tuples(inner, st.sampled_from(TESTS)).map(lambda t: f"{t[0]} is {t[1]}"),
        st.tuples(inner, st.sampled_from(METHODS)).map(lambda t: f"({t[0]}).{t[1]}"),
        inner.map(lambda e: f"not {e}"),
        inner.map(lambda e: f"now() ~ ({e})"),
    ]
    two = [
        st.tuples(inner, binary, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, st.sampled_from(FILTERS), inner).map(lambda t: f"({t[0]}) | {t[1]}({t[2]})"),
        st.tuples(inner, st.sampled_from(TESTS), inner).map(lambda t: f"{t[0]} is {t[1]}({t[2]})"),
        st.tuples(inner, st.sampled_from(METHODS), inner).map(lambda t: f"({t[0]}).{t[1]}({t[2]})"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]})[{t[1]}]"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]})[:{t[1]}]"),
        st.tuples(inner, inner).map(lambda t: f"[{t[0]}, {t[1]}]"),
        st.tuples(inner, inner).map(lambda t: f"{{{t[0]}: {t[1]}}}"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]} if {t[1]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
    ]
    return st.one_of(*one, *two)


expressions = st.recursive(st.sampled_from(ROOTS) | st.sampled_from(CONSTANTS), combined, max_leaves=6)
bodies = st.recursive(
    st.sampled_from(["", "x", "\n", "{# c #}", "\r\n"]) | expressions.map(lambda e: f"{{{{ {e} }}}}"),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(expressions, inner, inner).map(lambda t: f"{{% if {t[0]} %}}{t[1]}{{% else %}}{t[2]}{{% endif %}}"),
        st.tuples(expressions, inner).map(lambda t: f"{{% for a in {t[0]} %}}{t[1]}{{% endfor %}}"),
        st.tuples(expressions, inner).map(lambda t: f"{{% set b = {t[0]} %}}{t[1]}"),
        st.tuples(inner, inner).map(lambda t: f"{{% set b %}}{t[0]}{{% endset %}}{t[1]}{{{{ b }}}}"),
        st.tuples(expressions, inner).map(lambda t: f"{{% macro m(a) %}}{t[1]}{{% endmacro %}}{{{{ m({t[0]}) }}}}"),
    ),
    max_leaves=4,
)
soup = st.text(st.sampled_from(string.ascii_letters[:4] + "{}%#()[]|.,~'\"\\ \n\r-+1.éß\0"), max_size=30)


def scope(event: EventName = "call.done", *, response: bool = True, error: bool = True) -> Names:
    names = Names(
        a=2,
        b="text",
        c=[1, {"x": 1}],
        d={"items": [1], "status": None},
        rows=view("sql", {"rows": [{"a": 1}], "row_count": 1}),
        event={"name": event, "step": "s"},
        secret=SecretNames("secret"),
    )
    if response:
        names["response"] = view("http", {"status": 200, "data": {"items": [1], "x": 5}})
    if error:
        names["error"] = {"type": "HttpStatus", "status": 500}
    names[NOW] = "2024-05-01T00:00:00+00:00"
    return names


def check_one(source: str, template: bool) -> None:
    """Nothing but the promised errors, and lint knows beforehand what is invalid."""
    found = problems(source, template)
    for problem in found:
        assert 0 <= problem.offset <= len(source)
        assert "\n" not in str(problem)
    for one in paths(source, template):
        assert source[one.offset : one.offset + len(one.name)] == one.name
    failure: str | None = None
    value: object = None
    try:
        value = (render if template else evaluate)(source, scope())
    except TemplateFailed as error:
        failure = str(error)
    assert bool(found) == ("is invalid" in (failure or ""))
    assert " at 0x" not in (failure or "")
    for reader in (plain, mask):
        try:
            json.dumps(reader(value))
        except NotSerializable:
            continue


@given(expressions)
@example("[1] | random")
@example("'' is in")
@example("a |")
def test_an_expression_gives_a_value_or_a_known_error(source: str) -> None:
    check_one(source, False)


@given(bodies)
@example("{% set b = a | map %}{{ b }}")
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_a_template_gives_a_value_or_a_known_error(source: str) -> None:
    check_one(source, True)


@given(soup, st.booleans())
@example("{{ '\\", True)
@example("\r\n{{ \r ? }}", True)
@example("a\0", False)
def test_any_text_gives_a_value_or_a_known_error(source: str, template: bool) -> None:
    check_one(source, template)
    assert asks_about_failure(source) in (True, False)
    assert mentions_event_name(source) in (True, False)
    inner = ""
    try:
        inner, offset = strip_braces(source)
    except ExpressionError as error:
        offset = error.offset
    assert 0 <= offset <= len(source)
    assert source[offset : offset + len(inner)] == inner


@given(expressions, st.sampled_from(EVENTS), st.booleans(), st.booleans())
@example("2.5 | safe + '' | max", "call.done", True, True)
@example("secret.A == 1 or true", "call.done", True, True)
def test_folding_promises_only_what_evaluation_gives(
    source: str, event: EventName, response: bool, error: bool
) -> None:
    try:
        real = truth(evaluate(source, scope(event, response=response, error=error)))
    except TemplateFailed:
        real = False
    for known in ((response, error), (None, None), (response, None), (None, error)):
        assert fold(source, event, *known) in (None, real)


@given(json_values)
def test_a_json_value_passes_through_a_template_unchanged(value: Json) -> None:
    names = Names(x=value, m={"x": value})
    for template in ("{{ x }}", "{{ x }}\n", "{{- m.x -}}", "{{ [x][0] }}", "{{ {'k': x}.k }}", "{{ x if true }}"):
        made = plain(render(template, names))
        assert json.dumps(made) == json.dumps(value)
        assert type(made) is type(value)
    assert json.dumps(to_json(value)) == json.dumps(value)


@given(json_values)
def test_data_is_text_in_text_and_is_never_rendered(value: Json) -> None:
    made = render("<{{ x }}>", Names(x=value))
    assert made == f"<{value}>"


@given(st.lists(jinja_texts, min_size=1, max_size=3))
def test_text_that_looks_like_a_template_stays_text(parts: list[str]) -> None:
    names = Names(p=parts, x="rendered")
    assert render("{{ p }}", names) == parts
    assert render("{{ p | join }}", names) == "".join(parts)
    assert render("{% for t in p %}{{ t }}{% endfor %}", names) == "".join(parts)
    assert render("{{ p | tojson }}", names) is not None
    assert json.loads(str(render("{{ p | tojson }}", names))) == parts


@given(texts)
def test_base64_there_and_back(value: str) -> None:
    assert evaluate("x | b64encode | b64decode", Names(x=value)) == value


@given(
    st.recursive(st.sampled_from("abc"), lambda inner: st.tuples(inner, inner).map(lambda t: f"({t[0]} and {t[1]})"))
)
def test_braces_are_taken_off_where_they_stand(source: str) -> None:
    for text in (source, f"{{{{ {source} }}}}", f"\n {{{{-{source}-}}}} \n", f"{{{{\n{source}\n}}}}\n"):
        inner, offset = strip_braces(text)
        assert inner == source
        assert text[offset:].startswith(source)
