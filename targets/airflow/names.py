"""Step names as Airflow ids, and back.

Airflow allows letters, digits, `_`, `-` and `.` in ids, 250 of them at most. In a step's name all of these but the dot
stay; any other byte of its UTF-8 form becomes `.` and two hexadecimal digits. What follows a dot tells the rest apart:
the `.region` of a task that runs several steps, named after the first of them, a copy's `.copy2`, an edge's `.rule0.1`
(the second entry in the `next` of the first rule) or `.next.0` (the step's own), in a region after the step that it
leaves, the `.enter` and the `.items` of a loop whose iterations are tasks, and the `.h...` that ends an id which was
too long. So no two tasks of a DAG share an id.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

MAX_LENGTH: Final = 250
"""Most characters of an id that Airflow takes."""
VERDICT: Final = "verdict"
"""The id of the task that decides an execution's status; a step of this name is escaped."""

_HASH_DIGITS: Final = 16
_FREE: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_ESCAPE: Final = re.compile(rb"\.([0-9a-f]{2})")
_NAME: Final = r"(?:[A-Za-z0-9_-]|\.[0-9a-f]{2})+"
_EDGE: Final = r"\.(?:rule[0-9]+|next)\.[0-9]+"
_TASK: Final = re.compile(
    rf"(?P<name>{_NAME})(?:\.region)?(?:\.copy[0-9]+)?(?:\.enter|\.items|(?:\.(?P<inner>{_NAME}))?{_EDGE})?"
)


def step_task_id(step: str, copy: int, copies: int, *, region: bool = False) -> str:
    """The task id of the copy of a step, or of a region of several steps whose first one this is, counted from 1.

    >>> step_task_id("load/users", 1, 1), step_task_id("load", 2, 3), step_task_id("load", 1, 1, region=True)
    ('load.2fusers', 'load.copy2', 'load.region')
    """
    name = _escape(step)
    if name == VERDICT:
        name = f".{ord(name[0]):02x}{name[1:]}"
    if region:
        name = f"{name}.region"
    return _fit(name if copies == 1 else f"{name}.copy{copy}")


def edge_label(rule: int | None, entry: int, step: str | None = None) -> str:
    """An edge among those of its task; `step` is the one that it leaves, where the task runs several.

    >>> edge_label(0, 1), edge_label(None, 0), edge_label(None, 0, "a/b")
    ('rule0.1', 'next.0', 'a.2fb.next.0')
    """
    own = f"next.{entry}" if rule is None else f"rule{rule}.{entry}"
    return own if step is None else f"{_escape(step)}.{own}"


def edge_task_id(step_task: str, label: str) -> str:
    """The task id of an edge that leaves a step's task."""
    return _fit(f"{step_task}.{label}")


def entry_task_id(step_task: str) -> str:
    """The task id of what comes before the iterations of a step, where these are tasks."""
    return _fit(f"{step_task}.enter")


def items_task_id(step_task: str) -> str:
    """The task id of the iterations."""
    return _fit(f"{step_task}.items")


def dag_id(name: str) -> str:
    """A playbook's path, or its name, as a DAG id: `/` becomes `.`, other bytes that ids lack `..` and their digits.

    >>> dag_id("etl/daily users"), dag_id("v1.2")
    ('etl.daily..20users', 'v1..2e2')
    """
    parts = (_escape(part).replace(".", "..") for part in name.split("/"))
    first, *rest = parts
    found = first
    for part in rest:
        # Two slashes in a row, or one at either end, would make dots that read as something else.
        found += f".{part}" if part and found else f"..2f{part}"
    return _fit(found)


def step_of(task_id: str) -> str | None:
    """The step of a task, of a region's the first one, of an edge's its source; None for the verdict and for cut ids.

    >>> step_of("load.2fusers.copy2.rule0.1")
    'load/users'
    """
    found = _TASK.fullmatch(task_id)
    if found is None or task_id == VERDICT:
        return None
    name = found["inner"] or found["name"]
    raw = _ESCAPE.sub(lambda match: bytes.fromhex(match[1].decode()), name.encode())
    return raw.decode("utf-8", "surrogatepass")


def _escape(text: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return "".join(chr(byte) if byte in _FREE else f".{byte:02x}" for byte in data)


def _fit(id_: str) -> str:
    """An id that is too long is cut and ends in a part of its hash."""
    if len(id_) <= MAX_LENGTH:
        return id_
    tail = f".h{hashlib.sha256(id_.encode()).hexdigest()[:_HASH_DIGITS]}"
    return id_[: MAX_LENGTH - len(tail)] + tail
