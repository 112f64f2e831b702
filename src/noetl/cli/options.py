"""Options that several commands about executions share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

LOG_VARIABLE = "NOETL_LOG"


class Rest(StrEnum):
    """What becomes of a call that `--mock` has no outcome for."""

    FAIL = "fail"
    REAL = "real"


LogPlace = Annotated[
    str | None,
    typer.Option(
        "--log",
        metavar="PATH|URL",
        envvar=LOG_VARIABLE,
        show_envvar=False,
        help=f"The event log: a file, or postgresql://...; default .noetl/log.sqlite, or ${LOG_VARIABLE}.",
    ),
]
ExecutionId = Annotated[
    str | None,
    typer.Option("--execution", metavar="ID", help="The execution, or the beginning of its id; default the latest."),
]
CredentialsFile = Annotated[
    str | None,
    typer.Option("--credentials", metavar="FILE", help="Credentials by name: YAML, JSON, or the URL of a server."),
]
Playbooks = Annotated[
    list[str] | None,
    typer.Option("--playbooks", metavar="DIR", help="Where sub-playbooks are, besides beside it; may be repeated."),
]
Deadline = Annotated[
    str | None,
    typer.Option("--deadline", metavar="SECONDS|TIME", help="Cancel after so many seconds, or at an ISO 8601 time."),
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="STEP", help="Stop when the first run of this step has ended.")
]
MockFile = Annotated[
    str | None, typer.Option("--mock", metavar="FILE", help="Take outcomes from a file instead of calling tools.")
]
MockRest = Annotated[
    Rest, typer.Option("--mock-rest", help="With --mock: what becomes of a call that has no outcome in the file.")
]
RecordFile = Annotated[
    str | None, typer.Option("--record", metavar="FILE", help="Write every outcome to a file that --mock takes.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print status, output, error and all runs as one object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
