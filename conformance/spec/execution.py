"""A whole execution: tokens, joins, poison, the end (sections 3, 4 and 8), and the playbooks that it calls (TOO-4)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

from noetl.compiler.document import Document, StepSpec, WorkbookTask
from noetl.compiler.ir import Json
from noetl.compiler.nodes import Map, Scalar
from noetl.compiler.values import NotSerializable, TemplateFailed, plain, to_json
from noetl.diagnostics import START_OF_FILE
from noetl.runtime.ports import Outcome, ToolCall

from .failing import Failed, LimitHit, templates
from .names import Names, as_written, entries_of, rendered
from .runs import Run, Token
from .store import Key, Past

END: Final = "end"
CHILDREN: Final = uuid.UUID("5f0f1e0c-6b61-5d0c-9a51-3a7d2f1b7c11")
"""The namespace of the ids of sub-playbooks' executions, as the runtime has it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """RUN-7, TOO-4."""

    calls: int = 10_000
    runs: int = 100_000
    iterations: int = 1_000_000
    depth: int = 32


class Time(Protocol):
    """Where time comes from, and who is told of waits."""

    def now(self) -> str:
        """The time as ISO 8601."""
        ...

    def wait(self, seconds: float) -> None:
        """So long passes."""
        ...


class Playbook:
    """A document with its steps and tasks by name, and its control graph (STP-1)."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.steps = {spec.step.text: spec for spec in document.workflow}
        if END not in self.steps:
            name = Scalar(END, END, "plain", START_OF_FILE)
            self.steps[END] = StepSpec.model_validate(Map([(_key("step"), name)], START_OF_FILE))
        self.tasks: dict[str, WorkbookTask] = {task.name.text: task for task in document.workbook}
        edges = {name: set(_targets(spec)) for name, spec in self.steps.items()}
        self._reached = {name: _closure(name, edges) for name in self.steps}

    def reaches(self, step: str, other: str) -> bool:
        """Whether a path of one edge or more leads from a step to another."""
        return other in self._reached[step]

    def joins(self, step: str) -> bool:
        """Whether tokens are held at a step."""
        join = self.steps[step].join
        return step == END if join is None else join.text == "all"


class Execution:
    """One execution of a playbook."""

    def __init__(
        self,
        playbooks: Mapping[str, Playbook],
        playbook: Playbook,
        runner: Callable[[ToolCall], Outcome],
        execution_id: str,
        env: Mapping[str, str],
        time: Time,
        limits: Limits,
        depth: int = 0,
    ) -> None:
        self.playbooks = playbooks
        self.playbook = playbook
        self.id = execution_id
        self.env = dict(env)
        self.time = time
        self.limits = limits
        self.depth = depth
        self._runner = runner
        self.roots: dict[str, object] = {}
        self.runs: list[Run] = []
        self._reading: list[str] = []

    def go(self, payload: Mapping[str, object]) -> dict[str, Json]:
        """Run it to its end."""
        try:
            self._start(payload)
        except Failed as failed:
            return {"status": "failed", "output": None, "error": failed.error, "runs": []}
        error: dict[str, Json] | None = None
        try:
            self._to_quiescence([Token("start", (), Past())])
        except LimitHit as limit:
            error = {"type": "LimitExceeded", "message": str(limit)}
        return self._summary(error)

    def _start(self, payload: Mapping[str, object]) -> None:
        """RUN-1."""
        try:
            given = to_json(dict(payload))
        except NotSerializable as error:
            raise Failed("NotSerializable", f"the payload: {error}") from None
        assert isinstance(given, dict)
        roots: dict[str, object] = {"execution_id": self.id, "job": {"uuid": self.id}, "env": self.env}
        names = Names(roots, {**given, "payload": given}, time=self.time.now(), running=False)
        workload: dict[str, Json] = {}
        with templates():
            for name, node in entries_of(self.playbook.document.workload):
                workload[name] = plain(rendered(node, names))
        roots["workload"] = _merged(workload, given)
        if self.playbook.document.spec is not None:
            roots["spec"] = as_written(self.playbook.document.spec)
        self.roots = roots

    def keychain(self, name: str) -> Mapping[str, object] | None:
        """TOO-11: an entry, its templates rendered with the other entries in scope."""
        entry = next((e for e in self.playbook.document.keychain or () if e.name.text == name), None)
        if entry is None:
            return None
        if name in self._reading:
            raise TemplateFailed(f'the keychain entry "{name}" reads itself')
        names = Names(self.roots, time=self.time.now(), running=False, keychain=self.keychain)
        self._reading.append(name)
        try:
            return {key: rendered(node, names) for key, node in entries_of(entry.node)}
        finally:
            self._reading.pop()

    # -- tokens ------------------------------------------------------------------------------------------------------

    def _to_quiescence(self, tokens: list[Token]) -> None:
        """The smallest token first; held tokens when no other is left that could still reach their step (STP-1)."""
        held: dict[str, list[Token]] = {}
        poisoned: set[str] = set()
        while tokens or held:
            if tokens:
                token = min(tokens, key=lambda token: token.key)
                tokens.remove(token)
                if self.playbook.joins(token.step):
                    held.setdefault(token.step, []).append(token)
                    continue
                taken = [token]
            else:
                step = self._next_join(held)
                taken = sorted(held.pop(step), key=lambda token: token.key)
                if step in poisoned:
                    continue
            run = self._run(taken)
            tokens += run.tokens
            if run.failure is not None and not run.failure.dead:
                poisoned |= {s for s in self.playbook.steps if self.playbook.reaches(run.name, s)}

    def _next_join(self, held: Mapping[str, list[Token]]) -> str:
        def smallest(step: str) -> Key:
            return min(token.key for token in held[step])

        def waits(step: str, other: str) -> bool:
            if step == other or not self.playbook.reaches(other, step):
                return False
            return not self.playbook.reaches(step, other) or smallest(other) < smallest(step)

        return next(step for step in held if not any(waits(step, other) for other in held))

    def _run(self, tokens: list[Token]) -> Run:
        if len(self.runs) >= self.limits.runs:
            raise LimitHit(f"more than {self.limits.runs} runs in an execution")
        run = Run(self, tokens)
        self.runs.append(run)
        run.go()
        return run

    # -- calls -------------------------------------------------------------------------------------------------------

    def answer(self, call: ToolCall) -> Outcome:
        """One attempt of a call; a playbook is run to its end."""
        return self._child(call) if call.kind == "playbook" else self._runner(call)

    def _child(self, call: ToolCall) -> Outcome:
        """TOO-4."""
        path = str(call.fields.get("path"))
        playbook = _found(path, self.playbooks)
        if playbook is None:
            known = ", ".join(f'"{name}"' for name in _names(self.playbooks)[:20]) or "none"
            return _failed("PlaybookFailed", f'no playbook has the path "{path}"; playbooks: {known}')
        if self.depth >= self.limits.depth:
            return _failed("LimitExceeded", f"playbooks call playbooks more than {self.limits.depth} deep")
        child_id = str(uuid.uuid5(CHILDREN, call.idempotency_key))
        here = f"{call.place}/"

        def runner(inner: ToolCall) -> Outcome:
            return self._runner(replace(inner, caller=here + inner.caller))

        parts = (runner, child_id, self.env, self.time, self.limits, self.depth + 1)
        child = Execution(self.playbooks, playbook, *parts)
        try:
            payload = {name: plain(value) for name, value in call.args.items()}
        except NotSerializable as error:
            return _failed("NotSerializable", str(error))
        summary = child.go(payload)
        if (cause := summary.get("error")) is not None:
            told = f"{cause['type']}: {cause['message']}" if isinstance(cause, dict) else "no reason"
            return _failed("PlaybookFailed", f'playbook "{path}" failed with {told}', cause=cause)
        wanted = call.fields.get("return_step")
        return Outcome(response=summary["output"] if wanted is None else child.result_of(str(wanted)))

    def result_of(self, step: str) -> Json:
        """The result of a step's run with the largest key; null if it never ran."""
        runs = [run for run in self.runs if run.name == step]
        last = max(runs, key=lambda run: run.key, default=None)
        return None if last is None or last.result is None else last.result.value

    # -- the end -----------------------------------------------------------------------------------------------------

    def _summary(self, error: dict[str, Json] | None) -> dict[str, Json]:
        """RUN-3."""
        runs = sorted(self.runs, key=lambda run: run.key)
        if error is None:
            for run in runs:
                if run.failure is not None and not run.failure.dead:
                    error = {"step": run.name, **run.failure.error}
                    break
        made: dict[str, Json] = {"status": "failed" if error else "completed", "output": self._output(runs)}
        if error is not None:
            made["error"] = error
        return {**made, "runs": [run.shown() for run in runs]}

    def _output(self, runs: list[Run]) -> Json:
        """RUN-4."""
        result = self.result_of(END)
        if result is not None:
            return result
        return next((run.result.value for run in reversed(runs) if run.result and run.result.value is not None), None)


def _found(path: str, playbooks: Mapping[str, Playbook]) -> Playbook | None:
    """By `metadata.path`, then by file."""
    for playbook in playbooks.values():
        known = playbook.document.metadata.path
        if known is not None and known.text == path:
            return playbook
    return playbooks.get(path)


def _names(playbooks: Mapping[str, Playbook]) -> list[str]:
    paths = [playbook.document.metadata.path for playbook in playbooks.values()]
    return sorted({*playbooks, *(path.text for path in paths if path is not None)})


def _failed(kind: str, message: str, **more: Json) -> Outcome:
    return Outcome(error={"type": kind, "message": message, **more})


def _merged(base: Json, over: Json) -> Json:
    """RUN-1: maps merge, anything else is replaced."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return {**base, **{k: _merged(base[k], v) if k in base else v for k, v in over.items()}}


def _key(name: str) -> Scalar:
    return Scalar(name, name, "plain", START_OF_FILE)


def _targets(spec: StepSpec) -> list[str]:
    """Every `next` of a step, whatever its condition."""
    entries = list(spec.next or ())
    for rule in spec.case or ():
        for action in rule.then:
            entries += action.next or ()
    return [entry.step.text for entry in entries]


def _closure(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    left = list(edges[start])
    while left:
        step = left.pop()
        if step not in found:
            found.add(step)
            left += edges.get(step, ())
    return found
