"""What Airflow's scheduler does with a plan: trigger rules, branch skips, XComs. It knows nothing of playbooks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from noetl.compiler.ir import Json
from noetl.runtime.outcome import summarise
from noetl.runtime.packet import Token
from noetl.runtime.records import RunRecord
from noetl.runtime.run import RunEnd
from noetl.targets.airflow import xcom
from noetl.targets.airflow.layout import Layout, label
from noetl.targets.airflow.names import edge_task_id

RunStep = Callable[[str, list[Token]], RunEnd]
"""Runs a step for its tokens; for `start` these are none."""


@dataclass
class Model:
    """One DAG run."""

    layout: Layout
    run_step: RunStep
    states: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    """The XCom of each task that left one."""
    skipped: set[str] = field(default_factory=set)
    """Tasks that a branch task did not follow."""

    def run(self) -> dict[str, Json]:
        """Play the DAG run to its end; what the verdict says."""
        arriving: dict[str, list[tuple[str, str, str]]] = {task.task_id: [] for task in self.layout.steps}
        for source, arrow, target in self.layout.arrows():
            via = edge_task_id(source.task_id, label(arrow)) if source.unit.chooses else source.task_id
            arriving[target.task_id].append((source.task_id, label(arrow), via))
        for task in self.layout.steps:  # sources first, so every parent is settled
            id_ = task.task_id
            parents = {via for _, _, via in arriving[id_]}
            state = self._join(parents) if parents else "runnable"
            self.states[id_] = self._execute(task.unit.step.name, id_, arriving[id_]) if state == "runnable" else state
            if task.unit.chooses:
                self._settle_edges(id_, [label(arrow) for arrow in task.copy.leaving])
        return self._verdict()

    def _join(self, parents: set[str]) -> str:
        """`none_failed_min_one_success`."""
        found = {self.states[parent] for parent in parents}
        if found & {"failed", "upstream_failed"}:
            return "upstream_failed"
        return "runnable" if "success" in found else "skipped"

    def _execute(self, step: str, task: str, arriving: list[tuple[str, str, str]]) -> str:
        tokens: list[Token] = []
        for source, edge, _ in arriving:
            left = xcom.unpack(self.left.get(source))
            tokens += [] if left is None else map(Token.from_json, xcom.tokens(left, [edge]))
        end = self.run_step(step, tokens)
        taken = [(label_of(edge.rule, edge.entry), token.to_json()) for edge, token in end.tokens]
        self.left[task] = xcom.pack(end.record.to_json(), taken)
        return "failed" if end.poisons else "success"

    def _settle_edges(self, task: str, labels: list[str]) -> None:
        """Empty tasks: `all_success` below the one task that follows some of them."""
        state = self.states[task]
        taken = json.loads(self.left[task])["edges"] if state == "success" else {}
        for name in labels:
            below = {"success": "success" if name in taken else "skipped", "skipped": "skipped"}
            self.states[edge_task_id(task, name)] = below.get(state, "upstream_failed")

    def _verdict(self) -> dict[str, Json]:
        found = [xcom.unpack(text) for text in self.left.values()]
        return summarise(RunRecord.from_json(left["record"]) for left in found if left is not None)


def label_of(rule: int | None, entry: int) -> str:
    """The label of an edge, written down a second time."""
    return f"rule{rule}.{entry}" if rule is not None else f"next.{entry}"
