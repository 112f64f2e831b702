"""The writer of the tests and the reader of the compiler agree on every value and every place."""

from __future__ import annotations

from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis

from hypothesis import given
from hypothesis import strategies as st

from noetl.compiler.ir import Json
from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.compiler.source import parse

from .yaml_writer import Path, Written, write

texts = st.sampled_from(
    (
        *("a", "a b c", "yes", "012", "1.5", "~", "null", "---", "it's", 'say "x"', "  lead", "trail ", "", " ", "k:"),
        *("a: b", "a #b", "- x", "a, b", "%x", "@a", "!t", "&a", "*a", "?", "#", "http://a/b?c=d&e", "event.a == 'b'"),
        *("a\nb", "a\nb\n", "a\n\n  b\nc", "x\n\n", "\n", "\n\na", "tab\tx", "\t", "def f(x):\n    return x  # c\n"),
        *("{{ x }} and y", "n={{ a }}", "{% if a %}\n  b\n{% endif %}\n", "\u2028", "\x07", "\U0001f600 \u00e9", "\\"),
    )
)
values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.sampled_from((0.5, 1.25, -3.75)) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=25,
)
roots: st.SearchStrategy[Json] = st.dictionaries(texts, values, min_size=1, max_size=5) | st.lists(
    values, min_size=1, max_size=4
)


@given(roots, st.randoms(use_true_random=True))
def test_what_is_written_is_read_where_it_was_written(tree: Json, chance: Random) -> None:
    written = write(tree, chance)
    read = parse(written.text, "p")
    assert read.diagnostics == []
    assert read.root is not None
    same(read.root, tree, (), written)


def same(node: Node, value: Json, path: Path, written: Written) -> None:
    """The node has this value and stands where the writer put it."""
    if path in written.values:
        assert (node.span.line, node.span.column) == written.values[path], path
    if isinstance(node, Map):
        assert isinstance(value, dict)
        assert [key.text for key, _ in node.entries] == list(value)
        for key, inner in node.entries:
            assert (key.span.line, key.span.column) == written.keys[(*path, key.text)], key.text
            same(inner, value[key.text], (*path, key.text), written)
    elif isinstance(node, Seq):
        assert isinstance(value, list)
        assert len(node.items) == len(value)
        for number, inner in enumerate(node.items):
            same(inner, value[number], (*path, number), written)
    else:
        assert (type(node.value), node.value) == (type(value), value)
        if isinstance(value, str):
            same_characters(node, value, written.characters[path])


def same_characters(node: Scalar, text: str, places: list[tuple[int, int] | None]) -> None:
    """Each character of the text stands where it was written."""
    assert node.positions is not None
    assert len(places) == len(text)
    for at, place in enumerate(places):
        assert place in (None, node.positions[at]), (text, at)
