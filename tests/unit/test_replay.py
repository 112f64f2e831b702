"""Kept outcomes tell the calls of a sub-playbook from those of the playbook that runs it, wherever they are given."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from noetl.compiler.ir import Json
from noetl.conformance.adapters import runtime, spec
from noetl.conformance.case import Case
from noetl.conformance.observation import unmet
from noetl.runtime.credentials import MappedCredentials
from noetl.runtime.mock import MockedOutcome
from noetl.runtime.ports import CallPlace, Outcome, ToolCall
from noetl.runtime.replay import VARIABLE, replaying
from noetl.runtime.tools import ToolBox

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: x, path: %s}\nworkflow:\n"
STEP = "  - step: start\n    tool: {kind: python, code: 'result = 0'}\n    next: [end]\n"
MAIN = STEP + "  - step: end\n    tool: {kind: playbook, path: child}\n"


def call(caller: str) -> ToolCall:
    place = CallPlace("-", 0, 1, 1)
    return ToolCall("python", {}, {}, lambda _: None, list, "start", "id", place, caller=caller)


def test_a_place_in_a_sub_playbook_is_another_one(tmp_path: Path) -> None:
    kept: Json = {"kinds": ["python"], "outcomes": {"-:0:1:1": {"response": 1}, "a:0:1:1/-:0:1:1": {"response": 2}}}
    (tmp_path / "kept.json").write_text(json.dumps(kept), encoding="utf-8")
    runner = replaying(ToolBox(MappedCredentials({})), {VARIABLE: str(tmp_path / "kept.json")})

    async def answers() -> list[Outcome]:
        return [await runner.call(call(caller)) for caller in ("", "a:0:1:1/", "b:0:1:1/")]

    main, child, unknown = asyncio.run(answers())
    assert (main.response, child.response) == (1, 2)
    assert unknown.error == {"type": "NotRecorded", "message": "no outcome was recorded for b:0:1:1/-:0:1:1"}


@pytest.fixture(scope="module")
def case() -> Case:
    """The step `start` of both playbooks calls at the same place; the caller tells which is meant."""
    blank: dict[str, object] = {
        "format": 1,
        "id": "callers",
        "clauses": ["TOO-4"],
        "title": "calls of a child at a place of the main playbook",
        "playbooks": {"main.yaml": HEAD % "main" + MAIN, "child.yaml": HEAD % "child" + STEP},
        "main": "main.yaml",
        "outcomes": [{"step": "start", "response": None}],
        "expect": {},
    }
    watch = runtime.Watch()
    runtime.observe(Case.model_validate(blank), watch)
    (child,) = {where.rpartition("/")[0] for where in watch.outcomes} - {""}
    place = {"step": "start", "key": "-", "iteration": 0, "call": 1, "attempt": 1}
    outcomes = [
        {**place, "caller": "", "response": "of main"},
        {**place, "caller": f"{child}/", "response": "of child"},
    ]
    runs = [{"step": "start", "result": "of main"}, {"step": "end", "result": "of child"}]
    expect = {"status": "completed", "output": "of child", "runs": runs}
    return Case.model_validate({**blank, "outcomes": outcomes, "expect": expect})


def test_a_case_answers_the_call_that_is_meant(case: Case) -> None:
    assert unmet(case, runtime.observe(case)) == []
    assert unmet(case, spec.observe(case)) == []


def test_an_entry_without_a_caller_fits_any() -> None:
    entry = MockedOutcome(step="start", response=1)
    assert entry.fits(call(""), 1)
    assert entry.fits(call("a:0:1:1/"), 1)
    assert not MockedOutcome(step="start", response=1, caller="").fits(call("a:0:1:1/"), 1)
