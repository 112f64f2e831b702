from __future__ import annotations

import pytest

from noetl.compiler.passes.facts import Route

from .build import facts_of


def route(body: str, structural: str = "") -> tuple[list[str], bool, bool]:
    text = f"workflow:\n  - step: start\n{body}{structural}  - step: a\n  - step: b\n  - step: c\n"
    found: Route = facts_of(text).routes["start"]
    return ["+".join(way) for way in found.ways], found.may_stop, found.settled_by_call


TOOL = '    tool: {kind: python, code: "result = 1"}\n    case:\n'
FALLBACK = "    next: c\n"


@pytest.mark.parametrize(
    ("rules", "structural", "expected"),
    [
        ([], "", ([], True, False)),
        ([], FALLBACK, (["c"], False, False)),
        (["response.x, next: a"], "", (["a"], True, False)),
        (["response.x, next: a"], FALLBACK, (["a", "c"], False, False)),
        (["response.x, next: a", "true, next: b"], FALLBACK, (["a", "b"], False, True)),
        (["response.x, log: x", "true, next: b"], FALLBACK, (["b", "c"], False, False)),
        (["response.x, call: {args: {n: 1}}", "true, next: b"], FALLBACK, (["b"], False, True)),
        (["response.x, retry: {args: {n: 1}}", "true, next: b"], FALLBACK, (["b", "c"], False, False)),
        (["true, skip: {}"], FALLBACK, (["c"], False, True)),
        (["true, skip: {}"], "", ([], True, True)),
        (["response.x, fail: {}", "true, next: [a, b]"], FALLBACK, (["a+b"], True, True)),
        (["true, next: []"], FALLBACK, ([""], False, True)),
        (["error is defined, next: a"], FALLBACK, (["a", "c"], False, False)),
        (["event.name == 'step.exit', next: a"], FALLBACK, (["a"], False, False)),
        (["event.name == 'step.enter' and ctx.x, next: a"], FALLBACK, (["a", "c"], False, False)),
    ],
)
def test_where_runs_go(rules: list[str], structural: str, expected: tuple[list[str], bool, bool]) -> None:
    written = []
    for rule in rules:
        when, _, then = rule.partition(", ")
        written.append(f'      - {{when: "{{{{ {when} }}}}", then: {{{then}}}}}\n')
    body = TOOL + "".join(written) if rules else TOOL.replace("    case:\n", "")
    assert route(body, structural) == expected


def test_of_a_loop_the_targets_only() -> None:
    body = "    loop: {in: [1], iterator: item}\n" + TOOL + '      - {when: "{{ response.x }}", then: {next: a}}\n'
    assert route(body, FALLBACK) == (["a"], True, False)
