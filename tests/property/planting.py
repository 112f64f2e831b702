"""How a mistake is planted: it changes a playbook that has none, and says which finding is to be expected where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random  # noqa: TID251  # seeded, drawn by Hypothesis
from types import ModuleType
from typing import Final, Literal, TypeVar

from . import tree
from .tree import Map, Part
from .yaml_writer import Path

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Expected:
    """One finding: at a key, at a value, or at a character of a string value."""

    code: str
    path: Path
    at: Literal["key", "value"] | int = "value"


Planter = Callable[[Map, Random], Expected | None]
"""Changes the playbook; None where it has no place for the mistake."""
_PLANTERS: Final[dict[str, Planter]] = {}


def planter(plant: Planter) -> Planter:
    """Register a planter under the name of its function."""
    _PLANTERS[plant.__name__] = plant
    return plant


def planters(*modules: ModuleType) -> dict[str, Planter]:
    """Every planter of some modules by its name."""
    return {name: _PLANTERS[name] for module in modules for name in vars(module) if name in _PLANTERS}


def pick(chance: Random, options: Sequence[_T]) -> _T | None:
    """One of the options, if there are any."""
    return chance.choice(options) if options else None


def with_tool(document: Map, chance: Random, tool: Map) -> Part | None:
    """A step gets this tool; not one whose rules have overrides, which may fit its old tool only."""
    paging = {id(call.step) for name in ("call", "retry") for call in tree.actions(document, name)}
    paging |= {id(block.step) for block in tree.blocks(document) if "call" in block.map}
    old = pick(chance, [part for part in tree.tools(document) if id(part.step) not in paging])
    if old is None:
        return None
    old.map.clear()
    old.map.update(tool)
    return old
