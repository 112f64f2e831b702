"""Lowerings to Argo with one fault each: the distilled cases tell them from the right one, on the model tier.

A fault sits in what compiles, which is `noetl.targets.argo` apart from the program of the pods; in that program, which
runs in processes of its own; or in the emitted manifests. Faults of the plan, which all targets share, are in
`lowering_mutants`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from .mutants import Mutant, applied

FILE: Final = "the emitted file"
"""The `where` of a fault that is put into every emitted file."""
_PODS: Final = ("argo.runner:", "argo.packets:", "argo.store:", "argo.contract:")
"""What runs in pods."""


def _fault(name: str, clause: str, where: str, right: str, wrong: str) -> Mutant:
    return Mutant(name, clause, where, right, wrong, "noetl.targets")


@contextmanager
def compiling(name: str | None) -> Iterator[None]:
    """What compiles has the fault of this name inside of the block, if it sits there."""
    fault = None if name is None else _named(name)
    if fault is None or fault.where == FILE or fault.where.startswith(_PODS):
        yield
    else:
        with applied(fault):
            yield


@contextmanager
def running(name: str | None) -> Iterator[None]:
    """In a pod: what runs has the fault of this name inside of the block, if it sits there."""
    fault = None if name is None else _named(name)
    if fault is None or not fault.where.startswith(_PODS):
        yield
    else:
        with applied(fault):
            yield


def emitted(name: str | None, content: str) -> str:
    """An emitted file, with the fault of this name if it sits there."""
    fault = None if name is None else _named(name)
    return content if fault is None or fault.where != FILE else content.replace(fault.right, fault.wrong)


def _named(name: str) -> Mutant:
    return next(mutant for mutant in ARGO_MUTANTS if mutant.name == name)


_FORMS: Final = (
    _fault("joins-need-all", "STP-1", "argo.forms:depends", "some = _OR.join(", "some = _AND.join("),
    _fault("joins-despite-failures", "RUN-6", "argo.forms:depends", "for other in task.named if", "for other in () if"),
    _fault("skipped-is-failed", "RUN-3", "argo.forms:settled", "({name} || {name}.Omitted)", "{name}.Succeeded"),
    _fault("conditions-forgotten", "STP-7", "argo.forms:when", "if not any(", "if True or not any("),
    _fault(
        "conditions-of-one-source",
        "STP-1",
        "argo.forms:when",
        "for n, s in enumerate(task.sources)",
        "for n, s in [*enumerate(task.sources)][:1]",
    ),
    _fault("choices-forgotten", "STP-7", "argo.forms:_words", "if not source.decides:", "if True:"),
    _fault("regions-fail-where-they-do-not", "RUN-6", "argo.forms:marked", "== '{YES}'", "!= '{YES}'"),
)
_LAYOUT: Final = (
    _fault("edges-shared", "STP-7", "argo.layout:UnitTask.table", "tuple(self.arriving.get(task.name, ()))", "(0,)"),
    _fault(
        "regions-not-asked",
        "RUN-6",
        "argo.layout:_Layout.tasks",
        "tuple(self._tasks[id_] for id_ in many) if joins else ()",
        "()",
    ),
)
_EMIT: Final = (
    _fault("verdict-forgets-tasks", "RUN-3", "argo.emit:_Tasks.verdict", "in self.names)", "in self.names[:1])"),
    _fault("regions-fail-unseen", "RUN-6", "argo.emit:_Tasks.add", "if task.soft:", "if False:"),
    _fault("children-left-out", "TOO-4", "argo.emit:_files", "in source.playbooks.items()}", "in ()}"),
)
_RUNNER: Final = (
    _fault(
        "failure-swallowed",
        "RUN-6",
        "argo.runner:Pod._done",
        "goes_on = error is None and (not failed or self.table.soft)",
        "goes_on = True",
    ),
    _fault(
        "poison-of-regions-forgotten",
        "RUN-6",
        "argo.runner:Pod._failed",
        'found = {str(step) for left in self.left if left is not None for step in left["failed"]}',
        "found = set()",
    ),
    _fault(
        "one-source-of-a-join",
        "STP-1",
        "argo.runner:Pod._tokens",
        "zip(self.left, self.table.edges, strict=True)",
        "[*zip(self.left, self.table.edges, strict=True)][:1]",
    ),
    _fault("payload-ignored", "RUN-1", "argo.runner:Pod._first", "_payload(self.inputs.payload)", "{}"),
    _fault("first-edge-taken", "STP-7", "argo.runner:Pod._edges", "words[number] for", "words[0] for"),
    _fault("environment-withheld", "TPL-6", "argo.runner:Pod.__init__", "for name in names if", "for name in () if"),
    _fault(
        "credentials-withheld",
        "TOO-6",
        "argo.runner:Pod._runner",
        "EnvironmentCredentials(self.environ)",
        "EnvironmentCredentials({})",
    ),
    _fault("files-elsewhere", "TOO-5", "argo.runner:Pod._runner", "folder=place)", "folder=self.folder)"),
    _fault("children-not-found", "TOO-4", "argo.runner:Pod._runner", "self.units.playbooks.items()", "()"),
    _fault("edges-of-rules-merged", "RUL-1", "argo.contract:words", "(edge.source, edge.rule)", "(edge.source, None)"),
)
_PACKETS: Final = (
    _fault("packet-of-another-token", "CAU-1", "argo.packets:packet", '"packet": place})', '"packet": 0})'),
    _fault(
        "one-token-of-an-edge",
        "LOP-4",
        "argo.packets:tokens",
        "taken.get(str(edge), ())]",
        "taken.get(str(edge), ())[:1]]",
    ),
    _fault("tokens-of-every-edge", "STP-7", "argo.packets:tokens", "for edge in edges for", "for edge in taken for"),
    _fault("records-of-one-run", "CAU-3", "argo.packets:records", "for record in found]", "for record in found[:1]]"),
    _fault("failures-untold", "RUN-6", "argo.packets:packet", "poison: list[Json] = [*failed]", "poison = []"),
)
_FILE: Final = (
    _fault("joins-need-every-source", "STP-1", FILE, ".Succeeded || ", ".Succeeded && "),
    _fault("dead-ends-fail", "RUN-3", FILE, ".Omitted)", ".Failed)"),
    _fault("edges-not-written", "STP-7", FILE, "path: /tmp/noetl-edge,", "path: /tmp/noetl-word,"),
    _fault("no-packets", "CAU-1", FILE, "?.outputs?.parameters?.ctx", "?.outputs?.parameters?.rec"),
)
ARGO_MUTANTS: Final = (*_FORMS, *_LAYOUT, *_EMIT, *_RUNNER, *_PACKETS, *_FILE)
"""Every mutant; names are unique."""
