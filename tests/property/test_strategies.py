"""What drawn playbooks hold: every form that they promise, and an end for each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from noetl.compiler import ir
from noetl.compiler.frontend import load
from noetl.compiler.ir import Json
from noetl.conformance.scripts import Script
from noetl.conformance.strategies import Playbook, playbooks
from noetl.runtime.engine import Execution
from noetl.runtime.events import silent
from noetl.runtime.scope import ExecutionInfo

from .drawing import drawn, rounds
from .driving import TIME, Tools, driven

MOST_RUNS = 2_000
EACH_ROUND = 400
WHOLE = playbooks(loops=True, cycles=True, children=True, sql=True, wide=True)


def ran(playbook: Playbook, script: Script) -> list[dict[str, Json]]:
    """The runs; sub-playbooks are answered like any tool."""
    execution = Execution(load(playbook.text, "drawn.yaml"), ExecutionInfo("drawn", {}), silent)
    driven(execution, execution.start({}, TIME), Tools(script).answer)
    runs = execution.summary()["runs"]
    assert isinstance(runs, list)
    return [run for run in runs if isinstance(run, dict)]


@given(WHOLE, st.integers(0, 2**16))
@settings(deadline=None)
def test_a_drawn_playbook_ends_for_every_script(playbook: Playbook, number: int) -> None:
    for failing in (0, 1):
        assert len(ran(playbook, Script(number, failing))) < MOST_RUNS


def test_the_outcome_is_a_function_of_the_place() -> None:
    first, second = Script(7, 2, wide=True), Script(7, 2, wide=True)
    places = [
        f"{key}:{i}:{call}:{attempt}"
        for key in ("-", "0.0/1.2")
        for i in (0, 3)
        for call in (1, 2)
        for attempt in (1, 2)
    ]
    assert [first.outcome(place) for place in places] == [second.outcome(place) for place in reversed(places)][::-1]
    views = Counter(Script(7, 2, wide=True).outcome(f"-:0:{n}:1").view for n in range(500))
    assert set(views) == {"plain", "http", "sql"}


OTHERS = {
    *(
        "loop: sequential",
        "loop: parallel",
        "loop: bounded",
        "loop: without a tool",
        "loop: of a list",
        "loop: of an expression",
    ),
    *("loop: next in an iteration", "loop: args of an iteration", "loop: over a child", "loop: in a cycle"),
    *("join", "join: in a cycle", "cycle", "child", "child: return_step", "child: with a loop", "sql", "task"),
}
NEVER = {  # RUL-9, and a result before there is one
    *("step.enter: Retry", "step.enter: SetResult", "step.exit: Retry", "step.exit: Call", "loop.done: Retry"),
    *("loop.done: Call", "loop.done: Skip"),
}


def test_every_form_is_drawn() -> None:
    actions = ("Set", "Collect", "SetResult", "Sink", "Log", "Next", "Call", "Retry", "Skip", "Fail")
    events = ("step.enter", "call.done", "call.error", "step.exit", "loop.done")
    wanted = {f"{event}: {action}" for event in events for action in actions} - NEVER
    found: set[str] = set()
    for number in rounds(lambda: (wanted | OTHERS) - found):
        found.update(*map(forms, drawn(WHOLE, EACH_ROUND, number)))


def forms(playbook: Playbook) -> Iterator[str]:
    """What is in a playbook, by name."""
    workflow = load(playbook.text, "drawn.yaml")
    around = {"in a cycle"} if "rounds" in playbook.text else set()
    yield from ("cycle" for _ in around)
    yield from ("child: with a loop" for text in playbook.library.values() if '"loop"' in text)
    for step in workflow.steps:
        kind = step.tool.kind if step.tool else None
        if step.join == "all" and step.name != "end":
            yield from ("join", *(f"join: {where}" for where in around))
        yield {"playbook": "child", "workbook": "task", "duckdb": "sql", "postgres": "sql"}.get(kind or "", "other")
        if step.tool and any(name == "return_step" for name, _ in step.tool.fields.entries):
            yield "child: return_step"
        if step.loop is not None:
            yield from (f"loop: {form}" for form in (*around, *loop_forms(step, step.loop)))
        for rule in step.rules:
            made = [*rule.data, *([rule.control] if rule.control else [])]
            yield from (f"{event}: {type(action).__name__}" for event in rule.events for action in made)


def loop_forms(step: ir.Step, loop: ir.Loop) -> Iterator[str]:
    """What is in a loop step, by name."""
    yield "parallel" if loop.parallel else "sequential"
    yield "of an expression" if isinstance(loop.items, ir.Expression) else "of a list"
    yield from ("bounded",) if loop.max_in_flight else ()
    yield from ("args of an iteration",) if step.item_args else ()
    yield "without a tool" if step.tool is None else f"over a {'child' if step.tool.kind == 'playbook' else 'tool'}"
    if any(rule.per_iteration and isinstance(rule.control, ir.Next) for rule in step.rules):
        yield "next in an iteration"
