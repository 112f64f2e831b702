"""What one pass came to, for people and for programs."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from noetl.cli import FINDINGS, OK
from noetl.compiler.ir import Json
from noetl.diagnostics import Diagnostic, as_json, in_order, printable, render_text
from noetl.targets.requirements import united

from .session import Made, Pass

_TOLD: Final = {
    "written": "wrote {}",
    "held": "not written, as not all playbooks compile: {}",
    "removed": "removed {}, which no playbook makes",
    "edited": "left {}, which no playbook makes and somebody has edited",
}
_CHECKED: Final = {
    "stale": "stale {}",
    "missing": "missing {}",
    "orphan": "made by no playbook {}",
    "edited": "made by no playbook, and edited {}",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is told beside what became of the files."""

    explain: bool
    requirements: bool
    as_json: bool
    check: bool
    stream: bool
    """Whether standard output holds the compiled file."""


def code(done: Pass, wanted: Wanted) -> int:
    """The exit code of a pass."""
    stale = any(one.state in _CHECKED for one in done.made) or bool(done.orphans)
    return FINDINGS if done.refused or (wanted.check and stale) else OK


def tell(done: Pass, wanted: Wanted, before: Collection[Diagnostic] = ()) -> None:
    """Print a pass; diagnostics that `before` has are not told again."""
    out = sys.stderr if wanted.stream else sys.stdout
    if wanted.as_json:
        print(json.dumps(as_object(done, wanted), indent=2), file=out)
        return
    fresh = [found for found in in_order(done.found) if found not in before]
    if fresh:
        print(render_text(fresh, done.texts), file=sys.stderr)
    _files(done, wanted)
    told = _told(done, wanted)
    if told:
        print("\n\n".join(told), file=out)
    if len(done.playbooks) > 1:
        print(summary(done), file=sys.stderr)


def _files(done: Pass, wanted: Wanted) -> None:
    states = [(one.place, str(one.state)) for one in done.made] + [(p, str(s)) for p, s in done.orphans]
    for place, state in states:
        words = (_CHECKED if wanted.check else _TOLD).get(state)
        if words is not None:
            print(words.format(printable(str(place))), file=sys.stdout if wanted.check else sys.stderr)
        elif len(done.playbooks) == 1 and state == "current":
            print(f"{printable(str(place))} is current", file=sys.stderr)


def _told(done: Pass, wanted: Wanted) -> list[str]:
    told = [one.compiled.explain().text for one in done.made if wanted.explain]
    if wanted.requirements and done.made:
        told.append(united([one.compiled.require() for one in done.made]).shown())
    return told


def summary(done: Pass) -> str:
    """One line: how many playbooks, and what became of them."""
    counted = Counter[str](one.state for one in done.made)
    counted["refused"] = len(done.refused)
    counted.update(state for _, state in done.orphans)
    words = {"held": "not written", "orphan": "made by no playbook", "edited": "edited and left"}
    order = ("written", "held", "current", "stale", "missing", "refused", "removed", "orphan", "edited")
    told = [f"{counted[state]} {words.get(state, state)}" for state in order if counted[state]]
    return f"{len(done.playbooks)} playbooks: {', '.join(told)}"


def as_object(done: Pass, wanted: Wanted) -> dict[str, Json]:
    """A pass as a JSON object."""
    refused: list[Json] = [{"playbook": path, "state": "refused"} for path in done.refused]
    diagnostics: Sequence[Json] = [json.loads(json.dumps(as_json(found))) for found in in_order(done.found)]
    return {
        "playbooks": [*(_made(one, wanted) for one in done.made), *refused],
        "orphans": [{"file": str(path), "state": state} for path, state in done.orphans],
        "diagnostics": [*diagnostics],
    }


def _made(one: Made, wanted: Wanted) -> dict[str, Json]:
    told: dict[str, Json] = {"playbook": one.source.path, "state": one.state, "identity": one.compiled.identity}
    if one.state != "printed":
        told["file"] = str(one.place)
    if wanted.explain:
        told["explanation"] = one.compiled.explain().to_json()
    if wanted.requirements:
        told["requirements"] = one.compiled.require().to_json()
    return told
