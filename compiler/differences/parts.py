"""The meaning of a playbook as a tree: what has a meaning, and where it stands, without how it is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, TypeAlias

from noetl.compiler.ir import Json
from noetl.diagnostics import Span

VERSION: Final = "noetl meaning 1"
"""What a hash begins with: another number where the same playbook would get another hash."""
Kind: TypeAlias = Literal["leaf", "fields", "entries", "items"]
"""A value; parts by name whose order means nothing; parts by name in order; parts in order."""


@dataclass(frozen=True)
class Part:
    """One part of a playbook."""

    kind: Kind
    shown: Json
    """What people see of it."""
    span: Span | None
    inner: Mapping[str, Part] = field(default_factory=dict)
    """By name; the items of a list by number."""
    value: Json = None
    """Of a leaf, what counts."""
    label: str = ""
    """Of an item, what tells which item of another list it is, beside what it holds."""

    @cached_property
    def digest(self) -> str:
        """The hash of what counts; two parts with one hash mean the same."""
        inner: list[Json] = [[name, part.digest] for name, part in self.inner.items()]
        if self.kind == "fields":
            inner.sort(key=str)
        if self.kind == "items":
            inner = [part.digest for part in self.inner.values()]
        text = json.dumps([self.kind, self.value, inner], ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(part: Part) -> str:
    """The behavioural hash: the same on every machine, for every version of noetl with the same `VERSION`."""
    return f"sha256:{hashlib.sha256(f'{VERSION} {part.digest}'.encode()).hexdigest()}"


def leaf(value: Json, shown: Json, span: Span | None) -> Part:
    """A value. Numbers of different types are different values."""
    return Part("leaf", shown, span, value=value)


def named(inner: Mapping[str, Part | None], span: Span | None, label: str = "") -> Part:
    """Parts by name, without those that are not there, in no order."""
    kept = {name: part for name, part in inner.items() if part is not None}
    return Part("fields", {name: part.shown for name, part in kept.items()}, span, kept, label=label)


def ordered(inner: Mapping[str, Part], span: Span | None) -> Part:
    """Parts by name whose order counts."""
    return Part("entries", {name: part.shown for name, part in inner.items()}, span, inner)


def items(inner: list[Part], span: Span | None) -> Part:
    """Parts in order."""
    shown: list[Json] = [part.shown for part in inner]
    return Part("items", shown, span, {str(number): part for number, part in enumerate(inner)})
