"""The expressions inside `{{= }}`, `valueFrom.expression` and `depends`: the part of expr-lang that noetl writes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from .manifest import OutsideSubset

Value: TypeAlias = "bool | int | str | Mapping[str, Value] | None"

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'[^'\\]*'|\"[^\"\\]*\")|(?P<number>\d+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>\?\.|\?\?|\|\||&&|==|!=|[?:()\[\].!+-]))"
)
_WORDS: Final[Mapping[str, Value]] = {"true": True, "false": False, "nil": None}
_REFUSED: Final = frozenset(("and", "or", "not", "in", "let", "if", "else", "matches", "contains", "startsWith"))


class EvaluationFailed(Exception):
    """The expression ends its node in phase Error."""


class Unresolved(Exception):
    """Names something that does not exist yet, and may never: the controller looks again and again."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A text, number, true, false or nil."""

    value: Value


@dataclass(frozen=True, slots=True)
class Name:
    """A root name."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """`of.name`, `of['name']`; with `?.` where `optional`."""

    of: Expression
    name: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Binary:
    """`left sign right`."""

    sign: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Not:
    """`!of`."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Number:
    """`asInt(of)`."""

    of: Expression


@dataclass(frozen=True, slots=True)
class Choice:
    """`test ? yes : no`."""

    test: Expression
    yes: Expression
    no: Expression


Expression: TypeAlias = Constant | Name | Member | Binary | Not | Number | Choice

_LEVELS: Final = (("??",), ("||",), ("&&",), ("==", "!="), ("+", "-"))
"""Signs between two values, those that bind least first."""


def parse(text: str) -> Expression:
    """`EvaluationFailed` of a text that is no expression, `OutsideSubset` of what the model does not know."""
    parser = _Parser(text)
    found = parser.choice()
    parser.end()
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0

    def choice(self) -> Expression:
        test = self._binary(0)
        if not self._take("?"):
            return test
        yes = self.choice()
        self._expect(":")
        return Choice(test, yes, self.choice())

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise EvaluationFailed(f"unexpected token in {self._text!r}")

    def _binary(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while (sign := self._sign()) in _LEVELS[level]:
            self._at += 1
            left = Binary(sign, left, self._binary(level + 1))
        return left

    def _unary(self) -> Expression:
        return Not(self._unary()) if self._take("!") else self._members(self._primary())

    def _members(self, of: Expression) -> Expression:
        while True:
            if self._take("."):
                of = Member(of, self._name(), optional=False)
            elif self._take("?."):
                of = Member(of, self._name(), optional=True)
            elif self._take("["):
                kind, text = self._next()
                if kind != "text":
                    raise OutsideSubset("an index that is no text")
                of = Member(of, text, optional=False)
                self._expect("]")
            else:
                return of

    def _primary(self) -> Expression:
        if self._take("("):
            inner = self.choice()
            self._expect(")")
            return inner
        kind, text = self._next()
        if kind == "text":
            return Constant(text)
        if kind == "number":
            return Constant(int(text))
        if kind == "name" and text not in _REFUSED:
            if text == "asInt" and self._take("("):
                of = self.choice()
                self._expect(")")
                return Number(of)
            if self._sign() == "(":
                raise OutsideSubset(f"the function {text}")
            if text in _WORDS and self._sign() == ".":
                raise EvaluationFailed(f"unexpected token '.' in {self._text!r}")
            return Constant(_WORDS[text]) if text in _WORDS else Name(text)
        raise EvaluationFailed(f"unexpected token {text!r} in {self._text!r}")

    def _name(self) -> str:
        kind, text = self._next()
        if kind != "name":
            raise EvaluationFailed(f"unexpected token {text!r} in {self._text!r}")
        return text

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise EvaluationFailed(f"unexpected token EOF in {self._text!r}")
        self._at += 1
        return self._tokens[self._at - 1]

    def _sign(self) -> str:
        if self._at == len(self._tokens):
            return ""
        kind, text = self._tokens[self._at]
        return text if kind == "sign" else ""

    def _take(self, sign: str) -> bool:
        if self._sign() != sign:
            return False
        self._at += 1
        return True

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise EvaluationFailed(f"{sign!r} is missing in {self._text!r}")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    stop = len(text.rstrip())
    while at < stop:
        found = _TOKEN.match(text, at)
        if found is None:
            raise OutsideSubset(f"{text[at : at + 10]!r} in an expression")
        kind = found.lastgroup or ""
        yield kind, found[kind][1:-1] if kind == "text" else found[kind]
        at = found.end()


def evaluate(expression: Expression, names: Mapping[str, Value]) -> Value:
    """The value; `EvaluationFailed` where expr-lang fails at run time."""
    match expression:
        case Constant(value):
            return value
        case Name(name):
            return names.get(name)
        case Member(of, name, optional):
            holder = evaluate(of, names)
            if holder is None and (optional or _is_optional(of)):
                return None
            if not isinstance(holder, Mapping):
                raise EvaluationFailed(f"cannot fetch {name} from {'<nil>' if holder is None else holder}")
            return holder.get(name)
        case Not(of):
            return not evaluate(of, names)
        case Number(of):
            return _number(evaluate(of, names))
        case Choice(test, yes, no):
            return evaluate(yes if evaluate(test, names) is True else no, names)
        case Binary(sign, left, right):
            return _binary(sign, left, right, names)


def _number(value: Value) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise EvaluationFailed(f'strconv.ParseInt: parsing "{value}": invalid syntax')


def _is_optional(of: Expression) -> bool:
    """A chain ends as a whole where one `?.` of it finds nothing."""
    return isinstance(of, Member) and (of.optional or _is_optional(of.of))


def _binary(sign: str, left: Expression, right: Expression, names: Mapping[str, Value]) -> Value:
    first = evaluate(left, names)
    match sign:
        case "??":
            return evaluate(right, names) if first is None else first
        case "||":
            return first is True or evaluate(right, names) is True
        case "&&":
            return first is True and evaluate(right, names) is True
        case "==":
            return first == evaluate(right, names)
        case "!=":
            return first != evaluate(right, names)
        case _:
            second = evaluate(right, names)
            if isinstance(first, str) and isinstance(second, str) and sign == "+":
                return first + second
            if isinstance(first, int) and isinstance(second, int):
                return first + second if sign == "+" else first - second
            raise OutsideSubset("an addition of other things than texts or numbers")


def plain_chains(expression: Expression, forgiving: bool = False) -> Iterator[tuple[str, ...]]:
    """The chains of names without `?.` that must resolve before the controller evaluates: not those under `??`."""
    match expression:
        case Member() if (chain := _chain(expression)) is not None:
            if not forgiving:
                yield chain
        case Member(of) | Not(of) | Number(of):
            yield from plain_chains(of, forgiving)
        case Choice(test, yes, no):
            for part in (test, yes, no):
                yield from plain_chains(part, forgiving)
        case Binary(sign, left, right):
            yield from plain_chains(left, forgiving or sign == "??")
            yield from plain_chains(right, forgiving)
        case _:
            return


def _chain(expression: Expression) -> tuple[str, ...] | None:
    if isinstance(expression, Name):
        return (expression.name,)
    if isinstance(expression, Member) and not expression.optional:
        head = _chain(expression.of)
        return None if head is None else (*head, expression.name)
    return None


def roots(expression: Expression) -> frozenset[str]:
    """The names that an expression begins its chains with."""
    match expression:
        case Name(name):
            return frozenset((name,))
        case Member(of) | Not(of) | Number(of):
            return roots(of)
        case Choice(test, yes, no):
            return roots(test) | roots(yes) | roots(no)
        case Binary(_, left, right):
            return roots(left) | roots(right)
        case Constant():
            return frozenset()
