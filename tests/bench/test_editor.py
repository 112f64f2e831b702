"""What somebody who types waits for: answers of the language server after a keystroke in a long playbook."""

from __future__ import annotations

import statistics
import time

from ..acceptance.lsp_client import part, started
from .playbook_texts import chain

RUNS = 21
BOUND = 100
"""Milliseconds."""


def test_answers_after_a_keystroke_in_1000_lines() -> None:
    text = chain(36)
    lines = text.split("\n")
    assert 990 <= len(lines) <= 1010
    line = next(i for i, one in enumerate(lines) if i > 500 and "desc:" in one)
    at = len(lines[line]) - 1
    findings: list[float] = []
    completions: list[float] = []
    with started() as client:
        assert client.open(text) == []
        for version in range(2, RUNS + 2):
            begun = time.perf_counter()
            client.change(version, part(line, at, at, "x"))
            client.diagnostics(version)
            findings.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            client.change(version + 1000, part(line + 2, 0, 0, ""))
            client.at("completion", line + 3, 14)
            completions.append(time.perf_counter() - begun)
            client.diagnostics(version + 1000)
    for name, found in (("findings", findings), ("completion", completions)):
        median = statistics.median(found) * 1000
        print(f"\n{name} after a keystroke in {len(lines)} lines: {median:.0f} ms (at most {BOUND})")
        assert median <= BOUND
