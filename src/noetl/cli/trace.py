"""`noetl trace`: from a task of another engine back to the playbook."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from noetl.errors import UsageError

from . import FINDINGS, OK, say

if TYPE_CHECKING:
    from noetl.targets.trace import Mention, Place, Places, Tracing

STREAM = "-"


def command(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="The id of a task, what names one, or - for a log on standard input.")
    ],
    file: Annotated[str, typer.Argument(metavar="FILE", help="The compiled file, or a folder of such files.")],
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How it is told.")] = "text",
) -> None:
    """Tell which lines of a playbook a task of another engine stands for.

    TASK is the id of a task, DAG/RUN/TASK, a line of a log, the path of one, or the address of a page of Airflow. With
    - it is a log: each of its lines is printed, the first one about a task together with what the task stands for. All
    is read from the compiled file, which holds the playbook; neither the other engine nor the playbook's own file is
    needed. --format json prints one object per task and line.

    Exits with 0 if a task was found, with 1 if none was, with 2 if FILE cannot be read or was not compiled by noetl.

    \b
    Examples:
      noetl trace load.region dags/etl.daily.py
      noetl trace etl.daily/manual__2026-01-01T06:00:00/load.region dags/
      noetl trace logs/dag_id=etl.daily/run_id=x/task_id=load/attempt=1.log dags/
      tail -f scheduler.log | noetl trace - dags/
      noetl trace load dags/etl.daily.py --format json | jq '.parts[].lines'
    """
    from noetl.targets.registry import load, names
    from noetl.targets.trace import Tracing

    targets = [target for target in map(load, names()) if isinstance(target, Tracing)]
    known = [*_read(Path(file), targets)]
    if not known:
        raise UsageError(f'"{file}" holds no file that noetl compiled')
    tell = _Teller(known, as_json=format == "json")
    found = tell.log(sys.stdin, targets) if task == STREAM else tell.one(task, targets)
    if not found:
        say(f"noetl trace: no task of {', '.join(one.identity for one in known)} is named there")
    raise typer.Exit(OK if found else FINDINGS)


def _read(path: Path, targets: Iterable[Tracing]) -> Iterator[Places]:
    """What the compiled files at a path say; UsageError if one that is named cannot be read."""
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    for file in files:
        try:
            content = file.read_text("utf-8")
        except OSError as error:
            raise UsageError(f'"{file}" cannot be read: {(error.strerror or str(error)).lower()}') from error
        except UnicodeDecodeError:
            continue
        yield from (found for target in targets if (found := target.places(content)) is not None)


class _Teller:
    """Looks tasks up, and tells of them."""

    def __init__(self, known: list[Places], *, as_json: bool) -> None:
        self._known = known
        self._as_json = as_json
        self._told: set[tuple[str, str]] = set()

    def one(self, text: str, targets: Iterable[Tracing]) -> bool:
        """Tell of the tasks that a text is or names. UsageError if several files have one of that id."""
        found = [*self._named(text)] or [*self._mentioned(text, targets)]
        if len(found) > 1:
            where = ", ".join(sorted(places.identity for places, _ in found))
            raise UsageError(
                f'several have a task "{found[0][1].task}": {where}; say which, as in {where.split(",")[0]}/RUN/TASK'
            )
        for places, place in found:
            self._tell(places, place)
        return bool(found)

    def log(self, lines: Iterable[str], targets: Iterable[Tracing]) -> bool:
        """Pass a log on, with what its tasks stand for."""
        for line in lines:
            if not self._as_json:
                print(line, end="" if line.endswith("\n") else "\n", flush=True)
            for places, place in self._mentioned(line, targets):
                if (key := (places.identity, place.task)) not in self._told:
                    self._told.add(key)
                    self._tell(places, place)
        return bool(self._told)

    def _named(self, text: str) -> Iterator[tuple[Places, Place]]:
        """A task id alone, or behind those of its DAG and its run."""
        dag, _, rest = text.partition("/")
        task = rest.rpartition("/")[2]
        for places in self._known:
            if text in places.tasks:
                yield places, places.tasks[text]
            elif dag == places.identity and task in places.tasks:
                yield places, places.tasks[task]

    def _mentioned(self, text: str, targets: Iterable[Tracing]) -> Iterator[tuple[Places, Place]]:
        mentions: list[Mention] = [one for target in targets for one in target.mentions(text)]
        for mention in mentions:
            fitting = [places for places in self._known if mention.identity in (None, places.identity)]
            for places in fitting:
                if mention.task in places.tasks:
                    yield places, places.tasks[mention.task]

    def _tell(self, places: Places, place: Place) -> None:
        if self._as_json:
            print(json.dumps(places.to_json(place)), flush=True)
            return
        for line in _lines(places, place):
            print(line, flush=True)


def _lines(places: Places, place: Place) -> Iterator[str]:
    head = f"{places.identity} {place.task}:"
    if place.kind == "outcome":
        yield f"{head} the status and the outcome of the whole execution of {places.playbook}"
    elif place.kind == "edge":
        (part,) = place.parts
        yield f"{head} edge {place.edge} of step {json.dumps(part.step, ensure_ascii=False)} to {place.leads_to[0]}"
        yield f"  {_at(places, part.first, part.last)}"
    else:
        yield f"{head} {place.kind}"
        for part in place.parts:
            why = "" if part.why is None else f": {part.why} [{part.code}]"
            yield f"  {_at(places, part.first, part.last)} step {json.dumps(part.step, ensure_ascii=False)}{why}"
        if place.leads_to:
            yield f"  leads to {', '.join(place.leads_to)}"


def _at(places: Places, first: int, last: int) -> str:
    return f"{places.playbook}:{first}" + (f"-{last}" if last != first else "")
