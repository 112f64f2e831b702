"""Limits on size, depth, number and aliases (DOC-12): a diagnostic, soon and in little memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

from noetl.compiler.source import MAX_BYTES, Parsed, compose, parse
from noetl.compiler.source.compose import MAX_ALIAS_TEXT, MAX_DEPTH, MAX_DIAGNOSTICS, MAX_NODES
from noetl.diagnostics import Diagnostic, Span

MILLION = 1_000_000


def parsed(text: str | bytes) -> Parsed:
    return parse(text, "playbook.yaml")


def only(text: str | bytes) -> Diagnostic:
    (found,) = parsed(text).diagnostics
    return found


# --- depth --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[" * MILLION, (1, MAX_DEPTH + 1)),
        ("[\n" * MILLION, (MAX_DEPTH + 1, 1)),
        ("{a: " * MILLION, (1, 4 * MAX_DEPTH + 1)),
        ("- " * MILLION, (1, 2 * MAX_DEPTH + 1)),
        ("? " * MILLION, (1, 2 * MAX_DEPTH + 1)),
        ("{{" * MILLION, (1, MAX_DEPTH + 1)),
        ("[{a: " * MILLION, (1, 5 * MAX_DEPTH // 2 + 1)),
        ("".join(f"{' ' * depth}a:\n" for depth in range(1000)), (MAX_DEPTH + 1, MAX_DEPTH + 1)),
    ],
)
def test_nesting_without_end_stops_at_the_limit(text: str, place: tuple[int, int]) -> None:
    found = only(text)
    assert found.code == "NTL003"
    assert found.message == f"lists and maps are nested deeper than {MAX_DEPTH} levels"
    assert (found.span.line, found.span.column) == place


def test_the_limit_itself_is_fine() -> None:
    assert parsed("[" * MAX_DEPTH + "]" * MAX_DEPTH).diagnostics == []


def test_depth_counts_through_aliases() -> None:
    """Whatever walks the tree meets the depth of the anchor's node below that of the alias."""
    half = MAX_DEPTH // 2
    anchor = "- &a " + "[" * half + "]" * half + "\n- "
    assert parsed(anchor + "[" * (half - 1) + "*a" + "]" * (half - 1)).diagnostics == []
    found = only(anchor + "[" * half + "*a" + "]" * half)
    assert (found.code, found.span) == ("NTL003", Span(2, 3 + half, 2, 5 + half))


# --- aliases ------------------------------------------------------------------------------------------------------


def test_a_bomb_of_aliases_stops_at_the_limit() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 20)]
    found = only("\n".join(lines))
    assert found.code == "NTL004"
    assert found.message == (
        f'alias "*a4" makes it more than {MAX_NODES} values or {MAX_ALIAS_TEXT} characters of aliases'
    )


def test_a_long_text_may_not_be_repeated_without_end() -> None:
    text = "x" * 100_000
    fits = MAX_ALIAS_TEXT // len(text)
    assert parsed(f"- &a '{text}'\n" + "- *a\n" * fits).diagnostics == []
    found = only(f"- &a '{text}'\n" + "- *a\n" * (fits + 1))
    assert (found.code, found.span.line) == ("NTL004", fits + 2)


@pytest.mark.parametrize("text", ["&a [*a]", "a: &a {b: {c: [*a]}}", "a: &a\n  *a : b\n"])
def test_an_alias_of_what_it_stands_in_is_an_error(text: str) -> None:
    found = only(text)
    assert (found.code, found.message) == ("NTL004", 'alias "*a" stands inside what it refers to')
    start = text.index("*a")
    line = text[:start].count("\n") + 1
    column = start - text.rfind("\n", 0, start)
    assert found.span == Span(line, column, line, column + 2)


def test_an_anchor_given_anew_inside_of_itself_is_no_recursion() -> None:
    assert parsed("- &a [&a x, *a]\n- *a\n").diagnostics == []


# --- size ---------------------------------------------------------------------------------------------------------


def test_a_large_file_is_refused_without_a_look() -> None:
    for data in (b"[" * (MAX_BYTES + 1), "é" * (MAX_BYTES // 2 + 1), b"\xff" * 50_000_000):
        found = only(data)
        assert (found.code, found.span) == ("NTL002", Span(1, 1, 1, 1))
        assert found.message == f"the file is larger than {MAX_BYTES} bytes"


def test_a_file_of_the_largest_size_is_read() -> None:
    data = b"a: " + b"x " * (MAX_BYTES // 2 - 2)
    assert parsed(data).diagnostics == []


def test_the_number_of_values_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "MAX_NODES", 1000)
    assert parsed("[" + "1," * 999 + "]").diagnostics == []
    found = only("[" + "1," * 1000 + "]")
    assert (found.code, found.span) == ("NTL002", Span(1, 2000, 1, 2001))
    assert found.message == "the file holds more than 1000 values"


@pytest.mark.parametrize("text", ["- yes\n", "- {{ x }}\n", "a: 1\n", "- *a\n", "- !x 1\n"])
def test_the_number_of_diagnostics_is_limited(text: str) -> None:
    assert len(parsed(text * (MAX_DIAGNOSTICS + 10)).diagnostics) == MAX_DIAGNOSTICS


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("\n" * MILLION, ["NTL009"]),
        ("#\n" * MILLION, ["NTL009"]),
        ("%TAG !a! x\n" * 100_000 + "---\na: b", ["NTL012"] * 10),
        ("a: b\n...\n" + "%TAG !a! x\n" * 100_000, ["NTL006"]),
        ("a: b\n" + "\n" * MILLION, []),
        ("a: |\n      \n" + "\n" * MILLION + "  x\n", ["NTL001"]),
        ("\x01" * MILLION, ["NTL001"]),
        ("a: 'x" + " " * MILLION + "'", []),
        ("&a [" * 99 + "x, " * 50_000 + "]" * 99, []),
        ("[" + "a:b," * 50_000 + "]", []),
        ("a: &a {" + ", ".join(f"k{i}: 1" for i in range(1000)) + "}\n" + "b: {<<: *a}\n" * 100, None),
    ],
)
def test_no_text_takes_long(text: str, codes: list[str] | None) -> None:
    """Each of them was once quadratic in libyaml, or would be with a careless pattern."""
    found = [d.code for d in parsed(text).diagnostics]
    assert found == codes or (codes is None and set(found) == {"NTL014", "NTL007"})


def test_memory_is_bounded() -> None:
    """In a process that may not have more than 400 MB of addresses, the interpreter and its libraries included."""
    script = """
import resource
from noetl.compiler.source import parse
resource.setrlimit(resource.RLIMIT_AS, (400 * 1024 * 1024,) * 2)
for text in ("[" * 1_000_000, "{a: " * 1_000_000, "- " * 1_000_000, "x" * 50_000_000):
    assert [d.code for d in parse(text, "p").diagnostics] in (["NTL003"], ["NTL002"])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
