"""Names, labels and annotations, as Kubernetes and Argo take them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from noetl.compiler.nodes import Map, Node, Scalar
from noetl.targets.profile import kubernetes

from .document import Document, Template
from .problem import Problem

_LONGEST: Final[Mapping[str, int]] = {"CronWorkflow": 52, "Workflow": 63, "WorkflowTemplate": 63}
"""Most characters of an object's name; those of its Workflows and pods are made of it."""
MAX_NAME: Final = 128
"""Most characters of the name of a template or task."""
_TASK: Final = re.compile(r"[A-Za-z][-A-Za-z0-9]*")
_PARAMETER: Final = re.compile(r"[-A-Za-z0-9_]+")
_WORDS: Final = frozenset(
    ("and", "contains", "else", "endsWith", "false", "if", "in", "let", "matches", "nil", "not", "or", "startsWith")
) | {"true"}
"""What no task may be called: these mean something in `depends`."""


def misnamed(document: Document) -> Iterator[Problem]:
    """What one document calls things."""
    longest = _LONGEST.get(document.kind, kubernetes.MAX_SUBDOMAIN)
    if not kubernetes.is_object_name(document.name) or len(document.name) > longest:
        yield Problem("name", document.line, f"a {document.kind} cannot be called {document.name}")
    yield from _metadata(document.root)
    if document.kind == "ConfigMap":
        data = document.root.get("data")
        for key, _ in data.entries if isinstance(data, Map) else ():
            if not kubernetes.is_data_key(key.text):
                yield Problem("name", key.span.line, f"a ConfigMap cannot have the key {key.text}")
    yield from _twice("template", ((one.name, one.line) for one in document.templates))
    for template in document.templates:
        yield from _template(template)


def _template(template: Template) -> Iterator[Problem]:
    tasks = [task for group in template.groups for task in group]
    for what, name, line in (("template", template.name, template.line), *(("task", t.name, t.line) for t in tasks)):
        if not _TASK.fullmatch(name) or len(name) > MAX_NAME or (what == "task" and name in _WORDS):
            yield Problem("name", line, f"a {what} cannot be called {name}")
    yield from _twice("task", ((task.name, task.line) for task in tasks))
    for what, names in (("input", [n for n, _ in template.inputs]), ("output", [o.name for o in template.outputs])):
        yield from _twice(what, ((name, template.line) for name in names))
        for name in names:
            if not _PARAMETER.fullmatch(name):
                yield Problem("name", template.line, f"an {what} cannot be called {name}")


def _twice(what: str, named: Iterable[tuple[str, int]]) -> Iterator[Problem]:
    seen: set[str] = set()
    for name, line in named:
        if name in seen:
            yield Problem("name", line, f"a second {what} is called {name}")
        seen.add(name)


def _metadata(node: Node) -> Iterator[Problem]:
    """Labels and annotations, wherever they are."""
    if not isinstance(node, Map):
        for item in () if isinstance(node, Scalar) else node.items:
            yield from _metadata(item)
        return
    for key, value in node.entries:
        if key.text in ("labels", "annotations", "nodeSelector") and isinstance(value, Map):
            yield from _pairs(key.text, value)
        elif key.text != "data":
            yield from _metadata(value)


def _pairs(what: str, pairs: Map) -> Iterator[Problem]:
    for key, value in pairs.entries:
        if not kubernetes.is_qualified(key.text):
            yield Problem("name", key.span.line, f"{what} cannot have the key {key.text}")
        elif what != "annotations" and isinstance(value, Scalar) and not kubernetes.is_label_value(value.text):
            yield Problem("name", value.span.line, f'{what} cannot have the value "{value.text}"')
