"""The `when` of a task after substitution: the part of govaluate's language that noetl writes and the recordings hold.

Every bare word is a text; numbers compare as numbers, and a number is never equal to a text.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from .expressions import EvaluationFailed
from .manifest import OutsideSubset

Operand: TypeAlias = "bool | float | str"

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'[^'\\]*'|\"[^\"\\]*\")|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>==|!=|>=|<=|>|<|&&|\|\||[(),]))"
)


def holds(when: str) -> bool:
    """Whether the condition is true; `EvaluationFailed` with the start of the controller's message where it is none."""
    return _Parser(when).condition()


class _Parser:
    def __init__(self, when: str) -> None:
        self._when = when
        self._tokens: list[tuple[str, str]] = []
        self._at = 0
        at, stop = 0, len(when.rstrip())
        while at < stop:
            found = _TOKEN.match(when, at)
            if found is None:
                raise OutsideSubset(f"the condition {when!r}")
            kind = found.lastgroup or ""
            self._tokens.append((kind, found[kind]))
            at = found.end()

    def condition(self) -> bool:
        value = self._any()
        if self._at < len(self._tokens):
            raise self._invalid()
        if not isinstance(value, bool):
            raise EvaluationFailed(f"Expected boolean evaluation for '{self._when}'. Got {value}")
        return value

    def _any(self) -> Operand:
        value = self._all()
        while self._take("||"):
            right = self._all()
            value = value is True or right is True
        return value

    def _all(self) -> Operand:
        value = self._comparison()
        while self._take("&&"):
            right = self._comparison()
            value = value is True and right is True
        return value

    def _comparison(self) -> Operand:
        left = self._operand()
        if self._at == len(self._tokens):
            return left
        kind, sign = self._tokens[self._at]
        if (kind, sign) == ("name", "in"):
            self._at += 1
            return left in self._options()
        if sign not in ("==", "!=", ">", "<", ">=", "<="):
            return left
        self._at += 1
        right = self._operand()
        if sign in ("==", "!="):
            return (type(left) is type(right) and left == right) is (sign == "==")
        if isinstance(left, str) and isinstance(right, str):
            return _ordered(sign, (left > right) - (left < right))
        if isinstance(left, float) and isinstance(right, float):
            return _ordered(sign, (left > right) - (left < right))
        raise OutsideSubset(f"the comparison {self._when!r}")

    def _options(self) -> list[Operand]:
        if not self._take("("):
            raise self._invalid()
        options = [self._operand()]
        while self._take(","):
            options.append(self._operand())
        if not self._take(")"):
            raise self._invalid()
        return options

    def _operand(self) -> Operand:
        if self._take("("):
            inner = self._any()
            if not self._take(")"):
                raise self._invalid()
            return inner
        if self._at == len(self._tokens):
            raise self._invalid()
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "text":
            return text[1:-1]
        if kind == "number":
            return float(text)
        if kind == "sign" or text == "in":
            raise self._invalid()
        return {"true": True, "false": False}.get(text, text)

    def _take(self, sign: str) -> bool:
        if self._at == len(self._tokens) or self._tokens[self._at] != ("sign", sign):
            return False
        self._at += 1
        return True

    def _invalid(self) -> EvaluationFailed:
        return EvaluationFailed(f"Invalid 'when' expression '{self._when}'")


def _ordered(sign: str, order: int) -> bool:
    return {">": order > 0, "<": order < 0, ">=": order >= 0, "<=": order <= 0}[sign]
