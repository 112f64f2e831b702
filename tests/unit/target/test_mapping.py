"""Loops whose iterations are tasks: which can be, what is emitted for them, and how iterations are cut into parts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from noetl.compiler.frontend import compile_source, load
from noetl.errors import InternalError, UnsupportedByTarget
from noetl.targets.airflow import TARGET
from noetl.targets.airflow.iterations import chunks, indexes
from noetl.targets.airflow.names import entry_task_id, items_task_id, step_of
from noetl.targets.base import Compiled, Options, Source
from noetl.targets.plan import plan
from noetl.targets.regions import Reason
from noetl.targets.verify import verify

HEAD = "apiVersion: noetl.io/v2\nkind: Playbook\nmetadata: {name: loops}\nworkflow:\n"
TEXT = (
    HEAD
    + """\
  - step: start
    next: [many, many, line, bound, cyclic, single]
  - step: many
    loop: {in: "{{ [1, 2] }}", iterator: i, mode: parallel, max_in_flight: 3}
    next: [end]
  - step: line
    loop: {in: "{{ [1, 2] }}", iterator: i}
    next: [end]
  - step: bound
    loop: {in: "{{ [1, 2] }}", iterator: i, mode: parallel, max_in_flight: "{{ 3 }}"}
    next: [fans]
  - step: fans
    loop: {in: "{{ [1, 2] }}", iterator: i, mode: parallel}
    case:
      - when: "{{ event.name == 'step.exit' and i == 2 }}"
        then: {next: [{step: end}]}
  - step: cyclic
    loop: {in: "{{ [1, 2] }}", iterator: i, mode: parallel}
    case:
      - when: "{{ event.name == 'loop.done' }}"
        then: {next: [{step: cyclic}]}
  - step: single
    loop: {in: "{{ [1, 2] }}", iterator: i, mode: parallel, max_in_flight: 1}
    next: [end]
  - step: lost
    loop: {in: "{{ [1, 2] }}", iterator: i, mode: parallel}
    next: [end]
  - step: end
"""
)


def compiled(*maps: str, text: str = TEXT) -> Compiled:
    found = compile_source(text, "loops.yaml", check=False)
    assert found.workflow is not None
    return TARGET.compile(Source(found.path, found.text, found.workflow), Options(maps=maps))


@pytest.mark.parametrize("length", [0, 1, 3, 7, 1023, 1024, 1025, 5000])
@pytest.mark.parametrize("most", [1, 2, 1024])
def test_parts_are_few_enough_and_have_every_iteration_once(length: int, most: int) -> None:
    parts = chunks(length, most)
    assert len(parts) <= most
    assert [index for part in parts for index in indexes(part)] == list(range(length))


def test_what_cannot_be_mapped_is_told_at_its_place_with_the_reason() -> None:
    with pytest.raises(UnsupportedByTarget) as refused:
        compiled("start", "many", "line", "bound", "fans", "cyclic", "single", "lost")
    told = [(d.span.line, d.kind.code, d.message) for d in refused.value.diagnostics]
    because = 'the iterations of step "{}" cannot be tasks of their own: {}'
    assert told == [
        (5, "NTL514", because.format("start", "it has no loop")),
        (
            10,
            "NTL514",
            because.format(
                "line", "its iterations come one after the other, as each sees what the ones before it wrote"
            ),
        ),
        (13, "NTL514", because.format("bound", "a template says how many of its iterations may be under way")),
        (16, "NTL514", because.format("fans", "its iterations release tokens, as many as there are items")),
        (21, "NTL514", because.format("cyclic", "it shares a task with other steps, or goes round in one")),
        (26, "NTL514", because.format("single", "its iterations come one after the other, as one may be under way")),
        (29, "NTL514", because.format("lost", "no path from start leads there")),
    ]


def test_a_mapped_step_has_three_tasks_for_each_token() -> None:
    made = compiled("many")
    lines = [line.strip() for line in made.content.splitlines() if "Mapped" in line]
    assert lines == [
        "from noetl.targets.airflow.mapped import MappedPlainStep",
        'many_copy1 = MappedPlainStep(task_id="many.copy1", playbook=playbook, trigger_rule=JOIN, max_in_flight=3)',
        'many_copy2 = MappedPlainStep(task_id="many.copy2", playbook=playbook, trigger_rule=JOIN, max_in_flight=3)',
    ]
    story = next(story for story in made.explain().steps if story.step == "many")
    assert (story.unit, story.reason, story.native) == ("map", Reason.MAPPED, True)
    assert story.tasks == tuple(f"many.copy{n}{part}" for n in (1, 2) for part in (".enter", ".items", ""))
    assert "    unit map, 2 tasks: its iterations are tasks of their own, as --map asks [mapped]" in made.explain().text


def test_without_being_asked_nothing_is_mapped() -> None:
    assert compiled("no*").content == compiled().content
    assert "Mapped" not in compiled().content


def test_a_pattern_means_the_loops_that_can_be_mapped() -> None:
    assert compiled("*").content == compiled("many").content


def test_ids_lead_back_to_the_step() -> None:
    for id_ in ("load.2fusers", "load.2fusers.copy2"):
        assert step_of(entry_task_id(id_)) == step_of(items_task_id(id_)) == "load/users"


@pytest.mark.parametrize("step", ["line", "start"])
def test_a_plan_that_maps_what_cannot_be_is_refuted(step: str) -> None:
    workflow = load(TEXT, "loops.yaml", check=False)
    right = plan(workflow, mapped={"many"})
    verify(right, workflow)
    units = tuple(replace(unit, kind="map") if unit.step.name == step else unit for unit in right.units)
    with pytest.raises(InternalError, match="do not stand side by side"):
        verify(replace(right, units=units), workflow)


def test_a_plan_that_maps_a_fan_out_is_refuted() -> None:
    workflow = load(
        HEAD
        + """\
  - step: start
    loop: {in: "{{ [1, 2] }}", iterator: i, mode: parallel}
    case:
      - when: "{{ event.name == 'step.exit' and i == 2 }}"
        then: {next: [{step: end}]}
  - step: end
""",
        "loops.yaml",
        check=False,
    )
    right = plan(workflow)
    units = tuple(replace(unit, kind="map", many=False) if unit.many else unit for unit in right.units)
    with pytest.raises(InternalError, match="is no single step"):
        verify(replace(right, units=units), workflow)
