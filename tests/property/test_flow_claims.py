"""What lint says never comes to pass, of rules, steps and parts, does so in no run (RUL-1 to RUL-4, STP-7, RET-4)."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis

from hypothesis import given, settings
from hypothesis import strategies as st

from noetl.compiler import expr, ir
from noetl.compiler.frontend import Compilation, compile_source
from noetl.compiler.ir import Json
from noetl.conformance.strategies import Playbook, Script, playbooks
from noetl.runtime.engine import Execution
from noetl.runtime.events import Event
from noetl.runtime.scope import ExecutionInfo, Limits

from .driving import TIME, Tools, driven

WHENS: tuple[Json, ...] = (
    *(
        True,
        False,
        "{{ response is defined }}",
        "error is defined",
        "response.v > 4",
        "response.v > 4 and response.more",
    ),
    *("event.name == 'call.done'", "event.name == 'call.done' and response is defined", "event.name == 'step.exit'"),
    *("event.name == 'step.exit' and response.v > 4", "event.name == 'step.exit' and response is defined"),
    *("event.name == 'call.done' and response.v > 4", "event.name == 'call.error'", "event.name == 'loop.done'"),
    *("event.name == 'call.error' and error.status == 500", "event.name == 'call.error' and response is defined"),
    *("event.name == 'step.enter'", "event.name == 'step.enter' and response is defined", "error.status == 500"),
    *("event.name == 'step.enter' and error is defined", "event.name == 'call.finished'", "'no'", "ctx.total"),
    *("event.name != 'step.exit' and error is defined", "event.name in ['step.enter', 'step.exit']", "not error"),
    *("response is defined and error is defined", "response.v and response.more == true", "response.more == true"),
)
PARTS = (
    *("event.nme", "event.name.x", "loop.idx", "job.id", "execution_id.x", "loop_index.y", "response.metadata.x"),
    *(
        "response.status.x",
        "result.stats.sum",
        "start.v",
        "start.results",
        "start.stats.x",
        "a.v",
        "q7.items",
        "z.text",
    ),
    *("steps['load_all'].v", "steps['a'].stats.more", "response.results", "event.attempt", "start.data.total"),
)


# -- playbooks with more in them -------------------------------------------------------------------------------------


def crowded(playbook: Playbook, chance: Random) -> Playbook:
    """Rules of any kind among those of the steps, and reads of any part in their blocks."""
    document = copy.deepcopy(playbook.document)
    steps = document["workflow"]
    assert isinstance(steps, list)
    for place, step in enumerate(steps):
        assert isinstance(step, dict)
        case = step.setdefault("case", [])
        assert isinstance(case, list)
        for _ in range(chance.randint(0, 4)):
            case.insert(chance.randint(0, len(case)), _rule(chance, bool(step.get("tool")), place, len(steps)))
        if not case:
            del step["case"]
    return Playbook(document, playbook.script, playbook.children)


def _rule(chance: Random, tool: bool, place: int, steps: int) -> Json:
    when = chance.choice(WHENS)
    log: Json = f"{{{{ {chance.choice(PARTS)} }}}}#{chance.randrange(10**9)}"
    actions: list[Json] = [{}, {}, {"set": {"total": 1}}, {"result": {"from": "1"}}]
    if place < steps - 1:
        actions += [{"next": "end"}, {"next": "end"}, {"next": []}]
    if tool and "'step." not in str(when) and "'loop." not in str(when) and "event.name !=" not in str(when):
        actions += [{"retry": {"max_attempts": chance.choice((1, 2)), "initial_delay": 0}}]
    action = chance.choice(actions)
    assert isinstance(action, dict)
    return {"when": when, "then": {"log": log, **action}}


# -- what is heard of a run ------------------------------------------------------------------------------------------


class Heard:
    """Which rules fired at which events, and what was ignored."""

    def __init__(self) -> None:
        self.fired: Counter[tuple[str, int]] = Counter()
        self.at: set[tuple[str, int, str]] = set()
        self.ignored: Counter[tuple[str, int]] = Counter()
        self._event: dict[tuple[str, Json], str] = {}

    def __call__(self, event: Event) -> None:
        place = (str(event.key), event.data.get("iteration"))
        if event.name in ir.EVENTS:
            self._event[place] = event.name
        rule = event.data.get("rule")
        if event.step is not None and isinstance(rule, int):
            if event.name == "rule.fired":
                self.fired[event.step, rule] += 1
                self.at.add((event.step, rule, self._event[place]))
            elif event.name == "transition.ignored":
                self.ignored[event.step, rule] += 1


def run(compiled: Compilation, script: Script, chance: Random, limits: Limits | None = None) -> tuple[Heard, Execution]:
    assert compiled.workflow is not None
    heard = Heard()
    info = ExecutionInfo("drawn", {}) if limits is None else ExecutionInfo("drawn", {}, limits=limits)
    execution = Execution(compiled.workflow, info, heard)
    return heard, driven(execution, execution.start({"n": 1}, TIME), Tools(script).answer, chance.randrange)


def rules_at(compiled: Compilation, code: str) -> Iterator[tuple[str, ir.Rule]]:
    """The rules that a check speaks of: their `when` or their control action stands where it found something."""
    spans = {found.span for found in compiled.diagnostics if found.code == code}
    assert compiled.document is not None
    assert compiled.workflow is not None
    for spec, step in zip(compiled.document.workflow, compiled.workflow.steps, strict=False):
        for written, rule in zip(spec.case or (), step.rules, strict=True):
            places = {written.when.span}
            if rule.control is not None:
                places.add(rule.control.span)
            if isinstance(rule.control, ir.Retry):
                places.add(rule.control.max_attempts.span)
            if places & spans:
                yield step.name, rule


# -- the claims ------------------------------------------------------------------------------------------------------


@given(playbooks(loops=True), st.integers(0, 2**16))
@settings(deadline=None)
def test_what_is_said_never_to_fire_never_does(playbook: Playbook, seed: int) -> None:
    chance = Random(seed)
    drawn = crowded(playbook, chance)
    compiled = compile_source(drawn.text, "drawn.yaml")
    assert compiled.facts is not None
    assert compiled.ok, compiled.diagnostics
    heard, execution = run(compiled, drawn.script, chance)
    for code in ("NTL405", "NTL406"):
        assert [rule.index for step, rule in rules_at(compiled, code) if heard.fired[step, rule.index]] == [], code
    for step, firings in ((step, compiled.facts.firings[step.span]) for step in _steps(compiled)):
        for firing in firings:
            events = {event for name, index, event in heard.at if (name, index) == (step.name, firing.rule.index)}
            assert events <= {event for event, _ in firing.may}, (step.name, firing.rule.index)
    exhausted = [*rules_at(compiled, "NTL415")] if "max_attempts" in drawn.text else []
    for step_name, rule in (*rules_at(compiled, "NTL410"), *(e for e in exhausted if _once(e[1]))):
        assert heard.fired[step_name, rule.index] == heard.ignored[step_name, rule.index], (step_name, rule.index)
    runs = execution.summary()["runs"]
    assert isinstance(runs, list)
    assert {str(r["step"]) for r in runs if isinstance(r, dict)} <= compiled.facts.reach.from_start


def _steps(compiled: Compilation) -> tuple[ir.Step, ...]:
    assert compiled.workflow is not None
    return compiled.workflow.steps


def _once(rule: ir.Rule) -> bool:
    """Whether the rule's retry allows the first attempt only."""
    attempts = rule.control.max_attempts if isinstance(rule.control, ir.Retry) else None
    return isinstance(attempts, ir.Const) and attempts.value == 1


@contextmanager
def watched(missing: dict[str, list[str]]) -> Iterator[list[str]]:
    """Lists the parts that are there, of those that are told to be missing, whenever their template is rendered."""
    wrong: list[str] = []
    real = expr._run

    def watching(source: str, template: bool, scope: expr.Scope) -> object:
        for part in missing.get(source, ()):
            if real(f"{part} is defined", False, scope):
                wrong.append(f"{part} in {source}")
        return real(source, template, scope)

    expr._run = watching
    try:
        yield wrong
    finally:
        expr._run = real


@given(playbooks(loops=True), st.integers(0, 2**16))
@settings(deadline=None)
def test_parts_that_are_said_to_be_missing_are(playbook: Playbook, seed: int) -> None:
    chance = Random(seed)
    drawn = crowded(playbook, chance)
    compiled = compile_source(drawn.text, "drawn.yaml")
    assert compiled.ok, compiled.diagnostics
    told = [found.message.split('"')[1] for found in compiled.diagnostics if found.code == "NTL213"]
    places = {found.span for found in compiled.diagnostics if found.code == "NTL213"}
    assert compiled.facts is not None
    missing: dict[str, list[str]] = {}
    for site in compiled.facts.sites:
        for part in PARTS:
            at = site.value.source.find(part)
            if at >= 0 and any(site.value.place(at).line == place.line for place in places):
                dotted = part.replace("['", ".").replace("']", "")
                if dotted in told:
                    missing.setdefault(site.value.source, []).append(part)
    with watched(missing) as wrong:
        run(compiled, drawn.script, chance)
    assert wrong == []


# -- cycles ----------------------------------------------------------------------------------------------------------

CONDITIONS: tuple[Json, ...] = (
    True,
    False,
    "workload.n == 1",
    "workload.n == 2",
    "event.name == 'step.enter'",
    "step is defined",
)


@st.composite
def graphs(draw: st.DrawFn) -> str:
    """Steps without tools whose rules and transitions lead anywhere."""
    names = ["start", *"abc"[: draw(st.integers(0, 3))]]
    targets = st.lists(st.sampled_from(names), min_size=1, max_size=1)
    steps: list[Json] = []
    for name in names:
        step: dict[str, Json] = {"step": name}
        rules: list[Json] = []
        for _ in range(draw(st.integers(0, 2))):
            action: dict[str, Json] = draw(st.sampled_from(({"log": "x"}, {"skip": {}}, {"next": []}, {"fail": {}})))
            then: Json = {"next": [*draw(targets)]} if draw(st.booleans()) else action
            rules.append({"when": draw(st.sampled_from(CONDITIONS)), "then": then})
        if rules:
            step["case"] = rules
        if draw(st.booleans()) or not rules:
            step["next"] = [*draw(targets)]
        steps.append(step)
    head: dict[str, Json] = {"apiVersion": "noetl.io/v2", "kind": "Playbook", "metadata": {"name": "drawn"}}
    return json.dumps({**head, "workload": {"n": 0}, "workflow": steps})


@given(graphs())
@settings(deadline=None)
def test_a_cycle_that_is_said_to_have_no_way_out_is_left_by_no_run_that_reaches_it(text: str) -> None:
    compiled = compile_source(text, "drawn.yaml")
    assert compiled.ok, compiled.diagnostics
    assert compiled.facts is not None
    told = {
        step.name
        for step in compiled.facts.graph.steps.values()
        if step.span in {found.span for found in compiled.diagnostics if found.code == "NTL414"}
    }
    _, execution = run(compiled, Script(0, 0), Random(0), Limits(runs=50))
    summary = execution.summary()
    runs = summary["runs"]
    assert isinstance(runs, list)
    reached = {str(r["step"]) for r in runs if isinstance(r, dict)}
    error = summary.get("error")
    endless = isinstance(error, dict) and error.get("type") == "LimitExceeded"
    assert endless or not told & reached, (told, summary)
