"""Whatever the text, parsing gives diagnostics or nodes with true places, and values are those that were written."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import (
    DoubleQuotedScalarString,
    FoldedScalarString,
    LiteralScalarString,
    SingleQuotedScalarString,
)

from noetl.compiler.ir import Json
from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.compiler.source import Parsed, parse
from noetl.compiler.source.positions import Lines, Positions
from noetl.diagnostics import Severity, Span, render_text

PIECES = (
    *(
        "a",
        "b: ",
        "key: ",
        "- ",
        "? ",
        ": ",
        ":",
        "\n",
        "\n  ",
        "\n    ",
        "\n\n",
        "\n \n",
        "\r\n",
        "\r",
        "\t",
        " ",
        "  ",
    ),
    *("{", "}", "[", "]", ",", "'", "''", '"', "\\", "\\n", "\\x41", "\\\n", "|\n", "|2+\n    ", ">\n", ">-\n  ", "|"),
    *("&a ", "*a", "!", "!!str ", "!!int ", "!x ", "#", "# c\n", "---\n", "...\n", "%YAML 1.2\n", "%TAG ! x\n"),
    *("{{ x }}", "{{", "}}", "{%", "yes", "012", "1:30", "0x1F", "~", "<<: ", ".inf", "1e400", "x y", "@", "`", "%"),
    *("\u00e9", "\u2028", "\x85", "\U0001f600", "\xa0", "\ufeff", "\0", "\x7f"),
)
yaml_like = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
any_text = st.text(st.characters(exclude_categories=()))


# --- nothing is wrong with what parsing gives ---------------------------------------------------------------------


def nodes(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Scalar):
        return
    for part in node.items if isinstance(node, Seq) else [part for entry in node.entries for part in entry]:
        yield from nodes(part)


def check(result: Parsed) -> None:
    """What must hold for every text."""
    lines = Lines(result.text)
    render_text(result.diagnostics, {"p": result.text})
    for found in result.diagnostics:
        for span in (found.span, *(related.span for related in found.related)):
            check_span(span, lines)
    if result.root is None:
        assert any(found.severity is Severity.ERROR for found in result.diagnostics)
        return
    for node in nodes(result.root):
        check_span(node.span, lines)
        if isinstance(node, Scalar):
            check_positions(node, lines)


def check_span(span: Span, lines: Lines) -> None:
    start, end = (span.line, span.column), (span.end_line, span.end_column)
    assert (1, 1) <= start <= end <= lines.place(len(lines.text))
    for line, column in (start, end):
        first, last = lines.bounds(lines.starts[line - 1])
        assert 1 <= column <= last - first + 1 + lines.text.startswith("\r\n", last)


def check_positions(scalar: Scalar, lines: Lines) -> None:
    """Each character stands where its position says, unless folding or an escape made it."""
    assert isinstance(scalar.positions, Positions)
    assert scalar.positions.exact
    places = list(scalar.positions)
    assert len(places) == len(scalar.text) + 1
    assert all(earlier < later for earlier, later in pairwise(places[:-1]))
    assert places[-2:] == sorted(places[-2:])
    for char, (line, column) in zip(scalar.text, places, strict=False):
        offset = lines.starts[line - 1] + column - 1
        there = lines.text[offset]
        folded = char in " \n" and there in "\r\n"
        escaped = there == {"single": "'", "double": "\\"}.get(scalar.style)
        assert there == char or folded or escaped
    start, end = (scalar.span.line, scalar.span.column), (scalar.span.end_line, scalar.span.end_column)
    assert start <= places[0]
    if scalar.style not in ("literal", "folded"):
        assert places[-1] == (end if scalar.style == "plain" else (end[0], end[1] - 1))
    elif scalar.text.strip():
        line, column = places[len(scalar.text.rstrip()) - 1]
        assert end >= (line, column + 1)


@settings(deadline=None, max_examples=500)
@given(yaml_like)
@example("!!str \u2028")
@example("{a- :a")
@example(">-\n  |2+\n    ")
def test_yaml_like_text_gives_true_places(text: str) -> None:
    check(parse(text, "p"))


@settings(deadline=None, max_examples=200)
@given(st.one_of(any_text, st.binary(), yaml_like.map(str.encode), st.tuples(yaml_like, any_text).map("".join)))
@example(b"\x00\x80")
@example("\x85")
def test_any_text_gives_true_places(data: str | bytes) -> None:
    check(parse(data, "p"))


@settings(deadline=None)
@given(yaml_like)
def test_bytes_and_text_are_parsed_alike(text: str) -> None:
    first, second = parse(text, "p"), parse(text.encode(), "p")
    assert first.text == second.text
    assert first.diagnostics == second.diagnostics
    assert (first.root is None) == (second.root is None)


# --- scalars in every style ---------------------------------------------------------------------------------------

STYLES = {
    "plain": str,
    "single": SingleQuotedScalarString,
    "double": DoubleQuotedScalarString,
    "literal": LiteralScalarString,
    "folded": FoldedScalarString,
}
words = st.text(st.sampled_from("ab'\"\\ #:-{}é\U0001f600\u2028\t"), max_size=12)
texts = st.lists(words, max_size=6).flatmap(
    lambda parts: st.sampled_from(["\n", " ", "\n\n"]).map(lambda s: s.join(parts))
)


def dumped(text: str, style: str, width: int, flow: bool, as_key: bool) -> str:
    """`text` as ruamel.yaml writes it, between others, in the style asked for where YAML allows that."""
    yaml = YAML()
    yaml.width = width
    yaml.default_flow_style = flow
    yaml.allow_unicode = True
    scalar = STYLES[style](text)
    out = io.StringIO()
    yaml.dump({"before": [1, {scalar: 1} if as_key else {"k": scalar}], "after": {"z": "end"}}, out)
    return out.getvalue()


@settings(deadline=None, max_examples=300)
@given(
    texts,
    st.sampled_from(sorted(STYLES)),
    st.integers(10, 80),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_a_dumped_scalar_has_true_places(
    text: str, style: str, width: int, flow: bool, as_key: bool, newline: str
) -> None:
    result = parse(dumped(text, style, width, flow, as_key).replace("\n", newline), "p")
    check(result)


@st.composite
def block_scalars(draw: st.DrawFn) -> tuple[str, str]:
    """A literal scalar with any indentation, with and without indicators, and what it decodes to."""
    lines = draw(st.lists(st.text(st.sampled_from("x y\t#'"), max_size=6), max_size=6))
    parent = draw(st.integers(0, 3))
    indent = draw(st.integers(1, 9))
    chomp = draw(st.sampled_from(["", "-", "+"]))
    margin = " " * (parent + indent)
    indicator = str(indent)
    if lines and lines[0].strip() and lines[0][0] not in " \t" and draw(st.booleans()):
        indicator = ""  # the first line shows the indentation
    header = (
        "|" + draw(st.sampled_from([indicator + chomp, chomp + indicator])) + draw(st.sampled_from(["", " # note"]))
    )
    body = "".join(f"{margin}{line}\n" if line else "\n" for line in lines)
    text = "".join(f"{line}\n" for line in lines)
    content = text.rstrip("\n")
    decoded = {"+": text, "-": content, "": content + "\n" if content else ""}[chomp]
    return f"{' ' * parent}k: {header}\n{body}{' ' * parent}z: 1\n", decoded


@settings(deadline=None, max_examples=300)
@given(block_scalars())
def test_a_block_scalar_with_any_indentation_has_true_places(drawn: tuple[str, str]) -> None:
    text, decoded = drawn
    result = parse(text, "p")
    assert result.diagnostics == []
    check(result)
    assert isinstance(result.root, Map)
    value = result.root.get("k")
    assert isinstance(value, Scalar)
    assert value.text == decoded


# --- values -------------------------------------------------------------------------------------------------------

NOT_YAML = "".join(map(chr, (0, *range(0x7F, 0xA0), 0xFEFF, 0xFFFE, 0xFFFF)))
"""NUL, which no value may hold, and what YAML takes as an escape only, while JSON takes it as it stands."""
json_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=NOT_YAML), max_size=20)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | json_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(json_texts, inner, max_size=4),
    max_leaves=20,
)


def plain(node: Node) -> Json:
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Seq):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.entries}


def same(left: Json, right: Json) -> bool:
    """Equality that tells 1, 1.0 and true apart, and keeps the order of keys."""
    return json.dumps(left) == json.dumps(right)


@settings(deadline=None)
@given(json_values)
def test_json_is_yaml(value: Json) -> None:
    result = parse(json.dumps(["root", value], ensure_ascii=False), "p")
    assert [found for found in result.diagnostics if found.code != "NTL008"] == []
    assert result.root is not None
    assert same(plain(result.root), ["root", value])


@settings(deadline=None)
@given(json_values, st.integers(2, 6))
def test_values_survive_being_written_as_yaml(value: Json, indent: int) -> None:
    yaml = YAML()
    yaml.width = 4096  # ruamel.yaml breaks long keys over lines, which YAML does not allow
    yaml.indent(mapping=indent, sequence=indent, offset=indent - 2)
    out = io.StringIO()
    yaml.dump({"root": value}, out)
    result = parse(out.getvalue(), "p")
    assert result.root is not None
    assert same(plain(result.root), {"root": value})
