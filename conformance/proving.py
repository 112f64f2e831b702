"""The cases that prove one playbook: recorded outcomes, and outcomes that were searched for (`reaching`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from noetl.compiler import ir
from noetl.errors import UsageError
from noetl.runtime.mock import read_outcomes

from .adapters import runtime
from .case import Case, case_of_file
from .coverage import Branches, Coverage
from .drawn import expected
from .reaching import reach


def cases_of(file: Path, workflow: ir.Workflow, recorded: Sequence[Path], seed: int) -> tuple[list[Case], list[str]]:
    """The cases of a playbook, with what is to be said of how much they reach.

    What must come of a case is what the reference runtime makes of it. UsageError for recorded outcomes that do not
    fit the playbook.
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", file.stem).strip("-") or "playbook"
    blank = case_of_file(name, file)
    fired: set[tuple[str, int]] = set()
    kept: list[Case] = []
    for number, outcomes in enumerate(recorded, 1):
        entries = read_outcomes(outcomes).outcomes
        case = blank.model_copy(update={"id": f"{name}-recorded-{number}", "outcomes": entries})
        watcher = Coverage().watch(workflow)
        seen = runtime.observe(case, runtime.Watch(watcher))
        if seen.summary is None:
            raise UsageError(f'the outcomes "{outcomes}" do not fit "{file}": {seen.problem}')
        told = case.model_dump(mode="json", by_alias=True, exclude_unset=True)
        kept.append(Case.model_validate({**told, "expect": expected(seen)}))
        fired |= watcher.fired
    reached = reach(blank, workflow, seed)
    branches = Branches.of(workflow, fired | reached.fired)
    lines = [f"{file}: {branches}; {len(recorded)} recorded and {len(reached.cases)} generated cases"]
    return [*kept, *reached.cases], [*lines, *branches.missed()]
