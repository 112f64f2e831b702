"""Lowerings to Airflow with one fault each: the distilled cases alone tell them from the right one on real Airflow.

A fault sits in the planner and the emitter, which run here; in the operators, which run inside of Airflow; or in the
emitted file itself. Some plans are refuted by `targets.verify` before anything is emitted: these are seen there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from .mutants import Mutant, applied

FILE: Final = "the emitted file"
"""The `where` of a fault that is put into every emitted file."""
_INSIDE: Final = "airflow.operators:"
"""What runs inside of Airflow only."""


def _fault(name: str, clause: str, where: str, right: str, wrong: str) -> Mutant:
    return Mutant(name, clause, where, right, wrong, "noetl.targets")


@contextmanager
def compiling(name: str | None) -> Iterator[None]:
    """What compiles has the fault of this name inside of the block, if it sits there."""
    fault = None if name is None else _named(name)
    if fault is None or fault.where == FILE or fault.where.startswith(_INSIDE):
        yield
    else:
        with applied(fault):
            yield


@contextmanager
def running(name: str | None) -> Iterator[None]:
    """Inside of Airflow: what runs has the fault of this name inside of the block, if it sits there."""
    fault = None if name is None else _named(name)
    if fault is None or not fault.where.startswith((_INSIDE, "airflow.xcom:")):
        yield
    else:
        with applied(fault):
            yield


def emitted(name: str | None, content: str) -> str:
    """An emitted file, with the fault of this name if it sits there."""
    fault = None if name is None else _named(name)
    if fault is None or fault.where != FILE:
        return content
    return content.replace(fault.right, fault.wrong)


def _named(name: str) -> Mutant:
    return next(mutant for mutant in LOWERING_MUTANTS if mutant.name == name)


_PLAN: Final = (
    _fault("choices-forgotten", "STP-7", "plan:_chooses", "any(step.edges()) and", "False and"),
    _fault("dead-path-does-not-divert", "FAI-1", "plan:_diverts", "return not (", "return False and ("),
    _fault(
        "copies-shared",
        "STP-1",
        "plan:_Draft.add",
        'part.many or part.region or part.steps[0].join == "each"',
        "part.many or part.region",
    ),
    _fault(
        "join-in-copies",
        "STP-1",
        "plan:_Draft.add",
        'part.many or part.region or part.steps[0].join == "each"',
        "True",
    ),
    _fault("second-target-dropped", "STP-7", "plan:_Draft.add", "for edge in leaving:", "for edge in leaving[:1]:"),
    _fault(
        "entries-of-one-next-exclude",
        "STP-7",
        "plan:_way",
        "return edge.source, edge.rule",
        "return f'{edge.source} {edge.entry}', edge.rule",
    ),
    _fault(
        "all-sources-exclude",
        "STP-1",
        "plan:_Draft._decide",
        "if not found:\n            return False, None",
        "if found:\n            return True, None",
    ),
    _fault(
        "fan-out-of-a-loop-is-a-step",
        "LOP-4",
        "regions:fans_out",
        "return step.loop is not None and",
        "return False and",
    ),
    _fault(
        "region-without-its-exit",
        "STP-7",
        "regions:Part.leaving",
        "for step in self.steps:",
        "for step in self.steps[:1]:",
    ),
    _fault("cycle-cut", "CAU-3", "regions:_Cut._part", "region = many or", "region = many and"),
)
_LAYOUT: Final = (
    _fault(
        "only-the-next-join-asks",
        "RUN-6",
        "airflow.layout:lay_out",
        "found | {id_: task} if unit.many else found",
        "{id_: task} if unit.many else {}",
    ),
    _fault(
        "choice-off-by-one",
        "RUL-1",
        "airflow.layout:StepTask.label",
        "edge_label(edge.rule,",
        "edge_label(None if edge.rule is None else edge.rule + 1,",
    ),
    _fault(
        "entries-swapped",
        "STP-7",
        "airflow.layout:StepTask.label",
        "edge.rule, edge.entry,",
        "edge.rule, edge.entry ^ 1 if edge.entry < 2 and edge.rule is None else edge.entry,",
    ),
    _fault(
        "edges-left-out", "STP-7", "airflow.layout:Layout.arrows", "in task.copy.leaving:", "in task.copy.leaving[:1]:"
    ),
    _fault(
        "children-left-out",
        "TOO-4",
        "airflow.emit:emit",
        'if source.playbooks else "") + playbook',
        'if False else "") + playbook',
    ),
)
_XCOM: Final = (
    _fault("packet-of-another-token", "CAU-1", "airflow.xcom:pack", '"packet": place})', '"packet": 0})'),
    _fault("one-token-of-an-edge", "LOP-4", "airflow.xcom:tokens", "taken.get(edge, ())]", "taken.get(edge, ())[:1]]"),
    _fault("tokens-of-every-edge", "STP-7", "airflow.xcom:tokens", "for edge in edges for", "for edge in taken for"),
    _fault("records-of-one-run", "CAU-3", "airflow.xcom:pack", "for record in records", "for record in records[:1]"),
)
_OPERATORS: Final = (
    _fault(
        "failure-swallowed",
        "RUN-6",
        "airflow.operators:Step.perform",
        "if done.failed_steps() and not self.is_asked:",
        "if False:",
    ),
    _fault(
        "edges-of-another-source",
        "STP-7",
        "airflow.operators:Step._tokens",
        "if other == source]",
        "]",
    ),
    _fault(
        "one-source-of-a-join",
        "STP-1",
        "airflow.operators:Step._tokens",
        "dict.fromkeys(source for source, _ in self.arrivals)",
        "[*dict.fromkeys(source for source, _ in self.arrivals)][:1]",
    ),
    _fault(
        "join-ignores-poison",
        "RUN-6",
        "airflow.operators:Step._failed",
        'found.update(() if left is None else left["failed"])',
        "found.update(())",
    ),
    _fault(
        "gathering-ignores-red-tasks", "RUN-6", "airflow.operators:Region._failed", "if _gathers(self):", "if False:"
    ),
    _fault(
        "first-edge-of-a-fan-out",
        "STP-7",
        "airflow.operators:BranchStep.execute",
        "for edge in taken]",
        "for edge in [*taken][:1]]",
    ),
    _fault(
        "branch-past-its-edges",
        "STP-7",
        "airflow.operators:BranchStep.to",
        "between.set_downstream(target)",
        "self.set_downstream(target)",
    ),
    _fault(
        "second-arrow-left-out",
        "STP-7",
        "airflow.operators:PlainStep.to",
        "if target.task_id not in self.downstream_task_ids:",
        "if not self.downstream_task_ids:",
    ),
    _fault(
        "verdict-forgets-red-tasks",
        "RUN-3",
        "airflow.operators:Verdict._summary",
        'in ("success", "failed")',
        'in ("success",)',
    ),
    _fault(
        "verdict-is-green",
        "RUN-3",
        "airflow.operators:Verdict.execute",
        'if summary["status"] == "failed":',
        "if False:",
    ),
    _fault(
        "data-is-rendered",
        "TPL-2",
        "airflow.operators:Verdict.execute",
        "return found",
        "return self.render_template(found, context)",
    ),
    _fault(
        "environment-withheld", "TPL-6", "airflow.operators:_execution", "for name in names if", "for name in () if"
    ),
    _fault(
        "credentials-of-airflow-only",
        "TOO-6",
        "airflow.operators:_credentials",
        "EnvironmentCredentials(os.environ), ",
        "",
    ),
    _fault("files-of-the-worker", "TOO-5", "airflow.operators:Step._runner", "Path(self.dag.fileloc).parent", "Path()"),
)
_FILE: Final = (
    _fault(
        "joins-need-one-success", "STP-1", FILE, "TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS", "TriggerRule.ONE_SUCCESS"
    ),
    _fault("joins-need-all", "STP-1", FILE, "TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS", "TriggerRule.ALL_SUCCESS"),
    _fault("joins-need-nothing", "STP-1", FILE, "TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS", "TriggerRule.NONE_FAILED"),
    _fault(
        "joins-despite-failures",
        "RUN-6",
        FILE,
        "TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS",
        "TriggerRule.ALL_DONE_MIN_ONE_SUCCESS",
    ),
    _fault(
        "verdict-forgets-tasks",
        "RUN-3",
        FILE,
        "isinstance(task, BranchStep | Verdict)] >>",
        "isinstance(task, BranchStep | Verdict)][:1] >>",
    ),
    _fault("verdict-needs-success", "RUN-3", FILE, '"verdict", trigger_rule=TriggerRule.ALL_DONE)', '"verdict")'),
    _fault("regions-gather-successes", "RUN-6", FILE, "GATHER = TriggerRule.ALL_DONE", "GATHER = JOIN"),
)
LOWERING_MUTANTS: Final = (*_PLAN, *_LAYOUT, *_XCOM, *_OPERATORS, *_FILE)
"""Every mutant; names are unique."""
