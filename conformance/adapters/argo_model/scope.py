"""What a template or a task can refer to, and the substitution of `{{tags}}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from .expressions import EvaluationFailed, Unresolved, Value, evaluate, parse, plain_chains, roots
from .manifest import OutsideSubset

_TAG: Final = re.compile(r"\{\{((?:(?!\{\{).)*?)\}\}", re.DOTALL)

_LATER: Final = frozenset(("tasks", "steps", "item"))
"""Roots of expressions that a template leaves to the substitution of its tasks."""


@dataclass(slots=True)
class Scope:
    """Values by dotted tag; None is an output that is absent and optional."""

    values: dict[str, str | None] = field(default_factory=dict)
    siblings: dict[str, frozenset[str]] = field(default_factory=dict)
    """Of `tasks` or `steps`, the names whose tags have to resolve."""

    def add_outputs(self, prefix: str, outputs: Mapping[str, str | None]) -> None:
        """The output parameters of a task or step."""
        for name, value in outputs.items():
            self.values[f"{prefix}.outputs.parameters.{name}"] = value

    def substitute(self, text: str, *, strict: bool = False) -> str:
        """The text with every tag that is known replaced by its value, once.

        `Unresolved` of a tag to a task whose output does not exist, or to no ancestor; `EvaluationFailed` of an absent
        optional output. Any other unknown tag stays as it is, or where `strict` is `EvaluationFailed`.
        """
        made: list[str] = []
        at = 0
        for found in _TAG.finditer(text):
            made.append(text[at : found.start()])
            made.append(self._value(found[0], found[1], strict))
            at = found.end()
        made.append(text[at:])
        return "".join(made)

    def is_absent(self, text: str) -> bool:
        """Whether the text is one tag of an absent optional output."""
        found = _TAG.fullmatch(text)
        return found is not None and self.values.get(found[1].strip(), "") is None

    def evaluate(self, expression: str) -> Value:
        """The value of an expression; `Unresolved` where it names without `?.` what does not exist."""
        parsed = parse(expression)
        for chain in plain_chains(parsed):
            if chain[0] in self.siblings and ".".join(chain) not in self.values:
                raise Unresolved(".".join(chain))
        return evaluate(parsed, self.tree())

    def tree(self) -> Mapping[str, Value]:
        """The values as nested maps."""
        root: dict[str, Value] = {}
        for tag, value in self.values.items():
            holder: dict[str, Value] = root
            *path, last = tag.split(".")
            for part in path:
                inner = holder.get(part)
                if not isinstance(inner, dict):  # the outputs of a loop have a text as a whole, too
                    inner = holder[part] = {}
                holder = inner
            if not isinstance(holder.get(last), dict):
                holder[last] = value
        return root

    def _value(self, whole: str, tag: str, strict: bool) -> str:
        if tag.startswith("="):
            try:
                if roots(parse(tag[1:])) & _LATER - self.siblings.keys():
                    return whole
                return _shown(self.evaluate(tag[1:]))
            except EvaluationFailed as failure:
                raise EvaluationFailed(f"failed to evaluate expression: {failure}") from None
        tag = tag.strip()
        if tag.endswith(".outputs.result"):
            raise OutsideSubset("what a pod wrote to its standard output")
        if tag in self.values:
            value = self.values[tag]
            if value is None:
                raise EvaluationFailed(f"unable to substitute {whole}: output is an absent optional")
            return value
        root, _, rest = tag.partition(".")
        if root in self.siblings and rest.partition(".")[0] in self.siblings[root]:
            raise Unresolved(tag)
        if strict and tag != "item":
            raise EvaluationFailed(f"failed to resolve {whole}")
        return whole


def _shown(value: Value) -> str:
    if value is None:
        raise EvaluationFailed("the value of an expression is nil")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
