"""One line per thing that happens, on standard error, while an execution goes on."""

from __future__ import annotations

import json
import re
from typing import Final, TextIO

from noetl.compiler.ir import Json
from noetl.runtime.events import Event

WIDTH = 120
_CONTROL: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f]")
"""Characters by which data could command a terminal."""
_SHOWN = {
    "workflow.start": "start",
    "step.enter": "enter",
    "call.start": "call",
    "call.error": "error",
    "retry": "retry",
    "rule.error": "rule",
    "collect.missing": "collect",
    "transition.ignored": "ignored",
    "log": "log",
    "stdout": "print",
    "sink.done": "sink",
    "run.success": "done",
    "run.failed": "failed",
    "run.skipped": "skipped",
    "transition": "next",
    "join.poisoned": "poisoned",
    "workflow.end": "end",
}


class Progress:
    """Shows events as lines `step word detail`; long values are cut."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, event: Event) -> None:
        """Print the line of an event, if it has one."""
        word = _SHOWN.get(event.name)
        if word is None:
            return
        subject = event.step or "playbook"
        for detail in _detail(event.name, event.data).splitlines() or [""]:
            line = _CONTROL.sub(_escaped, f"{subject:<20} {word:<9} {detail}".rstrip())
            print(line if len(line) <= WIDTH else line[: WIDTH - 3] + "...", file=self._stream, flush=True)


def _escaped(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02x}"


def _detail(name: str, data: dict[str, Json]) -> str:
    if name == "call.start":
        request = data.get("request")
        kind = request.get("kind") if isinstance(request, dict) else "request that could not be rendered"
        return f"{kind} (call {data['call']}, attempt {data['attempt']})"
    if name in ("call.error", "run.failed"):
        error = data.get("error")
        return f"{error.get('type')}: {error.get('message')}" if isinstance(error, dict) else str(error)
    if name == "retry":
        return f"attempt {data['attempt']} in {data['wait']} s"
    if name == "transition":
        return f"-> {data['target']}"
    if name in ("stdout", "log"):
        text = data.get("text")
        return text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
    if name == "workflow.end":
        return str(data.get("status"))
    if name in ("step.enter", "workflow.start"):
        return ""
    return json.dumps(next(iter(data.values()), None), ensure_ascii=False)
