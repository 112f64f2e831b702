"""How a key and a place are described."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from noetl.compiler.ir import Json

ITEMS: Final = frozenset(("keychain", "workbook", "workflow", "case", "then", "next"))
"""Keys whose value is a list of places."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `about` is what it does, `clause` the clauses of the semantics that say so in full."""

    name: str
    about: str
    clause: str
    examples: tuple[Json, ...] = ()
    default: Json = None
    """What holds where the key is absent; None: nothing in particular."""
    inside: str | None = None
    """The place that its value is (or that the entries of its list are)."""
    extension: bool = False
    """Whether it is no part of the published language (semantics, section 10)."""


@dataclass(frozen=True, slots=True)
class Place:
    """A mapping of a playbook with known keys."""

    name: str
    title: str
    about: str
    clause: str
    keys: tuple[Key, ...]
