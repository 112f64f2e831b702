"""What Argo replaces in texts: the tags and expressions that noetl writes, and whether what they read is there.

A plain tag, or an expression without `?.`, of an output that does not exist leaves the Workflow running for ever. So it
is only read of a task whose failure keeps the reader from running, as then it Succeeded, or has the output's default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .document import Document, Task, Template, Text
from .graph import Graph
from .problem import Problem

_PLACE: Final = r"(?:tasks|steps)(?:\['(?P<{0}a>[^']*)'\]|\.(?P<{0}b>[-A-Za-z0-9]+))"
_TOKEN: Final = re.compile(
    r"\s+|'[^'\\]*'|\|\||&&|==|!=|[?:()]|(?P<input>inputs\.parameters\.(?P<name>[A-Za-z0-9_]+))"
    r"|(?P<optional>tasks\['(?P<of>[^']*)'\]\?\.outputs\?\.parameters\?\.(?P<output>[A-Za-z0-9_]+) \?\? '[^']+')"
    rf"|(?P<status>{_PLACE.format('s')}\.status)"
    rf"|(?P<plain>{_PLACE.format('p')}\.outputs\.parameters\.(?P<plain_output>[A-Za-z0-9_]+))"
)
_TAG: Final = re.compile(r"\{\{((?:(?!\{\{|\}\}).)*)\}\}", re.DOTALL)
_OUTPUT: Final = re.compile(r"(?:tasks|steps)\.([-A-Za-z0-9]+)\.outputs\.parameters\.([A-Za-z0-9_]+)")
_STATUS: Final = re.compile(r"(?:tasks|steps)\.([-A-Za-z0-9]+)\.status")
_STATUSES: Final = re.compile(
    r"\{\{(?:tasks|steps)\.[-A-Za-z0-9]+\.status\}\}(?:,\{\{(?:tasks|steps)\.[-A-Za-z0-9]+\.status\}\})*"
)
_WHEN: Final = re.compile(r"\{\{(?:tasks|steps)\.[-A-Za-z0-9]+\.outputs\.parameters\.[A-Za-z0-9_]+\}\} == [a-z0-9_]+")
_GUARD: Final = "tasks['{}'].status == 'Succeeded' ? "
_OF_WORKFLOW: Final = frozenset({"workflow.name", "workflow.uid"})
MARK: Final = "{{"
"""What a tag begins with."""


@dataclass(slots=True)
class Reader:
    """Checks the texts of one template."""

    document: Document
    template: Template
    templates: Mapping[str, Template]
    graph: Graph
    problems: list[Problem]
    calls: dict[str, str] = field(default_factory=dict)
    """The template that each task calls."""

    def check(self) -> None:
        """Every text of it."""
        self.calls = {task.name: task.template for group in self.template.groups for task in group}
        for group in self.template.groups:
            for task in group:
                self._task(task)
        for output in self.template.outputs:
            self._output(output.source, output.value)
        for text in (*self.template.argv, *self.template.env):
            self._fixed(text, _OF_WORKFLOW)
        for text in self.template.others:
            self._fixed(text, frozenset())

    # -- texts by their place ----------------------------------------------------------------------------------------

    def _task(self, task: Task) -> None:
        for _, value in task.arguments:
            if _STATUSES.fullmatch(value.text):
                for found in _TAG.finditer(value.text):
                    self._tag(found[1], value, task)
            else:
                self._whole(value, task)
        if task.when is not None:
            plain = _WHEN.fullmatch(task.when.text)
            if plain is not None:
                self._tag(task.when.text[2:].partition("}}")[0], task.when, task)
            elif task.when.text.startswith("{{="):
                self._whole(task.when, task, guarded=True)
            else:
                self._tell("tag", task.when, "is no condition that noetl writes")
        if task.count is not None and not task.count.text.isdigit():
            self._whole(task.count, task)

    def _output(self, source: str, value: Text) -> None:
        if source == "path":
            self._fixed(value, frozenset())
        elif source == "expression":
            self._expression(value.text, value, None)
        else:
            self._whole(value, None)

    def _fixed(self, text: Text, allowed: frozenset[str]) -> None:
        """A text of a container or of a pod: without tags, or one tag of an input or of the Workflow."""
        if MARK not in text.text:
            return
        found = _TAG.fullmatch(text.text)
        name = found[1] if found is not None else ""
        if name.startswith("inputs.parameters."):
            self._input(name.removeprefix("inputs.parameters."), text)
        elif name not in allowed:
            self._tell("tag", text, "would be replaced by Argo")

    def _whole(self, text: Text, task: Task | None, *, guarded: bool = False) -> None:
        """A text without tags, or one tag."""
        if MARK not in text.text:
            return
        found = _TAG.fullmatch(text.text)
        if found is None:
            self._tell("tag", text, "is not one tag")
        elif found[1].startswith("="):
            self._expression(found[1][1:], text, task, guarded=guarded)
        else:
            self._tag(found[1], text, task)

    # -- what is read ------------------------------------------------------------------------------------------------

    def _tag(self, tag: str, text: Text, task: Task | None) -> None:
        output, status = _OUTPUT.fullmatch(tag), _STATUS.fullmatch(tag)
        if output is not None:
            self._read(output[1], output[2], text, task, safe=False)
        elif status is not None:
            self._above(status[1], text, task)
        elif tag.startswith("inputs.parameters."):
            self._input(tag.removeprefix("inputs.parameters."), text)
        elif tag.startswith("workflow.parameters."):
            if tag.removeprefix("workflow.parameters.") not in dict(self.document.parameters):
                self._tell("reference", text, "names no parameter of the Workflow")
        elif tag == "item" and task is not None and task.count is not None:
            pass
        elif tag not in _OF_WORKFLOW:
            self._tell("tag", text, f"has the tag {tag}, which noetl does not write")

    def _expression(self, expression: str, text: Text, task: Task | None, *, guarded: bool = False) -> None:
        at = 0
        while at < len(expression):
            found = _TOKEN.match(expression, at)
            if found is None:
                self._tell("tag", text, f"has {expression[at:][:30]}, which noetl does not write")
                return
            self._token(found, expression[:at], text, task, guarded=guarded)
            at = found.end()

    def _token(self, found: re.Match[str], before: str, text: Text, task: Task | None, *, guarded: bool) -> None:
        if found["input"] is not None:
            self._input(found["name"], text)
        elif found["optional"] is not None:
            self._read(found["of"], found["output"], text, task, safe=True)
            if guarded and not before.rstrip("(").endswith(_GUARD.format(found["of"])) and task is not None:
                self._settled("stray", found["of"], text, task, "is followed though its pod may have failed")
        elif found["status"] is not None or found["plain"] is not None:
            kind = "s" if found["status"] is not None else "p"
            dotted = found[f"{kind}b"]
            if dotted is not None and "-" in dotted:
                self._tell("hang", text, f"has {found[0]} without brackets: a difference, which does not exist")
            elif kind == "s":
                self._above(found["sa"] or found["sb"], text, task)
            else:
                self._read(found["pa"] or found["pb"], found["plain_output"], text, task, safe=False)

    def _read(self, of: str, output: str, text: Text, task: Task | None, *, safe: bool) -> None:
        """An output of a task is read; `safe` where it may be absent."""
        if not self._above(of, text, task):
            return
        template = self.templates.get(self.calls[of])
        if template is not None and output not in {one.name for one in template.outputs}:
            self._tell("reference" if safe else "hang", text, f"reads the output {output}, which {of} does not have")
        elif not safe and task is not None:
            self._settled("hang", of, text, task, "is read though it may have failed")

    def _settled(self, rule: str, of: str, text: Text, task: Task, wrong: str) -> None:
        if not self.graph.rejects[task.name] & self.graph.bit(of):
            self._tell(rule, text, f"{of} {wrong}")

    def _above(self, of: str, text: Text, task: Task | None) -> bool:
        """Whether a task is above the reader; for the outputs of a template whether it is one of its tasks."""
        known = of in self.graph.names
        if known and (task is None or self.graph.above[task.name] & self.graph.bit(of)):
            return True
        self._tell("hang", text, f"reads {of}, which is not above it" if known else f"reads {of}, which is no task")
        return False

    def _input(self, name: str, text: Text) -> None:
        if name not in dict(self.template.inputs):
            self._tell("reference", text, f"names the input {name}, which {self.template.name} does not have")

    def _tell(self, rule: str, text: Text, said: str) -> None:
        self.problems.append(Problem(rule, text.line, f'"{text.text[:60]}" {said}'))
