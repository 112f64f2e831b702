"""Several playbooks for one target: all of them, or none with every reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from noetl.diagnostics import START_OF_FILE, Diagnostic, Severity, in_order, kind
from noetl.errors import UnsupportedByTarget

from .base import Compiled, Source, Target

SAME_ID: Final = kind("NTL506", "same-id-on-target", Severity.ERROR, "two playbooks that a target could not tell apart")


def compile_all(target: Target, sources: Sequence[Source]) -> list[Compiled]:
    """What the target makes of each playbook, in order; UnsupportedByTarget if it refuses any of them.

    Two playbooks with one identity are refused too: the later file would take the place of the earlier one.
    """
    done: list[Compiled] = []
    refused: list[Diagnostic] = []
    first: dict[str, Source] = {}
    for source in sources:
        try:
            made = target.compile(source)
        except UnsupportedByTarget as error:
            refused += error.diagnostics
            continue
        other = first.setdefault(made.identity, source)
        if other is not source:
            refused.append(_same(made.identity, source, other))
        done.append(made)
    if refused:
        raise UnsupportedByTarget(in_order(refused))
    return done


def _same(identity: str, source: Source, other: Source) -> Diagnostic:
    message = f'the playbook becomes "{identity}", and so does the one in "{other.path}"'
    hint = "give each a metadata.path of its own"
    return Diagnostic(SAME_ID, message, START_OF_FILE, source.path, hint=hint)
