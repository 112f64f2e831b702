"""Step names as names of Argo's tasks, and playbooks' as names of Kubernetes' objects.

Both allow small letters, digits and inner dashes. These letters and digits stay. An underscore becomes a dash, and a
slash two, where that can be read back; any other byte of the UTF-8 form becomes `--x` and two hexadecimal digits. What
follows two dashes tells the rest apart: `--region` ends the task of a region, named after its first step, `--n2` the
second copy, and `--h...` a name that was too long. All tasks of steps begin with `s-`: Argo's expressions have words
of their own, such as `in`, that no task may be called. So no two tasks share a name.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

MAX_TASK: Final = 100
"""Most characters of a task's name; Argo takes 128."""
MAX_OBJECT: Final = 52
"""Most characters of an object's name: of a CronWorkflow, whose Workflows are called after it."""
VERDICT: Final = "verdict"
"""The task that decides a Workflow's phase."""
STEP: Final = "s-"
FAILS: Final = "x-"
"""What the names of tasks begin with: those of units, and those that fail for a region."""

_HASH_DIGITS: Final = 10
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_TASK: Final = re.compile(r"s-(?P<name>.+?)(?:--region)?(?:--n[0-9]+)?")
_ESCAPE: Final = re.compile(r"--x([0-9a-f]{2})")


def unit_name(step: str, copy: int, copies: int, *, region: bool = False) -> str:
    """The name of the task of a step's copy, or of a region of several steps whose first one this is.

    >>> unit_name("load_users", 1, 1), unit_name("Load", 2, 3), unit_name("a-b", 1, 1, region=True)
    ('s-load-users', 's---x4coad--n2', 's-a--x2db--region')
    """
    name = STEP + _escaped(step, slashes=False) + ("--region" if region else "")
    return _fit(name if copies == 1 else f"{name}--n{copy}", MAX_TASK)


def step_of(task: str) -> str | None:
    """The step of a task, of a region's the first one; None for tasks of no step and for names that were cut.

    >>> step_of("s---x4coad--n2")
    'Load'
    """
    found = _TASK.fullmatch(task)
    if found is None or "--h" in task:
        return None
    raw = _ESCAPE.sub(lambda match: f"\0{match[1]}", found["name"]).replace("-", "_")
    data = re.sub(rb"\0([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), raw.encode())
    return data.decode("utf-8", "surrogatepass")


def object_name(path: str) -> str:
    """The name of a playbook's WorkflowTemplate, from its path or its name.

    >>> object_name("etl/daily_users"), object_name("Load")
    ('etl--daily-users', 'x---x4coad')
    """
    name = _escaped(path, slashes=True)
    return _fit(name if name[0] in _PLAIN and name[-1] in _PLAIN else f"x-{name}".rstrip("-"), MAX_OBJECT)


def _escaped(text: str, *, slashes: bool) -> str:
    found: list[str] = []
    for place, sign in enumerate(text):
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        inner = before in _PLAIN and after in _PLAIN and before != "" and after != ""
        if sign in _PLAIN:
            found.append(sign)
        elif sign == "_" and inner:
            found.append("-")
        elif sign == "/" and inner and slashes and after != "x":
            found.append("--")
        else:
            found += (f"--x{byte:02x}" for byte in sign.encode("utf-8", "surrogatepass"))
    return "".join(found)


def _fit(name: str, limit: int) -> str:
    """A name that is too long is cut and ends in a part of its hash."""
    if len(name) <= limit:
        return name
    tail = f"--h{hashlib.sha256(name.encode()).hexdigest()[:_HASH_DIGITS]}"
    return name[: limit - len(tail)].rstrip("-") + tail
