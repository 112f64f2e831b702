"""What may be written in another way means the same: relations that need no expectation.

Each relation rewrites a drawn playbook; the outcomes are compared, with the names and places that the relation changes
put back. A relation that is broken on purpose is seen.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.authoring import Document
from noetl.conformance.judge import differences
from noetl.conformance.strategies import Playbook, playbooks
from noetl.runtime.engine import Execution
from noetl.runtime.events import silent
from noetl.runtime.library import TextLibrary
from noetl.runtime.scope import ExecutionInfo
from noetl.targets.airflow.layout import lay_out
from noetl.targets.plan import plan
from noetl.targets.verify import verify

from .driving import TIME, Tools, driven, with_children

INFO: Final = ExecutionInfo("drawn", {})
Relation = Callable[[Document], Document]
DRAWN: Final = playbooks(loops=True, cycles=True, children=True, wide=True)


def outcome(playbook: Playbook, text: str) -> dict[str, Json]:
    """What the engine makes of it; every plan of it is verified."""
    workflow = compile_source(text, "drawn.yaml").workflow
    assert workflow is not None
    made = plan(workflow)
    verify(made, workflow)
    lay_out(workflow, made)
    answer = with_children(Tools(playbook.script), TextLibrary(playbook.library))
    execution = Execution(workflow, INFO, silent)
    return driven(execution, execution.start({}, TIME), answer).summary()


def steps(document: Document) -> list[Document]:
    found = document["workflow"]
    assert isinstance(found, list)
    return [step for step in found if isinstance(step, dict)]


def reversed_workflow(document: Document) -> Document:
    """The order of the steps in the list means nothing."""
    document["workflow"] = list(reversed(steps(document)))
    return document


def unreachable_step(document: Document) -> Document:
    """A step to which nothing leads does not run."""
    document["workflow"] = [*steps(document), {"step": "nobody", "tool": {"kind": "python", "code": "result = 1"}}]
    return document


def then_as_list(document: Document) -> Document:
    """A `then` mapping is the list of its entries (DOC-8)."""
    for step in steps(document):
        rules = step.get("case")
        for rule in rules if isinstance(rules, list) else ():
            assert isinstance(rule, dict)
            if isinstance(then := rule["then"], dict) and "step" not in then:
                rule["then"] = [{name: value} for name, value in then.items()]
    return document


def next_as_maps(document: Document) -> Document:
    """A `next` that is a text or has texts is the list of maps (DOC-7)."""
    for step in steps(document):
        following = step.get("next")
        if following is not None:
            listed = following if isinstance(following, list) else [following]
            step["next"] = [entry if isinstance(entry, dict) else {"step": entry} for entry in listed]
    return document


def last_rule_dropped(document: Document) -> Document:
    """No relation: rules mean something."""
    for step in steps(document):
        if isinstance(rules := step.get("case"), list):
            step["case"] = rules[:-1]
    return document


SAME: Final[tuple[Relation, ...]] = (reversed_workflow, unreachable_step, then_as_list, next_as_maps)


def rewritten(playbook: Playbook, relation: Relation) -> str:
    return json.dumps(relation(copy.deepcopy(playbook.document)), ensure_ascii=False)


@pytest.mark.parametrize("relation", SAME, ids=lambda relation: relation.__name__)
@given(playbook=DRAWN)
@settings(deadline=None, max_examples=15)
def test_the_outcome_is_the_same(relation: Relation, playbook: Playbook) -> None:
    assert differences(outcome(playbook, rewritten(playbook, relation)), outcome(playbook, playbook.text)) == []


@given(playbook=DRAWN, spaced=st.booleans())
@settings(deadline=None, max_examples=15)
def test_form_of_yaml_means_nothing(playbook: Playbook, spaced: bool) -> None:
    """On one line, or indented."""
    text = json.dumps(playbook.document, indent=4 if spaced else None, ensure_ascii=False)
    assert differences(outcome(playbook, text), outcome(playbook, playbook.text)) == []


CHAIN: Final = """\
apiVersion: noetl.io/v2
kind: Playbook
metadata: {name: chain}
workflow:
  - step: start
    tool: {kind: python, code: "result = 1"}
    next: [%s]
  - step: %s
    tool: {kind: python, code: "result = 2", args: {before: "{{ start.v }}", given: "{{ args.n }}"}}
    next: [{step: end, args: {n: 3}}]
%s  - step: end
    join: all
    case: [{when: "{{ event.name == 'step.exit' }}", then: {result: {from: "[args.n, %s.v]"}}}]
"""


@given(playbook=DRAWN, name=st.sampled_from(("work", "q7", "load_all")))
@settings(deadline=None, max_examples=8)
def test_names_mean_nothing(playbook: Playbook, name: str) -> None:
    plain = outcome(playbook, CHAIN % ("{step: a, args: {n: 1}}", "a", "", "a"))
    renamed = outcome(playbook, CHAIN % (f"{{step: {name}, args: {{n: 1}}}}", name, "", name))
    told = json.loads(json.dumps(renamed).replace(f'"{name}"', '"a"'))
    assert differences(told, plain) == []


def passed_on(summary: dict[str, Json]) -> tuple[Json, list[tuple[Json, Json]]]:
    """The status, and the args of each step but the one between; what a tool answers depends on the place."""
    runs = summary["runs"]
    assert isinstance(runs, list)
    told = [(run["step"], run["args"]) for run in runs if isinstance(run, dict) and run["step"] != "between"]
    return summary["status"], told


@given(playbook=DRAWN)
@settings(deadline=None, max_examples=8)
def test_a_step_that_passes_on_changes_nothing_but_keys(playbook: Playbook) -> None:
    assume(playbook.script.failing == 0)
    plain = outcome(playbook, CHAIN % ("{step: a, args: {n: 1}}", "a", "", "a"))
    between = '  - step: between\n    next: [{step: a, args: {n: "{{ args.n }}"}}]\n'
    longer = outcome(playbook, CHAIN % ("{step: between, args: {n: 1}}", "a", between, "a"))
    assert passed_on(longer) == passed_on(plain)


def test_a_broken_relation_is_seen() -> None:
    seen = 0

    @given(playbook=DRAWN)
    @settings(deadline=None, max_examples=25, database=None)
    def look(playbook: Playbook) -> None:
        nonlocal seen
        found = compile_source(rewritten(playbook, last_rule_dropped), "drawn.yaml")
        assume(found.ok)
        seen += bool(
            differences(outcome(playbook, rewritten(playbook, last_rule_dropped)), outcome(playbook, playbook.text))
        )

    look()
    assert seen >= 1
