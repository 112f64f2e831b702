"""`noetl run`: a playbook executed by the reference runtime, here and now."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noetl.compiler.ir import Json
from noetl.diagnostics import Severity, render_text
from noetl.errors import UsageError

from . import FINDINGS, OK

if TYPE_CHECKING:
    from noetl.compiler import ir
    from noetl.compiler.frontend import Compilation

CANCELLED = 130
"""The exit code of an execution that Ctrl-C cancelled, as shells have it."""


Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=VALUE", help="One value of the payload, as JSON or else text; may be repeated."),
]
Payload = Annotated[
    str | None, typer.Option("--payload", metavar="FILE", help="The payload as JSON, or - for standard input.")
]
CredentialsFile = Annotated[
    str | None,
    typer.Option("--credentials", metavar="FILE", help="Credentials by name: YAML, JSON, or the URL of a server."),
]
AllowEnv = Annotated[
    list[str] | None,
    typer.Option("--allow-env", metavar="NAME", help="An environment name that templates may read; may be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print status, output, error and all runs as one object.")]


def command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The playbook, or - for standard input.")],
    set_: Set = None,
    payload: Payload = None,
    credentials: CredentialsFile = None,
    allow_env: AllowEnv = None,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Run a playbook and print its output as JSON.

    Progress goes to standard error, the output to standard output. The payload overlays the playbook's workload; --set
    is applied after --payload. Exits with 0 when the execution completed, with 1 when it failed or the playbook has
    errors.

    \b
    Examples:
      noetl run playbook.yaml
      noetl run playbook.yaml --set page_size=10 --set region=eu
      noetl run playbook.yaml --payload payload.json --credentials credentials.yaml --json | jq .status
    """
    from .inputs import read_payload

    if file == "-" and payload == "-":
        raise UsageError("only one of the playbook and the payload can be read from standard input")
    given = read_payload(payload, set_ or [])
    compilation = compiled(file)
    workflow = runnable(compilation)
    summary = _execute(compilation, workflow, given, credentials, allow_env or [], quiet, as_json)
    _print_json(summary if as_json else summary["output"])
    status = summary["status"]
    if status == "failed" and not (quiet and as_json):
        print(_failure(summary, compilation.path, workflow), file=sys.stderr)
    raise typer.Exit(CANCELLED if status == "cancelled" else OK if status == "completed" else FINDINGS)


def _print_json(value: Json) -> None:
    """Print a value as JSON; a stream that is not UTF-8 gets JSON's own escapes."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(value, indent=2, ensure_ascii=not unicode))


def compiled(file: str) -> Compilation:
    """The playbook at a path; UsageError if it cannot be read."""
    from noetl.compiler import frontend, source

    text = source.read(file)
    if text.data is None:
        raise UsageError("; ".join(d.message for d in text.diagnostics))
    return frontend.compile_source(text.data, text.path)


def runnable(compilation: Compilation) -> ir.Workflow:
    """The workflow of a playbook that the runtime can run; else its errors are shown and the command exits with 1."""
    from noetl.runtime.capabilities import refusals

    found = [d for d in compilation.diagnostics if d.severity is Severity.ERROR]
    if not found and compilation.workflow is not None:
        found = refusals(compilation.workflow, compilation.path)
    if found or compilation.workflow is None:
        print(render_text(found, {compilation.path: compilation.text}), file=sys.stderr)
        raise typer.Exit(FINDINGS)
    return compilation.workflow


def _execute(
    compilation: Compilation,
    workflow: ir.Workflow,
    payload: dict[str, Json],
    credentials: str | None,
    allow_env: list[str],
    quiet: bool,
    with_runs: bool,
) -> dict[str, Json]:
    import asyncio
    import os

    from noetl.runtime.credentials import local_credentials
    from noetl.runtime.embedded import execute, silent
    from noetl.runtime.scope import ExecutionInfo
    from noetl.runtime.system import RandomIds, SystemClock
    from noetl.runtime.tools import ToolBox

    from .progress import Progress

    info = ExecutionInfo(RandomIds().execution_id(), {n: os.environ[n] for n in allow_env if n in os.environ})
    store = local_credentials(credentials, os.environ)

    async def run() -> dict[str, Json]:
        toolbox = ToolBox(store, folder=Path(compilation.path).parent)
        try:
            listener = silent if quiet else Progress(sys.stderr).show
            execution = await execute(workflow, payload, info, toolbox, SystemClock(), listener)
            return execution.summary() if with_runs else execution.outcome()
        finally:
            await toolbox.close()

    return asyncio.run(run())


def _failure(summary: dict[str, Json], path: str, workflow: ir.Workflow) -> str:
    """Why an execution failed, with the place of the step in the playbook."""
    error = summary.get("error")
    shown = error if isinstance(error, dict) else {}
    name = shown.get("step")
    where = next((f"{path}:{s.span}: " for s in workflow.steps if s.name == name), f"{path}: ")
    step = f'step "{name}" ' if name else ""
    return f"{where}{step}failed with {shown.get('type')}: {shown.get('message')}"
