"""What the command line gives an execution: the payload from a file and from `--set`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Final

from noetl.compiler.ir import Json
from noetl.compiler.jsonable import MAX_DIGITS
from noetl.errors import UsageError

_NAMES: Final[Mapping[type, str]] = {
    bool: "a boolean",
    float: "a number",
    int: "a number",
    list: "a list",
    str: "a string",
    NoneType: "null",
}


def read_payload(path: str | None, settings: Sequence[str]) -> dict[str, Json]:
    """The payload of a file (`-` is standard input) overlaid by `a.b=value` settings; UsageError if it is none."""
    payload: dict[str, Json] = {}
    if path is not None:
        payload = parse_payload(_text(path), path)
    for setting in settings:
        _set(payload, setting)
    return payload


def parse_payload(text: str, origin: str) -> dict[str, Json]:
    """A JSON object; UsageError naming `origin` for anything else, numbers beyond JSON (`NaN`, `1e400`) included."""
    try:
        found = _loads(text)
    except ValueError as error:
        raise UsageError(f'the payload "{origin}" is not JSON: {error}') from error
    if not isinstance(found, dict):
        raise UsageError(f'the payload "{origin}" is {_NAMES[type(found)]}; a payload is a JSON object')
    return found


def _loads(text: str) -> Json:
    def number(literal: str) -> float:
        value = float(literal)
        if value in (float("inf"), float("-inf")):
            raise ValueError(f"the number {literal} is out of range")
        return value

    def integer(literal: str) -> int:
        digits = len(literal.lstrip("-"))
        if digits > MAX_DIGITS:
            raise ValueError(f"a number has {digits} digits; the most is {MAX_DIGITS}")
        return int(literal)

    def constant(name: str) -> Json:
        raise ValueError(f"{name} is not a JSON value")

    try:
        value: Json = json.loads(text, parse_float=number, parse_int=integer, parse_constant=constant)
    except RecursionError:
        raise ValueError("it nests too deep") from None
    return value


def _text(path: str) -> str:
    if path == "-" and sys.stdin is None:
        raise UsageError('cannot read the payload "-": there is no standard input')
    try:
        if path == "-":
            return sys.stdin.read()
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f'cannot read the payload "{path}": {reason}') from error


def _set(payload: dict[str, Json], setting: str) -> None:
    name, equals, text = setting.partition("=")
    parts = name.split(".")
    if not equals or not all(parts):
        raise UsageError(f'--set takes NAME=VALUE, such as region=eu or page.size=10, not "{setting}"')
    target = payload
    for part in parts[:-1]:
        inner = target.get(part)
        if not isinstance(inner, dict):
            inner = target[part] = {}
        target = inner
    try:
        target[parts[-1]] = _loads(text)
    except ValueError:
        target[parts[-1]] = text
