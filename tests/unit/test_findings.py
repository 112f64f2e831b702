"""The words that messages share."""

from __future__ import annotations

from noetl.compiler.findings import listed, quoted
from noetl.compiler.frontend import compile_source


def test_a_subject_is_one_printable_line_of_bounded_length() -> None:
    assert quoted("a b") == '"a b"'
    assert quoted("a\nb\u202e") == '"a\\nb\\u202e"'
    assert quoted("x" * 100) == f'"{"x" * 80}..."'


def test_a_list_of_names_is_sorted_and_printable() -> None:
    assert listed({"b", "a\nc", "a"}) == "a, a\\nc, b"


def test_names_with_line_breaks_leave_messages_on_one_line() -> None:
    text = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x}\nworkflow:\n"
    text += '- {step: start, next: nowhere}\n- step: "two\\nlines"\n'
    found = compile_source(text, "p.yaml").diagnostics
    assert [d.code for d in found] == ["NTL203", "NTL204"]
    assert found[0].message == 'step "start" routes to unknown step "nowhere"; steps: start, two\\nlines'
    assert all(d.message.isprintable() for d in found)
