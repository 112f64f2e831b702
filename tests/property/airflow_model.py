"""What Airflow's scheduler does with a plan: trigger rules, branch skips, XComs. It knows nothing of playbooks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from noetl.compiler import ir
from noetl.compiler.ir import Json
from noetl.runtime.engine import Execution
from noetl.runtime.outcome import summarise
from noetl.runtime.packet import Token
from noetl.runtime.records import RunRecord
from noetl.targets.airflow import xcom
from noetl.targets.airflow.layout import Layout, StepTask
from noetl.targets.airflow.values import LIMIT, Values

RunSteps = Callable[[StepTask, list[Token], set[str]], Execution]
"""Runs the steps of a task for its tokens, none for `start`, beside the steps above that have failed."""


@dataclass
class Model:
    """One DAG run."""

    layout: Layout
    run_steps: RunSteps
    states: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    """The XCom of each task that left one."""
    values: dict[tuple[str, str], str] = field(default_factory=dict)
    """What tasks left besides, by task and key."""
    asked: set[str] = field(default_factory=set)
    limit: int = LIMIT
    """Characters from which on values are left by reference."""

    def run(self) -> dict[str, Json]:
        """Play the DAG run to its end; what the verdict says."""
        arriving: dict[str, list[tuple[str, str, str]]] = {task.task_id: [] for task in self.layout.steps}
        for source, arrow, target in self.layout.arrows():
            via = source.edge_task(arrow.edge) if source.unit.chooses else source.task_id
            arriving[target.task_id].append((source.task_id, source.label(arrow.edge), via))
        self.asked = {other.task_id for task in self.layout.steps for other in task.asks}
        for task in self.layout.steps:  # sources first, so every parent is settled
            id_ = task.task_id
            parents = {via for _, _, via in arriving[id_]}
            state = self._join(parents) if parents and not task.unit.gathers else "runnable"
            self.states[id_] = self._execute(task, arriving[id_]) if state == "runnable" else state
            if task.unit.chooses:
                self._settle_edges(task)
        return self._verdict()

    def _join(self, parents: set[str]) -> str:
        """`none_failed_min_one_success`."""
        found = {self.states[parent] for parent in parents}
        if found & {"failed", "upstream_failed"}:
            return "upstream_failed"
        return "runnable" if "success" in found else "skipped"

    def _execute(self, task: StepTask, arriving: list[tuple[str, str, str]]) -> str:
        tokens: list[Token] = []
        values = self._values(task.task_id)
        for source, edge, _ in arriving:
            left = xcom.unpack(self.left.get(source))
            if left is not None and self.states[source] == "success":
                tokens += map(Token.from_json, xcom.tokens(left, [edge], values))
        failed = self._failed(task)
        done = self.run_steps(task, tokens, failed)
        taken = [(label_of(task, edge), token.to_json()) for edge, token in done.left]
        poison = sorted({*failed, *done.failed_steps()})
        self.left[task.task_id] = xcom.pack([record.to_json() for record in done.records], poison, taken, values)
        self.values |= {(task.task_id, key): text for key, text in values.fresh.items()}
        if not done.records:
            return "skipped"
        return "failed" if done.failed_steps() and task.task_id not in self.asked else "success"

    def _values(self, task_id: str) -> Values:
        return Values(task_id, lambda task, key: self.values.get((task, key)), self.limit)

    def _failed(self, task: StepTask) -> set[str]:
        heard = [other.task_id for other in task.asks]
        if task.unit.gathers:
            heard += [id_ for id_, state in self.states.items() if state == "failed"]
        return {step for id_ in heard if id_ in self.left for step in json.loads(self.left[id_])["failed"]}

    def _settle_edges(self, task: StepTask) -> None:
        """Empty tasks: `all_success` below the one task that follows some of them."""
        state = self.states[task.task_id]
        taken = json.loads(self.left[task.task_id])["edges"] if state == "success" else {}
        for arrow in task.copy.leaving:
            below = {"success": "success" if task.label(arrow.edge) in taken else "skipped", "skipped": "skipped"}
            self.states[task.edge_task(arrow.edge)] = below.get(state, "upstream_failed")

    def _verdict(self) -> dict[str, Json]:
        ended = [self.left[id_] for id_, state in self.states.items() if id_ in self.left and state != "skipped"]
        values = self._values("verdict")
        found = [record for text in ended for record in xcom.records(json.loads(text), values)]
        return summarise(map(RunRecord.from_json, found))


def label_of(task: StepTask, edge: ir.Edge) -> str:
    """The label of an edge, as far as it is the task's."""
    return next(task.label(arrow.edge) for arrow in task.copy.leaving if arrow.edge == edge)
