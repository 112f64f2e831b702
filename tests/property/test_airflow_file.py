"""What an emitted file is made of: names of steps, their order in the list and the form of `then` change only names."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Callable
from random import Random  # noqa: TID251  # a seeded order, drawn by Hypothesis

from hypothesis import event, given, settings
from hypothesis import strategies as st

from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.authoring import Document
from noetl.conformance.strategies import Playbook, playbooks
from noetl.targets.airflow import TARGET
from noetl.targets.airflow.flow import read
from noetl.targets.airflow.names import step_task_id
from noetl.targets.base import Options, Source

DRAWN = playbooks(loops=True, cycles=True)
Rename = Callable[[str], str]
Shape = tuple[Counter[str], set[tuple[str, str, str]], set[tuple[str, str]]]


def same(name: str) -> str:
    return name


def shape(document: Document, back: Rename = same) -> Shape:
    """The lines of the DAG, its edges, and class and step of each task; ids and names as `back` gives them."""
    text = json.dumps(document, indent=1, ensure_ascii=False)
    workflow = compile_source(text, "drawn.yaml", check=False).workflow
    assert workflow is not None
    content = TARGET.compile(Source("drawn.yaml", text, workflow), Options(maps=("*",))).content
    namespace: dict[str, str] = {}
    table = content.split("FLOW = ", 1)[1].split("\n\n#", 1)[0]
    exec(f"FLOW = {table}", namespace)
    flow = read(namespace["FLOW"])
    lines = [back(line) for line in content.split("\nwith DAG(", 1)[1].splitlines() if not _placed(line)]
    edges = {(back(id_), back(edge.label), back(edge.target)) for id_, task in flow.items() for edge in task.edges}
    classes = {(class_, back(id_)) for class_, id_ in re.findall(r'(\w+)\(\s*task_id="([^"]+)"', content)}
    return (
        Counter(lines),
        edges,
        classes | {(back(id_), back(step_task_id(task.step, 1, 1))) for id_, task in flow.items()},
    )


def _placed(line: str) -> bool:
    """A line of a region's steps: with their lines in the playbook, which another order moves."""
    return line.startswith("            ") and line.endswith("),")


def steps(document: Document) -> list[Json]:
    found = document["workflow"]
    assert isinstance(found, list)
    return found


@given(DRAWN, st.integers(0, 2**16))
@settings(deadline=None, max_examples=25)
def test_the_order_of_the_steps_means_nothing(playbook: Playbook, seed: int) -> None:
    document = copy.deepcopy(playbook.document)
    Random(seed).shuffle(steps(document))
    assert shape(document) == shape(playbook.document)


@given(DRAWN)
@settings(deadline=None, max_examples=25)
def test_a_list_of_actions_is_the_mapping_of_them(playbook: Playbook) -> None:
    document = copy.deepcopy(playbook.document)
    changed = 0
    for step in steps(document):
        assert isinstance(step, dict)
        rules = step.get("case", [])
        assert isinstance(rules, list)
        for rule in rules:
            assert isinstance(rule, dict)
            if isinstance(then := rule["then"], dict):
                rule["then"] = [{name: value} for name, value in then.items()]
                changed += 1
    event(f"changed: {changed > 0}")
    assert shape(document) == shape(playbook.document)


@given(DRAWN)
@settings(deadline=None, max_examples=25)
def test_names_of_steps_change_nothing_but_names(playbook: Playbook) -> None:
    document = copy.deepcopy(playbook.document)
    names = [str(step["step"]) for step in steps(document) if isinstance(step, dict)]
    renamed = {name: f"renamed{n}z" for n, name in enumerate(names) if name not in ("start", "end")}
    _rename(document["workflow"], renamed)
    ids = {step_task_id(new, 1, 1): step_task_id(old, 1, 1) for old, new in renamed.items()}

    def back(text: str) -> str:
        for new, old in ids.items():
            text = text.replace(new, old)
        return text

    assert shape(document, back)[1:] == shape(playbook.document)[1:]


def _rename(value: Json, renamed: dict[str, str]) -> None:
    """New names wherever a step is named by its name alone."""
    if isinstance(value, list):
        for item in value:
            _rename(item, renamed)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("step", "next") and isinstance(item, str):
                value[key] = renamed.get(item, item)
            elif key == "next" and isinstance(item, list):
                value[key] = [renamed.get(one, one) if isinstance(one, str) else one for one in item]
            _rename(value[key], renamed)
