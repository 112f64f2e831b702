"""One line per thing that happens, on standard error, while an execution goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Protocol, Self, TextIO

from noetl.compiler.ir import Json
from noetl.runtime.events import Event

from . import give_up

WIDTH: Final = 120
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f]")
"""Characters by which data could command a terminal."""
_SHOWN: Final = {
    "workflow.start": "start",
    "step.enter": "enter",
    "loop.start": "loop",
    "call.start": "call",
    "call.error": "error",
    "retry": "retry",
    "rule.error": "rule",
    "collect.missing": "collect",
    "transition.ignored": "ignored",
    "log": "log",
    "stdout": "print",
    "sink.done": "sink",
    "iteration.failed": "failed",
    "iteration.skipped": "skipped",
    "run.success": "done",
    "run.failed": "failed",
    "run.skipped": "skipped",
    "transition": "next",
    "join.poisoned": "poisoned",
    "workflow.end": "end",
}


class Display(Protocol):
    """Shows an execution to people. A context manager: what it needs of the terminal is given back at the end."""

    def show(self, event: Event) -> None:
        """The event has happened."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Silence:
    """Shows nothing."""

    def show(self, event: Event) -> None:
        """Leave it out."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was taken."""


class Progress:
    """Shows events as lines `step word detail`; long values are cut."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was taken."""

    def show(self, event: Event) -> None:
        """Print the line of an event, if it has one. Whoever reads them may go away; the execution goes on."""
        for line in lines(event.name, event.step, event.iteration, event.data):
            try:
                print(line, file=self._stream, flush=True)
            except OSError:
                give_up(self._stream)


def display(stream: TextIO, path: str, *, quiet: bool) -> Display:
    """What fits the stream: a live picture on a terminal, lines anywhere else."""
    import os

    if quiet:
        return Silence()
    if stream.isatty() and os.environ.get("TERM") not in (None, "", "dumb"):
        from .live import Live

        return Live(stream, path)
    return Progress(stream)


def lines(name: str, step: str | None, iteration: int | None, data: dict[str, Json]) -> Iterator[str]:
    """An event for people: a line for each line of its text; none where it is not worth one."""
    word = _SHOWN.get(name)
    if word is None:
        return
    subject = (step or "playbook") if iteration is None else f"{step}[{iteration}]"
    for detail in _detail(name, data).splitlines() or [""]:
        line = printable(f"{subject:<20} {word:<9} {detail}".rstrip())
        yield line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."


def printable(text: str) -> str:
    """The text with everything that could command a terminal escaped."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _detail(name: str, data: dict[str, Json]) -> str:
    match name:
        case "call.start":
            request = data.get("request")
            kind = request.get("kind") if isinstance(request, dict) else "request that could not be rendered"
            return f"{kind} (call {data['call']}, attempt {data['attempt']})"
        case "call.error" | "run.failed" | "iteration.failed":
            error = data.get("error")
            return f"{error.get('type')}: {error.get('message')}" if isinstance(error, dict) else str(error)
        case "retry":
            return f"attempt {data['attempt']} in {data['wait']} s"
        case "loop.start":
            return f"{data['length']} iterations"
        case "transition":
            return f"-> {data['target']}"
        case "stdout" | "log":
            text = data.get("text")
            return text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
        case "workflow.end":
            return str(data.get("status"))
        case "step.enter" | "workflow.start":
            return ""
    return json.dumps(next(iter(data.values()), None), ensure_ascii=False)
