"""What changes the behavioural hash of a playbook, what does not, and what names do to an emitted DAG."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from itertools import pairwise
from random import Random  # noqa: TID251  # seeded: the same changes in every run

import pytest

from noetl.compiler import ir
from noetl.compiler.differences import differences, fingerprint, meaning
from noetl.compiler.formatting import format_text
from noetl.compiler.frontend import compile_source
from noetl.compiler.ir import Json
from noetl.conformance.drawn import drawn
from noetl.targets.airflow import TARGET
from noetl.targets.airflow.names import step_task_id
from noetl.targets.base import Source

COUNT = 25
SEED = 7
Document = dict[str, Json]
TASK = re.compile(r'^    (\w+) = (\w+)\(\s*task_id="([^"]*)"((?:.|\n     )*)', re.MULTILINE)
ARROW = re.compile(r'^    (\w+)\.to\((\w+), "([^"]*)"\)', re.MULTILINE)


@cache
def documents() -> tuple[Document, ...]:
    """Drawn playbooks, always the same ones."""
    return tuple(playbook.document for _, playbook in drawn(SEED, COUNT))


def text(document: Document) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False)


def read(document: Document | str) -> ir.Workflow:
    found = compile_source(document if isinstance(document, str) else text(document), "p.yaml", check=False)
    assert found.workflow is not None
    return found.workflow


def steps(document: Document) -> list[Document]:
    found = document["workflow"]
    assert isinstance(found, list)
    return [step for step in found if isinstance(step, dict)]


def parts(value: Json) -> Iterator[Document]:
    """Every map of a document."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from parts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from parts(inner)


def permuted(document: Document, random: Random) -> Document:
    """The steps in another order, `start` wherever it comes."""
    made = deepcopy(document)
    random.shuffle(found := steps(made))
    made["workflow"] = [*found]
    return made


def respelled(document: Document, random: Random) -> Document:
    """Blocks of single actions as mappings, or mappings as lists; keys of steps in another order; `desc` added."""
    made = deepcopy(document)
    for part in parts(made["workflow"]):
        then = part.get("then")
        if isinstance(then, dict):
            part["then"] = [{name: value} for name, value in then.items()]
        elif isinstance(then, list) and all(isinstance(one, dict) and len(one) == 1 for one in then):
            names = [name for one in then if isinstance(one, dict) for name in one]
            if len(names) == len(set(names)):
                part["then"] = {name: value for one in then if isinstance(one, dict) for name, value in one.items()}
    made["workflow"] = [{"desc": "said", **dict(random.sample([*step.items()], len(step)))} for step in steps(made)]
    return made


@pytest.mark.parametrize("number", range(COUNT))
def test_what_is_no_difference(number: int) -> None:
    document, random = documents()[number], Random(number)
    before = read(document)
    for other in (permuted(document, random), respelled(document, random), format_text(text(document), "p.yaml")):
        after = read(other)
        assert differences(before, after) == []
        assert fingerprint(meaning(before)) == fingerprint(meaning(after))


@pytest.mark.parametrize("number", range(COUNT))
def test_every_other_value_is_a_difference(number: int) -> None:
    """One leaf of the workload or of a step is changed at a time."""
    document, random = documents()[number], Random(number)
    before = read(document)
    hashes = {fingerprint(meaning(before))}
    for place in random.sample(found := [*leaves(document)], min(8, len(found))):
        made = changed(document, place)
        compiled = compile_source(text(made), "p.yaml", check=False)
        if compiled.workflow is None or not compiled.ok or compiled.workflow.steps == before.steps:
            continue
        after = compiled.workflow
        assert differences(before, after), place
        hashes.add(fingerprint(meaning(after)))
        assert fingerprint(meaning(after)) != fingerprint(meaning(before)), place
    assert len(hashes) > 1


def leaves(document: Document) -> Iterator[tuple[str | int, ...]]:
    """The places of texts and numbers in steps, but for what only tells."""

    def below(value: Json, place: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
        entries: list[tuple[str | int, Json]] = []
        if isinstance(value, dict):
            entries += value.items()
        elif isinstance(value, list):
            entries += enumerate(value)
        elif isinstance(value, int | str) and not isinstance(value, bool):
            yield place
        for name, inner in entries:
            if name not in ("desc", "assert", "step", "kind"):
                yield from below(inner, (*place, name))

    return below(document["workflow"], ("workflow",))


def changed(document: Document, place: tuple[str | int, ...]) -> Document:
    """The document with another value at a place."""
    made = deepcopy(document)
    owner: Json = made
    for name in place[:-1]:
        owner = owner[name] if isinstance(owner, dict) and isinstance(name, str) else owner
        owner = owner[name] if isinstance(owner, list) and isinstance(name, int) else owner
    last = place[-1]
    if isinstance(owner, dict) and isinstance(last, str):
        owner[last] = other(owner[last])
    if isinstance(owner, list) and isinstance(last, int):
        owner[last] = other(owner[last])
    return made


def other(value: Json) -> Json:
    return value + 1 if isinstance(value, int) else f"{value}x"


def test_equal_hashes_are_no_differences_and_the_other_way_round() -> None:
    workflows = [read(document) for document in documents()]
    for before, after in pairwise(workflows):
        same = fingerprint(meaning(before)) == fingerprint(meaning(after))
        assert same == (differences(before, after) == [])
        back = differences(after, before)
        assert same == (back == [])


# -- emitted files ---------------------------------------------------------------------------------------------------


def skeleton(document: Document) -> tuple[list[tuple[str, str, bool]], list[tuple[str, str, str]]]:
    """The tasks of the emitted file, each with its class and whether it joins, and its arrows."""
    source = text(document)
    workflow = read(document)
    content = TARGET.compile(Source("p.yaml", source, workflow, all_playbooks=True)).content
    ids = {found[1]: found[3] for found in TASK.finditer(content)}
    tasks = [(found[3], found[2], "trigger_rule" in found[4]) for found in TASK.finditer(content)]
    assert len(tasks) >= 2
    return tasks, [(ids[found[1]], ids[found[2]], found[3]) for found in ARROW.finditer(content)]


def renamed(document: Document, names: dict[str, str]) -> Document:
    made = deepcopy(document)
    for part in parts(made["workflow"]):
        step = part.get("step")
        if isinstance(step, str):
            part["step"] = names.get(step, step)
        following = part.get("next")
        if isinstance(following, str):
            part["next"] = names.get(following, following)
        if isinstance(following, list):
            part["next"] = [names.get(one, one) if isinstance(one, str) else one for one in following]
    return made


@pytest.mark.parametrize("number", range(COUNT))
def test_names_order_and_spelling_change_nothing_but_names(number: int) -> None:
    document, random = documents()[number], Random(number)
    before = skeleton(document)
    assert skeleton(permuted(document, random)) == before
    assert skeleton(respelled(document, random)) == before
    names = {
        str(s["step"]): f"other{n}_{s['step']}"
        for n, s in enumerate(steps(document))
        if s["step"] not in (ir.START, ir.END)
    }
    tasks, arrows = skeleton(renamed(document, names))
    back = {new: old for old, new in names.items()}

    def old_name(id_: str) -> str:
        for new, old in back.items():
            id_ = id_.replace(step_task_id(new, 1, 1), step_task_id(old, 1, 1))
        return id_

    assert [(old_name(id_), *rest) for id_, *rest in tasks] == [(id_, *rest) for id_, *rest in before[0]]
    assert [tuple(map(old_name, arrow)) for arrow in arrows] == before[1]
