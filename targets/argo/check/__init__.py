"""The offline check of manifests, made before a file is written: every hazard of Argo that a rule can find in a text.

It reads the file as Argo does and knows nothing of how it was made. `RULES` says what holds of a file without problems.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from noetl.diagnostics import START_OF_FILE, Diagnostic
from noetl.errors import InternalError, UnsupportedByTarget
from noetl.targets.argo.capabilities import TOO_LARGE

from . import flow, names, sizes
from .document import Document, Template, read
from .graph import Graph, graph_of
from .problem import RULES, Problem
from .reads import MARK, Reader

__all__ = ["RULES", "Problem", "problems", "verify"]


def problems(text: str) -> list[Problem]:
    """Everything that is wrong with a file of manifests, by line. Of another shape, nothing else is looked at."""
    manifests = read(text)
    if manifests.problems:
        return sorted(manifests.problems, key=lambda found: found.line)
    objects: dict[str, set[str]] = {}
    for document in manifests.documents:
        objects.setdefault(document.kind, set()).add(document.name)
    found = [one for document in manifests.documents for one in _document(document, objects)]
    return sorted(found, key=lambda one: one.line)


def verify(text: str, path: str) -> None:
    """Return if a file keeps all rules. UnsupportedByTarget, about the playbook `path`, if it is too large for Argo;
    InternalError, which lists what it does not keep, otherwise."""
    found = problems(text)
    if not found:
        return
    if all(one.rule == "size" for one in found):
        raise UnsupportedByTarget([Diagnostic(TOO_LARGE, one.said, START_OF_FILE, path) for one in found])
    told = "; ".join(map(str, found[:5])) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")
    raise InternalError(f"the manifests do not keep the rules of Argo: {told}")


def _document(document: Document, objects: Mapping[str, set[str]]) -> Iterator[Problem]:
    yield from names.misnamed(document)
    yield from sizes.oversized(document)
    yield from flow.unknown(document, objects)
    yield from flow.recursive(document)
    for _, value in document.parameters:
        if MARK in value.text:
            yield Problem("tag", value.line, f'"{value.text[:60]}" would be replaced by Argo')
    templates = {template.name: template for template in document.templates}
    entry = document.text("spec", "entrypoint")
    for template in document.templates:
        yield from _plain(template)
        found: list[Problem] = []
        graph = graph_of(template, found) if template.groups else None
        if template.kind in ("container", "suspend"):
            graph = Graph()
        if graph is not None:
            Reader(document, template, templates, graph, found).check()
        yield from found
        if graph is not None and template.kind == "dag":
            main = entry is not None and entry.text == template.name
            yield from flow.succeeding(template, templates, graph, entry=main)
            yield from flow.unpoisoned(template, templates, graph)


def _plain(template: Template) -> Iterator[Problem]:
    """Defaults, and what the kubelet would replace."""
    for output in template.outputs:
        if not output.default:
            yield Problem("default", output.value.line, f"the default of {output.name} of {template.name} is empty")
    literals = [*template.argv, *(value for g in template.groups for task in g for _, value in task.arguments)]
    for text in literals:
        if "$(" in text.text or "$$" in text.text:
            yield Problem("dollar", text.line, f'"{text.text[:60]}" would be replaced by the kubelet')
    for text in template.env:
        if "$(" in text.text.replace("$$", ""):
            yield Problem("dollar", text.line, f'"{text.text[:60]}" would be replaced by the kubelet')
