"""What is wrong with the YAML of a playbook, in plain words and at the place that the author has to change.

In the tables `«` and `»` stand around the expected span.
"""

from __future__ import annotations

import pytest

from noetl.compiler.nodes import Map, Scalar, Seq
from noetl.compiler.source import Parsed, parse
from noetl.diagnostics import Diagnostic, Edit, Severity, Span, registered, render_text


def marked(text: str) -> tuple[str, Span]:
    """The text without its marks, and the span between them."""
    before, rest = text.split("«")
    inside, after = rest.split("»")
    return before + inside + after, Span(*place(before), *place(before + inside))


def place(text: str) -> tuple[int, int]:
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def parsed(text: str | bytes) -> Parsed:
    return parse(text, "playbook.yaml")


def only(text: str | bytes) -> Diagnostic:
    (found,) = parsed(text).diagnostics
    return found


KEYLESS = 'write "key: value", with a space after the colon'
TAB = 'indent with spaces, and put one after "-" and ":"'
ALIGN = "entries of one map, and of one list, start in the same column"
QUOTE = 'quote the whole value; a quote inside \'...\' is written twice, inside "..." as \\"'
COMMA = 'put "," between the entries, and close it'
BACKSLASH = r"inside double quotes a backslash is written \\; inside single quotes it stands for itself"
COLON = 'quote a value that holds ": "; start the keys of one map in the same column'


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        # a key without its colon, a colon without its space
        ("a: 1\n«b»\nc: 2\n", '"b" has no ":" that ends a key', KEYLESS),
        ("apiVersion: x\n«steps»\n  - a\n", '"steps" has no ":" that ends a key', KEYLESS),
        ("«a:b»\nc: d", '"a:b" has no ":" that ends a key', KEYLESS),
        ("x:\n  «a:b»\n  c: d\n", '"a:b" has no ":" that ends a key', KEYLESS),
        ("{«a:1»}", '"a:1" is one key without a value', 'put a space after the ":"'),
        ("{a«:»}", '":" cannot stand here', 'inside [ ] and { } put a space after ":", or quote the value'),
        ("a: b«:» c", '":" cannot stand here', COLON),
        ("a: 1\n b«:» 2", '":" cannot stand here', COLON),
        ("a:\n- b\n c«:» 1", '":" cannot stand here', COLON),
        # tabs
        ("a:\n«\t»b: 1", "a tab stands where YAML wants spaces", TAB),
        ("a: b\n«\t»c: d", "a tab stands where YAML wants spaces", TAB),
        ("-«\t»a", "a tab stands where YAML wants spaces", TAB),
        ("a: |\n«\t»x\n", "a tab stands where YAML wants spaces", TAB),
        # quotes
        ("a: «'»x", "the quote that opens here is never closed", "add the closing '"),
        ('a: «"»x\nb: c\n', "the quote that opens here is never closed", 'add the closing "'),
        ("a: «'»x\n---\n", "the quote that opens here is never closed", "add the closing '"),
        (
            'a: «"»b\nc: d\ne: "f"\n',
            "the quote that opens here is closed on a later line, with more text after it",
            'add the closing " in its place',
        ),
        ("key: 'it'«s'»", '"s\'" does not fit the entries above', QUOTE),
        ('a: "x" «+ "y"»', '"+ "y"" does not fit the entries above', QUOTE),
        (r'a: "C:«\»dir"', "this escape is unknown", BACKSLASH),
        (r'a: "\x«z»z"', "this escape lacks digits", BACKSLASH),
        (
            r'a: "\u«d»83d\ude00"',
            "this escape is no character",
            "write the character itself, or \\U and its eight digits",
        ),
        # brackets
        ("a: «[»1, 2", '"[" is never closed', None),
        ("a: «{»b: 1,\n", '"{" is never closed', None),
        ("a: [1, 2\nb«:» 3\n", '": 3" does not go on the open list or map', COMMA),
        ("a: ['b' «c»]", '"c]" does not go on the open list or map', COMMA),
        ("a: «]»", '"]" stands where a value is expected', "quote it if it is text"),
        ("[a,«,»b]", '"," stands where a value is expected', "quote it if it is text"),
        # characters that start something else
        ("a: «@»x", 'a value cannot start with "@"', "quote the value"),
        ("a: «`»x`", 'a value cannot start with "`"', "quote the value"),
        ("a: «%»x", 'a value cannot start with "%"', "quote the value"),
        ("a: «-» b", '"-" cannot stand here', 'start a list on a line of its own; quote a value that starts with "- "'),
        ("a: «?» b", '"?" cannot stand here', 'quote a value that starts with "? "'),
        (
            "a: «*.csv»",
            '"*.csv" starts like an anchor or an alias',
            'quote a value that starts with "*" or "&"',
        ),
        ("a: «& b»", '"& b" starts like an anchor or an alias', 'quote a value that starts with "*" or "&"'),
        ("a: «*x»", 'alias "*x" has no anchor "&x" before it', 'quote a value that starts with "*"'),
        ("a: «!<x»", '"!<x" starts like a tag', 'quote a value that starts with "!"'),
        # block scalars
        (
            "a: |«x»\n  foo\n",
            '"x" follows the sign of a block scalar',
            "start the text on the next line, indented",
        ),
        ("a: |«0»\n  x", "the indentation of a block scalar is 1 to 9", None),
        (
            "a: |\n     \n  «x»\n",
            '"x" does not fit the entries above',
            "blank lines at the start of a block scalar have more spaces than its text; remove these spaces",
        ),
        # indentation
        ("a:\n  b: 1\n «c: 2»\n", '"c: 2" does not fit the entries above', ALIGN),
        ("- a\n«b: c»", '"b: c" does not fit the entries above', ALIGN),
        ("a:\n  - b\n «- c»\n", '"- c" does not fit the entries above', ALIGN),
        (
            "  a: 1\n«b: 2»  \n",
            '"b: 2" stands outside of the map or list that makes up the file',
            "keys of one map start in the same column; check the first line of the file too",
        ),
        ("a:\n\n\n  b: 1\n «c: 2»\n", '"c: 2" does not fit the entries above', ALIGN),
        (
            "a:\n  b: 1\n «\xa0c: 2»\n",
            '"c: 2" does not fit the entries above',
            "the line holds a no-break space (U+00A0); use plain spaces",
        ),
        # characters that YAML refuses
        (
            "a: x«\x1b»[0m",
            "control character U+001B is not allowed",
            "delete it, or write it as an escape inside double quotes",
        ),
        ("a: '\n«\0»'", "control character U+0000 is not allowed", "delete it"),
        ("a: b\n«\ufeff»c: d", "a byte order mark stands inside the file", "delete it"),
        # directives
        ("«%FOO x»\n---\na: b", 'directive "%FOO x" is not allowed in a playbook', "delete the line"),
    ],
)
def test_invalid_yaml(text: str, message: str, hint: str | None) -> None:
    clean, span = marked(text)
    found = only(clean)
    assert (found.code, found.name, found.severity) == ("NTL001", "invalid-yaml", Severity.ERROR)
    assert (found.message, found.hint) == (message, hint)
    assert found.span == span


@pytest.mark.parametrize(
    ("text", "since"),
    [("a:\n  b: 1\n c: 2\n", (1, 1)), ("x:\n  - a\n - b\n", (1, 1)), ("a: [1, 2\nb: 3\n", (1, 4))],
)
def test_what_does_not_fit_shows_what_it_does_not_fit(text: str, since: tuple[int, int]) -> None:
    (related,) = only(text).related
    assert (related.message, related.span.line, related.span.column) == ("the list or map starts here", *since)


# --- templates without quotes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("a: «{{ x }}»\nb: 1", '"{{ x }}"'),
        ("- «{{ x | default('a b') }}» # why", "\"{{ x | default('a b') }}\""),
        ("a:\n  «{{ x }}»\n", '"{{ x }}"'),
        ("{a: «{{ x }}», b: c}", '"{{ x }}"'),
        ("«{{ x }}»: 1", '"{{ x }}"'),
        ("a: «{{yes}}»", '"{{yes}}"'),
        ("a: «{{ [1] }}»", '"{{ [1] }}"'),
        ("a: &x «{{ y }}»\nb: *x", '"{{ y }}"'),
        ("a: «{{ x }}»", '"{{ x }}"'),
        ("a: «{{ 'it' }}»", "\"{{ 'it' }}\""),
        ('a: «{{ "it" }}»', "'{{ \"it\" }}'"),
    ],
)
def test_a_template_without_quotes_is_read_as_the_string_that_was_meant(text: str, fixed: str) -> None:
    clean, span = marked(text)
    result = parsed(clean)
    (found,) = result.diagnostics
    template = fixed[1:-1]
    assert (found.code, found.severity, found.span) == ("NTL015", Severity.ERROR, span)
    assert found.message == f'"{template}" is not quoted: YAML takes "{{" for the start of a map'
    assert found.hint == f"write {fixed}"
    assert found.fix is not None
    assert found.fix.edits == (Edit(span, fixed),)
    assert template in scalars(result)


def scalars(result: Parsed) -> set[str]:
    def walk(node: Scalar | Seq | Map) -> set[str]:
        if isinstance(node, Scalar):
            return {node.text}
        if isinstance(node, Seq):
            return {text for item in node.items for text in walk(item)}
        return {text for key, value in node.entries for text in walk(key) | walk(value)}

    assert result.root is not None
    return walk(result.root)


@pytest.mark.parametrize(
    "text",
    [
        "url: «{{ base }}»/users",
        "- «{{ x }}»/y: z",
        "a: «{{ x }}» and more",
        "a: «{{ x['b'] }}»",
        "a: «{{ x(1, [2]) }}»",
        "a: «{{ {'b': 1}['b'] }}»",
        "a: «{% if x %}y{% endif %}»",
        "a: «{{ x }»",
        "a: «{{ x»\nb: c",
        "steps:\n  - when: «{{ a == 'b' }} and {{ c }}»\n    then: []",
        "a:\n  «{{ x }}»/y",
    ],
)
def test_a_template_that_breaks_the_yaml_is_said_once(text: str) -> None:
    clean, span = marked(text)
    found = only(clean)
    assert (found.code, found.hint, found.fix) == ("NTL015", "put the whole value in quotes", None)
    assert found.span == span


def test_each_template_without_quotes_is_said() -> None:
    result = parsed("a: {{ x }}\nb: {{ y }}: z")
    assert [(d.code, d.span.line) for d in result.diagnostics] == [("NTL015", 1), ("NTL015", 2)]


def test_a_template_inside_of_a_broken_value_is_hinted_at() -> None:
    for text in ("a: [x {{ y }}]", 'a: "{{ x }}"/y', "a: x {{ y }}: z"):
        assert only(text).hint == 'quote the whole value if it holds a template "{{ }}"'


# --- keys, tags, directives ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: 1\n? «- x»\n: 2", "a list"),
        ("{«[x]»: 1, a: 1}", "a list"),
        ("? «{x: z}»\n: 2\n? a\n: 1", "a map"),
    ],
)
def test_a_list_or_map_is_no_key(text: str, what: str) -> None:
    clean, span = marked(text)
    result = parsed(clean)
    (found,) = result.diagnostics
    assert (found.code, found.span) == ("NTL013", span)
    assert found.message == f"the key of a map is {what}; only a string can be one"
    assert isinstance(result.root, Map)
    assert [key.text for key, _ in result.root.entries] == ["a"]


def test_a_merge_key_is_an_error_but_hides_nothing() -> None:
    """Keys that it would have brought are not reported missing later on."""
    result = parsed("- &a {x: 1, y: 2}\n- &b {z: 3, x: 4}\n- <<: [*a, *b]\n  y: 5\n")
    (found,) = result.diagnostics
    assert (found.code, found.span) == ("NTL014", Span(3, 3, 3, 5))
    assert found.message == '"<<" is no merge key in YAML 1.2'
    assert isinstance(result.root, Seq)
    merged = result.root.items[2]
    assert isinstance(merged, Map)
    assert [(k.text, v.value) for k, v in merged.entries if isinstance(v, Scalar)] == [("y", 5), ("x", 1), ("z", 3)]
    assert parsed("'<<': 1\n").diagnostics == []


@pytest.mark.parametrize(
    ("text", "tag", "hint"),
    [
        ("a: «!event.done» and x", "!event.done", 'quote a value that starts with "!"'),
        ("a: &x «!!binary» aGk=", "!!binary", 'quote a value that starts with "!"'),
        ("a: «!<tag:example.org,2002:x>» b", "!<tag:example.org,2002:x>", 'quote a value that starts with "!"'),
        ("a: «!!seq» x", "!!seq", 'quote a value that starts with "!"'),
        ("«!!timestamp» a: b", "!!timestamp", 'quote a value that starts with "!"'),
        ("a: «!!set» {b}", "!!set", None),
        ("a: «!!str» [b]", "!!str", None),
        ("a: «!!map»\n- b", "!!map", None),
    ],
)
def test_a_tag_outside_the_core_schema_is_an_error(text: str, tag: str, hint: str | None) -> None:
    clean, span = marked(text)
    found = only(clean)
    assert (found.code, found.span, found.hint) == ("NTL012", span, hint)
    assert found.message == (
        f'tag "{tag}" does not fit here; tags are !!bool, !!float, !!int, !!map, !!null, !!seq, !!str'
    )


def test_a_tag_with_an_unknown_handle_is_an_error() -> None:
    found = only("a: !e!x b")
    assert (found.code, found.span) == ("NTL012", Span(1, 4, 1, 10))


def test_directives() -> None:
    found = only("%YAML 1.1\n---\na: 012x")
    assert (found.code, found.span) == ("NTL008", Span(1, 1, 1, 10))
    assert found.message == '"%YAML 1.1" is ignored; a playbook is YAML 1.2'
    found = only("# x\r\n%TAG ! tag:x\r\n---\r\na: b")
    assert (found.code, found.span) == ("NTL012", Span(2, 1, 2, 13))


# --- encoding -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "span", "message"),
    [
        (b"a: b\n\xc3\xa9: \xff", Span(2, 4, 2, 5), "byte 0xff is not UTF-8"),
        (b"\xef\xbb\xbf\xe9", Span(1, 1, 1, 2), "byte 0xe9 is not UTF-8"),
        (b"a: \xed\xa0\x80", Span(1, 4, 1, 5), "byte 0xed is not UTF-8"),
        ("a: b".encode("utf-16"), Span(1, 1, 1, 1), "the file is UTF-16 or UTF-32"),
        ("a: b".encode("utf-32"), Span(1, 1, 1, 1), "the file is UTF-16 or UTF-32"),
        (b"\xfe\xff\0a", Span(1, 1, 1, 1), "the file is UTF-16 or UTF-32"),
        ("a: \udc80", Span(1, 4, 1, 5), "U+DC80 is half of a surrogate pair, not a character"),
    ],
)
def test_what_is_not_utf_8_is_an_error(data: str | bytes, span: Span, message: str) -> None:
    found = only(data)
    assert (found.code, found.span, found.message) == ("NTL005", span, message)
    assert found.hint is not None


# --- all of them --------------------------------------------------------------------------------------------------


def test_problems_come_in_order_and_can_be_shown() -> None:
    result = parsed("b: {{ x }}\na: yes\na: !x 1\n---\n")
    assert [d.code for d in result.diagnostics] == ["NTL015", "NTL008", "NTL007", "NTL012", "NTL006"]
    shown = render_text(result.diagnostics, {"playbook.yaml": result.text})
    assert shown.splitlines()[:5] == [
        'playbook.yaml:1:4: error[NTL015] "{{ x }}" is not quoted: YAML takes "{" for the start of a map',
        "  |",
        "1 | b: {{ x }}",
        "  |    ^~~~~~~",
        '  hint: write "{{ x }}"',
    ]


def test_the_codes_of_the_family() -> None:
    family = {kind.code: (kind.name, str(kind.severity)) for kind in registered() if kind.code.startswith("NTL0")}
    assert family == {
        "NTL001": ("invalid-yaml", "error"),
        "NTL002": ("file-too-large", "error"),
        "NTL003": ("too-deep", "error"),
        "NTL004": ("alias-expansion", "error"),
        "NTL005": ("invalid-encoding", "error"),
        "NTL006": ("second-document", "error"),
        "NTL007": ("duplicate-key", "warning"),
        "NTL008": ("yaml11-trap", "warning"),
        "NTL009": ("empty-file", "error"),
        "NTL010": ("unreadable-file", "error"),
        "NTL011": ("invalid-scalar", "error"),
        "NTL012": ("unsupported-tag", "error"),
        "NTL013": ("complex-key", "error"),
        "NTL014": ("merge-key", "error"),
        "NTL015": ("unquoted-template", "error"),
    }


def test_what_is_quoted_of_the_text_is_printable() -> None:
    assert [d.message for d in parse("k: |\u202e\u00e9\n", "p").diagnostics] == [
        '"\\u202e\u00e9" follows the sign of a block scalar'
    ]
