"""`noetl lint`: every problem of the playbooks given, in one go."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Final

import typer

from noetl.errors import UsageError

from .linting import paths as files
from .linting import settings
from .linting.report import Format
from .linting.session import Options, Session


def _explain(kind: str | None) -> None:
    """Show the page of a kind, by code or name, and exit."""
    if kind is None:
        return
    from noetl.compiler.linting.selection import near

    from .linting import pages

    found = pages.kinds().get(kind) or pages.kinds().get(kind.upper())
    if found is None:
        hint = near(kind, pages.kinds())
        raise UsageError(f'"{kind}" is no code or name of findings' + (f"; {hint}" if hint else ""))
    print(pages.page(found))
    raise typer.Exit


Paths = Annotated[
    list[str], typer.Argument(metavar="PATH...", help="Playbooks, folders to search, or - for standard input.")
]
Explain = Annotated[
    str | None,
    typer.Option(
        "--explain", metavar="KIND", callback=_explain, is_eager=True, help="Show the page of a code or name, and exit."
    ),
]
Select = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="KINDS", help="Show only these: codes, names, families, default, all."),
]
Ignore = Annotated[list[str] | None, typer.Option("--ignore", metavar="KINDS", help="Do not show these.")]
Target = Annotated[
    str | None, typer.Option("--target", metavar="NAME", help="Add what this engine cannot carry: airflow or argo.")
]
BaselineFile = Annotated[
    str | None, typer.Option("--baseline", metavar="FILE", help="Do not show the findings that this file knows.")
]
Processes = Annotated[
    int | None, typer.Option("--processes", metavar="N", min=1, help="How many processes check; else as many as pay.")
]
COUNTED: Final = ("text", "json")
"""The formats that --statistics has."""


def command(
    paths: Paths,
    format: Annotated[Format, typer.Option("--format", help="How findings are shown.")] = Format.TEXT,
    select: Select = None,
    ignore: Ignore = None,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail, too.")] = False,
    portable: Annotated[bool, typer.Option("--portable", help="Report extensions of the published language.")] = False,
    target: Target = None,
    fix: Annotated[bool, typer.Option("--fix", help="Apply fixes to the files.")] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what --fix would change; exit with 1 if anything.")
    ] = False,
    baseline: BaselineFile = None,
    write_baseline: Annotated[
        bool, typer.Option("--write-baseline", help="Write all findings of this run to the baseline.")
    ] = False,
    statistics: Annotated[bool, typer.Option("--statistics", help="Count findings by kind, do not show them.")] = False,
    explain: Explain = None,  # noqa: ARG001 (its callback has shown it)
    config: Annotated[
        str | None, typer.Option("--config", metavar="FILE", help="The configuration, else that of the nearest folder.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Check every file anew, and keep nothing.")] = False,
    processes: Processes = None,
) -> None:
    """Check playbooks and show every problem with its place.

    Folders are searched for *.yaml and *.yml files that hold `kind: Playbook`. Findings go to standard output, a
    summary to standard error. Errors exit with 1; warnings exit with 0, with --strict 1; notes never fail. A path that
    cannot be read exits with 2 after the others have been checked.

    `# noetl: ignore[NTL203]` suppresses a finding on its line or, on a line of its own, on the next. noetl.toml or
    [tool.noetl] of pyproject.toml has the same options.

    \b
    Examples:
      noetl lint playbook.yaml
      noetl lint --strict --target airflow playbooks/
      noetl lint --fix playbooks/
      noetl lint --select names,NTL601 --format sarif playbooks/ > noetl.sarif
      noetl lint --baseline known.json --write-baseline playbooks/
      noetl lint --explain NTL203
      cat playbook.yaml | noetl lint --format json -
    """
    if statistics and format not in COUNTED:
        raise UsageError(f"--statistics has the formats {', '.join(COUNTED)}")
    if ((fix or diff) and write_baseline) or (fix and diff):
        raise UsageError("--fix, --diff and --write-baseline exclude each other")
    options = Options(format, fix, diff, write_baseline, statistics, no_cache, processes)
    given = settings.Settings(
        "",
        select=settings.split(select),
        ignore=settings.split(ignore),
        strict=strict,
        portable=portable,
        target=target,
        baseline=baseline,
    )
    raise typer.Exit(Session(paths, _merged(paths, config, given), options).code())


def _merged(paths: Sequence[str], config: str | None, given: settings.Settings) -> settings.Settings:
    """The configuration, overlaid by what the command line says."""
    named = [path for path in paths if path != files.STDIN]
    found = settings.load(config) if config is not None else settings.nearest(settings.common_folder(named))
    base = found or settings.Settings(os.getcwd())
    return base._replace(
        select=given.select or base.select,
        ignore=given.ignore or base.ignore,
        strict=given.strict or base.strict,
        portable=given.portable or base.portable,
        target=given.target if given.target is not None else base.target,
        baseline=given.baseline if given.baseline is not None else base.baseline,
    )
