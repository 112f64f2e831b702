"""Reading a file and the shape of its nodes: spans, decoding, documents, aliases, duplicate keys (DOC-12, DOC-7)."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from noetl.compiler.nodes import Map, Node, Scalar, Seq
from noetl.compiler.source import MAX_BYTES, STDIN, Parsed, compose, parse, read
from noetl.diagnostics import Severity, Span


def parsed(text: str | bytes) -> Parsed:
    return parse(text, "playbook.yaml")


def codes(result: Parsed) -> list[str]:
    return [d.code for d in result.diagnostics]


def root(text: str | bytes) -> Node:
    """The root of a text without any problem."""
    result = parsed(text)
    assert result.diagnostics == []
    assert result.root is not None
    return result.root


def plain(node: Node) -> object:
    """The node as the value that it stands for; keys are their text."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Seq):
        return [plain(item) for item in node.items]
    return {key.text: plain(value) for key, value in node.entries}


def entry(node: Node, name: str) -> Node:
    assert isinstance(node, Map)
    found = node.get(name)
    assert found is not None
    return found


# --- the parser ---------------------------------------------------------------------------------------------------


def test_the_parser_is_libyaml() -> None:
    """Not the pure-Python parser, which is what ruamel.yaml falls back to."""
    assert vars(compose)["CParser"].__module__.endswith("._ruamel_yaml")
    assert Path(sys.modules["_ruamel_yaml"].__file__ or "").suffix in (".so", ".pyd")


def test_nodes_keep_the_order_and_know_their_spans() -> None:
    node = root("b: 1\na:\n  - x\n  - {c: 'd', e: }\n")
    assert plain(node) == {"b": 1, "a": ["x", {"c": "d", "e": None}]}
    assert node.span == Span(1, 1, 4, 18)
    items = entry(node, "a")
    assert isinstance(items, Seq)
    assert items.span == Span(3, 3, 4, 18)
    assert [item.span for item in items.items] == [Span(3, 5, 3, 6), Span(4, 5, 4, 18)]
    flow = items.items[1]
    assert isinstance(flow, Map)
    assert [(k.span, v.span) for k, v in flow.entries] == [
        (Span(4, 6, 4, 7), Span(4, 9, 4, 12)),
        (Span(4, 14, 4, 15), Span(4, 16, 4, 16)),
    ]


def test_the_span_of_a_block_ends_with_its_last_text() -> None:
    """Neither the blank lines nor the comments after it belong to it."""
    node = root("a:\n  b: |\n    text  \n    more\n\n\n# note\nc: >-\n  folded\n\n\n\nd:\n- 1\n\n")
    assert node.span == Span(1, 1, 14, 4)
    assert entry(node, "a").span == Span(2, 3, 4, 9)
    assert entry(entry(node, "a"), "b").span == Span(2, 6, 4, 9)
    assert entry(node, "c").span == Span(8, 4, 9, 9)
    assert entry(node, "d").span == Span(14, 1, 14, 4)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a:\n", Span(1, 3, 1, 3)),
        ("a:   # later\nb: 1", Span(1, 3, 1, 3)),
        ("? a\n? b\n", Span(1, 4, 1, 4)),
        ("{a , b}", Span(1, 3, 1, 3)),
        ("{a: , b}", Span(1, 4, 1, 4)),
        ("a: !!null\nb: 1", Span(1, 10, 1, 10)),
    ],
)
def test_a_missing_value_stands_where_it_would_begin(text: str, span: Span) -> None:
    value = entry(root(text), "a")
    assert isinstance(value, Scalar)
    assert (value.value, value.span) == (None, span)
    assert list(value.positions or ()) == [(span.line, span.column)]


def test_tags_and_anchors_are_not_part_of_a_span() -> None:
    node = root('a: !!str &x # why\n  12\nb: &y\n  c: 1\nd: &z [1]\ne: !!map {f: g}\nh: &w\n- 1\ni: &v "q"\n')
    assert plain(node) == {"a": "12", "b": {"c": 1}, "d": [1], "e": {"f": "g"}, "h": [1], "i": "q"}
    assert isinstance(node, Map)
    assert {key.text: value.span for key, value in node.entries} == {
        "a": Span(2, 3, 2, 5),
        "b": Span(4, 3, 4, 7),
        "d": Span(5, 7, 5, 10),
        "e": Span(6, 10, 6, 16),
        "h": Span(8, 1, 8, 4),
        "i": Span(9, 7, 9, 10),
    }


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_line_break_counts_once(newline: str) -> None:
    node = root(newline.join(["a: |", "  x", "  y", "b: 'c", "", "  d'", "e: f"]))
    assert plain(node) == {"a": "x\ny\n", "b": "c\nd", "e": "f"}
    assert entry(node, "e").span == Span(7, 4, 7, 5)


def test_characters_that_only_yaml_1_1_takes_for_line_breaks_are_text() -> None:
    node = root("a: x\u2028y\nb: 'p\x85q\u2029'\nc: d\n")
    assert plain(node) == {"a": "x\u2028y", "b": "p\x85q\u2029", "c": "d"}
    assert entry(node, "c").span == Span(3, 4, 3, 5)


def test_columns_count_characters_and_not_bytes() -> None:
    node = root('"é\U0001f600": x\n'.encode())
    assert isinstance(node, Map)
    assert [key.span for key, _ in node.entries] == [Span(1, 1, 1, 5)]


def test_a_byte_order_mark_is_no_character_of_the_first_line() -> None:
    for text in ("\ufeffa: b", b"\xef\xbb\xbfa: b"):
        result = parsed(text)
        assert result.text == "a: b"
        assert result.root is not None
        assert result.root.span == Span(1, 1, 1, 5)


def test_a_colon_may_stand_inside_a_plain_scalar_of_a_flow_map() -> None:
    """libyaml refuses it, YAML 1.2 does not."""
    node = root("{url: http://x:80/y, image: [a:b, c::d]}\n")
    assert plain(node) == {"url": "http://x:80/y", "image": ["a:b", "c::d"]}
    assert entry(node, "url").span == Span(1, 7, 1, 20)


def test_a_question_mark_may_stand_inside_a_plain_scalar_of_a_flow_list() -> None:
    """libyaml refuses it, YAML 1.2 does not."""
    node = root("{urls: [http://x/y?a=1&b=2, why?], ? really : '?', sure?: no way}\n")
    assert plain(node) == {"urls": ["http://x/y?a=1&b=2", "why?"], "really": "?", "sure?": "no way"}
    assert entry(node, "sure?").span == Span(1, 59, 1, 65)


def test_directive_yaml_1_2_and_an_end_mark_are_fine() -> None:
    assert plain(root("%YAML 1.2\n---\na: b\n...\n# done\n")) == {"a": "b"}


# --- aliases ------------------------------------------------------------------------------------------------------


def test_an_alias_is_the_node_of_its_anchor() -> None:
    node = root("a: &x {b: 1}\nc: *x\nd: [*x]\n")
    shared = entry(node, "a")
    assert entry(node, "c") is shared
    assert plain(node) == {"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}]}
    assert node.span == Span(1, 1, 3, 8)


def test_the_latest_anchor_of_a_name_counts() -> None:
    assert plain(root("- &x 1\n- *x\n- &x 2\n- *x\n")) == [1, 1, 2, 2]


def test_an_alias_may_be_a_key() -> None:
    assert plain(root("- &x name\n- *x : 1\n")) == ["name", {"name": 1}]


# --- duplicate keys and documents ---------------------------------------------------------------------------------


def test_of_duplicate_keys_the_last_counts() -> None:
    result = parsed("a: 1\nb: 2\na: 3\n'a': 4\n")
    assert codes(result) == ["NTL007", "NTL007"]
    first, second = result.diagnostics
    assert first.message == 'key "a" is there twice; the last one counts'
    assert (first.severity, first.span, first.related[0].span) == (
        Severity.WARNING,
        Span(3, 1, 3, 2),
        Span(1, 1, 1, 2),
    )
    assert (second.span, second.related[0].span) == (Span(4, 1, 4, 4), Span(3, 1, 3, 2))
    assert result.root is not None
    assert list(plain(result.root).items()) == [("b", 2), ("a", 4)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["", "\n\n", "# only\n  # comments", "---\n", "--- # nothing\n...\n", "\ufeff"])
def test_a_file_without_content_is_an_error(text: str) -> None:
    result = parsed(text)
    assert (result.root, codes(result)) == (None, ["NTL009"])


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("a: 1\n---\nb: 2\n", Span(2, 1, 2, 4)),
        ("a: 1\n...\n\n# x\nb: 2\n", Span(5, 1, 5, 5)),
        ("a: 1\n...\n%YAML 1.2\n---\n", Span(3, 1, 3, 10)),
        ("a: 1\n--- # x\n", Span(2, 1, 2, 8)),
    ],
)
def test_a_second_document_is_an_error_and_the_first_is_read(text: str, span: Span) -> None:
    result = parsed(text)
    assert [(d.code, d.span) for d in result.diagnostics] == [("NTL006", span)]
    assert result.root is not None
    assert plain(result.root) == {"a": 1}


# --- reading ------------------------------------------------------------------------------------------------------


def test_read_a_file(tmp_path: Path) -> None:
    file = tmp_path / "playbook.yaml"
    file.write_bytes(b"a: b\r\n")
    source = read(str(file))
    assert (source.path, source.data, source.diagnostics) == (str(file), b"a: b\r\n", ())


def test_read_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a: \xff")))
    source = read("-")
    assert (source.path, source.data) == (STDIN, b"a: \xff")


@pytest.mark.parametrize(
    ("name", "reason"), [("missing.yaml", "no such file or directory"), (".", "is a directory"), ("a\0b", "null byte")]
)
def test_what_cannot_be_read_is_a_diagnostic(tmp_path: Path, name: str, reason: str) -> None:
    source = read(f"{tmp_path}/{name}")
    assert source.data is None
    (found,) = source.diagnostics
    assert (found.code, found.path) == ("NTL010", f"{tmp_path}/{name}")
    assert found.message.endswith(reason)


def test_a_closed_stdin_is_a_diagnostic(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO())
    stream.close()
    for stdin in (stream, None):
        monkeypatch.setattr(sys, "stdin", stdin)
        assert [d.code for d in read("-").diagnostics] == ["NTL010"]


def test_no_more_is_read_than_shows_that_it_is_too_much(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    with file.open("wb") as out:
        out.truncate(50_000_000)
    source = read(str(file))
    assert source.data is not None
    assert len(source.data) == MAX_BYTES + 1
    assert codes(parse(source.data, source.path)) == ["NTL002"]
