"""The cases that a run of the suite is about: which there are, which a level takes, and what all of them are."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

from noetl.errors import UsageError

from .case import Case, load_case

DISTILLED: Final = Path(__file__).parent / "distilled.txt"
"""Few cases that see every fault of engine and lowering, once or three times; made by `scripts/distil.py`.

A line has the fold of a case, its id, and the faults for which it is kept."""
TIMES: Final = 3
"""By so many distilled cases each fault is to be seen."""
Level: TypeAlias = Literal["smoke", "standard", "deep"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
Placed: TypeAlias = tuple[Path, Case]
"""A case and its file."""
DRAWN: Final[dict[Level, int]] = {"smoke": 0, "standard": 300, "deep": 3000}
"""How many playbooks each level draws."""


def chosen(folder: Path, glob: str = "*") -> list[Placed]:
    """The cases in and below a folder, or in one file, whose ids match, by path.

    UsageError if there is no such place, or with a line for each file that holds no case or one with another's id.
    """
    if not folder.exists():
        raise UsageError(f'there is no file or folder "{folder}"')
    problems: list[str] = []
    found: dict[str, Placed] = {}
    for path in [folder] if folder.is_file() else sorted(folder.rglob("*.yaml")):
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


def distilled(fold: int) -> set[str]:
    """The ids of the distilled cases up to a fold: those of fold 1 see every fault once."""
    return {name for number, name, *_ in _distilled() if int(number) <= fold}


def killers() -> dict[str, list[str]]:
    """For each fault the ids of the distilled cases that are kept for it, those of fold 1 first."""
    found: dict[str, list[str]] = {}
    for _, name, *faults in sorted(_distilled()):
        for fault in faults:
            found.setdefault(fault, []).append(name)
    return found


def first_fold(seen: Mapping[str, Sequence[str]]) -> list[str]:
    """Few of the cases that see each fault: together they see every one that is seen."""
    found: list[str] = []
    left = {fault: set(names) for fault, names in seen.items() if names}
    while left:
        counts = Counter(name for names in left.values() for name in names)
        best = min(counts, key=lambda name: (-counts[name], name))
        found.append(best)
        left = {fault: names for fault, names in left.items() if best not in names}
    return sorted(found)


def lines_of(seen: Mapping[str, Sequence[str]]) -> str:
    """The text of `DISTILLED` for the cases that see each fault."""
    first = set(first_fold(seen))
    every: dict[str, list[str]] = {}
    for fault in sorted(seen):
        for name in seen[fault]:
            every.setdefault(name, []).append(fault)
    return "".join(f"{1 if name in first else TIMES} {name} {' '.join(every[name])}\n" for name in sorted(every))


def _distilled() -> list[list[str]]:
    return [line.split() for line in DISTILLED.read_text(encoding="utf-8").splitlines()]


def at_level(cases: Sequence[Placed], level: Level) -> list[Placed]:
    """Those of the suite's cases that a level takes: for smoke the distilled ones and one for each folder."""
    if level != "smoke":
        return list(cases)
    wanted = distilled(1)
    areas: set[Path] = {path.parent for path, case in cases if case.id in wanted}
    taken: list[Placed] = []
    for path, case in cases:
        if case.id in wanted or path.parent not in areas:
            areas.add(path.parent)
            taken.append((path, case))
    return taken


def fingerprint(case: Case) -> str:
    """What a case is, in 16 hexadecimal digits: the same for files that say the same."""
    told = json.dumps(case.model_dump(mode="json", by_alias=True, exclude_unset=True), sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def digest(cases: Iterable[Case]) -> str:
    """What all the cases are, in 16 hexadecimal digits, in whatever order they come."""
    lines = sorted(f"{case.id} {fingerprint(case)}" for case in cases)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
