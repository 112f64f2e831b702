"""`noetl schema`: the JSON Schemas of playbooks and of what noetl prints."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from noetl import schema
from noetl.compiler.findings import close_to, listed, quoted
from noetl.errors import UsageError

from .. import FINDINGS, OK


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Which schema; without it they are listed.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare the schemas that are kept with what they are made from.")
    ] = False,
) -> None:
    """Show the JSON Schema (2020-12) of playbooks, or of something else that noetl reads or prints.

    Without a name the schemas are listed, each with its version and title. With --check nothing is shown: a schema
    that is not what the code gives is named and the exit code is 1.

    \b
    Examples:
      noetl schema
      noetl schema playbook > playbook.schema.json
      noetl schema --check
    """
    if name is not None and name not in schema.VERSIONS:
        hint = close_to(name, schema.VERSIONS)
        more = f"; {hint}" if hint else ""
        raise UsageError(f"there is no schema {quoted(name)}; schemas: {listed(schema.VERSIONS)}{more}")
    if check:
        raise typer.Exit(_check([name] if name else list(schema.VERSIONS)))
    if name is not None:
        print(schema.text(name), end="")
        return
    width = max(map(len, schema.VERSIONS))
    for known, version in schema.VERSIONS.items():
        print(f"{known:{width}}  {version}  {schema.load(known)['title']}")


def _check(names: list[str]) -> int:
    """The exit code: whether every schema is what the code gives."""
    from . import made

    stale = [name for name in names if made.text(name) != schema.text(name)]
    for name in stale:
        print(f"schema/{schema.file_name(name)} is stale: run scripts/generate.py", file=sys.stderr)
    return FINDINGS if stale else OK
