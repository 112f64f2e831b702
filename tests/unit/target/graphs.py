"""Control graphs in one line per step.

`start: [a b] [c] *[d]` is a step with two rules, of which the first goes to a and b and the second to c, and a
structural `next` to d. Words after the brackets: `all` for `join: all`, `dead` for a rule with `fail_workflow: false`,
`fan` for a loop whose iterations fire the rules.
"""

from __future__ import annotations

import re
from random import Random  # noqa: TID251  # seeded: the same graphs in every run

from noetl.compiler import ir
from noetl.diagnostics import Span

GROUP = re.compile(r"(\*?)\[([^\]]*)\]")


def workflow(text: str) -> ir.Workflow:
    """The playbook of a graph; `end` joins all its tokens, as it does by default (STP-1)."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return ir.Workflow("drawn", None, None, (), ir.MapValue((), Span(1, 1, 1, 1)), None, None, (), tuple(_steps(lines)))


def _steps(lines: list[str]) -> list[ir.Step]:
    return [_step(number, *line.split(":", 1)) for number, line in enumerate(lines, 1)]


def _step(line: int, name: str, rest: str) -> ir.Step:
    span = Span(line, 1, line, 1 + len(name))
    words = GROUP.sub(" ", rest).split()
    loop = ir.Loop(ir.Const([1, 2], span), "item", False, None, span) if "fan" in words else None
    rules: list[ir.Rule] = []
    structural: ir.Next | None = None
    for star, targets in GROUP.findall(rest):
        rule = None if star else len(rules)
        edges = tuple(_edge(name, target, rule, n, span) for n, target in enumerate(targets.split()))
        if star:
            structural = ir.Next(edges, span)
        else:
            rules.append(_rule(len(rules), ir.Next(edges, span), span, per_iteration=loop is not None))
    if "dead" in words:
        rules.append(_rule(len(rules), ir.Fail(None, ir.Const(False, span), span), span))
    join = "all" if name == ir.END or "all" in words else "each"
    return ir.Step(
        name=name,
        args=ir.MapValue((), span),
        item_args=frozenset(),
        tool=None,
        loop=loop,
        rules=tuple(rules),
        next=structural,
        vars=None,
        sink=None,
        join="all" if join == "all" else "each",
        declared=True,
        span=span,
        extent=span,
    )


def _edge(source: str, target: str, rule: int | None, entry: int, span: Span) -> ir.Edge:
    return ir.Edge(source, target, ir.MapValue((), span), rule, entry, "success", span)


def _rule(index: int, control: ir.ControlAction, span: Span, *, per_iteration: bool = False) -> ir.Rule:
    return ir.Rule(index, True, ("step.exit",), False, (), control, per_iteration, span)


def random_graph(seed: str, *, wild: bool = False) -> str:
    """A graph: choices, forks, both joins, steps that nothing reaches; cycles and loops that fan out only if `wild`."""
    draw = Random(seed)
    names = ["start", *(f"s{n}" for n in range(1, draw.randint(2, 11))), "end"]
    lines = []
    for at, name in enumerate(names):
        later = names[at + 1 : at + 5] + (["end"] if at + 5 < len(names) and draw.random() < 0.3 else [])
        groups = []
        for _ in range(draw.choice((0, 1, 1, 2, 3)) if later else 0):
            targets = names[1:] if wild and draw.random() < 0.15 else later
            groups.append(" ".join(draw.choice(targets) for _ in range(draw.choice((0, 1, 1, 1, 2, 2, 3)))))
        starred = draw.random() < 0.5
        shown = [f"{'*' if starred and group is groups[-1] else ''}[{group}]" for group in groups]
        words = (["all"] if draw.random() < 0.3 else []) + (["dead"] if draw.random() < 0.2 else [])
        words += ["fan"] if wild and draw.random() < 0.1 else []
        lines.append(f"{name}: {' '.join([*shown, *words])}")
    return "\n".join(lines)
