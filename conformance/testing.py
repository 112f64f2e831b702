"""Users' own cases beside their playbooks: run on the reference runtime, with what they reach of each playbook."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from noetl.compiler import ir
from noetl.compiler.frontend import compile_source
from noetl.errors import UsageError

from .adapters import runtime
from .case import Case, load_case
from .conform import Claims, Judged, judged
from .coverage import Branches, Coverage
from .drawn import expected
from .suite import Placed

SUFFIXES: Final = (".case.yaml", ".case.yml")
"""How the files of cases end."""
_UPDATED: Final = ("status", "output", "error", "runs", "refused")


def cases_of(paths: Sequence[Path]) -> list[Placed]:
    """The cases in files, and in files named `*.case.yaml` below folders; UsageError with a line for each problem."""
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            files |= dict.fromkeys(sorted(p for p in path.rglob("*.case.y*ml") if p.name.endswith(SUFFIXES)))
        elif path.exists():
            files[path] = None
        else:
            raise UsageError(f'there is no file or folder "{path}"')
    problems: list[str] = []
    found: list[Placed] = []
    for file in files:
        try:
            found.append((file, load_case(file)))
        except UsageError as problem:
            problems.append(str(problem))
    if problems:
        raise UsageError("\n".join(problems))
    return found


@dataclass(slots=True)
class Tests:
    """Cases that are run, and the rules that they reach."""

    _workflows: dict[Path, ir.Workflow] = field(default_factory=dict)
    _fired: dict[Path, set[tuple[str, int]]] = field(default_factory=dict)

    def run(self, cases: Iterable[Placed]) -> Iterator[Judged]:
        """Run them one by one."""
        for path, case in cases:
            began = time.monotonic()
            workflow = compile_source(case.text(), case.path).workflow
            watch = runtime.Watch()
            if workflow is not None:
                watcher = Coverage().watch(workflow)
                watch = runtime.Watch(watcher)
                playbook = case.origin or path
                self._workflows[playbook] = workflow
                fired = self._fired.setdefault(playbook, set())
            seen = runtime.observe(case, watch)
            if workflow is not None:
                fired |= watcher.fired
            yield judged(case, path, seen, Claims(), time.monotonic() - began)

    def branches(self) -> Iterator[tuple[Path, Branches]]:
        """Which rules of each playbook fired in any of its cases."""
        for playbook, workflow in self._workflows.items():
            yield playbook, Branches.of(workflow, self._fired[playbook])


def updated(one: Judged) -> bool:
    """Write what was observed as the expectation into the file of a case; whether there was anything to write.

    What the case says of requests and their order, and comments outside of the expectation, stay.
    """
    if one.seen is None or one.seen.problem is not None or (one.verdict == "passed" and not unwritten(one.case)):
        return False
    if one.seen.summary is None:
        errors = [d for d in one.seen.diagnostics if d.severity == "error"]
        found: dict[str, object] = {"refused": {"code": errors[0].code, "at": str(errors[0].span)}} if errors else {}
    else:
        found = json.loads(json.dumps(expected(one.seen)))  # what is there twice is written twice, without an alias
    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.preserve_quotes = True
    document = yaml.load(one.path.read_text(encoding="utf-8"))
    kept = {} if "refused" in found else {n: v for n, v in document["expect"].items() if n not in _UPDATED}
    document["expect"] = {**found, **kept}
    with one.path.open("w", encoding="utf-8") as stream:
        yaml.dump(document, stream)
    return True


def unwritten(case: Case) -> bool:
    """Whether a case expects nothing, so that it passes whatever happens."""
    return not case.expect.model_fields_set
