"""Runs cases on a real Airflow: the DAG files of many cases in one folder, their runs side by side."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Final

from .airflow import AirflowCase, AirflowRun
from .airflow_cases import Airflow
from .airflow_scheduler_deployment import Deployment

POLL: Final = 0.1
"""Seconds between two looks at the runs."""
RUN: Final = "case"
"""The id of every DAG run; each DAG has one."""


class AirflowScheduler(Airflow):
    """The target `airflow` on the tier `scheduler`. Airflow is started for the first case that needs it."""

    tier: str | None = "scheduler"
    batch = 48
    sequential = False
    renames = True

    def __init__(
        self, deployment: Deployment | None = None, *, time_limit: float = 120.0, side_by_side: int = 8
    ) -> None:
        """A run may take `time_limit` seconds from its trigger, and `side_by_side` go on at a time.

        An Airflow that is given is there already, and stays.
        """
        super().__init__()
        self._deployment = deployment
        self._time_limit = time_limit
        self._side_by_side = side_by_side
        self._started = ExitStack()

    def __exit__(self, *_: object) -> None:
        self._started.close()

    def runs(self, cases: Sequence[AirflowCase]) -> Iterator[AirflowRun]:
        """The runs of the cases, in their order; each is given once all before it have ended."""
        if not cases:
            return
        if self._deployment is None:
            self._deployment = self._started.enter_context(Deployment())
        batch = _Batch(self._deployment, cases, self._time_limit, self._side_by_side)
        for case in cases:
            yield batch.run(case.dag_id)


class _Batch:
    """DAGs that are parsed, run and seen to their ends, some at a time."""

    def __init__(self, airflow: Deployment, cases: Sequence[AirflowCase], time_limit: float, width: int) -> None:
        self._airflow = airflow
        self._cases = {case.dag_id: case for case in cases}
        self._time_limit = time_limit
        self._width = width
        self._waiting = list(self._cases)
        """Not triggered yet."""
        self._running: dict[str, float] = {}
        """Triggered, with the time at which each must have ended."""
        self._done: dict[str, AirflowRun] = {}
        for case in cases:
            airflow.lay_out(case)
        self._parsed_until = time.monotonic() + time_limit

    def run(self, dag_id: str) -> AirflowRun:
        """What became of one, when it has ended; the others go on."""
        while dag_id not in self._done:
            self._airflow.check()
            started = self._start()
            ended = self._collect()
            if not started and not ended:
                time.sleep(POLL)
        return self._done[dag_id]

    def _start(self) -> bool:
        """Trigger what is parsed, as many as may run."""
        room = self._width - len(self._running)
        if room <= 0 or not self._waiting:
            return False
        found = self._airflow.parsed(self._waiting)
        if not found and not self._running and time.monotonic() > self._parsed_until:
            found = dict.fromkeys(self._waiting, f"Airflow has not parsed the DAG file within {self._time_limit:g} s")
        chosen = [name for name in self._waiting if name in found][:room]
        for name in chosen:
            self._waiting.remove(name)
            if (problem := found[name]) is not None:
                self._end(name, AirflowRun(None, {}, None, problem))
                continue
            self._airflow.start(name, RUN, self._cases[name].conf)
            self._running[name] = time.monotonic() + self._time_limit
            self._parsed_until = self._running[name]
        return bool(chosen)

    def _collect(self) -> bool:
        """Look at what has ended, or should have."""
        ended = self._airflow.ended(self._running)
        late = [name for name, until in self._running.items() if name not in ended and time.monotonic() > until]
        for name in ended:
            self._end(name, self._airflow.run(name, RUN))
        for name in late:
            run = self._airflow.run(name, RUN)
            problem = f"no end within {self._time_limit:g} s; {self._airflow.story(name, run.tasks)}"
            self._airflow.stop(name, RUN)
            self._end(name, AirflowRun(run.state, run.tasks, None, problem))
        return bool(ended or late)

    def _end(self, dag_id: str, run: AirflowRun) -> None:
        self._running.pop(dag_id, None)
        self._done[dag_id] = run


def run_on_scheduler(airflow: Deployment, cases: Iterable[AirflowCase], time_limit: float = 120.0) -> list[AirflowRun]:
    """Run every case on an Airflow that is there; the runs in the order of the cases, whose DAG ids are new to it."""
    asked = list(cases)
    batch = _Batch(airflow, asked, time_limit, len(asked))
    return [batch.run(case.dag_id) for case in asked]
