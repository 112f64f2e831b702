"""Sizes, against the limits of Kubernetes, Argo and Linux."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from noetl.compiler.nodes import Map, Scalar

from .document import Document
from .problem import Problem

OBJECT: Final = 1024 * 1024
"""Bytes of an object: of a ConfigMap for Kubernetes, of a Workflow for Argo, which never compresses its spec."""
ANNOTATIONS: Final = 256 * 1024
"""Bytes of the annotations of an object, keys included."""
STRING: Final = 128 * 1024
"""Bytes of an argument or a variable that Linux takes no more."""
NODE: Final = 200
"""Bytes of a task's node in the status of a Workflow, which Argo compresses: a sixth of what it has to say of one."""


def oversized(document: Document) -> Iterator[Problem]:
    """What is too large in one document."""
    nodes = sum(len(group) for template in document.templates for group in template.groups)
    size = document.size + NODE * nodes
    if size > OBJECT:
        told = f"the {document.kind} {document.name} has {size} bytes with the status of its tasks"
        yield Problem("size", document.line, f"{told}, and an object has {OBJECT} at most")
    metadata = document.root.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Map) else None
    if isinstance(annotations, Map):
        size = sum(len(key.text.encode()) + _bytes(value) for key, value in annotations.entries)
        if size > ANNOTATIONS:
            yield Problem("size", annotations.span.line, f"annotations of {size} bytes; {ANNOTATIONS} at most")
    for template in document.templates:
        strings = [*template.argv, *template.env]
        strings += (value for group in template.groups for task in group for _, value in task.arguments)
        for text in strings:
            if len(text.text.encode()) >= STRING:
                yield Problem("size", text.line, f"a text of {len(text.text.encode())} bytes; below {STRING} it fits")


def _bytes(value: object) -> int:
    return len(value.text.encode()) if isinstance(value, Scalar) else 0
