"""The only forms in which a task of the DAG template names another one.

Recordings of the controller tell why: a plain tag of an output that does not exist leaves a Workflow running for ever,
outputs of a Failed pod can be read, and Omitted is what is below a failed run as well as what no edge leads to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .contract import CTX, EDGE, NONE, YES
from .layout import UnitTask

_AND: Final = " && "
_OR: Final = " || "


def depends(task: UnitTask) -> str:
    """When a task may run, or empty: one of its sources succeeded, and no run failed above that it does not see."""
    some = _OR.join(f"{source.name}.Succeeded" for source in task.sources)
    above = [settled(other.name) for other in task.named if not task.told and task.sources != (other,)]
    return _AND.join([f"({some})" if len(task.sources) > 1 else some, *above]) if above else some


def settled(name: str) -> str:
    """That a task has ended and neither failed nor broke; its bare name stands for Succeeded or Skipped."""
    return f"({name} || {name}.Omitted)"


def when(task: UnitTask) -> str:
    """Which edges must have been taken, of which one is enough; empty where that is sure once a source succeeded."""
    if not any(source.decides for source in task.sources):
        return ""
    if len(task.sources) == 1:
        return f"{{{{= {_OR.join(_taken(task.sources[0], word, sure=True) for word in _words(task, 0))} }}}}"
    found = (_taken(s, word, sure=False) for n, s in enumerate(task.sources) for word in _words(task, n))
    return f"{{{{= {_OR.join(found)} }}}}"


def packet(task: UnitTask) -> str:
    """The packet of a task, whatever became of it. It tells itself which edges were taken, and none after a failure."""
    return f"{{{{= {_output(task.name, CTX)} }}}}"


def phases(tasks: Sequence[UnitTask]) -> str:
    """The phases of tasks, with commas between."""
    return ",".join(f"{{{{tasks.{task.name}.status}}}}" for task in tasks)


def marked(task: UnitTask, output: str) -> str:
    """That an output of a task which succeeded is `yes`."""
    return f"{{{{= ({_output(task.name, output)}) == '{YES}' }}}}"


def _words(task: UnitTask, number: int) -> list[str]:
    """The words of the edges that lead here from one source; empty where any is taken for sure."""
    source = task.sources[number]
    if not source.decides:
        return [""]
    return list(dict.fromkeys(source.words[edge] for edge in task.arriving[source.name]))


def _taken(source: UnitTask, word: str, *, sure: bool) -> str:
    """That an edge was taken; `sure` where the source is known to have succeeded."""
    status = f"tasks['{source.name}'].status == 'Succeeded'"
    if not word:
        return status
    output, wanted = (word, YES) if source.unit.many else (EDGE, word)
    read = _output(source.name, output)
    return f"({read}) == '{wanted}'" if sure else f"({status} ? ({read}) : '{NONE}') == '{wanted}'"


def _output(name: str, output: str) -> str:
    return f"tasks['{name}']?.outputs?.parameters?.{output} ?? '{NONE}'"
