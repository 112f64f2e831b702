"""What a template cannot reach, and what it cannot make (TPL-3)."""

from __future__ import annotations

import pytest

from noetl.compiler.expr import RefusedFunction, TemplateFailed, evaluate, is_undefined, parse_template, render
from noetl.compiler.values import MISSING, NotSerializable, plain, view


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


PUBLISHED = [
    # attributes of values, of what Jinja and web frameworks put in scope, and of the template itself
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ [].__class__.__base__.__subclasses__() }}",
    "{{ {}.__class__.__bases__[0].__subclasses__()[40]('/etc/passwd').read() }}",
    "{{ ().__class__.__mro__[-1].__subclasses__() }}",
    "{{ (1).__class__.__base__ }}{{ 1.5.__class__ }}{{ true.__class__ }}{{ none.__class__ }}",
    "{{ config.__class__.__init__.__globals__['os'].popen('id').read() }}",
    "{{ request.application.__globals__.__builtins__.__import__('os').popen('id').read() }}",
    "{{ request | attr('application') | attr('__globals__') }}",
    "{{ url_for.__globals__ }}{{ get_flashed_messages.__globals__ }}{{ g.pop.__globals__ }}",
    "{{ self.__init__.__globals__.__builtins__ }}",
    "{{ self._TemplateReference__context.cycler.__init__.__globals__.os }}",
    "{{ self._TemplateReference__context.namespace.__init__.__globals__.os }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__.os.popen('id').read() }}",
    "{{ namespace.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ range.mro() }}{{ dict.mro() }}{{ cycler.mro() }}{{ dict.__base__ }}",
    "{{ dict.__class__.__call__ }}{{ range.__class__ }}",
    "{{ now.__self__ }}{{ now.__func__.__globals__ }}{{ range.__func__ }}",
    # names spelled so that a filter on the text does not find them
    "{{ ''['__cla' ~ 'ss__'] }}",
    r"{{ ''['\x5f\x5fclass\x5f\x5f'] }}",
    r"{{ '' | attr('\x5f\x5fclass\x5f\x5f') }}",
    "{{ () | attr(['__', 'class', '__'] | join) }}",
    "{{ () | attr('%c%cclass%c%c' | format(95, 95, 95, 95)) }}",
    "{% set a = '__class__' %}{{ ''[a] }}{{ '' | attr(a) }}",
    "{{ ''['__ssalc__'[::-1]] }}",
    # filters that take the name of an attribute
    "{{ [''] | map(attribute='__class__') | list }}",
    "{{ [''] | map('attr', '__class__') | list }}",
    "{{ [''] | selectattr('__class__') | list }}{{ [''] | rejectattr('__class__.x') | list }}",
    "{{ [''] | groupby('__class__') }}",
    "{{ [''] | sort(attribute='__class__') }}{{ [''] | unique(attribute='__class__') | list }}",
    "{{ [''] | sum(attribute='__class__', start='') }}",
    "{{ [''] | max(attribute='__class__') }}{{ [''] | min(attribute='__class__') }}",
    "{{ [''] | join(attribute='__class__') }}",
    # str.format, which reads attributes itself (CVE-2016-10745, CVE-2019-10906, CVE-2024-56326, CVE-2025-27516)
    "{{ '{0.__class__.__init__.__globals__}'.format(cycler) }}",
    "{{ '{x.__class__}'.format_map({'x': ''}) }}",
    "{{ '{0[__class__]}'.format('') }}{{ '{0.upper.__self__}'.format('a') }}",
    "{% set f = '{0.__class__}'.format %}{{ f('') }}",
    "{% set f = {'f': '{0.__class__.__mro__}'.format} %}{{ f.f('') }}",
    "{% macro m(f) %}{{ f('') }}{% endmacro %}{{ m('{0.__class__}'.format) }}",
    "{{ ('{0.__class__.__base__}' | attr('format'))('') }}",
    "{{ ['{0.__class__}'] | map('attr', 'format') | list }}",
    "{{ ['{0.__class__}'] | map(attribute='format') | list }}",
    "{{ ('{0.__class__}' | attr('format_map'))({'0': ''}) }}",
    "{{ ('{0.__class__}' | safe).format('') }}{{ ('{0.__class__}' | escape).format('') }}",
    # objects of running code: generators, frames, macros, loops
    "{{ ([1] | map('string')).gi_frame.f_back.f_globals }}",
    "{{ ([1] | select).gi_code }}{{ ([1] | batch(1)).gi_frame }}",
    "{% macro m() %}{% endmacro %}{{ m._func.__globals__ }}{{ m._environment }}{{ m.__call__ }}",
    "{% macro m() %}{{ caller.__closure__ }}{{ caller._func }}{% endmacro %}{% call m() %}{% endcall %}",
    "{% for i in [1] %}{{ loop.__class__ }}{{ loop._undefined }}{{ loop.__init__.__globals__ }}{% endfor %}",
    "{% for i in ''.__class__.__base__.__subclasses__() %}{{ i }}{% endfor %}",
    "{% set n = namespace() %}{{ n.__class__ }}{{ n._Namespace__attrs }}{% set n.__class__ = 1 %}",
    "{{ ''.join.__self__ }}{{ ''.upper.__call__ }}{{ [].copy.__self__ }}",
    "{{ nope._undefined_exception }}{{ nope._fail_with_undefined_error() }}{{ nope.__class__ }}",
    # other templates, and files
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os.popen('id').read() }}",
    "{% from 'os' import popen %}{{ popen('id') }}",
    "{% extends '/etc/passwd' %}",
    "{% block b %}{{ self.b.__globals__ }}{% endblock %}",
    # what would change the values of others
    "{{ items.append(4) }}{{ items.extend([4]) }}{{ items.pop() }}{{ items.clear() }}{{ items.sort() }}",
    "{{ users[0].update({'name': 'eve'}) }}{{ users[0].setdefault('x', 1) }}{{ users[0].pop('name') }}",
    "{{ [items] | map('attr', 'append') | list }}",
]
"""Ways out of Jinja's sandbox, or around it, that were published."""


@pytest.mark.parametrize("template", PUBLISHED)
def test_published_ways_out_lead_nowhere(template: str) -> None:
    before = repr(dict(SCOPE))
    try:
        made = str(plain(render(template, SCOPE)))
    except (TemplateFailed, NotSerializable) as error:
        made = str(error).replace(" ".join(template.split()), "").partition("failed:")[2]
    for told in ("<class", "<function", "<built-in", "<module", "object at 0x", "root:", "uid="):
        assert told not in made
    assert repr(dict(SCOPE)) == before


@pytest.mark.parametrize("name", ["a onclick=alert(1)", "a>b", "a/b", "a=b"])
def test_no_attribute_of_html_holds_another(name: str) -> None:
    """CVE-2024-22195, CVE-2024-34064."""
    with pytest.raises(TemplateFailed, match="Invalid character in attribute name"):
        render("{{ {name: 1} | xmlattr }}", Names(name=name))
