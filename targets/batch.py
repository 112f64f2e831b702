"""Several playbooks for one target: what each becomes, or every reason why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from noetl.diagnostics import START_OF_FILE, Diagnostic, Severity, kind
from noetl.errors import UnsupportedByTarget

from .base import Compiled, Source

SAME_ID: Final = kind("NTL506", "same-id-on-target", Severity.ERROR, "two playbooks that a target could not tell apart")


@dataclass(slots=True)
class Batch:
    """A playbook is in one of the two."""

    done: list[tuple[Source, Compiled]] = field(default_factory=list)
    """In the order in which they were given."""
    refused: list[Diagnostic] = field(default_factory=list)


def compile_all(compile_: Callable[[Source], Compiled], sources: Iterable[Source]) -> Batch:
    """What the `compile` of a target makes of each playbook.

    Two playbooks with one identity are both refused: the file of one would take the place of the other's.
    """
    batch = Batch()
    for source in sources:
        try:
            batch.done.append((source, compile_(source)))
        except UnsupportedByTarget as error:
            batch.refused += error.diagnostics
    return _apart(batch)


def _apart(batch: Batch) -> Batch:
    """The batch without the playbooks that share an identity."""
    sharing: dict[str, list[Source]] = {}
    for source, made in batch.done:
        sharing.setdefault(made.identity, []).append(source)
    kept = [(source, made) for source, made in batch.done if len(sharing[made.identity]) == 1]
    same = [
        _same(identity, source, next(other for other in sources if other is not source))
        for identity, sources in sharing.items()
        if len(sources) > 1
        for source in sources
    ]
    return Batch(kept, [*batch.refused, *same])


def _same(identity: str, source: Source, other: Source) -> Diagnostic:
    message = f'the playbook becomes "{identity}", and so does the one in "{other.path}"'
    hint = "give each a metadata.path of its own"
    return Diagnostic(SAME_ID, message, START_OF_FILE, source.path, hint=hint)
