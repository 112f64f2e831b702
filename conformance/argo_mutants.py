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


_RUNNER: Final = (
    _fault(
        "failure-swallowed",
        "RUN-6",
        "argo.runner:Pod._done",
        "goes_on = error is None and (not failed or self.table.soft)",
        "goes_on = True",
    ),
)
ARGO_MUTANTS: Final = (*_RUNNER,)
"""Every mutant; names are unique."""
