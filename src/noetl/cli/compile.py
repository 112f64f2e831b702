"""`noetl compile`: playbooks as files for another engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from noetl.diagnostics import render_text
from noetl.errors import UsageError

from . import FINDINGS

if TYPE_CHECKING:
    from noetl.targets.profile import Read


def _targets() -> list[str]:
    from noetl.targets.registry import names

    return [*names()]


def _versions(ctx: typer.Context) -> list[str]:
    """The versions of the target that is named on the line, for completion."""
    from noetl.targets.registry import load

    name = ctx.params.get("target")
    return [*load(name).versions] if isinstance(name, str) else []


Paths = Annotated[
    list[str], typer.Argument(metavar="PATH...", help="Playbooks, folders to search, or - for standard input.")
]
Target = Annotated[
    str,
    typer.Option(
        "--target", "-t", metavar="NAME", help="What to compile for: airflow or argo.", autocompletion=_targets
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="A file for one playbook, a folder for any number, or - for standard output.",
    ),
]
TargetVersion = Annotated[
    str | None,
    typer.Option(
        "--target-version",
        metavar="VERSION",
        help="The version of the engine to compile for; default the newest.",
        autocompletion=_versions,
    ),
]
Playbooks = Annotated[
    list[str] | None,
    typer.Option("--playbooks", metavar="DIR", help="A folder of playbooks that others may run. Repeatable."),
]


def command(
    paths: Paths,
    target: Target,
    output: Output = None,
    target_version: TargetVersion = None,
    playbooks: Playbooks = None,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="FILE", help="What operations say: schedule, owner, pools, ...")
    ] = None,
    map: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="STEP", help="A step, or a pattern, whose iterations become tasks. Repeatable; airflow."
        ),
    ] = None,
    strict_native: Annotated[
        bool, typer.Option("--strict-native", help="Refuse what the engine would not see as tasks of its own.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Tell what became of each step, and why.")] = False,
    requirements: Annotated[
        bool, typer.Option("--requirements", help="Tell which packages, kinds of tools and credentials it needs.")
    ] = False,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="How all of it is told.")] = "text",
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if a file is not what would be written.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove the files below -o that noetl wrote and no playbook makes now.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Compile again what changes, until Ctrl-C, which exits with 0.")
    ] = False,
) -> None:
    """Compile playbooks into files for another engine.

    For airflow, each playbook becomes one DAG file, <dag id>.py in the current folder unless -o says where; for argo
    one file of manifests, <name>.argo.yaml. The id or name comes from metadata.path, else metadata.name. A folder is
    searched for *.yaml and *.yml files that hold `kind: Playbook`, and the files go into folders of the same names. If
    a playbook is refused, nothing is written, or with --watch nothing of it, and the exit code is 1. What --explain
    and --requirements tell goes to standard output, or to standard error with -o -. A file that is current is not
    touched.

    The result holds the playbooks that a playbook runs, looked for in the folders of --playbooks, then in its own.
    Where a path is a template, --playbooks is needed, and the result holds every playbook of all these folders.

    A --profile says when playbooks run and how their tasks do; `noetl schema profile` has its keys. With
    --watch it is read again when it changes.

    \b
    Examples:
      noetl compile playbook.yaml --target airflow
      noetl compile playbook.yaml --target argo -o - | kubectl apply --server-side -f -
      noetl compile playbooks/ --target airflow -o dags/ --prune
      noetl compile playbooks/ --target airflow -o dags/ --check
      noetl compile playbooks/ --target airflow -o dags/ --watch
      noetl compile playbooks/ --target airflow -o dags/ --profile production.yaml
      noetl compile playbook.yaml --target airflow --target-version 3.3 --strict-native
      noetl compile playbook.yaml --target airflow --explain --requirements --format json | jq .playbooks
      noetl compile playbook.yaml --target airflow --map load
      noetl compile main.yaml --target airflow --playbooks library/
      cat playbook.yaml | noetl compile - --target airflow -o -
    """
    from noetl.targets.base import Options, carried
    from noetl.targets.registry import load, version_of

    from .compiling.playbooks import Reader, Remembering
    from .compiling.report import Wanted, code, tell
    from .compiling.session import Orders, Session

    compiler = load(target)
    said = _profile(profile)
    maps = tuple(map or ())
    if maps and not carried(compiler, "mapped-loop"):
        raise UsageError(f'target "{target}" does not take --map: it has no tasks that stand for iterations')
    options = Options(version_of(compiler, target_version), strict_native, maps, said.profile if said else None)
    _check_usage(paths, output, check=check, prune=prune, watch=watch)
    folders = _folders(playbooks or [])
    wanted = Wanted(explain, requirements, format == "json", check, output == "-")
    orders = Orders(tuple(paths), output, check, prune, said, watch, maps)
    session = Session(orders, Reader(folders), Remembering(compiler, options))
    if watch:
        from .compiling.watching import watch as watch_playbooks

        watch_playbooks(session, wanted, [*paths, *([profile] if profile else [])], folders)
        return
    done = session.run()
    tell(done, wanted)
    raise typer.Exit(code(done, wanted))


def _profile(path: str | None) -> Read | None:
    """The profile; its diagnostics and the end, with exit code 1, if it has an error."""
    if path is None:
        return None
    from noetl.targets.profile import load

    read = load(path)
    if read.diagnostics:
        print(render_text(read.diagnostics, {read.path: read.text}), file=sys.stderr)
    if read.profile is None:
        raise typer.Exit(FINDINGS)
    return read


def _check_usage(paths: Sequence[str], output: str | None, *, check: bool, prune: bool, watch: bool) -> None:
    """UsageError if options do not go together."""
    if (check or prune or watch) and output == "-":
        raise UsageError("--check, --prune and --watch are about files; -o - has none")
    if check and (prune or watch):
        raise UsageError("--check writes nothing; --prune and --watch do")
    if prune and not any(os.path.isdir(path) for path in paths):
        raise UsageError("--prune needs a folder of playbooks: the files of all others are removed")
    if watch and "-" in paths:
        raise UsageError("--watch needs files; standard input is read once")


def _folders(names: Sequence[str]) -> tuple[Path, ...]:
    for name in names:
        if not os.path.isdir(name):
            raise UsageError(f'--playbooks names "{name}", which is no folder')
    return tuple(Path(name) for name in names)
