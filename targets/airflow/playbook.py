"""The playbook inside an emitted DAG file: checked when Airflow parses it, compiled when a task first needs it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import noetl
from noetl.errors import UsageError

from .flow import read

if TYPE_CHECKING:
    from noetl.compiler import ir
    from noetl.compiler.ir import Json

_NEWLINE: Final = re.compile(r"\r\n|\r|\n")
_KEPT: Final = 8
"""Compiled playbooks that one process keeps."""
_ABOUT: Final = f"""\
A NoETL playbook, run by noetl {noetl.__version__}. The conf of a run is the payload, merged into the workload. The XCom
`return_value` of task `verdict` is the outcome of the run: what `noetl run --json` prints."""


class Playbook:
    """A playbook's text with its tasks. UsageError, which says what to do, if it does not belong to this noetl."""

    def __init__(
        self,
        text: str,
        flow: str,
        *,
        file: str,
        description: str,
        digest: str,
        made_by: str,
        playbooks: Mapping[str, str] | None = None,
        interval: str | None = None,
        payload: Mapping[str, Json] | None = None,
    ) -> None:
        check_version(made_by, noetl.__version__)
        self.playbooks = dict(playbooks or {})
        """The texts of the playbooks that steps may run, by file (TOO-4)."""
        self.file = file
        """The name of the playbook's file."""
        self.interval = interval
        """The entry of a scheduled execution's payload that holds its interval."""
        self.payload = dict(payload or {})
        """What else is in it."""
        if fingerprint(text, self.playbooks) != digest:
            raise UsageError("PLAYBOOK was edited in this file; edit the playbook and compile it again")
        self.text = text
        self.flow = read(flow)
        """The tasks of steps, by id, with the edges that leave them."""
        self._lines = _NEWLINE.split(text)
        self.description = description
        self.doc = self._describe()
        """What the page of the DAG shows."""

    def workflow(self) -> ir.Workflow:
        """The compiled playbook."""
        return _compile(self.text)

    def step(self, task_id: str) -> str:
        """The step that a task stands for."""
        return self.flow[task_id].step

    def fragment(self, task_id: str) -> str:
        """The lines of a task's step as Markdown."""
        return self.lines(*self.flow[task_id][:3])

    def lines(self, step: str, first: int, last: int) -> str:
        """Some lines of the playbook, which are a step, as Markdown."""
        head, *rest = self._lines[first - 1 : last]
        bare = head.lstrip(" ")
        indent = head[: len(head) - len(bare)]  # what stands further left than the first line stays there
        text = "\n".join([bare, *rest]).replace(f"\n{indent}", "\n")
        return _fenced(f"Step `{step}`, line {first} of the playbook:", text)

    def _describe(self) -> str:
        rows: dict[str, tuple[int, list[str]]] = {}
        for id_, task in self.flow.items():
            tasks = rows.setdefault(task.step, (task.first, []))[1]
            tasks.append(f"`{id_}`")
        table = (f"| {_cell(step)} | {line} | {', '.join(tasks)} |\n" for step, (line, tasks) in rows.items())
        return f"{self.description}\n\n{_ABOUT}\n\n| step | line | tasks |\n|---|---|---|\n{''.join(table)}"


def fingerprint(text: str, playbooks: Mapping[str, str]) -> str:
    """What the texts in an emitted file are checked against when Airflow parses it."""
    found = hashlib.sha256(text.encode())
    for name, other in playbooks.items():
        found.update(f"\0{name}\0{other}".encode())
    return f"sha256:{found.hexdigest()}"


def check_version(made_by: str, installed: str) -> None:
    """Return if the installed noetl runs what `made_by` emitted: the same minor version (major from 1.0 on), not older.

    >>> check_version("0.1.2", "0.1.5")
    """
    made, here = _numbers(made_by), _numbers(installed)
    fixed = 1 if made[0] else 2
    if made[:fixed] != here[:fixed] or made > here:
        raise UsageError(
            f"this DAG was made by noetl {made_by}, and noetl {installed} is installed here: "
            f"compile the playbook with noetl {installed}, or install noetl {made_by}"
        )


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(n) for n in re.findall(r"\d+", version)[:3]]
    return tuple(numbers + [0] * (3 - len(numbers)))


@lru_cache(maxsize=_KEPT)
def _compile(text: str) -> ir.Workflow:
    from noetl.compiler import frontend

    workflow: ir.Workflow = frontend.load(text.encode(), "PLAYBOOK", check=False)
    return workflow


def _fenced(title: str, text: str) -> str:
    """A text in a Markdown fence that is longer than any in it."""
    longest = max(map(len, re.findall("`+", text)), default=0) if "```" in text else 0
    fence = "`" * max(3, longest + 1)
    return f"{title}\n\n{fence}yaml\n{text}\n{fence}\n"


def _cell(text: str) -> str:
    return "`" + text.replace("|", "\\|").replace("`", "'").replace("\n", " ") + "`"
