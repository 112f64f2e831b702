"""Cases judged on a target: what each of them came to, and what all of them say of the target."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from typing import Final, Literal, TypeAlias

from noetl.errors import UsageError

from .case import Case, load_case
from .observation import Observation, unmet

Observe: TypeAlias = Callable[[Case], Observation]
"""Runs a case on a target."""
Verdict: TypeAlias = Literal["passed", "failed", "broken", "not run"]
"""`broken`: the harness, which says nothing of the target; `not run`: the case does not make sense there."""

CASES: Final = Path(__file__).parent / "cases"
"""The suite's own cases, one folder for each area."""
ADAPTERS: Final[Mapping[str, str]] = {"runtime": "noetl.conformance.adapters.runtime"}
"""The module of each target, imported when it is asked for; it has `observe(case: Case) -> Observation`."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A case and what it came to."""

    case: Case
    path: Path
    verdict: Verdict
    said: tuple[str, ...] = ()
    """What was unmet, or what broke; a line each."""


def adapter(target: str) -> Observe:
    """How cases run on a target; UsageError if there is none of that name."""
    if target not in ADAPTERS:
        known = ", ".join(f'"{name}"' for name in sorted(ADAPTERS))
        raise UsageError(f'no adapter is called "{target}"; targets: {known}')
    observe: Observe = import_module(ADAPTERS[target]).observe
    return observe


def chosen(folder: Path, glob: str = "*") -> list[tuple[Path, Case]]:
    """The cases below a folder whose ids match, by path.

    UsageError if there is no such folder, or with a line for each file that holds no case or one with another's id.
    """
    if not folder.is_dir():
        raise UsageError(f'"{folder}" is no folder')
    problems: list[str] = []
    found: dict[str, tuple[Path, Case]] = {}
    for path in sorted(folder.rglob("*.yaml")):
        try:
            case = load_case(path)
        except UsageError as problem:
            problems.append(str(problem))
            continue
        if case.id in found:
            problems.append(f'{path}: "id": "{case.id}" is that of {found[case.id][0]}, too')
        found.setdefault(case.id, (path, case))
    if problems:
        raise UsageError("\n".join(problems))
    return [(path, case) for path, case in found.values() if fnmatchcase(case.id, glob)]


def judge(target: str, observe: Observe, cases: Iterable[tuple[Path, Case]]) -> Iterator[Judged]:
    """Run the cases one by one."""
    for path, case in cases:
        if not case.asked_of(target):
            yield Judged(case, path, "not run")
            continue
        try:
            said = tuple(unmet(case, observe(case)))
        except Exception as error:  # whatever breaks must not be taken for a verdict
            broken = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(broken.filename).name}:{broken.lineno}"
            yield Judged(case, path, "broken", (f"{type(error).__name__}: {error} ({where})",))
            continue
        yield Judged(case, path, "failed" if said else "passed", said)
