"""YAML 1.2 core schema: the value of a plain scalar, and where YAML 1.1 reads another one (DOC-12)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, TypeAlias

Value: TypeAlias = bool | int | float | str | None

MAX_INTEGER_DIGITS: Final = 3500
"""Longer integers are refused: Python neither reads nor prints more than 4300 decimal digits by default."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a plain scalar means. `refused` says why the value cannot be JSON, `trap` what YAML 1.1 reads instead."""

    value: Value
    refused: str | None = None
    trap: str | None = None


YAML11_BOOLEANS: Final = frozenset(
    form for word in ("yes", "no", "on", "off") for form in (word, word.capitalize(), word.upper())
)
"""Plain scalars that readers of YAML 1.1 take for booleans. None takes `y` and `n`, which its text names too."""

_WORDS: Final[dict[str, Resolved]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), Resolved(None)),
    **dict.fromkeys(("true", "True", "TRUE"), Resolved(True)),
    **dict.fromkeys(("false", "False", "FALSE"), Resolved(False)),
    **{word: Resolved(word, trap="a boolean") for word in YAML11_BOOLEANS},
    **{word: Resolved(word, trap="a special key") for word in ("=", "<<")},
    **{
        sign + word: Resolved(sign + word, refused="infinity is not a JSON value")
        for sign in ("", "-", "+")
        for word in (".inf", ".Inf", ".INF")
    },
    **{word: Resolved(word, refused="not-a-number is not a JSON value") for word in (".nan", ".NaN", ".NAN")},
}
_SHOWN: Final = 40
"""Integers written with more characters are not repeated in a message."""
_NUMBER_STARTS: Final = frozenset("0123456789+-.")

_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")

_INT_11: Final = re.compile(
    r"(?P<sign>[-+]?)(?:0b(?P<binary>[01_]+)|0x(?P<hex>[0-9a-fA-F_]+)|0(?P<octal>[0-7_]+)"
    r"|(?P<sixty>[1-9][0-9_]*(?::[0-5]?[0-9])+)|(?P<decimal>0|[1-9][0-9_]*))"
)
_FLOAT_11: Final = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?")
_SIXTY_FLOAT_11: Final = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*")
_TIME_11: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?"
    r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?"
)


def resolve(text: str) -> Resolved | None:
    """What the plain scalar `text` is; None is the usual case: the string `text`, in YAML 1.1 as well."""
    word = _WORDS.get(text)
    if word is not None:
        return word
    return _number(text) if text[0] in _NUMBER_STARTS else None


def convert(text: str, tag: str) -> Resolved | None:
    """The value of `text` under the core tag `int`, `float`, `bool` or `null`; None if it is no such value."""
    found = resolve(text) or Resolved(text)
    if found.refused:
        return found if tag == "float" or (tag == "int" and _INT.fullmatch(text)) else None
    value = found.value
    if tag == "float" and isinstance(value, int) and not isinstance(value, bool):
        return _float(text) if text[:2] not in ("0x", "0o") else None
    wanted: dict[str, type] = {"int": int, "float": float, "bool": bool, "null": type(None)}
    return Resolved(value) if type(value) is wanted[tag] else None


def _number(text: str) -> Resolved | None:
    if _INT.fullmatch(text):
        if len(text) > MAX_INTEGER_DIGITS:
            return Resolved(text, refused=f"an integer has at most {MAX_INTEGER_DIGITS} digits")
        value = int(text, _base(text))
        return Resolved(value, trap=_other_reading(text, value))
    if _FLOAT.fullmatch(text):
        found = _float(text)
        trap = None if _FLOAT_11.fullmatch(text) else "a string"
        return Resolved(found.value, found.refused, trap)
    trap = _other_reading(text, None)
    return Resolved(text, trap=trap) if trap else None


def _base(text: str) -> int:
    return {"0x": 16, "0o": 8}.get(text[:2], 10)


def _float(text: str) -> Resolved:
    value = float(text)
    return Resolved(value) if math.isfinite(value) else Resolved(text, refused="the number is too large for JSON")


def _other_reading(text: str, value: int | None) -> str | None:
    """What YAML 1.1 makes of `text`, or None if that is `value` (None: the string itself)."""
    match = _INT_11.fullmatch(text)
    if match is not None:
        other = _integer_11(match)
        if other == value:
            return None
        return f"the integer {other}" if len(text) <= _SHOWN else "an integer"
    if _FLOAT_11.fullmatch(text) or _SIXTY_FLOAT_11.fullmatch(text):
        return "a float"
    if _TIME_11.fullmatch(text):
        return "a date" if len(text) == len("2025-12-11") else "a timestamp"
    return None if value is None else "a string"


def _integer_11(match: re.Match[str]) -> int | None:
    """The integer of YAML 1.1; None if it has no digit, or more than any integer here may have."""
    kind = match.lastgroup or ""
    digits = match[kind].replace("_", "")
    if not digits or len(digits) > MAX_INTEGER_DIGITS:
        return None
    total = 0
    if kind == "sixty":
        for part in digits.split(":"):
            total = total * 60 + int(part)
    else:
        total = int(digits, {"binary": 2, "octal": 8, "hex": 16}.get(kind, 10))
    return -total if match["sign"] == "-" else total
