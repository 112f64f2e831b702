"""A plan checked against the playbook, without the planner's reasoning.

What is checked for every plan before anything is emitted: the steps of the plan are those that `start` reaches; steps
alone in a unit do not lead to themselves; a step whose iterations are tasks has a parallel loop, none of whose
iterations releases tokens; the arrows that leave a copy are the edges that lead out of its unit, one to
one, and lead to copies of the right units; copies list exactly the arrows that lead to them; a `join: all` step is in
one copy, so all its tokens meet; where one token is to come, at most one does, whatever the runs choose; and a region
that one token goes through does not split it.
"""

from __future__ import annotations

from collections import Counter, deque

from noetl.compiler import ir
from noetl.errors import InternalError

from .plan import Arrow, Copy, CopyId, Plan, Unit
from .regions import one_token


def verify(plan: Plan, workflow: ir.Workflow) -> None:
    """Return if the plan means what the playbook means; InternalError, which says where not, otherwise."""
    copies = {copy.id: (unit, copy) for unit, copy in plan.copies()}
    _check_steps(plan, workflow)
    for unit in plan.units:
        _check_unit(unit)
    for unit, copy in copies.values():
        _check_leaving(unit, copy, copies)
    _check_arriving(copies)
    _check_joins(plan)
    _check_single_tokens(copies)


def _wrong(what: str) -> InternalError:
    return InternalError(f"the plan does not fit the playbook: {what}")


def _check_steps(plan: Plan, workflow: ir.Workflow) -> None:
    steps = {step.name: step for step in workflow.steps}
    reached: set[str] = set()
    todo = [ir.START]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += [edge.target for edge in steps[name].edges()]
    planned = Counter(step.name for unit in plan.units for step in unit.steps)
    if dict(planned) != dict.fromkeys(reached, 1):
        odd = sorted(n for n in reached | set(planned) if planned[n] != (n in reached))
        raise _wrong(f"steps {odd} are not planned exactly once if reached")
    for unit in plan.units:
        if any(step is not steps[step.name] for step in unit.steps):
            raise _wrong(f'the unit of step "{unit.step.name}" has another step than the playbook')


def _check_unit(unit: Unit) -> None:
    ids = [copy.id for copy in unit.copies]
    if ids != [CopyId(unit.step.name, n + 1) for n in range(len(ids))] or not ids:
        raise _wrong(f'the copies of step "{unit.step.name}" are {ids}')
    if unit.kind == "region":
        if not unit.many and not one_token(unit.steps):
            raise _wrong(f'a token may be split in the region of step "{unit.step.name}"')
    elif unit.kind == "map" and (unit.step.loop is None or not unit.step.loop.parallel):
        raise _wrong(f'the iterations of step "{unit.step.name}" do not stand side by side')
    elif unit.kind != "map" and (unit.kind == "copies") != (len(ids) > 1):
        raise _wrong(f'step "{unit.step.name}" is called {unit.kind} and has {len(ids)} copies')
    elif unit.many or len(unit.steps) != 1 or not one_token(unit.steps):
        raise _wrong(f'the unit of step "{unit.step.name}" is no single step')
    if unit.kind == "region" and unit.chooses != any(copy.leaving for copy in unit.copies):
        raise _wrong(f'the region of step "{unit.step.name}" chooses among no edges, or does not')


def _check_leaving(unit: Unit, copy: Copy, copies: dict[CopyId, tuple[Unit, Copy]]) -> None:
    inside = {step.name for step in unit.steps if unit.kind == "region"}
    if [arrow.edge for arrow in copy.leaving] != [e for s in unit.steps for e in s.edges() if e.target not in inside]:
        raise _wrong(f"the arrows that leave {copy.id} are not the edges that lead out")
    for arrow in copy.leaving:
        target = copies.get(arrow.target)
        if arrow.source != copy.id or target is None or arrow.edge.target not in {s.name for s in target[0].steps}:
            raise _wrong(f"{arrow} does not lead where its edge leads")


def _check_arriving(copies: dict[CopyId, tuple[Unit, Copy]]) -> None:
    sent = Counter(
        (arrow.target, arrow.source, id(arrow.edge)) for _, copy in copies.values() for arrow in copy.leaving
    )
    seen = Counter((copy.id, arrow.source, id(arrow.edge)) for _, copy in copies.values() for arrow in copy.arriving)
    if sent != seen:
        raise _wrong(
            f"arrows that leave and arrows that arrive differ at {sorted({k[0] for k in sent - seen | seen - sent})}"
        )


def _check_joins(plan: Plan) -> None:
    for unit in plan.units:
        if len(unit.copies) != 1 and any(step.join == "all" for step in unit.steps):
            raise _wrong(f'the unit of step "{unit.step.name}" joins all tokens and has {len(unit.copies)} copies')
        begins = any(step.name == ir.START for step in unit.steps)
        dead = [copy.id for copy in unit.copies if not copy.arriving]
        if (dead and not begins) or (begins and len(unit.copies) != 1):
            raise _wrong(f"no arrow leads to {dead}, or there are several starts")


def _takes_one(unit: Unit) -> bool:
    """Whether a copy of the unit is made for one token at most."""
    return not unit.many and (unit.kind == "region" or unit.step.join == "each")


def _one_way(unit: Unit) -> bool:
    """Whether tokens come to a copy of the unit by one arrow at most."""
    return _takes_one(unit) or (unit.many and not unit.gathers)


def _check_single_tokens(copies: dict[CopyId, tuple[Unit, Copy]]) -> None:
    """Play two tokens forward from `start`, along every pair of paths on which one execution could send them both.

    Two tokens that stand at one copy belong to one run, or to one way through a region, so they go on by the same
    `next`; only a region of many tokens sends two by any of its edges, and by one of them. Two tokens that come to a
    copy which is made for one refute the plan. Only pairs that can still meet at such a copy are played.
    """
    order = {id_: n for n, id_ in enumerate(copies)}
    for _, copy in copies.values():
        if any(order[arrow.target] <= order[copy.id] for arrow in copy.leaving):
            raise _wrong(f"an arrow that leaves {copy.id} does not lead on")
    meeting = _meeting_points(copies)
    onward = {id_: [a for a in copy.leaving if meeting[a.target]] for id_, (_, copy) in copies.items()}
    many = {id_ for id_, (unit, _) in copies.items() if unit.many}
    start = next(iter(copies))
    seen = {(start, start)}
    todo = deque(seen)
    while todo:
        one, other = todo.popleft()
        for a, b in _moves(onward, order, many, one, other):
            pair = (a.target if a else one, b.target if b else other)
            unit = copies[pair[0]][0]
            if pair[0] == pair[1] and (_one_way(unit) if a is not b else one in many and _takes_one(unit)):
                raise _wrong(f"two tokens can reach {pair[0]}")
            if pair not in seen and meeting[pair[0]] & meeting[pair[1]]:
                seen.add(pair)
                todo.append(pair)


def _moves(
    onward: dict[CopyId, list[Arrow]], order: dict[CopyId, int], many: set[CopyId], one: CopyId, other: CopyId
) -> list[tuple[Arrow | None, Arrow | None]]:
    """The next positions of two tokens: both by one `next` if they are together, else the one that is earlier."""
    if one == other:
        leaving = onward[one]
        ways = {id(a): (a.edge.source, a.edge.rule) for a in leaving}
        return [(a, b) for i, a in enumerate(leaving) for b in leaving[i:] if one in many or ways[id(a)] == ways[id(b)]]
    if order[one] < order[other]:
        return [(a, None) for a in onward[one]]
    return [(None, b) for b in onward[other]]


def _meeting_points(copies: dict[CopyId, tuple[Unit, Copy]]) -> dict[CopyId, int]:
    """For each copy, as bits, the copies that are made for one token or one way, that it is or reaches."""
    points: dict[CopyId, int] = {}
    bit = 1
    for id_, (unit, copy) in reversed(copies.items()):
        found = 0
        several = len(copy.arriving) > 1 or any(copies[arrow.source][0].many for arrow in copy.arriving)
        if several and _one_way(unit):
            found, bit = bit, bit << 1
        for arrow in copy.leaving:
            found |= points.get(arrow.target, 0)
        points[id_] = found
    return points
