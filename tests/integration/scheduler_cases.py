"""The playbooks that are run on all parts of Airflow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.conformance.case import Case, load_case
from noetl.targets.plan import plan

FOLDER: Final = Path(__file__).parents[2] / "conformance" / "cases"
FEW: Final = (
    "values/VAL-1-key-order",
    "execution/RUN-6-handled-error-rejoins",
    "steps/STP-1-each-token-its-own-run",
    "loops/LOP-4-poison-of-a-failed-loop",
)
"""With the two of `test_airflow_scheduler` that are no cases of the suite, what every change runs."""
MANY: Final = (
    *FEW,
    # choices, edges, dead paths
    *("steps/STP-7-first-next-wins", "steps/STP-7-empty-next-is-a-next", "execution/RUN-5-no-implicit-routing"),
    *("execution/RUN-6-dead-path-is-no-poison", "execution/RUN-6-skipped-branch-joins"),
    # joins, copies, poison, the verdict
    *("steps/STP-1-join-all", "steps/STP-1-join-of-a-routed-branch", "actions/NXT-1-two-tokens-at-a-join"),
    *("execution/RUN-6-poisoned-join", "execution/RUN-6-joins-behind-joins", "execution/RUN-6-late-failure"),
    *("execution/RUN-6-each-is-not-poisoned", "execution/RUN-6-poison-by-a-conditional-edge"),
    *("execution/RUN-3-error-of-the-smallest-key", "execution/RUN-3-failed-though-end-ran"),
    *("execution/RUN-4-several-runs-of-end", "execution/RUN-1-workload-that-raises"),
    *("causality/CAU-2-join-concatenates-in-branch-order", "causality/CAU-3-keys", "causality/CAU-3-key-of-a-join"),
    # regions
    *("actions/RES-1-last-run-of-a-cycle", "steps/STP-1-join-in-a-cycle", "execution/RUN-6-poison-through-a-cycle"),
    *("causality/CAU-2-cycle-that-forks", "causality/CAU-2-cycle-with-a-loop", "causality/CAU-2-forks-of-iterations"),
    *("loops/LOP-4-join-of-iterations", "loops/LOP-4-parallel-released-though-one-fails"),
    *("loops/LOP-4-loops-in-released-runs", "steps/STP-1-held-steps-that-reach-each-other"),
    # loops, retries, paging, sinks: inside the task, with waits that take their time
    *("loops/LOP-2-parallel-overlaps", "loops/LOP-2-sequential-is-one-after-the-other", "loops/LOP-7-empty-list"),
    *("loops/LOP-8-two-in-flight", "actions/RET-2-waits", "actions/RET-5-wait-before-each-page"),
    *("loops/LOP-6-parallel-runs-all", "loops/SNK-2-sink-per-iteration", "sql/TOO-2-pages-into-a-table"),
    # sub-playbooks
    *("subplaybooks/TOO-4-playbook-by-file", "subplaybooks/TOO-4-failed-child-is-handled"),
    *("subplaybooks/TOO-4-recursion-that-ends", "subplaybooks/TOO-4-loop-over-a-playbook"),
    # what PostgreSQL's JSONB would do to values
    *("values/VAL-1-big-integers", "values/VAL-1-keys", "values/VAL-1-null-absent-empty", "values/VAL-1-large-values"),
    *("values/VAL-1-numbers-and-texts-stay-apart", "values/VAL-1-payload", "subplaybooks/VAL-1-types-through-a-child"),
)
"""One at least for every rule by which steps become tasks."""

HEAD: Final = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: own}\nworkflow:\n"
END: Final = """
  - step: end
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: {result: {from: ctx.seen}}
"""
SEEN: Final = """
    case:
      - when: "{{ event.name == 'step.exit' }}"
        then: [{collect: {from: args.n, into: seen}}, {next: end}]
"""
SEVENTEEN: Final = ", ".join(f"{{step: one, args: {{n: {n}}}}}" for n in range(17))
OWN: Final = {
    "own/more-tokens-than-copies": (f"  - step: start\n    next: [{SEVENTEEN}]\n  - step: one{SEEN}", [*range(17)]),
    "own/copies-that-choose": (
        """
  - step: start
    next: [{step: one, args: {n: 1}}, {step: one, args: {n: 2}}]
  - step: one
    case:
      - when: "{{ event.name == 'step.exit' and args.n == 1 }}"
        then: {next: [{step: odd, args: {n: odd}}]}
      - when: "{{ event.name == 'step.exit' }}"
        then: {next: [{step: even, args: {n: even}}]}
  - step: odd"""
        + SEEN
        + "  - step: even"
        + SEEN,
        ["odd", "even"],
    ),
    "own/a-join-between": (
        """
  - step: start
    next: all
  - step: all
    loop: {in: [1, 2], iterator: item}
    case:
      - when: "{{ event.name == 'step.exit' and item > 0 }}"
        then: {next: [{step: one, args: {n: "{{ item }}"}}, {step: met}]}
  - step: met
    join: all
    next: [{step: one, args: {n: 3}}]
  - step: one"""
        + SEEN,
        [1, 2, 3],
    ),
}
"""Steps with the output of their execution, where no case of the suite needs a rule of lowering."""


def cases(names: tuple[str, ...]) -> dict[str, Case]:
    """The cases of the suite by name, and our own."""
    own: dict[str, Case] = {}
    for name, (steps, output) in OWN.items():
        told = {"format": 1, "id": name[4:], "clauses": ["CAU-4"], "title": name, "playbook": HEAD + steps + END}
        own[name] = Case.model_validate({**told, "expect": {"status": "completed", "output": output}})
    return {**{name: load_case(FOLDER / f"{name}.yaml") for name in names}, **own}


def rules(case: Case) -> Iterator[str]:
    """The rules of lowering that a case's playbook needs."""
    workflow = compile_source(case.text(), case.path).workflow
    assert workflow is not None
    for unit in plan(workflow).units:
        yield from (reason.code for reason in unit.reasons)
        yield f"a {unit.kind} that {'chooses' if unit.chooses else 'goes one way'}"
        if unit.gathers:
            yield "a region that gathers tokens"
        if unit.many:
            yield "a region that fails and leaves tokens"
    yield from (f"join {step.join}" for step in workflow.steps if step.name != ir.START)
