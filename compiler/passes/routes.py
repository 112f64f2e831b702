"""Where the runs of a step can go, with the rules' conditions folded (STP-7, RUL-6, SKP-1)."""

from __future__ import annotations

from dataclasses import replace

from noetl.compiler import ir

from .facts import Facts, Firing, Moment, Route


def routes(workflow: ir.Workflow, facts: Facts) -> Facts:
    """The route of every step; of steps that share a name, that of the first."""
    found: dict[str, Route] = {}
    for step in workflow.steps:
        if step.name not in found:
            found[step.name] = _Walk(step, facts.firings[step.span]).route()
    return replace(facts, routes=found)


class _Walk:
    def __init__(self, step: ir.Step, firings: tuple[Firing, ...]) -> None:
        self.step = step
        self.firings = firings
        self.ways: list[tuple[str, ...]] = []
        self.may_stop = False

    def route(self) -> Route:
        """Follow a run whose call works from event to event; of runs whose call fails, only what they take counts."""
        moments: list[Moment] = [("step.enter", "none"), ("step.exit", "worked")]
        if self.step.tool is not None:
            moments.insert(1, ("call.done", "worked"))
        settled = {moment: self._at(moment) for moment in moments}
        for firing in self.firings:
            if any(outcome == "failed" for _, outcome in firing.may):
                self._take(firing.rule.control)
        if self.step.loop is not None:
            return Route(tuple(self.ways), may_stop=True, settled_by_call=False)
        if not any(settled.values()):
            self._structural()
        return Route(tuple(self.ways), self.may_stop, settled.get(("call.done", "worked"), False))

    def _at(self, moment: Moment) -> bool:
        """Whether one rule or another is sure to fix the transitions, or to end the run, at this moment."""
        leaks = False
        for firing in self.firings:
            if moment not in firing.may or firing.behind:
                continue
            control = firing.rule.control
            self._take(control)
            leaks = leaks or isinstance(control, ir.Page | None)
            if moment in firing.sure and not isinstance(control, ir.Retry):
                return not leaks and isinstance(control, ir.Next | ir.Skip | ir.Fail)
        return False

    def _take(self, control: ir.ControlAction | None) -> None:
        if isinstance(control, ir.Next):
            self.ways.append(tuple(edge.target for edge in control.edges))
        elif isinstance(control, ir.Skip):
            self._structural()
        elif isinstance(control, ir.Fail):
            self.may_stop = True

    def _structural(self) -> None:
        if self.step.next is None:
            self.may_stop = True
        else:
            self.ways.append(tuple(edge.target for edge in self.step.next.edges))
