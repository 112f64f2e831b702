"""A plan checked against the playbook, without the planner's reasoning.

What is checked for every plan before anything is emitted: the steps of the plan are those that `start` reaches; the
arrows that leave a copy are its step's edges, one to one, and lead to copies of the right steps; copies list exactly
the arrows that lead to them; a `join: all` step is one copy, so all its tokens meet; a copy of a `join: each` step gets
at most one token, whatever the runs choose.
"""

from __future__ import annotations

from collections import Counter, deque

from noetl.compiler import ir
from noetl.errors import InternalError

from .plan import Arrow, Copy, CopyId, Plan, Unit


def verify(plan: Plan, workflow: ir.Workflow) -> None:
    """Return if the plan means what the playbook means; InternalError, which says where not, otherwise."""
    copies = {copy.id: (unit, copy) for unit, copy in plan.copies()}
    _check_steps(plan, workflow)
    for unit, copy in copies.values():
        _check_leaving(unit.step, copy, copies)
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
    planned = Counter(unit.step.name for unit in plan.units)
    if dict(planned) != dict.fromkeys(reached, 1):
        odd = sorted(n for n in reached | set(planned) if planned[n] != (n in reached))
        raise _wrong(f"steps {odd} are not planned exactly once if reached")
    for unit in plan.units:
        ids = [copy.id for copy in unit.copies]
        if (
            unit.step is not steps[unit.step.name]
            or ids != [CopyId(unit.step.name, n + 1) for n in range(len(ids))]
            or not ids
        ):
            raise _wrong(f'the copies of step "{unit.step.name}" are {ids}')
        if (unit.kind == "copies") != (len(ids) > 1):
            raise _wrong(f'step "{unit.step.name}" is called {unit.kind} and has {len(ids)} copies')


def _check_leaving(step: ir.Step, copy: Copy, copies: dict[CopyId, tuple[Unit, Copy]]) -> None:
    if [arrow.edge for arrow in copy.leaving] != list(step.edges()):
        raise _wrong(f"the arrows that leave {copy.id} are not the edges of its step")
    for arrow in copy.leaving:
        if arrow.source != copy.id or arrow.target not in copies or arrow.target.step != arrow.edge.target:
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
        if unit.step.join == "all" and len(unit.copies) != 1:
            raise _wrong(f'step "{unit.step.name}" joins all its tokens and has {len(unit.copies)} copies')
        dead = [copy.id for copy in unit.copies if not copy.arriving]
        if (unit.step.name != ir.START and dead) or (unit.step.name == ir.START and len(unit.copies) != 1):
            raise _wrong(f"no arrow leads to {dead}, or there are several starts")


def _check_single_tokens(copies: dict[CopyId, tuple[Unit, Copy]]) -> None:
    """Play two tokens forward from `start`, along every pair of paths on which one execution could send them both.

    Two tokens that stand at one copy belong to one run, so they go on by the same `next`. A pair that comes to a copy
    of a `join: each` step by two arrows refutes the plan. Only pairs that can still meet at such a copy are played.
    """
    order = {id_: n for n, id_ in enumerate(copies)}
    for _, copy in copies.values():
        if any(order[arrow.target] <= order[copy.id] for arrow in copy.leaving):
            raise _wrong(f"an arrow that leaves {copy.id} does not lead on")
    meeting = _meeting_points(copies)
    onward = {id_: [a for a in copy.leaving if meeting[a.target]] for id_, (_, copy) in copies.items()}
    start = CopyId(ir.START, 1)
    seen = {(start, start)}
    todo = deque(seen)
    while todo:
        one, other = todo.popleft()
        for a, b in _moves(onward, order, one, other):
            pair = (a.target if a else one, b.target if b else other)
            if pair[0] == pair[1] and a is not b and copies[pair[0]][0].step.join == "each":
                raise _wrong(f"two tokens can reach {pair[0]}")
            if pair not in seen and meeting[pair[0]] & meeting[pair[1]]:
                seen.add(pair)
                todo.append(pair)


def _moves(
    onward: dict[CopyId, list[Arrow]], order: dict[CopyId, int], one: CopyId, other: CopyId
) -> list[tuple[Arrow | None, Arrow | None]]:
    """The next positions of two tokens: both by one `next` if they are together, else the one that is earlier."""
    if one == other:
        leaving = onward[one]
        return [(a, b) for i, a in enumerate(leaving) for b in leaving[i:] if a.edge.rule == b.edge.rule]
    if order[one] < order[other]:
        return [(a, None) for a in onward[one]]
    return [(None, b) for b in onward[other]]


def _meeting_points(copies: dict[CopyId, tuple[Unit, Copy]]) -> dict[CopyId, int]:
    """For each copy, as bits, the `join: each` copies with several arrows that it is or reaches."""
    points: dict[CopyId, int] = {}
    bit = 1
    for id_, (unit, copy) in reversed(copies.items()):
        found = 0
        if unit.step.join == "each" and len(copy.arriving) > 1:
            found, bit = bit, bit << 1
        for arrow in copy.leaving:
            found |= points.get(arrow.target, 0)
        points[id_] = found
    return points
