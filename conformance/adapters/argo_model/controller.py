"""The controller: it looks at the Workflow again and again, and starts what may start, until nothing is left to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from . import dag, steps
from .expressions import EvaluationFailed, Unresolved, Value, evaluate, parse
from .manifest import Kind, Manifest, OutsideSubset, Retry, Task, Template
from .nodes import Node, Phase, Type
from .scope import Scope

ROOT: Final = "@"
_VARIABLE: Final = re.compile(r"\$\$|\$\(([-._A-Za-z][-._A-Za-z0-9]*)\)")
_OUTPUTS: Final = "/var/run/argo/outputs/parameters"
DEEPEST: Final = 99
"""So many templates stand around one that is refused: 97 rounds of a recursion under a main dag are the most."""
_TYPES: Final[Mapping[Kind, Type]] = {"dag": "DAG", "steps": "Steps", "pod": "Pod", "suspend": "Suspend"}


@dataclass(frozen=True, slots=True)
class PodEnd:
    """How a pod ended. `outputs` are the files of its output parameters, by parameter, those that were written."""

    exit_code: int
    outputs: Mapping[str, str]
    lost: str | None = None
    """The message of a pod that ended in phase Error."""


class Pods(Protocol):
    """Runs the pods."""

    def start(self, name: str, template: Template, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Begin the pod of that node with the command and the environment that Argo and the kubelet made."""
        ...

    def ended(self) -> dict[str, PodEnd]:
        """The pods that have ended since this was last asked; waits until there is one, if any is under way."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a template runs: in which node's name and boundary, how deep, and whose templates it names."""

    name: str
    display: str
    boundary: str
    depth: int
    library: str


class Workflow:
    """A Workflow under way: its nodes by name, in the order in which they came to be."""

    def __init__(self, manifest: Manifest, pods: Pods) -> None:
        self.manifest = manifest
        self.nodes: dict[str, Node] = {}
        self._pods = pods
        self._templates: dict[str, Template] = {}

    def run(self) -> None:
        """To the end, or until nothing moves: then the root is Running, as it would be for ever."""
        while not self._root().fulfilled:
            self._update()
            ended = self._pods.ended()
            if not ended and not self._update():
                return
            for name, end in ended.items():
                self._pod_ended(name, end)

    @property
    def phase(self) -> Phase:
        """That of the root."""
        return self._root().phase

    def _root(self) -> Node:
        if ROOT not in self.nodes:
            self._update()
        return self.nodes[ROOT]

    def _update(self) -> bool:
        """Look at everything once; whether that changed anything."""
        before = {name: node.phase for name, node in self.nodes.items()}
        manifest = self.manifest
        task = Task(ROOT, manifest.entrypoint, None, tuple(manifest.parameters.items()), None, None, None)
        self.execute(task, Place(ROOT, manifest.name, "", 0, ""), dict(manifest.parameters))
        fresh = [node for name, node in self.nodes.items() if name not in before]
        fulfilled = frozenset(name for name, node in self.nodes.items() if node.fulfilled)
        for node in fresh:
            node.after = fulfilled - {node.name}
        return bool(fresh) or any(self.nodes[name].phase != phase for name, phase in before.items())

    # -- templates ---------------------------------------------------------------------------------------------------

    def execute(self, task: Task, place: Place, arguments: Mapping[str, str]) -> Node | None:
        """Go on with the node of a template; None where it cannot start yet."""
        known = self.nodes.get(place.name)
        if known is not None and known.fulfilled:
            return known
        template = self.template_of(task, place)
        if known is None and place.depth >= DEEPEST:
            return self.create(task, place, "Skipped", "Error", "Maximum recursion depth exceeded")
        if known is None and not self._has_room(place.boundary):
            return None
        scope = self._inputs(template, arguments)
        inner = place if task.library is None else replace(place, library=task.library)
        if template.retry is not None:
            return self._retried(task, template, template.retry, inner, scope)
        return self._dispatch(task, template, inner, scope)

    def _dispatch(self, task: Task, template: Template, place: Place, scope: Scope) -> Node:
        inputs = {name: str(scope.values[f"inputs.parameters.{name}"]) for name, _ in template.inputs}
        node = self.nodes.get(place.name)
        if node is None:
            node = self.create(task, place, _TYPES[template.kind], "Running")
            node.inputs = inputs
            self._templates[place.name] = template
            if template.kind == "pod":
                self._pods.start(place.name, template, *_command(template, scope))
        match template.kind:
            case "suspend":
                node.phase = "Succeeded"
            case "dag":
                dag.execute(self, node, template, place, scope)
            case "steps":
                steps.execute(self, node, template, place, scope)
            case "pod":
                return node
        return node

    def _inputs(self, template: Template, arguments: Mapping[str, str]) -> Scope:
        scope = Scope()
        for name, parameter in self.manifest.parameters.items():
            scope.values[f"workflow.parameters.{name}"] = parameter
        scope.values["workflow.name"] = self.manifest.name
        if self.manifest.uid is not None:
            scope.values["workflow.uid"] = self.manifest.uid
        made: dict[str, str | None] = {}
        for name, default in template.inputs:
            value = arguments.get(name, default)
            if value is None:
                raise OutsideSubset(f"no argument for {name} of {template.name}")
            made[f"inputs.parameters.{name}"] = scope.substitute(value)  # tags in data are expanded here
        scope.values.update(made)
        return scope

    def _has_room(self, boundary: str) -> bool:
        template = self._templates.get(boundary)
        if template is None or template.parallelism is None:
            return True
        running = sum(
            node.boundary == boundary and not node.fulfilled and node.type in ("Pod", "DAG", "Steps")
            for node in self.nodes.values()
        )
        return running < template.parallelism

    def _retried(self, task: Task, template: Template, retry: Retry, place: Place, scope: Scope) -> Node:
        node = self.nodes.get(place.name)
        if node is None:
            node = self.create(task, place, "Retry", "Running")
            node.inputs = {name: str(scope.values[f"inputs.parameters.{name}"]) for name, _ in template.inputs}
        last = self.nodes[node.children[-1]] if node.children else None
        if last is not None and not last.fulfilled:
            self._attempt(task, template, place, scope, len(node.children) - 1)
        elif last is not None and (why := _no_retry(last, retry, len(node.children))) is not None:
            node.outputs, node.exit_code, node.phase, node.message = last.outputs, last.exit_code, last.phase, why
        else:
            number = len(node.children)
            node.children.append(f"{place.name}({number})")
            self._attempt(task, template, place, scope, number)
        return node

    def _attempt(self, task: Task, template: Template, place: Place, scope: Scope, number: int) -> None:
        name = f"{place.name}({number})"
        known: dict[str, str | None] = {"retries": str(number)}
        known |= {f"lastRetry.{key}": told for key, told in _last_retry(self.nodes.get(f"{place.name}({number - 1})"))}
        attempt = Scope(known)
        inner = Scope({tag: value and attempt.substitute(value) for tag, value in scope.values.items()} | known)
        self._dispatch(task, template, replace(place, name=name, display=f"{place.display}({number})"), inner)

    # -- nodes -------------------------------------------------------------------------------------------------------

    def create(self, task: Task, place: Place, kind: Type, phase: Phase, message: str = "") -> Node:
        """A new node."""
        node = Node(place.name, place.display, kind, phase, message, place.boundary, task.template)
        if task.library is not None:
            node.template, node.library = task.template, task.library
        self.nodes[place.name] = node
        return node

    def attach(self, parent: str, child: str) -> None:
        """Make a node a child of another, once."""
        if child not in self.nodes[parent].children:
            self.nodes[parent].children.append(child)

    def outbound(self, name: str) -> list[str]:
        """The nodes behind which stands what comes after a node."""
        node = self.nodes[name]
        if node.type in ("DAG", "Steps"):
            return node.outbound
        if node.type == "Retry" and node.children:
            return [node.children[-1]]
        if node.type == "TaskGroup" and node.children:
            return [out for child in node.children for out in self.outbound(child)]
        return [name]

    def template_of(self, task: Task, place: Place) -> Template:
        """The template that a task names."""
        return self.manifest.template(place.library if task.library is None else task.library, task.template)

    def outputs_of(self, task: Task, place: Place, node: Node) -> Mapping[str, str | None]:
        """The outputs that others may read: of a node that did not run the defaults of its template."""
        if node.type == "Skipped" and node.phase in ("Skipped", "Omitted"):
            return {output.name: output.default for output in self.template_of(task, place).outputs}
        return dict(node.outputs or {})

    def declared(self, template: Template, scope: Scope) -> dict[str, str]:
        """The outputs of a dag or steps template from the outputs of what it ran; `EvaluationFailed` of one without."""
        made: dict[str, str] = {}
        for output in template.outputs:
            try:
                if output.expression is not None:
                    made[output.name] = scope.substitute("{{=" + output.expression + "}}")
                else:
                    made[output.name] = scope.substitute(output.reference or "")
            except (EvaluationFailed, Unresolved) as failure:
                if output.default is None:
                    raise EvaluationFailed(f'output parameter "{output.name}": {failure}') from None
                made[output.name] = output.default
        return made

    def _pod_ended(self, name: str, end: PodEnd) -> None:
        node, template = self.nodes[name], self._templates[name]
        outputs = {
            output.name: value
            for output in template.outputs
            if (value := end.outputs.get(output.name, output.default)) is not None
        }
        node.outputs = outputs or None
        node.exit_code = end.exit_code
        missing = [output.path for output in template.outputs if output.name not in outputs]
        if end.exit_code:
            node.phase, node.message = "Failed", f"main: Error (exit code {end.exit_code})"
        elif end.lost is not None or missing:
            gone = (
                f"wait: Error (exit code 64): open {_OUTPUTS}{missing[0]}: no such file or directory" if missing else ""
            )
            node.phase, node.message = "Error", end.lost or gone
        else:
            node.phase = "Succeeded"


def _no_retry(last: Node, retry: Retry, attempts: int) -> str | None:
    """Why there is no further attempt after this one: the message of the node of them all."""
    if last.phase not in retry.phases:
        return last.message
    if attempts > retry.limit:
        return "No more retries left"
    known: dict[str, Value] = {"lastRetry": dict(_last_retry(last))}
    if retry.expression is not None and evaluate(parse(retry.expression), known) is not True:
        return "retryStrategy.expression evaluated to false"
    return None


def _last_retry(last: Node | None) -> Iterator[tuple[str, str]]:
    """What an attempt, or the expression before it, is told of the one before."""
    exit_code = None if last is None else last.exit_code
    yield "exitCode", "0" if last is None else "-1" if exit_code is None else str(exit_code)
    yield "status", "" if last is None else last.phase
    yield "message", "" if last is None else last.message


def _command(template: Template, scope: Scope) -> tuple[list[str], dict[str, str]]:
    """What the container gets: the tags replaced, then what the kubelet expands, in data too."""
    known: dict[str, str] = {}

    def expanded(found: re.Match[str]) -> str:
        name: str | None = found[1]
        return "$" if name is None else known.get(name, found[0])

    for name, value in template.env:
        known[name] = _VARIABLE.sub(expanded, scope.substitute(value))
    return [_VARIABLE.sub(expanded, scope.substitute(part)) for part in template.argv], known
