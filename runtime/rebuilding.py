"""An execution made again from what a journal kept of it: nothing outside is asked."""

from __future__ import annotations

from collections.abc import Iterable

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.errors import ExecutionError, UsageError

from .engine import Execution
from .events import Listener
from .journal import ExecutionStart, Kept, Replied
from .scope import ExecutionInfo


def workflow_of(start: ExecutionStart) -> ir.Workflow:
    """The playbook that an execution started with; UsageError where this version does not take it any more."""
    compilation = compile_source(start.text, start.path, check=False)
    if compilation.workflow is None or not compilation.ok:
        first = next((d for d in compilation.diagnostics if d.severity == "error"), None)
        reason = f": {first.span} {first.message}" if first is not None else ""
        raise UsageError(f'this version of noetl does not take the playbook of "{start.execution_id}"{reason}')
    return compilation.workflow


def rebuilt(kept: Kept, listener: Listener, *, trace: bool = False, cancelled: str | None = None) -> Execution:
    """The execution in the state in which the last reply left it; `listener` hears everything again.

    `trace` has every rule that is tried told as well; `cancelled` is when the execution was cancelled, if it was.
    ExecutionError where a reply answers nothing.
    """
    start = kept.start
    info = ExecutionInfo(start.execution_id, start.env, records=False, trace=trace)
    execution = Execution(workflow_of(start), info, listener)
    execution.start(start.payload, start.time)
    answer(execution, kept.replies)
    if cancelled is not None:
        execution.cancel(cancelled)
    return execution


def answer(execution: Execution, replies: Iterable[Replied]) -> dict[int, str]:
    """Give a started execution the replies that were kept of it; ExecutionError where one answers nothing.

    Gives back when each command that a reply brought up was issued, by number.
    """
    issued: dict[int, str] = {}
    for position, replied in enumerate(replies, 1):
        try:
            fresh = execution.apply(replied.number, replied.reply)
        except ValueError as error:
            raise ExecutionError(
                f'execution "{execution.info.execution_id}" cannot be made again: reply {position} fits nothing'
                f" ({error}); its log is damaged, or of another version of noetl"
            ) from error
        issued.update((one.number, replied.reply.time) for one in fresh)
    return issued
