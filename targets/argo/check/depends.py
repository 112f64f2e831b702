"""The texts of `depends`: tasks and their phases, joined by `&&` and `||`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

PHASES: Final = frozenset({"Errored", "Failed", "Omitted", "Skipped", "Succeeded"})
BARE: Final = frozenset({"Skipped", "Succeeded"})
"""What a name alone stands for."""
_TOKEN: Final = re.compile(r"\s*(&&|\|\||[()]|[A-Za-z0-9][-A-Za-z0-9]*(?:\.[A-Za-z]+)?)")
_MAX_DEPTH: Final = 50


class NoDepends(ValueError):
    """It is no such text; the message says why."""


@dataclass(frozen=True, slots=True)
class Atom:
    """A task that ended in one of some phases."""

    task: str
    phases: frozenset[str]


@dataclass(frozen=True, slots=True)
class Both:
    """All of them."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of them."""

    parts: tuple[Formula, ...]


Formula: TypeAlias = Atom | Both | Either


def parse(text: str) -> Formula:
    """The formula of a text; NoDepends if it is none.

    >>> parse("a.Succeeded && (b || b.Omitted)").parts[0]
    Atom(task='a', phases=frozenset({'Succeeded'}))
    """
    tokens: list[str] = []
    at = 0
    stripped = text.rstrip()
    while at < len(stripped):
        found = _TOKEN.match(stripped, at)
        if found is None:
            raise NoDepends(f'"{stripped[at:].strip()[:20]}" is no part of it')
        tokens.append(found[1])
        at = found.end()
    parser = _Parser(tokens)
    formula = parser.either(0)
    if parser.at < len(tokens):
        raise NoDepends(f'"{tokens[parser.at]}" stands where an end is expected')
    return formula


def atoms(formula: Formula) -> Iterator[Atom]:
    """Its atoms, from left to right."""
    if isinstance(formula, Atom):
        yield formula
    else:
        for part in formula.parts:
            yield from atoms(part)


@dataclass(slots=True)
class _Parser:
    tokens: list[str]
    at: int = 0

    def either(self, depth: int) -> Formula:
        parts = [self.both(depth)]
        while self._take("||"):
            parts.append(self.both(depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def both(self, depth: int) -> Formula:
        parts = [self.atom(depth)]
        while self._take("&&"):
            parts.append(self.atom(depth))
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def atom(self, depth: int) -> Formula:
        if depth > _MAX_DEPTH:
            raise NoDepends("it is nested too deep")
        if self._take("("):
            inner = self.either(depth + 1)
            if not self._take(")"):
                raise NoDepends("a bracket is not closed")
            return inner
        if self.at >= len(self.tokens) or self.tokens[self.at] in ("&&", "||", ")"):
            raise NoDepends("the name of a task is missing")
        task, _, phase = self.tokens[self.at].partition(".")
        self.at += 1
        if phase and phase not in PHASES:
            raise NoDepends(f'"{phase}" is none of {", ".join(sorted(PHASES))}')
        return Atom(task, frozenset({phase}) if phase else BARE)

    def _take(self, sign: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == sign:
            self.at += 1
            return True
        return False
