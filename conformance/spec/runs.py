"""One run of a step, with its loop (sections 4 and 7)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from noetl.compiler.document import CaseRule
from noetl.compiler.expr import evaluate, strip_braces
from noetl.compiler.ir import Json
from noetl.compiler.nodes import Node, Scalar
from noetl.compiler.values import MISSING, contents, is_undefined, plain

from .failing import Failed, LimitHit, templates
from .listening import entry_reads, is_about_iteration
from .names import Names, entries_of, rendered
from .stage import Call, Stage, type_of
from .store import Key, Past, Result, Write, fold, pairs_of

if TYPE_CHECKING:
    from .execution import Execution

Status: TypeAlias = Literal["success", "failed", "skipped"]
LOOP_NAMES: Final = frozenset({"loop", "loop_index"})


@dataclass(slots=True)
class Token:
    """A transition on its way, with all that happened before it (CAU-1)."""

    step: str
    key: Key
    past: Past
    args: dict[str, Json] = field(default_factory=dict)
    error: object = MISSING


@dataclass(slots=True)
class Iteration:
    """What came of one iteration."""

    status: Status
    stage: Stage
    result: Json = None
    failure: Failed | None = None

    def shown(self) -> dict[str, Json]:
        """The entry of `iterations`."""
        made: dict[str, Json] = {"index": self.stage.index, "status": self.status, "result": self.result}
        if self.failure is not None:
            made["error"] = self.failure.error
        elif self.stage.failed:
            made["error"] = self.stage.payload["error"]
        return {**made, "attempts": [call.attempts for call in self.stage.calls]}


class Run:
    """A run that takes the tokens, the one with the largest key last."""

    def __init__(self, execution: Execution, tokens: list[Token]) -> None:
        self.execution = execution
        self.name = tokens[0].step
        self.spec = execution.playbook.steps[self.name]
        self.rules = self.spec.case or ()
        self.loop = self.spec.loop
        self.key = max(token.key for token in tokens)
        self.past = Past()
        self.given: dict[str, Json] = {}
        self.error: object = MISSING
        for token in tokens:
            self.past.add(token.past)
            self.given |= token.args
            self.error = self.error if token.error is MISSING else token.error
        self.writes: dict[Key, list[Write]] = {}
        self.calls: list[tuple[int, Call]] = []
        self.iterations: list[Iteration] = []
        self.iterated = False
        """Whether iterations were to be made."""
        self.tokens: list[Token] = []
        """What the run has released."""
        self.status: Status = "success"
        self.failure: Failed | None = None
        self.result: Result | None = None
        self.stage = self._stage(self.key, 0)

    # -- the run -----------------------------------------------------------------------------------------------------

    def go(self) -> None:
        """From its args to its end; `tokens` is then what it has released."""
        try:
            self.status = "success" if self._go() else "skipped"
        except Failed as failure:
            self.status, self.failure = "failed", failure
            return
        if self.status == "success" and not self.stage.failed:
            self.result = self.stage.outcome()
        self._release(self.stage, self.writes.keys())

    def _go(self) -> bool:
        stage = self.stage
        stage.names.args = {}
        stage.names.args = self._args(stage.names, None)
        heard = stage.hear("step.enter")
        done = heard.control != "skip"
        if done and stage.transitions is None:
            if self.loop is not None:
                self._iterate()
            elif self.spec.tool is not None:
                done = stage.perform(heard.request)
        if done:
            done = stage.exit(sinks=self.loop is None, written=True)
        if not done:
            stage.names.own = None
        if not any(iteration.stage.transitions is not None for iteration in self.iterations):
            stage.structural()
        return done

    def _release(self, stage: Stage, positions: Collection[Key]) -> None:
        """STP-7, CAU-3: the tokens of what was fixed, with what was written at these positions."""
        past = Past(dict(self.past.writes), dict(self.past.results))
        past.writes |= {position: tuple(made) for position, made in self.writes.items() if position in positions}
        if self.result is not None:
            past.results[self.key] = self.result
        for entry, transition in enumerate(stage.transitions or ()):
            key = (*self.key, stage.index, entry)
            self.tokens.append(Token(transition.step, key, past, transition.args, transition.error))

    def _stage(self, position: Key, index: int, item: Json | None = None, *, of: int | None = None) -> Stage:
        roots = dict(self.execution.roots)
        if self.error is not MISSING:
            roots["error"] = self.error
        names = Names(roots, self.given, self.past.by_step(), fold(self.past.writes, self._written()))
        names.recovering = self.error is not MISSING
        names.keychain = self.execution.keychain
        names.time = self.execution.time.now()
        if self.loop is not None and of is not None:
            names.iterator = (self.loop.iterator.text, item)
            entered = self.stage.names.roots["event"]
            roots |= {"loop": _loop(index, of), "loop_index": index, "event": entered}
        return Stage(self, names, position, index, self._exit_rules(of is not None))

    def _written(self) -> Mapping[Key, tuple[Write, ...]]:
        return {position: tuple(made) for position, made in self.writes.items()}

    def _exit_rules(self, iteration: bool) -> list[CaseRule | None]:
        """LOP-3."""
        if self.loop is None:
            return list(self.rules)
        name = self.loop.iterator.text
        return [rule if is_about_iteration(rule, name) == iteration else None for rule in self.rules]

    # -- args --------------------------------------------------------------------------------------------------------

    def _args(self, names: Names, item: int | None) -> dict[str, Json]:
        """STP-2. At the arrival of a loop step (`item` None) without the entries that need an item."""
        names.args = self.given
        made: dict[str, Json] = {}
        for name, node in entries_of(self.spec.args):
            if name in self.given:
                made[name] = self.given[name]
            elif item is not None or not self._needs_item(node):
                with templates():
                    made[name] = plain(rendered(node, names))
        return {**made, **self.given}

    def _needs_item(self, node: Node) -> bool:
        return self.loop is not None and entry_reads(node, LOOP_NAMES | {self.loop.iterator.text})

    # -- the loop ----------------------------------------------------------------------------------------------------

    def _iterate(self) -> None:
        """LOP-1 to LOP-7: the iterations, then loop.done."""
        items = self._items()
        stage, parallel = self.stage, self._is_parallel()
        self.iterated = True
        before = set(self.writes)
        for index, item in enumerate(items):
            position = (*self.key, index)
            seen = {key: made for key, made in self.writes.items() if not parallel or key in before}
            iteration = self._iteration(position, index, item, len(items), seen)
            self.iterations.append(iteration)
            if iteration.failure is not None and not parallel:
                break
            if iteration.failure is None:
                self._release(iteration.stage, {*seen, position})
        self._fail_with_iterations()
        stage.position, stage.index = (*self.key, len(items)), len(items)
        stage.names.store = fold(self.past.writes, self._written())
        stage.names.roots.pop("error", None)
        stage.bind_loop(self._summary())
        stage.hear("loop.done")

    def _iteration(self, position: Key, index: int, item: Json, of: int, seen: Mapping[Key, list[Write]]) -> Iteration:
        stage = self._stage(position, index, item, of=of)
        stage.names.store = fold(self.past.writes, {key: tuple(made) for key, made in seen.items()})
        try:
            stage.names.args = self._args(stage.names, index)
            done = stage.perform(None) if self.spec.tool is not None else True
            done = done and stage.exit(sinks=True, written=False)
        except Failed as failure:
            return Iteration("failed", stage, None, failure)
        if not done:
            return Iteration("skipped", stage)
        if stage.failed:
            return Iteration("failed", stage)
        return Iteration("success", stage, stage.outcome().value)

    def _items(self) -> list[Json]:
        """LOP-1."""
        assert self.loop is not None
        node, names = self.loop.items, self.stage.names
        with templates():
            value = evaluate(strip_braces(node.text)[0], names) if isinstance(node, Scalar) else rendered(node, names)
            found = plain(contents(value))
        if isinstance(found, dict):
            return [{"key": key, "value": value} for key, value in found.items()]
        if not isinstance(found, list):
            given = "undefined" if is_undefined(value) else type_of(found)
            raise Failed("NotAList", f"a loop goes over a list or a map, and loop.in is {given}")
        if len(found) > self.execution.limits.iterations:
            raise LimitHit(f"more than {self.execution.limits.iterations} iterations in a run")
        return found

    def _is_parallel(self) -> bool:
        """DOC-9; `max_in_flight` is rendered, and changes nothing (LOP-8)."""
        assert self.loop is not None
        if self.loop.max_in_flight is not None:
            self.stage.number(self.loop.max_in_flight, "max_in_flight", 1, whole=True)
        return self.loop.mode is not None and self.loop.mode.text != "sequential"

    def _fail_with_iterations(self) -> None:
        """LOP-6."""
        failures = [iteration.failure for iteration in self.iterations if iteration.failure is not None]
        if failures:
            failures[0].dead = all(failure.dead for failure in failures)
            raise failures[0]

    def _summary(self) -> Json:
        """LOP-5."""
        stats: dict[str, Json] = {"total": len(self.iterations)}
        for status in ("success", "failed", "skipped"):
            stats[status] = sum(iteration.status == status for iteration in self.iterations)
        return {"results": [iteration.result for iteration in self.iterations], "stats": stats}

    # -- the record --------------------------------------------------------------------------------------------------

    def shown(self) -> dict[str, Json]:
        """The entry of `runs`."""
        made: dict[str, Json] = {
            "key": pairs_of(self.key),
            "step": self.name,
            "status": self.status,
            "args": self.stage.names.args,
            "result": None if self.result is None else self.result.value,
        }
        if self.failure is not None:
            made["error"] = self.failure.error
        if self.iterated:
            made["iterations"] = [iteration.shown() for iteration in self.iterations]
        calls: list[Json] = []
        for index, call in self.calls:
            calls.append({**({"iteration": index} if self.loop is not None else {}), **call.shown()})
        return {**made, "calls": calls}


def _loop(index: int, length: int) -> dict[str, Json]:
    return {"index": index, "first": index == 0, "last": index == length - 1, "length": length}
