"""What every word of the language means: its places and their keys, tool kinds, actions, events and roots.

Schemas, the language server and the reference under docs/ are made from this. What is allowed is said by the models
of `document` and by `tools`; a test holds these texts to them, so that no key is without one and none is left over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from noetl.compiler import document as models
from noetl.compiler.tools import SINK_SYNONYMS, tool_kind

from . import actions, kinds, sections
from .words import ITEMS, Key, Place

PLACES: Final[dict[str, Place]] = {place.name: place for place in (*sections.PLACES, *actions.PLACES)}
"""Every mapping of a playbook whose keys are known, by name."""
MODELS: Final[dict[str, type[models.Model]]] = {
    "playbook": models.Document,
    "metadata": models.Metadata,
    "keychain": models.Secret,
    "task": models.WorkbookTask,
    "assert": models.Assert,
    "step": models.StepSpec,
    "loop": models.Loop,
    "rule": models.CaseRule,
    "then": models.Action,
    "transition": models.NextEntry,
    "collect": models.CollectFrom,
    "result": models.ResultFrom,
    "retry": models.RetrySpec,
    "skip": models.SkipSpec,
    "fail": models.FailSpec,
    "sink": models.SinkSpec,
    "tool": models.ToolSpec,
}
"""The model of each place."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where a path through a playbook leads: to a place, or to a value below one (`place` is None)."""

    place: Place | None
    key: Key | None
    """The key that the path ends with, if the language knows it."""
    owner: Place | None
    """The place that `key` is a key of."""


def find(path: tuple[str | int, ...], kind: str | None = None) -> Found:
    """What stands at a path of keys and indexes from the root of a playbook.

    `kind` is that of the innermost tool on the way, whose fields then count as keys, under any spelling.
    """
    place: Place | None = PLACES["playbook"]
    owner: Place | None = None
    key: Key | None = None
    for part in path:
        if isinstance(part, int):
            continue
        owner, key, place = place, (lookup(place, part, kind) if place else None), None
        if key is not None and key.inside is not None:
            place = PLACES[key.inside]
    return Found(place, key, owner)


def lookup(place: Place, name: str, kind: str | None = None) -> Key | None:
    """The key `name` of a place, under its canonical name; fields of a tool where the place may hold some."""
    found = next((key for key in place.keys if key.name == name), None)
    if found is not None or place.name not in TOOL_HOLDERS:
        return found
    canonical = tool_kind(kind or "").canonical(SINK_SYNONYMS.get(name, name) if place.name == "sink" else name)
    return kinds.field(kind, canonical) or next((key for key in PLACES["tool"].keys if key.name == canonical), None)


TOOL_HOLDERS: Final = frozenset(("tool", "sink", "call", "retry", "task"))
"""Places in which fields of a tool can stand."""

__all__ = ["ITEMS", "MODELS", "PLACES", "TOOL_HOLDERS", "Found", "Key", "Place", "find", "lookup"]
