"""A layout as the text of a file of manifests: a ConfigMap with the playbook, and the WorkflowTemplate that runs it.

One line a task. The bytes depend on nothing but the playbook, the profile and the version of noetl.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import noetl
from noetl.compiler import ir
from noetl.compiler.ir import Json
from noetl.targets.base import Source

from . import contract, forms
from .contract import Units, UnitTable
from .layout import Layout, UnitTask
from .names import FAILS, STEP, VERDICT
from .schedule import cron_workflow, scheduled
from .settings import VALUES, claim, environment, executions, of_workflow
from .templates import VOLUME, Templates
from .text import block, flow, scalar

if TYPE_CHECKING:
    from noetl.targets.profile import Settings

PODLESS: Final = "done"
"""The template of a task without a pod."""
MAIN: Final = "main"
_DONE: Final = f'  - name: {PODLESS}\n    suspend: {{duration: "0s"}}\n'
_DIGITS: Final = 8
_WIDTH: Final = 110
"""Characters of a line of the verdict's condition."""
_LABEL: Final = re.compile(r"[^-A-Za-z0-9_.]+")
_CONFIG: Final = """\
# Made by noetl {version} from {file}. Edit the playbook, not this file.
# kubectl apply --server-side -f THIS, then: argo submit --from workflowtemplate/{name} -p payload='{{}}'
apiVersion: v1
kind: ConfigMap
metadata:
  name: {config}
  labels: {labels}
immutable: true
data:
{data}
---
"""
_TEMPLATE: Final = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata:
  name: {name}
  labels: {labels}
  annotations: {annotations}
spec:
  entrypoint: {main}
  arguments: {{parameters: [{{name: {payload}, value: "{{}}"}}]}}
  workflowMetadata: {metadata}
  volumes: {volumes}
{spec}  templates:
  - name: {main}
    dag:
      tasks:
"""


@dataclass(frozen=True, slots=True)
class Emitted:
    """The documents of a file."""

    config: str
    template: str
    cron: str
    """Empty without a schedule."""
    tables: Mapping[str, UnitTable]
    """The units that the first document tells of."""

    @property
    def text(self) -> str:
        """The whole file."""
        return self.config + self.template + self.cron


@dataclass(slots=True)
class _Tasks:
    """The lines of the tasks, and the tables of the units."""

    templates: Templates
    lines: list[str] = field(default_factory=list)
    tables: dict[str, UnitTable] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    """The tasks that the verdict names."""

    def add(self, task: UnitTask) -> None:
        """One task, and for a region that stays green where a run failed the one that is red then."""
        inputs = list(_inputs(task))
        template = self.templates.of(len(inputs), task) if task.pod else PODLESS
        self._line(task.name, template, forms.depends(task), forms.when(task), inputs if task.pod else None)
        self.tables[task.name] = task.table()
        if task.soft:
            name = FAILS + task.name.removeprefix(STEP)
            when = forms.marked(task, contract.FAILED)
            self._line(name, self.templates.of(1, None), f"{task.name}.Succeeded", when, [forms.packet(task)])
            steps = tuple(step.name for step in task.unit.steps)
            self.tables[name] = UnitTable(steps, task.lines, ((),), fails=task.name)

    def verdict(self) -> str:
        """The last task, without a pod: Omitted, and the Workflow Failed, exactly if one of all others is."""
        lines = [""]
        for term in (f"{forms.settled(name)} &&" for name in self.names):
            if len(lines[-1]) + len(term) < _WIDTH:
                lines[-1] = f"{lines[-1]} {term}".lstrip()
            else:
                lines.append(term)
        folded = "\n          ".join(filter(None, lines)).removesuffix(" &&")
        return f"      - name: {VERDICT}\n        template: {PODLESS}\n        depends: >-\n          {folded}\n"

    def _line(self, name: str, template: str, depends: str, when: str, inputs: list[str] | None) -> None:
        parts = [f"name: {name}", f"template: {template}"]
        parts += [f'depends: "{depends}"'] if depends else []
        parts += [f'when: "{when}"'] if when else []
        if inputs is not None:
            given = [f"{{name: {contract.UNIT}, value: {name}}}"]
            given += [f'{{name: in{number}, value: "{value}"}}' for number, value in enumerate(inputs)]
            parts.append(f"arguments: {{parameters: [{', '.join(given)}]}}")
        self.lines.append(f"      - {{{', '.join(parts)}}}\n")
        self.names.append(name)


def emit(source: Source, layout: Layout, settings: Settings | None = None) -> Emitted:
    """The file of a playbook; `settings` are what a profile says about it."""
    tasks = _Tasks(Templates(settings, flow(environment(settings))))
    for task in layout.tasks:
        tasks.add(task)
    files = _files(source, tasks.tables, settings)
    digest = hashlib.sha256("\0".join(f"{name}\0{text}" for name, text in files.items()).encode()).hexdigest()
    config = f"{layout.name}-{digest[:_DIGITS]}"
    labels = _labels(source.workflow, layout)
    made = _CONFIG.format(
        version=noetl.__version__,
        file=_one_line(os.path.basename(source.path)),
        name=layout.name,
        config=config,
        labels=flow(labels),
        data="\n".join(f"  {name}: {block(text, 4)}" for name, text in files.items()),
    )
    head = _head(source.workflow, layout.name, config, labels, settings)
    pods = "".join(tasks.templates.found.values())
    template = "".join([head, *tasks.lines, tasks.verdict(), _DONE, pods])
    return Emitted(made, template, cron_workflow(layout.name, labels, settings), tasks.tables)


def _head(workflow: ir.Workflow, name: str, config: str, labels: dict[str, Json], settings: Settings | None) -> str:
    """The WorkflowTemplate up to its tasks; `config` is the name of the ConfigMap."""
    volumes: list[Json] = [{"name": VOLUME, "configMap": {"name": config}}]
    if (claimed := claim(settings)) is not None:
        volumes.append({"name": VALUES, "persistentVolumeClaim": {"claimName": claimed}})
    return _TEMPLATE.format(
        name=name,
        labels=flow(labels),
        annotations=flow(_annotations(workflow, settings)),
        main=MAIN,
        metadata=flow(_metadata(labels, settings)),
        payload=contract.PAYLOAD,
        volumes=flow(volumes),
        spec="".join(f"  {key}: {flow(value)}\n" for key, value in of_workflow(settings, name, config)),
    )


def _inputs(task: UnitTask) -> Iterator[str]:
    """The arguments of a pod behind the unit's name, in the order of the contract."""
    if not task.copy.arriving:
        yield f"{{{{workflow.parameters.{contract.PAYLOAD}}}}}"
    yield from map(forms.packet, task.packets)
    if task.told:
        yield forms.phases(task.told)


def _files(source: Source, tables: Mapping[str, UnitTable], settings: Settings | None) -> dict[str, str]:
    """What the ConfigMap holds, each text once: a playbook that runs itself is the first one."""
    texts = {source.text: contract.PLAYBOOK}
    for text in source.playbooks.values():
        texts.setdefault(text, f"playbook-{len(texts)}.yaml")
    playbooks = {name: texts[text] for name, text in source.playbooks.items()}
    units = Units(noetl.__version__, os.path.basename(source.path), playbooks, tables, scheduled(settings))
    files = {name: text for text, name in texts.items()}
    return {**files, contract.UNITS: _units_text(units), **executions(settings)}


def _units_text(units: Units) -> str:
    """`units.json` with one unit a line."""
    shell = {key: value for key, value in units.to_json().items() if key != "units"}
    lines = [f"{json.dumps(name)}: {_compact(table.to_json())}" for name, table in units.units.items()]
    return json.dumps({**shell, "units": {}}).removesuffix("}}") + "\n" + ",\n".join(lines) + "\n}}\n"


def _compact(value: Json) -> str:
    return json.dumps(value, separators=(",", ":"))


def _labels(workflow: ir.Workflow, layout: Layout) -> dict[str, Json]:
    """Those that tools for Kubernetes know."""
    name = _LABEL.sub("-", workflow.name)[:63].strip("-_.")
    part: dict[str, Json] = {"app.kubernetes.io/name": name} if name else {}
    return {**part, "app.kubernetes.io/managed-by": "noetl", "noetl.io/playbook": layout.name}


def _annotations(workflow: ir.Workflow, settings: Settings | None) -> dict[str, Json]:
    """The playbook's own words, which Argo's pages show."""
    tags = sorted({*workflow.tags, *(settings.tags if settings is not None else ())})
    found: dict[str, Json] = {"workflows.argoproj.io/title": workflow.name}
    if workflow.description:
        found["workflows.argoproj.io/description"] = workflow.description
    found["noetl.io/path"] = workflow.path or workflow.name
    if tags:
        found["workflows.argoproj.io/tags"] = ",".join(tags)
    owner = settings.defaults.owner if settings is not None else None
    return {**found, **({"noetl.io/owner": owner} if owner else {})}


def _metadata(labels: dict[str, Json], settings: Settings | None) -> dict[str, Json]:
    """Of the Workflows."""
    argo = None if settings is None else settings.argo
    if argo is None:
        return {"labels": labels}
    found: dict[str, Json] = {"labels": {**labels, **(argo.labels or {})}}
    return {**found, "annotations": {**argo.annotations}} if argo.annotations else found


def _one_line(text: str) -> str:
    """A file's name inside a comment."""
    return scalar(text).strip('"')
