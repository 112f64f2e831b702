"""`noetl resume`: an execution whose process was killed goes on from its log."""

from __future__ import annotations

import sys

from noetl.errors import UsageError

from .options import (
    AsJson,
    CredentialsFile,
    Deadline,
    ExecutionId,
    LogPlace,
    MockFile,
    MockRest,
    Playbooks,
    Quiet,
    Rest,
    Until,
)


def command(
    execution: ExecutionId = None,
    credentials: CredentialsFile = None,
    playbooks: Playbooks = None,
    deadline: Deadline = None,
    until: Until = None,
    mock: MockFile = None,
    mock_rest: MockRest = Rest.FAIL,
    log: LogPlace = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Go on with an execution whose process ended before it did, and print its output as JSON.

    The playbook, the payload and the allowed environment are those of the log, whatever the file holds by now. What was
    answered is not asked again; a call whose answer was not kept is made again with the same idempotency key.

    \b
    Examples:
      noetl resume
      noetl resume --execution 5f0f1e0c --credentials credentials.yaml --json
    """
    from noetl.runtime.embedded import Source
    from noetl.runtime.rebuilding import workflow_of
    from noetl.runtime.scope import ExecutionInfo

    from .driving import Orders, drive
    from .ending import finish
    from .opening import reading
    from .progress import display

    orders = Orders(credentials, playbooks or (), deadline, until, mock, mock_rest is Rest.REAL, with_runs=as_json)
    with reading(log, execution) as (kept, entry):
        identity = entry.execution_id
        if entry.parent is not None:
            root = entry.parent.partition(":")[0]
            raise UsageError(f'execution "{identity}" is of a sub-playbook; resume "{root}", which called it')
        if entry.status is not None:
            raise UsageError(f'execution "{identity}" has ended with status {entry.status}; nothing is left to do')
        if entry.mocked and mock is None:
            raise UsageError(f'execution "{identity}" takes its outcomes from a file; say which with --mock')
        start = kept.kept(identity).start
        workflow = workflow_of(start)
        info = ExecutionInfo(identity, start.env, records=as_json)
        shown = display(sys.stderr, start.path, quiet=quiet)
        driven = drive(workflow, Source(start.path, start.text), start.payload, info, orders, kept, shown)
    finish(driven, workflow, start.path, start.text, as_json=as_json, quiet=quiet, kept_as=identity)
