"""The operators of a loop whose iterations are tasks: what comes before them, these, and the step's own task.

All three run the step from its beginning for the same tokens (`noetl.runtime.mapping`), given what the tasks before
them were replied. The step's own task comes last and leaves what it would leave if it had done all of it, so nothing
else of a DAG knows that there are others. An iteration's task is red only if it was lost: what its run came to is for
the step's task to say.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from airflow.sdk import BaseOperator, TriggerRule

from .asking import KEY, Given
from .iterations import chunks, indexes
from .names import entry_task_id, items_task_id
from .operators import BranchStep, PlainStep, Step
from .versions import AirflowFailException

if TYPE_CHECKING:
    from airflow.sdk import Context

    from noetl.compiler.ir import Json
    from noetl.runtime.commands import Reply
    from noetl.runtime.engine import Execution
    from noetl.runtime.journal import Checkpoint
    from noetl.runtime.mapping import Entered, Piece
    from noetl.runtime.ports import Clock, ToolRunner

    from .checkpoints import Checkpoints

MOST: Final = 1024
"""Most tasks of a loop where Airflow does not say (`[core] max_map_length`)."""
_PASSED: Final = (
    *("owner", "retries", "retry_delay", "execution_timeout", "pool", "pool_slots", "queue", "priority_weight"),
    *("executor", "executor_config"),
)
"""What the tasks of a step have in common."""


class Mapped(Step):
    """The step's own task, which gathers what its iterations came to."""

    def __init__(self, *, max_in_flight: int | None = None, **kwargs: Any) -> None:
        """At most `max_in_flight` iterations are under way at a time (LOP-8)."""
        super().__init__(**kwargs)
        passed = {name: getattr(self, name) for name in _PASSED}
        self.entry = Entry(
            task_id=entry_task_id(self.task_id), step_task=self.task_id, trigger_rule=self.trigger_rule, **passed
        )
        self.entry.arrivals = self.arrivals
        self.items = Iterations.partial(
            task_id=items_task_id(self.task_id),
            step_task=self.task_id,
            max_active_tis_per_dagrun=max_in_flight,
            **passed,
        ).expand(chunk=self.entry.output)
        self.helpers = (self.entry.task_id, self.items.task_id)
        # An empty list skips the iterations, a dead path both of the tasks.
        self.trigger_rule = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
        self.set_upstream([self.entry, self.items])

    @property
    def front(self) -> Entry:
        """The task that edges lead to."""
        return self.entry

    def enter(self, context: Context) -> list[str]:
        """Run what comes before the iterations; these, in parts."""
        from noetl.runtime.mapping import enter

        try:
            given = self.given(context)
        except AirflowFailException:
            return []  # the step's own task fails likewise, and leaves the reason
        entered: Entered = asyncio.run(self._piece(given, self._checkpoint(context, given.depends()), enter))
        replies = [given.values.short(reply.to_json()) for reply in entered.replies]
        self._leave(context, given, {"time": entered.time, "length": entered.length, "replies": replies})
        return chunks(entered.length or 0, _most())

    def iterate(self, context: Context, chunk: str) -> None:
        """Run some of the iterations, and leave what they were replied."""
        from noetl.runtime.mapping import iterate

        given = self.given(context)
        entered = self._entered(given)
        checkpoint = self._checkpoint(context, [*given.depends(), chunk])

        async def some(piece: Piece, runner: ToolRunner, clock: Clock, *, checkpoint: Checkpoint | None) -> Any:
            return await iterate(piece, entered, indexes(chunk), runner, clock, self._show, checkpoint=checkpoint)

        found: Mapping[int, list[Reply]] = asyncio.run(self._piece(given, checkpoint, some))
        short: dict[str, Json] = {
            str(lane): [given.values.short(r.to_json()) for r in replies] for lane, replies in found.items()
        }
        self._leave(context, given, {"replies": short})

    async def _run(self, given: Given, checkpoint: Checkpoints | None) -> Execution:
        from noetl.runtime.mapping import gather

        entered, replies = self._entered(given), self._replies(given)

        async def rest(piece: Piece, runner: ToolRunner, clock: Clock, *, checkpoint: Checkpoint | None) -> Any:
            return await gather(piece, entered, replies, runner, clock, self._show, checkpoint=checkpoint)

        done: Execution = await self._piece(given, checkpoint, rest)
        return done

    async def _piece(self, given: Given, checkpoint: Checkpoints | None, run: Any) -> Any:
        from noetl.runtime.mapping import Piece

        piece = Piece(given.workflow, self.step, tuple(given.tokens), tuple(given.failed), given.info)

        async def with_runner(runner: ToolRunner, clock: Clock, kept: Checkpoint | None) -> Any:
            return await run(piece, runner, clock, checkpoint=kept)

        return await self.with_runner(given, checkpoint, with_runner)

    def _entered(self, given: Given) -> Entered:
        from noetl.runtime.commands import Reply
        from noetl.runtime.mapping import Entered

        left = given.pulled(self.helpers[0])[0]
        replies = [Reply.from_json(given.values.whole(reply)) for reply in left["replies"]]
        return Entered(left["time"], replies, left["length"])

    def _replies(self, given: Given) -> dict[int, list[Reply]]:
        from noetl.runtime.commands import Reply

        found: dict[int, list[Reply]] = {}
        for left in given.pulled(self.helpers[1]):
            for lane, replies in left["replies"].items():
                found[int(lane)] = [Reply.from_json(given.values.whole(reply)) for reply in replies]
        return found

    def _leave(self, context: Context, given: Given, left: Mapping[str, Json]) -> None:
        for key, text in given.values.fresh.items():
            context["ti"].xcom_push(key=key, value=text)
        context["ti"].xcom_push(key=KEY, value=json.dumps(left))


class MappedPlainStep(Mapped, PlainStep):
    """One whose runs take every edge unless they fail."""


class MappedBranchStep(Mapped, BranchStep):
    """One whose runs choose among its edges."""


class Entry(BaseOperator):
    """What comes before the iterations of a loop; its result are these, in parts."""

    template_fields = ()
    ui_color = "#e4f0f8"

    def __init__(self, *, step_task: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step_task = step_task
        self.arrivals: list[tuple[str, str]] = []

    def execute(self, context: Context) -> Iterable[str]:
        """Run the beginning of the step."""
        return _step(self).enter(context)


class Iterations(BaseOperator):
    """Some iterations of a loop."""

    template_fields = ()
    ui_color = "#e4f0f8"

    def __init__(self, *, step_task: str, chunk: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step_task = step_task
        self.chunk = chunk
        self.do_xcom_push = False

    def execute(self, context: Context) -> None:
        """Run them."""
        _step(self).iterate(context, self.chunk)


def _step(task: Entry | Iterations) -> Mapped:
    found = task.dag.get_task(task.step_task)
    assert isinstance(found, Mapped)
    return found


def _most() -> int:
    """Most tasks of a loop."""
    try:
        from airflow.sdk.configuration import conf
    except ImportError:  # Airflow 3.1
        from airflow.configuration import conf
    return int(conf.getint("core", "max_map_length", fallback=MOST))
