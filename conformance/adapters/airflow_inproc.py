"""The process side of `airflow`: reads lists of cases, a line each, and writes when one begins and what came of it.

What is real: the parser of DAG files (one bag of one bundle), serialisation, the scheduling decisions of a DAG run, the
execution API, XCom and task code. What is not: processes for tasks, a scheduler loop, a real database server.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from noetl.conformance.adapters.airflow_direct import ask_on_one_thread, commit_to_memory, replace
from noetl.conformance.adapters.airflow_release import Release
from noetl.conformance.lowering_mutants import running
from noetl.targets.airflow.values import Values

if TYPE_CHECKING:
    from airflow.sdk import DAG

Case = Mapping[str, Any]
Answer = dict[str, Any]
POLL: Final = 0.002
"""Seconds that `dag.test()` sleeps, in place of 1, in a pass that ran no task."""
DAG_MODULE: Final = "airflow.sdk.definitions.dag"


def main() -> None:
    """Run the cases of each line in rounds, in each of which a DAG id has one file and all have one fault, if any."""
    asked = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # whatever tasks print goes to the log

    def say(**told: object) -> None:
        print(json.dumps(told), file=answers, flush=True)

    commit_to_memory()
    ask_on_one_thread()
    _shorten_polls()
    _settle_empty_tasks()
    run = _Runner(_release_one_by_one())
    say(ready=True)
    for line in asked:
        cases: list[Case] = json.loads(line)
        for chosen in _rounds(cases):
            with running(cases[chosen[0]]["fault"]):
                run.load([cases[n] for n in chosen])
                for n in chosen:
                    say(case=n)
                    say(case=n, **run.case(cases[n]))


def _rounds(cases: list[Case]) -> Iterator[list[int]]:
    left = list(range(len(cases)))
    while left:
        first: dict[str, Case] = {}
        chosen = [
            n
            for n in left
            if cases[n]["fault"] == cases[left[0]]["fault"]
            and _alike(first.setdefault(cases[n]["dag_id"], cases[n]), cases[n])
        ]
        left = [n for n in left if n not in chosen]
        yield chosen


def _alike(one: Case, other: Case) -> bool:
    return all(one[part] == other[part] for part in ("content", "files"))


class _Runner:
    """Airflow with one bundle."""

    def __init__(self, release: Release) -> None:
        from airflow.dag_processing import dagbag
        from airflow.dag_processing.bundles.manager import DagBundlesManager

        make_manager: Any = DagBundlesManager  # not typed
        manager = make_manager()
        manager.sync_bundles_to_db()
        self._bundle = next(iter(manager.get_all_dag_bundles()))
        self._bundle.initialize()
        self._bag = dagbag.BundleDagBag
        self._sync = dagbag.sync_bag_to_db
        self._dags: dict[str, DAG] = {}
        self._problems: dict[str, str] = {}
        self._rounds = 0
        self._release = release
        # `load` does it once for all; dag.test() would parse the whole folder again for every run.
        replace(dagbag, "BundleDagBag", lambda *_, **__: None)
        replace(dagbag, "sync_bag_to_db", lambda *_, **__: None)
        replace(DagBundlesManager, "sync_bundles_to_db", lambda *_, **__: None)

    def load(self, cases: list[Case]) -> None:
        """Parse and register the files of a round."""
        self._rounds += 1
        folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"]) / f"round{self._rounds}"
        folder.mkdir()
        for case in cases:
            place = folder / case["dag_id"][:200]
            for name, text in {**case["files"], f"{place.name}.py": case["content"]}.items():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_bytes(text.encode())
        bag = self._bag(dag_folder=folder, bundle_path=self._bundle.path, bundle_name=self._bundle.name)
        self._sync(bag, self._bundle.name, self._bundle.version)
        self._dags = dict(bag.dags)
        self._problems = {Path(file).stem: text for file, text in bag.import_errors.items()}

    def case(self, case: Case) -> Answer:
        """One DAG run."""
        dag = self._dags.get(case["dag_id"])
        if dag is None:
            found = self._problems.get(case["dag_id"][:200], f"the file has no DAG {case['dag_id']}")
            return {"state": None, "tasks": {}, "verdict": None, "problem": found}
        self._release.draw_from(case["seed"])
        try:
            with _environment(case["env"]):
                run = dag.test(run_conf=dict(case["conf"]))
        except Exception:  # whatever Airflow or the DAG raises is what is observed
            return {"state": None, "tasks": {}, "verdict": None, "problem": traceback.format_exc()}
        return {"problem": None, **_outcome(run)}


def _outcome(run: Any) -> Answer:
    from airflow.utils.session import create_session

    with create_session() as session:
        tasks = {
            ti.task_id: str(getattr(ti.state, "value", ti.state)) for ti in run.get_task_instances(session=session)
        }
        text = _left(session, run, "verdict", "return_value")
        values = Values("verdict", lambda task, key: _left(session, run, task, key))
        verdict = None if text is None else values.whole(json.loads(text))
    return {"state": str(getattr(run.state, "value", run.state)), "tasks": tasks, "verdict": verdict}


def _left(session: Any, run: Any, task_id: str, key: str) -> str | None:
    """The text that a task has left under a key."""
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    value = session.scalar(
        select(XComModel.value).where(
            XComModel.dag_id == run.dag_id,
            XComModel.run_id == run.run_id,
            XComModel.task_id == task_id,
            XComModel.key == key,
            XComModel.dag_result.is_(task_id == "verdict"),
        )
    )
    return None if value is None else str(value)


@contextmanager
def _environment(names: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(names)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _shorten_polls() -> None:
    """`dag.test()` imports `time` locally, so its sleep is told from others by who calls."""
    sleep = time.sleep

    def shortened(seconds: float) -> None:
        caller = sys._getframe(1)
        polling = caller.f_code.co_name == "test" and caller.f_globals.get("__name__") == DAG_MODULE
        sleep(POLL if polling else seconds)

    replace(time, "sleep", shortened)


def _release_one_by_one() -> Release:
    """`dag.test()` runs all that is ready, in an order that is chance. Others ask for all tasks of a run, too."""
    from airflow.models.dagrun import DagRun

    release = Release()
    every: Callable[..., Any] = DagRun.get_task_instances

    def released(run: DagRun, *args: Any, **kwargs: Any) -> Any:
        found = every(run, *args, **kwargs)
        caller = sys._getframe(1)
        testing = caller.f_code.co_name == "test" and caller.f_globals.get("__name__") == DAG_MODULE
        return release.released(found) if testing else found

    replace(DagRun, "get_task_instances", released)
    return release


def _settle_empty_tasks() -> None:
    """The scheduler sets an empty task to success itself; `dag.test()` would run it like any other."""
    from airflow.providers.standard.operators.empty import EmptyOperator

    module = importlib.import_module(DAG_MODULE)
    run_task = module._run_task

    def settle(*, ti: Any, task: Any, run_triggerer: bool = False) -> Any:
        if isinstance(task, EmptyOperator):
            return ti.set_state("success")
        return run_task(ti=ti, task=task, run_triggerer=run_triggerer)

    replace(module, "_run_task", settle)


if __name__ == "__main__":
    main()
