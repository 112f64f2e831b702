"""`noetl why`: what led to the runs of a step, and which of its rules fired, with the values that decided it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from noetl.compiler.ir import Json
from noetl.errors import UsageError

from . import OK
from .options import ExecutionId, LogPlace

if TYPE_CHECKING:
    from noetl.compiler import ir
    from noetl.compiler.values import Kind
    from noetl.runtime.store.log import Entry
    from noetl.runtime.tracing import Hop, Moment, Traced, Tracer, Tried

RUNS: Final = 20
HOPS: Final = 30
MOMENTS: Final = 60
"""So many runs, transitions and events are shown; --json has all."""
VALUE: Final = 100
"""Characters of a value that are shown."""


def command(
    step: Annotated[str, typer.Argument(metavar="STEP", help="The step to explain.")],
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="Only the run with this key, such as 0.0/0.1.")
    ] = None,
    execution: ExecutionId = None,
    log: LogPlace = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one object.")] = False,
) -> None:
    """Explain the runs of a step: what led there, and for each event which rule fired or not, and why.

    Each rule is shown with its line, its `when`, the value of that and of what it reads. Of a step that did not run the
    runs of the steps before it are explained. Nothing is called: the execution is made again from its log.

    \b
    Examples:
      noetl why fetch
      noetl why end --execution 5f0f1e0c --json | jq '.runs[].led'
    """
    from noetl.runtime.rebuilding import rebuilt, workflow_of
    from noetl.runtime.tracing import Tracer

    from .opening import reading

    with reading(log, execution) as (kept, entry):
        found = kept.kept(entry.execution_id)
        workflow = workflow_of(found.start)
        before = _leading_to(workflow, step)
        tracer = Tracer(workflow, frozenset((step, *before)))
        rebuilt(found, tracer.listen, trace=True, cancelled=kept.cancelled_at(entry))
    runs = tracer.of_step(step)
    if key is not None:
        runs = [run for run in runs if run.key.identity() == key]
        if not runs:
            raise UsageError(f'step "{step}" has no run with the key {key}')
    report = _Report(workflow, tracer, entry)
    if as_json:
        print(json.dumps(report.to_json(step, runs, before), indent=2))
    else:
        for line in report.lines(step, runs, before):
            print(line)
    raise typer.Exit(OK)


def _leading_to(workflow: ir.Workflow, step: str) -> list[str]:
    """The steps with an edge to a step; UsageError if there is no such step."""
    from noetl.compiler.findings import closest

    names = [one.name for one in workflow.steps]
    if step not in names:
        near = closest(step, names)
        hint = f'; did you mean "{near}"?' if near else ""
        raise UsageError(f'the playbook has no step "{step}"{hint}')
    return [one.name for one in workflow.steps if any(edge.target == step for edge in one.edges())]


@dataclass(frozen=True, slots=True)
class _Report:
    workflow: ir.Workflow
    tracer: Tracer
    entry: Entry

    # -- for people --------------------------------------------------------------------------------------------------

    def lines(self, step: str, runs: list[Traced], before: list[str]) -> Iterator[str]:
        yield f"execution {self.entry.execution_id}: {self.entry.status or 'not ended'}"
        yield f'step "{step}" at {self._at(self.workflow.step(step).span)}: {_runs(len(runs))}'
        if not runs:
            yield from self._absence(step, before)
            runs = [run for name in before for run in self.tracer.of_step(name)]
        for run in runs[:RUNS]:
            yield ""
            yield from self._run(run)
        if len(runs) > RUNS:
            yield f"\n... {len(runs) - RUNS} more runs; --key shows one, --json all"

    def _absence(self, step: str, before: list[str]) -> Iterator[str]:
        if step in self.tracer.poisoned:
            yield f'  it never fires: step "{self.tracer.poisoned[step]}", which can reach it, failed (RUN-6)'
        elif not before:
            yield "  no step leads to it"
        for name in before:
            yield f'  step "{name}" leads to it: {_runs(len(self.tracer.of_step(name)))}'

    def _run(self, run: Traced) -> Iterator[str]:
        from .progress import printable

        yield f'run {run.key.identity()} of step "{run.step}": {run.status or "under way"}'
        if isinstance(run.error, dict):
            yield printable(f"  error {run.error.get('type')}: {run.error.get('message')}")
        hops = self.tracer.before(run)
        if len(hops) > HOPS:
            yield f"  ... {len(hops) - HOPS} transitions before"
        for hop in hops[-HOPS:]:
            yield printable(f"  {self._hop(hop)}")
        for moment in run.moments[:MOMENTS]:
            yield from self._moment(run, moment)
        if len(run.moments) > MOMENTS:
            yield f"  ... {len(run.moments) - MOMENTS} more events; --json has all"

    def _hop(self, hop: Hop) -> str:
        iteration = "" if hop.iteration is None else f"[{hop.iteration}]"
        by = "next of the step" if hop.rule is None else f"rule {hop.rule.index} at {self._at(hop.rule.span)}"
        args = f", args {_cut(hop.args)}" if hop.args else ""
        return f"{hop.source}{iteration} ({hop.key.identity()}) -> {hop.target} ({hop.token}): {by}{args}"

    def _moment(self, run: Traced, moment: Moment) -> Iterator[str]:
        from noetl.runtime.tracing import quiet_rules

        iteration = "" if moment.iteration is None else f" of iteration {moment.iteration}"
        call = "" if moment.call is None else f", call {moment.call}, attempt {moment.attempt}"
        yield f"  {moment.name}{iteration}{call}" + (" (failed)" if moment.failed else "")
        for tried in moment.tried:
            yield from self._tried(tried)
        for rule, reason in quiet_rules(self.workflow.step(run.step), moment):
            yield f"    rule {rule.index} at {self._at(rule.span)} {reason}"

    def _tried(self, tried: Tried) -> Iterator[str]:
        from .progress import printable

        rule = tried.rule
        yield printable(
            f"    rule {rule.index} at {self._at(rule.span)} {_VERDICTS[tried.verdict]}: when {_when(rule)}"
        )
        if tried.problem is not None:
            yield printable(f"      {tried.problem}")
        elif not isinstance(rule.when, bool):
            yield printable(f"      its value is {_cut(tried.value)}")
        for name, value in _read(tried).items():
            yield printable(f"      {name} is {value}")

    def _at(self, span: object) -> str:
        path = os.path.relpath(self.entry.path)
        return f"{path if not path.startswith('..') else self.entry.path}:{span}"

    # -- for programs ------------------------------------------------------------------------------------------------

    def to_json(self, step: str, runs: list[Traced], before: list[str]) -> Json:
        return {
            "execution": self.entry.execution_id,
            "path": self.entry.path,
            "status": self.entry.status,
            "step": step,
            "runs": [self._run_json(run) for run in runs],
            "poisoned_by": self.tracer.poisoned.get(step),
            "before": [self._run_json(run) for name in before for run in self.tracer.of_step(name)],
        }

    def _run_json(self, run: Traced) -> Json:
        return {
            "step": run.step,
            "key": run.key.identity(),
            "status": run.status,
            "error": run.error,
            "led": [
                {
                    "step": hop.source,
                    "key": hop.key.identity(),
                    "iteration": hop.iteration,
                    "target": hop.target,
                    "token": hop.token,
                    "args": hop.args,
                    "rule": None if hop.rule is None else hop.rule.index,
                    "line": None if hop.rule is None else hop.rule.span.line,
                }
                for hop in self.tracer.before(run)
            ],
            "events": [self._moment_json(run, moment) for moment in run.moments],
        }

    def _moment_json(self, run: Traced, moment: Moment) -> Json:
        from noetl.runtime.tracing import quiet_rules

        tried: list[Json] = [
            {
                "rule": one.rule.index,
                "line": one.rule.span.line,
                "verdict": one.verdict,
                "when": _when(one.rule),
                "value": one.value,
                "names": dict(one.names),
                "problem": one.problem,
            }
            for one in moment.tried
        ]
        return {
            "name": moment.name,
            "time": moment.time,
            "iteration": moment.iteration,
            "call": moment.call,
            "attempt": moment.attempt,
            "rules": tried,
            "untried": [
                {"rule": rule.index, "line": rule.span.line, "reason": reason}
                for rule, reason in quiet_rules(self.workflow.step(run.step), moment)
            ],
        }


_VERDICTS: Final = {"fired": "fired", "false": "did not fire", "exhausted": "was exhausted"}


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count or 'no'} runs"


def _when(rule: ir.Rule) -> str:
    if isinstance(rule.when, bool):
        return "true" if rule.when else "false"
    return " ".join(rule.when.source.split())


def _read(tried: Tried) -> dict[str, str]:
    """What `when` reads, each as far as its constant attributes go, with the value or `undefined`."""
    from noetl.compiler.expr.analysis import paths
    from noetl.compiler.values import MISSING, View

    found: dict[str, str] = {}
    if isinstance(tried.rule.when, bool):
        return found
    for read in paths(tried.rule.when.source, False):
        name = read.name
        value = _root(name, tried)
        for part in read.path:
            inside_steps = name == "steps"
            name += f".{part}" if isinstance(part, str) else f"[{part}]"
            value = _inner(value, part)
            if inside_steps and isinstance(value, dict):
                value = View("plain", value)
        plain = value.value if isinstance(value, View) else value
        found[name] = "undefined" if plain is MISSING else _cut(cast("Json", plain))
    return found


def _root(name: str, tried: Tried) -> object:
    from noetl.compiler.values import MISSING, view

    kind = tried.kinds.get(name)
    value = tried.names.get(name, MISSING)
    return value if kind is None else view(cast("Kind", kind), cast("Json", value))


def _inner(value: object, part: object) -> object:
    """A key or item of a value, or MISSING."""
    from noetl.compiler.values import MISSING, View

    if isinstance(value, View) and isinstance(part, str):
        return value.read(part)
    try:
        if isinstance(value, View | dict):
            return value[part]
        return value[part] if isinstance(value, list) and isinstance(part, int) else MISSING
    except LookupError:
        return MISSING


def _cut(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= VALUE else text[: VALUE - 3] + "..."
