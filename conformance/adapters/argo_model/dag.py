"""dag templates (workflow/controller/dag.go of v4.1.2, as the recordings show it)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from .conditions import holds
from .expressions import EvaluationFailed, Unresolved, Value, evaluate, parse
from .manifest import OutsideSubset, Task, Template
from .nodes import Node, Phase
from .scope import Scope

if TYPE_CHECKING:
    from .controller import Place, Workflow

_REFERENCE: Final = re.compile(r"([A-Za-z0-9][-A-Za-z0-9]*)(\.[A-Za-z]+)?")


def execute(workflow: Workflow, node: Node, template: Template, place: Place, scope: Scope) -> None:
    """Go on with every task that may, then settle the node where nothing is under way."""
    _Dag(workflow, node, template, place, scope).execute()


@dataclass(slots=True)
class _Dag:
    workflow: Workflow
    node: Node
    template: Template
    place: Place
    scope: Scope

    @property
    def tasks(self) -> Mapping[str, Task]:
        return {task.name: task for task in self.template.groups[0]}

    def execute(self) -> None:
        tasks = self.tasks
        needed = {name for task in tasks.values() for name in self.dependencies(task)}
        leaves = sorted(name for name in tasks if name not in needed)
        seen: set[str] = set()
        for leaf in leaves:
            self.go_on(tasks[leaf], seen)
        phase = self._phase(leaves)
        if phase == "Running":
            return
        if phase == "Succeeded":
            try:
                self.node.outputs = self.workflow.declared(self.template, self._scope_of(list(tasks))) or None
            except EvaluationFailed as failure:  # nothing is attached behind it: a leaf after it is never reached
                self.node.phase, self.node.message = "Error", f"task '{self.node.name}' errored: {failure}"
                return
        names = [self.name(leaf) for leaf in leaves if self.found(leaf) is not None]
        self.node.outbound = [out for name in names for out in self.workflow.outbound(name)]
        self.node.phase = phase

    def name(self, task: str) -> str:
        """The name of the task's node."""
        return f"{self.place.name}.{task}"

    def found(self, task: str) -> Node | None:
        """Its node, where it has come to be."""
        return self.workflow.nodes.get(self.name(task))

    def dependencies(self, task: Task) -> list[str]:
        """The tasks that its `depends` names, each once, in the order of the text."""
        names = [found[1] for found in _REFERENCE.finditer(task.depends or "")]
        return list(dict.fromkeys(name for name in names if name in self.tasks))

    # -- one task ----------------------------------------------------------------------------------------------------

    def go_on(self, task: Task, seen: set[str]) -> None:
        """Start the task if its dependencies allow it, after having gone on with these."""
        known = self.found(task.name)
        if task.name in seen or (known is not None and known.fulfilled):
            return
        seen.add(task.name)
        dependencies = self.dependencies(task)
        for name in dependencies:
            self.go_on(self.tasks[name], seen)
        if any((node := self.found(name)) is None or not node.fulfilled for name in dependencies):
            return
        try:
            if task.depends is not None and not self._depends(task.depends, dependencies):
                self._end(task, "Omitted", "omitted: depends condition not met")
                return
            scope = self._scope_of(self._ancestors(task))
            if task.count is None:
                self._start(task, self.name(task.name), task.name, scope, dependencies)
            else:
                self._loop(task, scope, dependencies)
        except Unresolved:
            return
        except EvaluationFailed as failure:
            self._end(task, "Error", str(failure))

    def _start(self, task: Task, name: str, display: str, scope: Scope, dependencies: list[str]) -> None:
        workflow = self.workflow
        place = self._at(name, display)
        if name not in workflow.nodes and task.when:
            when = scope.substitute(self.scope.substitute(task.when))
            if not holds(when):
                workflow.create(task, place, "Skipped", "Skipped", f"when '{when}' evaluated false")
                self._connect(name, dependencies)
                return
        given = [(key, self.scope.substitute(value)) for key, value in task.arguments]
        optional = {key for key, default in workflow.template_of(task, self.place).inputs if default is not None}
        arguments = {
            key: scope.substitute(value)
            for key, value in given
            if not (key in optional and scope.is_absent(value))  # then the input has its default
        }
        fresh = name not in workflow.nodes
        if workflow.execute(task, place, arguments) is not None and fresh:
            self._connect(name, dependencies)

    def _loop(self, task: Task, scope: Scope, dependencies: list[str]) -> None:
        """A TaskGroup with a node for each item, the number as its value."""
        name = self.name(task.name)
        count = _number(scope.substitute(self.scope.substitute(task.count or ""), strict=True))
        if count == 0:
            self._end(task, "Skipped", "Skipped, empty params")
            return
        step = -1 if count < 0 else 1
        items = list(range(0, count, step)) if step > 0 else list(range(0, count - 1, -1))
        fresh = name not in self.workflow.nodes
        resolved = [(key, scope.substitute(self.scope.substitute(value), strict=True)) for key, value in task.arguments]
        if fresh:
            self.workflow.create(task, self._at(name, task.name), "TaskGroup", "Running")
            self._connect(name, dependencies)
        phase: Phase = "Succeeded"
        waiting = False
        for index, item in enumerate(items):
            display = f"{task.name}({index}:{item})"
            each = Scope({"item": str(item)})
            arguments = tuple((key, each.substitute(value)) for key, value in resolved)
            one = replace(task, arguments=arguments, count=None, when=None)
            if task.when is not None:
                if "'{{item}}'" in task.when:
                    raise OutsideSubset("a quoted item in the condition of a loop (argo-workflows issue 16270)")
                one = replace(one, when=each.substitute(scope.substitute(self.scope.substitute(task.when))))
            self._item(one, f"{self.place.name}.{display}", display, name)
            node = self.workflow.nodes.get(f"{self.place.name}.{display}")
            waiting = waiting or node is None or not node.fulfilled
            if node is not None and node.broken:
                phase = node.phase
        if not waiting:
            self.workflow.nodes[name].phase = phase

    def _item(self, task: Task, name: str, display: str, group: str) -> None:
        workflow, place = self.workflow, self._at(name, display)
        if name not in workflow.nodes and task.when is not None and not holds(task.when):
            workflow.create(task, place, "Skipped", "Skipped", f"when '{task.when}' evaluated false")
            workflow.attach(group, name)
        elif workflow.execute(task, place, dict(task.arguments)) is not None:
            workflow.attach(group, name)

    def _end(self, task: Task, phase: Phase, message: str) -> None:
        """A node that never runs."""
        self.workflow.create(task, self._at(self.name(task.name), task.name), "Skipped", phase, message)
        self._connect(self.name(task.name), self.dependencies(task))

    def _at(self, name: str, display: str) -> Place:
        return replace(self.place, name=name, display=display, boundary=self.place.name, depth=self.place.depth + 1)

    def _connect(self, name: str, dependencies: list[str]) -> None:
        if not dependencies:
            self.workflow.attach(self.place.name, name)
        for dependency in dependencies:
            for out in self.workflow.outbound(self.name(dependency)):
                self.workflow.attach(out, name)

    # -- what a task sees --------------------------------------------------------------------------------------------

    def _depends(self, depends: str, dependencies: list[str]) -> bool:
        results: dict[str, Value] = {name.replace("-", "_"): self._results(name) for name in dependencies}

        def full(found: re.Match[str]) -> str:
            name = found[1].replace("-", "_")
            return f"{name}{found[2]}" if found[2] else f"({name}.Succeeded || {name}.Skipped)"

        try:
            return evaluate(parse(_REFERENCE.sub(full, depends)), results) is True
        except EvaluationFailed as failure:
            raise EvaluationFailed(f"unable to evaluate expression '{depends}': {failure}") from None

    def _results(self, task: str) -> Mapping[str, Value]:
        node = self.found(task)
        assert node is not None
        phases = [self.workflow.nodes[child].phase for child in node.children] if node.type == "TaskGroup" else []
        return {
            **{name: node.phase == name for name in ("Succeeded", "Failed", "Skipped", "Omitted")},
            "Errored": node.phase == "Error",
            "AnySucceeded": "Succeeded" in phases,
            "AllFailed": bool(phases) and all(phase == "Failed" for phase in phases),
        }

    def _ancestors(self, task: Task) -> list[str]:
        seen: dict[str, None] = {}
        queue = self.dependencies(task)
        while queue:
            name = queue.pop()
            if name not in seen:
                seen[name] = None
                queue += self.dependencies(self.tasks[name])
        return list(seen)

    def _scope_of(self, names: list[str]) -> Scope:
        scope = Scope(dict(self.scope.values), {"tasks": frozenset(self.tasks)})
        for name in names:
            node = self.found(name)
            if node is None:
                continue
            prefix = f"tasks.{name}"
            scope.values[f"{prefix}.status"] = node.phase
            if node.exit_code is not None:
                scope.values[f"{prefix}.exitCode"] = str(node.exit_code)
            if node.type == "TaskGroup":
                scope.values.update(self._aggregate(prefix, node))
            else:
                scope.add_outputs(prefix, self.workflow.outputs_of(self.tasks[name], self.place, node))
        return scope

    def _aggregate(self, prefix: str, group: Node) -> Iterator[tuple[str, str]]:
        """The outputs of the items that succeeded, by index."""
        items = [self.workflow.nodes[child] for child in group.children]
        outputs = [item.outputs for item in items if item.phase == "Succeeded" and item.outputs]
        if not outputs:
            return
        yield f"{prefix}.outputs.parameters", _json(list(outputs))
        for name in outputs[0]:
            yield f"{prefix}.outputs.parameters.{name}", _json(_decoded([one[name] for one in outputs if name in one]))

    # -- how it ends -------------------------------------------------------------------------------------------------

    def _phase(self, leaves: list[str]) -> Phase:
        """What the leaves came to: one that did not run has the phase of the last ancestor on its way that did."""
        nodes = self.workflow.nodes
        reached: dict[str, Phase] = {}
        queue: list[tuple[str, Phase]] = [(child, "Succeeded") for child in self.node.children]
        seen: set[tuple[str, Phase]] = set()
        targets = {self.name(leaf) for leaf in leaves}
        while queue:
            entry = queue.pop(0)
            if entry in seen:
                continue
            seen.add(entry)
            name, phase = entry
            node = nodes[name]
            if not node.fulfilled:
                return "Running"
            if node.completed:
                phase = node.phase
            if name in targets and reached.get(name) not in ("Failed", "Error"):
                reached[name] = phase
            if node.type == "Retry":
                queue += [(after, phase) for child in node.children[-1:] for after in nodes[child].children]
            elif node.type == "TaskGroup":
                queue += [(after, phase) for child in node.children for after in nodes[child].children]
            else:
                queue += [(child, phase) for child in node.children]
        for leaf in leaves:
            if (found := reached.get(self.name(leaf))) is None:
                return "Running"
            if found in ("Failed", "Error"):
                return found
        return "Succeeded"


def _number(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d+", text):
        raise EvaluationFailed(f'strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


def _decoded(values: list[str]) -> list[object]:
    """Argo decodes the outputs of a loop where every one is a JSON object or list: never what noetl writes."""
    found: list[object] = []
    for value in values:
        try:
            decoded: object = json.loads(value, parse_float=_refused, parse_int=_small)
        except ValueError:
            return list(values)
        if not isinstance(decoded, dict | list):
            return list(values)
        found.append(decoded)
    return found


def _small(text: str) -> int:
    """Go reads every number as a float."""
    if len(text) > 15:
        _refused(text)
    return int(text)


def _refused(text: str) -> object:
    raise OutsideSubset(f"the number {text} in the output of an item")


def _json(value: object) -> str:
    """As Go writes it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
