"""`noetl diff`: what two playbooks mean, compared."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from noetl.diagnostics import Severity, in_order, render_text
from noetl.errors import UsageError

from . import FINDINGS, OK, USAGE

if TYPE_CHECKING:
    from noetl.targets.base import Source

    from .comparing.on_target import TargetChanges
    from .compiling.playbooks import Read


def _targets() -> list[str]:
    from noetl.targets.registry import names

    return [*names()]


TargetName = Annotated[
    str | None,
    typer.Option(
        "--target",
        "-t",
        metavar="NAME",
        help="Add what changes on this engine: airflow or argo.",
        autocompletion=_targets,
    ),
]
Playbooks = Annotated[
    list[str] | None,
    typer.Option("--playbooks", metavar="DIR", help="A folder of playbooks that others may run. Repeatable."),
]


def command(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="A playbook, or - for standard input.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="The other playbook, or - for standard input.")],
    target: TargetName = None,
    playbooks: Playbooks = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How differences are told.")] = "text",
) -> None:
    """Tell where two playbooks differ in what they mean.

    Comments, layout, spellings, metadata, desc, the order of keys where it means nothing and the order of the steps
    in the file are no differences; the hash of a playbook is that of all the rest. --target adds which steps become
    other tasks there, what is needed, and whether the compiled file changes.

    Exits with 0 if both mean the same, with 1 if they do not, with 2 if one of them cannot be read or has errors.

    \b
    Examples:
      noetl diff old.yaml new.yaml
      noetl diff old.yaml new.yaml --target airflow
      git show main:playbook.yaml | noetl diff - playbook.yaml
      noetl diff old.yaml new.yaml --format json | jq '.differences[].where'
    """
    from noetl.compiler.differences import differences, fingerprint, meaning

    from .comparing.report import Side, as_object, text
    from .compiling.playbooks import Reader

    if before == "-" and after == "-":
        raise UsageError("only one of the playbooks can be read from standard input")
    for name in playbooks or []:
        if not os.path.isdir(name):
            raise UsageError(f'--playbooks names "{name}", which is no folder')
    reader = Reader(tuple(Path(name) for name in playbooks or []))
    old, new = _sources(reader.read(before), reader.read(after))
    found = differences(old.workflow, new.workflow)
    one, two = (Side(source.path, fingerprint(meaning(source.workflow))) for source in (old, new))
    changes = None if target is None else _on_target(target, old, new)
    if format == "json":
        print(json.dumps(as_object(one, two, found, changes), indent=2))
    else:
        print(text(one, two, found, changes))
    raise typer.Exit(FINDINGS if found else OK)


def _sources(*read: Read) -> tuple[Source, ...]:
    """The playbooks, if none has an error; else the errors are shown, and the command exits with 2."""
    sources = tuple(one.source for one in read if one.source is not None)
    if len(sources) < len(read):
        for one in read:
            errors = in_order(found for found in one.found if found.severity is Severity.ERROR)
            if errors:
                print(render_text(errors, one.texts), file=sys.stderr)
        raise typer.Exit(USAGE)
    return sources


def _on_target(name: str, before: Source, after: Source) -> TargetChanges:
    from noetl.targets.base import Options
    from noetl.targets.registry import load

    from .comparing.on_target import on_target

    return on_target(load(name), before, after, Options())
