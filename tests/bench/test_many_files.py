"""Lint of many files and lowering of long ones, in one process, imports excluded."""

from __future__ import annotations

from ruamel.yaml import YAML

from noetl.compiler.frontend import compile_source

from .measure import call_seconds, ratio
from .playbook_texts import chain


def test_lint_of_100_files_beside_composing_the_same_text() -> None:
    texts = [chain(8, number) for number in range(100)]

    def lint() -> None:
        for number, text in enumerate(texts):
            assert compile_source(text, f"{number}.yaml").ok

    def compose() -> None:
        for text in texts:
            assert YAML(typ="safe").compose(text) is not None

    found = ratio("lint of 100 files", lambda: call_seconds(lint), lambda: call_seconds(compose), 10, runs=5)
    assert found <= 10


def test_lowering_with_all_passes_is_linear() -> None:
    short, long = chain(500), chain(5_000)

    def lowered(text: str) -> None:
        assert compile_source(text, "long.yaml").facts is not None

    found = ratio(
        "5,000 steps beside 500",
        lambda: call_seconds(lambda: lowered(long)),
        lambda: call_seconds(lambda: lowered(short)),
        12,
        runs=3,
    )
    assert found <= 12
