"""`noetl run`: a playbook executed by the reference runtime, here and now."""

from __future__ import annotations

import os
import re
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Final

import typer

from noetl.diagnostics import Severity, render_text
from noetl.errors import UsageError

from . import FINDINGS
from .options import (
    AsJson,
    CredentialsFile,
    Deadline,
    LogPlace,
    MockFile,
    MockRest,
    Playbooks,
    Quiet,
    RecordFile,
    Rest,
    Until,
)

if TYPE_CHECKING:
    from noetl.compiler import ir
    from noetl.compiler.frontend import Compilation
    from noetl.runtime.store.log import Log

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")

Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=VALUE", help="One value of the payload, as JSON or else text; may be repeated."),
]
Payload = Annotated[
    str | None, typer.Option("--payload", metavar="FILE", help="The payload as JSON, or - for standard input.")
]
AllowEnv = Annotated[
    list[str] | None,
    typer.Option("--allow-env", metavar="NAME", help="An environment name that templates may read; may be repeated."),
]
NewId = Annotated[
    str | None, typer.Option("--execution-id", metavar="ID", help="The id of the new execution; default a random one.")
]


def command(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The playbook, or - for standard input.")],
    set_: Set = None,
    payload: Payload = None,
    credentials: CredentialsFile = None,
    allow_env: AllowEnv = None,
    playbooks: Playbooks = None,
    deadline: Deadline = None,
    until: Until = None,
    mock: MockFile = None,
    mock_rest: MockRest = Rest.FAIL,
    record: RecordFile = None,
    log: LogPlace = None,
    no_log: Annotated[bool, typer.Option("--no-log", help="Keep no event log.")] = False,
    execution_id: NewId = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run a playbook and print its output as JSON.

    Progress goes to standard error, the output to standard output. The payload overlays the playbook's workload; --set
    is applied after --payload. What happens is kept in an event log, which noetl why, replay, resume and events read.

    Exits with 0 when the execution completed (or --until was reached), with 1 when it failed, missed its deadline or
    the playbook has errors, with 130 or 143 when Ctrl-C or SIGTERM cancelled it.

    \b
    Examples:
      noetl run playbook.yaml
      noetl run playbook.yaml --set page_size=10 --set region=eu
      noetl run playbook.yaml --payload payload.json --credentials credentials.yaml --json | jq .status
      noetl run playbook.yaml --record outcomes.json && noetl run playbook.yaml --mock outcomes.json
      noetl run playbook.yaml --deadline 600 --log postgresql://localhost/noetl
    """
    from noetl.runtime.embedded import Source
    from noetl.runtime.scope import ExecutionInfo

    from .driving import Orders, drive, lasting
    from .ending import finish
    from .inputs import read_payload
    from .opening import writing
    from .progress import display

    if file == "-" and payload == "-":
        raise UsageError("only one of the playbook and the payload can be read from standard input")
    given = read_payload(payload, set_ or [])
    compilation = compiled(file)
    workflow = runnable(compilation)
    orders = Orders(
        credentials, playbooks or (), deadline, until, mock, mock_rest is Rest.REAL, record, with_runs=as_json
    )
    env = {n: os.environ[n] for n in allow_env or [] if n in os.environ}
    with nullcontext() if no_log else writing(log, mocked=mock is not None) as kept:
        identity = _identity(execution_id, kept)
        info = ExecutionInfo(identity, env, records=as_json)
        source = Source(lasting(compilation.path), compilation.text)
        driven = drive(workflow, source, given, info, orders, kept, display(sys.stderr, file, quiet=quiet))
    kept_as = None if kept is None else identity
    finish(driven, workflow, compilation.path, compilation.text, as_json=as_json, quiet=quiet, kept_as=kept_as)


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


def _identity(wanted: str | None, log: Log | None) -> str:
    """The id of a new execution."""
    from noetl.runtime.system import RandomIds

    if wanted is None:
        return RandomIds().execution_id()
    if not _ID.fullmatch(wanted):
        raise UsageError(f'--execution-id takes up to 128 letters, digits and . _ -, not "{wanted}"')
    if log is not None and log.holds(wanted):
        raise UsageError(f'execution "{wanted}" is in the log already; noetl resume goes on with it')
    return wanted
