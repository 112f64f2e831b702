"""Smaller playbooks that fail in the same way: tried on the oracle first, and on the target only if they run there."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from noetl.compiler.ir import Json

from .case import Case

if TYPE_CHECKING:
    from .strategies import Playbook

_Place = tuple[str | int, ...]
_REQUIRED: Final = frozenset({"apiVersion", "kind", "metadata", "workflow", "name", "step", "when", "then"})
LIMIT: Final = 120.0
"""Seconds after which the smallest one so far is taken."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest playbook that was found, as a case, and what it took."""

    playbook: Playbook
    case: Case
    tried: int
    """How many smaller ones the target was asked."""


def shrink(
    playbook: Playbook,
    case: Case,
    as_case: Callable[[Playbook], Case | None],
    failing: Callable[[Sequence[Case]], Sequence[bool]],
    width: int,
    limit: float = LIMIT,
) -> Shrunk:
    """Take parts away as long as it still fails.

    `as_case` makes the case of a candidate, None for one that the oracle cannot run; `failing` asks the target about
    up to `width` of them at once.
    """
    until = time.monotonic() + limit
    best = Shrunk(playbook, case, 0)
    seen: set[str] = {_told(playbook)}
    progress = True
    while progress and time.monotonic() < until:
        progress = False
        for group in _groups(best.playbook, as_case, seen, width):
            asked = [made for _, made in group]
            verdicts = failing(asked)
            best = replace(best, tried=best.tried + len(asked))
            smaller = [one for one, fails in zip(group, verdicts, strict=True) if fails]
            if smaller:
                found, made = min(smaller, key=lambda one: len(_told(one[0])))
                best = Shrunk(found, made, best.tried)
                progress = True
                break
            if time.monotonic() >= until:
                break
    return best


def _groups(
    playbook: Playbook, as_case: Callable[[Playbook], Case | None], seen: set[str], width: int
) -> Iterator[list[tuple[Playbook, Case]]]:
    group: list[tuple[Playbook, Case]] = []
    for candidate in candidates(playbook):
        told = _told(candidate)
        if told in seen:
            continue
        seen.add(told)
        made = as_case(candidate)
        if made is not None:
            group.append((candidate, made))
        if len(group) == width:
            yield group
            group = []
    if group:
        yield group


def candidates(playbook: Playbook) -> Iterator[Playbook]:
    """Smaller playbooks, those without the largest parts first."""
    for path in playbook.children:
        rest = {name: text for name, text in playbook.children.items() if name != path}
        yield replace(playbook, children=rest)
    script = playbook.script
    if script.failing:
        yield replace(playbook, script=replace(script, failing=0))
    if script.wide:
        yield replace(playbook, script=replace(script, wide=False))
    steps = playbook.document["workflow"]
    names = [str(step["step"]) for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    for name in reversed(names):
        if name != "start":
            yield replace(playbook, document=_without_step(playbook.document, name))
    for place in _places(playbook.document):
        yield replace(playbook, document=_without(playbook.document, place))


def _places(document: dict[str, Json]) -> list[_Place]:
    """What can be taken out, larger parts first."""
    found: list[tuple[int, _Place]] = []

    def walk(value: Json, place: _Place) -> None:
        if place and place[-1] not in _REQUIRED and place != ("workflow", 0):
            found.append((len(json.dumps(value)), place))
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, (*place, name))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                walk(inner, (*place, index))

    walk(document, ())
    return [place for _, place in sorted(found, key=lambda entry: (-entry[0], str(entry[1])))]


def _without(document: dict[str, Json], place: _Place) -> dict[str, Json]:
    copied = copy.deepcopy(document)
    owner: Json = copied
    for part in place[:-1]:
        owner = _inside(owner, part)
    if isinstance(owner, dict):
        owner.pop(str(place[-1]))
    elif isinstance(owner, list):
        owner.pop(int(place[-1]))
    return copied


def _inside(owner: Json, part: str | int) -> Json:
    if isinstance(owner, dict):
        return owner[str(part)]
    assert isinstance(owner, list)
    return owner[int(part)]


def _without_step(document: dict[str, Json], name: str) -> dict[str, Json]:
    """Without a step, and without the transitions that lead to it."""

    def cleaned(value: Json, key: str) -> Json:
        if isinstance(value, dict):
            return {k: cleaned(v, k) for k, v in value.items() if not _leads(k, v, name)}
        if isinstance(value, list):
            return [cleaned(v, key) for v in value if not (key in ("next", "workflow") and _names(v, name))]
        return value

    found = cleaned(document, "")
    assert isinstance(found, dict)
    return found


def _leads(key: str, value: Json, name: str) -> bool:
    return key == "next" and _names(value, name)


def _names(value: Json, name: str) -> bool:
    return value == name or (isinstance(value, dict) and value.get("step") == name)


def _told(playbook: Playbook) -> str:
    return json.dumps([playbook.document, playbook.children, playbook.script.failing, playbook.script.wide])
