"""Findings that are known, whatever happens to the lines around them."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from noetl.compiler.frontend import compile_source
from noetl.compiler.linting import baseline
from noetl.compiler.linting.baseline import Baseline
from noetl.diagnostics import Diagnostic, registered

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x}\nworkflow:\n"
TEXT = HEAD + "  - step: start\n    next: nowhere\n  - step: alone\n  - step: alone_too\n"


def found(text: str) -> list[Diagnostic]:
    return list(compile_source(text, "p.yaml").diagnostics)


def made(text: str, file: str = "p.yaml") -> Baseline:
    return Baseline(Counter(baseline.entries(file, text, found(text))))


def left(known: Baseline, text: str, file: str = "p.yaml") -> list[tuple[str, int]]:
    return [(one.code, one.span.line) for one in known.unknown(file, text, found(text))]


def test_what_is_known_is_not_shown() -> None:
    assert len(found(TEXT)) == 3
    assert left(made(TEXT), TEXT) == []
    assert left(made(TEXT), TEXT, "other.yaml") == [("NTL203", 6), ("NTL204", 7), ("NTL204", 8)]


def test_lines_may_move_and_be_indented_otherwise() -> None:
    moved = "# a comment\n\n" + TEXT.replace("\n  - ", "\n\n    - ").replace("\n    next", "\n\n      next")
    assert left(made(TEXT), moved.replace("\n", "\r\n")) == []


def test_a_line_that_changed_and_a_new_one_are_shown() -> None:
    changed = TEXT.replace("nowhere", "elsewhere") + "  - step: third\n"
    assert left(made(TEXT), changed) == [("NTL203", 6), ("NTL204", 9)]


def test_equal_findings_are_counted() -> None:
    twice = HEAD + "  - step: start\n    next: [a, b]\n  - step: a\n    next: gone\n  - step: b\n    next: gone\n"
    once = twice.replace("next: gone", "next: end", 1)
    assert [code for code, _ in left(made(once), twice)] == ["NTL203"]


def test_what_is_gone_is_counted_for_files_that_were_looked_at() -> None:
    known = made(TEXT)
    now = Counter(baseline.entries("p.yaml", TEXT, found(TEXT)[1:]))
    assert known.gone(now, ["p.yaml"]) == 1
    assert known.gone(Counter(), ["other.yaml"]) == 0
    assert baseline.stale("b.json", 1).message == "1 finding of the baseline is gone"
    assert baseline.stale("b.json", 2).message == "2 findings of the baseline are gone"


def test_a_baseline_survives_its_file() -> None:
    known = made(TEXT)
    known.entries.update(known.entries)
    text = baseline.render(known.entries, registered())
    assert baseline.parse(text) == known
    assert json.loads(text)["findings"][0]["name"] == "unknown-step"
    assert "nowhere" not in text
    assert baseline.parse(baseline.render(Counter(), ())) == Baseline(Counter())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"version": 2, "findings": []}',
        '{"version": 1}',
        '{"version": 1, "findings": [1]}',
        '{"version": 1, "findings": [{"path": "p", "code": "NTL203"}]}',
        '{"version": 1, "findings": [{"path": "p", "code": "NTL203", "line": "0", "count": 0}]}',
    ],
)
def test_anything_else_is_no_baseline(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        baseline.parse(text)
