"""The check of plans: it takes every plan of the planner, and kills plans with one thing wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from noetl.errors import InternalError
from noetl.targets.plan import Arrow, Copy, CopyId, Plan, Unit, plan
from noetl.targets.verify import verify

from .graphs import random_graph, workflow

GRAPH = """
start: [a b] [c]
a: *[meet]
b: [meet] [all_in]
c: *[meet] dead
meet: *[tail]
tail: [all_in] [end]
all_in: all *[end]
lost: *[end]
end:
"""


@pytest.mark.parametrize("seed", range(150))
def test_plans_of_random_graphs_pass(seed: int) -> None:
    flow = workflow(random_graph(f"verify/{seed}", wild=seed % 2 == 1))
    verify(plan(flow, 1 + seed % 3 * 8), flow)


def rebuilt(made: Plan, arrows: list[Arrow]) -> Plan:
    """The same units with other arrows."""
    return Plan(
        tuple(
            replace(
                unit,
                copies=tuple(
                    Copy(
                        copy.id,
                        tuple(a for a in arrows if a.target == copy.id),
                        tuple(a for a in arrows if a.source == copy.id),
                    )
                    for copy in unit.copies
                ),
            )
            for unit in made.units
        )
    )


def with_unit(made: Plan, name: str, change: Callable[[Unit], Unit | None]) -> Plan:
    changed = [change(unit) if unit.step.name == name else unit for unit in made.units]
    return Plan(tuple(unit for unit in changed if unit is not None))


def merged(made: Plan, name: str) -> Plan:
    """One copy of a step takes the arrows of all."""

    def first(id_: CopyId) -> CopyId:
        return CopyId(name, 1) if id_.step == name else id_

    arrows = [replace(a, target=first(a.target)) for a in made.arrows() if a.source == first(a.source)]
    fewer = with_unit(made, name, lambda unit: replace(unit, kind="step", copies=unit.copies[:1]))
    return rebuilt(fewer, arrows)


def split(made: Plan, name: str) -> Plan:
    """A step that joins all its tokens gets a second copy, for its last arrow."""
    arrows = list(made.arrows())
    (unit,) = (u for u in made.units if u.step.name == name)
    moved = unit.copies[0].arriving[-1]
    second = CopyId(name, 2)
    arrows = [replace(a, target=second) if a == moved else a for a in arrows]
    arrows += [replace(a, source=second) for a in unit.copies[0].leaving]
    more = with_unit(made, name, lambda u: replace(u, kind="copies", copies=(u.copies[0], Copy(second, (), ()))))
    return rebuilt(more, arrows)


def mutants(made: Plan) -> Iterator[tuple[str, Plan]]:
    arrows = list(made.arrows())
    units = {unit.step.name: unit for unit in made.units}
    for n, arrow in enumerate(arrows):
        rest = arrows[:n] + arrows[n + 1 :]
        yield f"drop arrow {n}", rebuilt(made, rest)
        yield f"double arrow {n}", rebuilt(made, [*arrows, arrow])
        wrong = next(name for name in units if name != arrow.target.step)
        yield f"arrow {n} to another step", rebuilt(made, [*rest, replace(arrow, target=CopyId(wrong, 1))])
        for copy in units[arrow.target.step].copies:
            if copy.id != arrow.target and arrow.source.step != "c":  # the edge of c excludes those of both copies
                yield f"arrow {n} to copy {copy.id.number}", rebuilt(made, [*rest, replace(arrow, target=copy.id)])
        for other in units[arrow.source.step].step.edges():
            if other != arrow.edge:
                yield f"arrow {n} with another edge", rebuilt(made, [*rest, replace(arrow, edge=other)])
    for name, unit in units.items():
        yield f"without {name}", with_unit(made, name, lambda _: None)
        yield f"{name} twice", Plan((*made.units, unit))
        yield f"{name} without copies", with_unit(made, name, lambda u: replace(u, copies=()))
        yield (
            f"{name} misnamed",
            with_unit(made, name, lambda u: replace(u, kind="copies" if u.kind == "step" else "step")),
        )
        if len(unit.copies) > 1:
            yield f"{name} merged", merged(made, name)
        if unit.step.join == "all":
            yield f"{name} split", split(made, name)
        for copy in unit.copies:
            if copy.arriving:
                deaf = replace(copy, arriving=copy.arriving[1:])
                others = tuple(deaf if c is copy else c for c in unit.copies)
                yield f"{copy.id} deaf", with_unit(made, name, lambda u, o=others: replace(u, copies=o))  # type: ignore[misc]


FLOW = workflow(GRAPH)
PLANNED = plan(FLOW)
MUTANTS = dict(mutants(PLANNED))
REGIONS = """
start: *[a b c]
a: *[poll]
b: *[poll]
poll: [poll] *[meet]
c: *[all_of]
all_of: [one] *[meet] fan
one: *[meet]
meet: all *[end]
end:
"""
FLOW_OF_REGIONS = workflow(REGIONS)
WITH_REGIONS = plan(FLOW_OF_REGIONS)


def mutants_of_regions(made: Plan) -> Iterator[tuple[str, Plan]]:
    arrows = list(made.arrows())
    for n, arrow in enumerate(arrows):
        rest = arrows[:n] + arrows[n + 1 :]
        yield f"drop arrow {n}", rebuilt(made, rest)
        yield f"double arrow {n}", rebuilt(made, [*arrows, arrow])
        wrong = next(unit.step.name for unit in made.units if unit.step.name != arrow.target.step)
        yield f"arrow {n} to another unit", rebuilt(made, [*rest, replace(arrow, target=CopyId(wrong, 1))])
    for unit in made.units:
        name = unit.step.name
        yield f"without {name}", with_unit(made, name, lambda _: None)
        yield f"{name} as one for many tokens", with_unit(made, name, lambda u: replace(u, many=not u.many))
        if unit.kind == "region":
            yield f"{name} no region", with_unit(made, name, lambda u: replace(u, kind="step"))
            yield f"{name} chooses not", with_unit(made, name, lambda u: replace(u, chooses=not u.chooses))
            yield f"{name} loses a step", with_unit(made, name, lambda u: replace(u, steps=u.steps[1:]))
            yield f"{name} merged", merged(made, name)


MUTANTS_OF_REGIONS = {
    name: made for name, made in mutants_of_regions(WITH_REGIONS) if made != WITH_REGIONS and "poll as" not in name
}
"""But for a region that says that more may happen than can: that is allowed, where the steps below take it."""


def test_the_plan_that_is_mutated_passes_and_has_copies() -> None:
    verify(PLANNED, FLOW)
    assert {unit.step.name for unit in PLANNED.units if len(unit.copies) > 1} == {"meet", "tail"}
    assert len(MUTANTS) > 60
    verify(WITH_REGIONS, FLOW_OF_REGIONS)
    assert {u.step.name: len(u.copies) for u in WITH_REGIONS.units if u.kind == "region"} == {"poll": 2, "all_of": 1}
    assert len(MUTANTS_OF_REGIONS) > 30


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_a_plan_is_killed(name: str) -> None:
    with pytest.raises(InternalError, match="the plan does not fit the playbook"):
        verify(MUTANTS[name], FLOW)


@pytest.mark.parametrize("name", MUTANTS_OF_REGIONS)
def test_a_mutant_of_a_plan_with_regions_is_killed(name: str) -> None:
    with pytest.raises(InternalError, match="the plan does not fit the playbook"):
        verify(MUTANTS_OF_REGIONS[name], FLOW_OF_REGIONS)


def test_a_region_that_does_not_gather_takes_tokens_by_one_way() -> None:
    flow = workflow("start: *[a b]\na: *[meet]\nb: *[meet]\nmeet: all [meet] *[end]\nend:")
    made = plan(flow)
    verify(made, flow)
    with pytest.raises(InternalError, match="two tokens can reach"):
        verify(with_unit(made, "meet", lambda unit: replace(unit, gathers=False)), flow)
    with pytest.raises(InternalError, match="two tokens can reach"):
        verify(with_unit(made, "meet", lambda unit: replace(unit, gathers=False, many=False)), flow)


def test_a_plan_of_what_start_does_not_reach_is_refused() -> None:
    lost = workflow("start: *[end]\nlost: *[end]\nend:")
    other = workflow("start: *[end lost]\nlost: *[end]\nend:")
    with pytest.raises(InternalError, match="lost"):
        verify(plan(other), lost)


def test_the_check_stays_quick_where_nothing_merges() -> None:
    width = 3000
    lines = [f"start: *[{' '.join(f's{n}' for n in range(width))}]", *(f"s{n}: *[end]" for n in range(width)), "end:"]
    flow = workflow("\n".join(lines))
    made = plan(flow)
    begun = time.process_time()
    verify(made, flow)
    assert time.process_time() - begun < 2
