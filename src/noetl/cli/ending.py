"""What is printed when an execution has ended, and the exit code that it leaves."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final, NoReturn

import typer

from noetl.compiler.ir import Json
from noetl.diagnostics import excerpt

from . import FINDINGS, OK, say

if TYPE_CHECKING:
    from noetl.compiler import ir

    from .driving import Driven

STOPPED: Final = {"interrupt": 130, "terminate": 143, "deadline": FINDINGS, "until": OK}
"""The exit codes of an execution that was cancelled, by what stopped it; those of signals are as shells have them."""
_WHY: Final = {
    "interrupt": "cancelled by Ctrl-C",
    "terminate": "cancelled by SIGTERM",
    "deadline": "cancelled: it was not finished by its deadline",
}


def finish(
    driven: Driven, workflow: ir.Workflow, path: str, text: str, *, as_json: bool, quiet: bool, kept_as: str | None
) -> NoReturn:
    """Print the output or the whole summary, say what went wrong, and exit. `kept_as` is the id in a log."""
    print_json(driven.summary if as_json else driven.summary["output"])
    if driven.summary["status"] == "failed" and not (quiet and as_json):
        say(failure(driven.summary, workflow, path, text))
    if driven.stopped in _WHY and not quiet:
        say(f"{path}: {_WHY[driven.stopped]}")
    step = _failed_step(driven.summary)
    if kept_as is not None and step is not None and not quiet:
        say(f'  hint: noetl why "{step}" --execution {kept_as}')
    raise typer.Exit(_code(driven))


def print_json(value: Json) -> None:
    """Print a value as JSON; a stream that is not UTF-8 gets JSON's own escapes."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(value, indent=2, ensure_ascii=not unicode))


def failure(summary: dict[str, Json], workflow: ir.Workflow, path: str, text: str) -> str:
    """Why an execution failed, with the line of the playbook where its step stands."""
    error = summary.get("error")
    shown = error if isinstance(error, dict) else {}
    name = _failed_step(summary)
    told = f"failed with {shown.get('type')}: {shown.get('message')}"
    span = next((s.span for s in workflow.steps if s.name == name), None)
    if span is None:
        return f"{path}: {told}"
    return "\n".join([f'{path}:{span}: step "{name}" {told}', *excerpt(text, span)])


def _failed_step(summary: dict[str, Json]) -> str | None:
    error = summary.get("error")
    name = error.get("step") if isinstance(error, dict) else None
    return name if isinstance(name, str) else None


def _code(driven: Driven) -> int:
    if driven.stopped is not None:
        return FINDINGS if driven.until == "failed" else STOPPED[driven.stopped]
    return OK if driven.summary["status"] == "completed" else FINDINGS
