"""`collect`: what one action writes to the store (COL-1, COL-3)."""

from __future__ import annotations

import re
from typing import Final

from noetl.compiler.ir import Collect, CollectPath, Json
from noetl.compiler.values import MISSING, Missing, contents, is_undefined

from .growing import Entries, Rows, Stored, plain_json
from .packet import Result, Write
from .rendering import RenderFailed
from .results import as_json, evaluated, named
from .scope import Scope

_PART: Final = re.compile(r"""\.?([^.\[\]]+)|\[(\d+)\]|\[(["'])(.*?)\3\]""")
"""One part of a path: a name, an index, or a name in quotes."""


def collect(action: Collect, scope: Scope) -> Write | None:
    """The write of a `collect`, or None where `from` is undefined. RenderFailed of type CollectType on a wrong type."""
    value = evaluated(action.source, scope)
    if is_undefined(value):
        return None
    if action.mode == "replace":
        return Write("set", as_json(value))
    target = scope.store.get(action.into)
    if action.mode == "merge":
        _check(target is None or isinstance(target, dict | Entries), action.into, "merge", "a map", target)
        added = as_json(value)
        _check(isinstance(added, dict), "from", "merge", "a map", added)
        return Write("merge", added)
    _check(target is None or isinstance(target, list | Rows), action.into, action.mode, "a list", target)
    if action.mode == "append":
        return Write("extend", [as_json(value)])
    rows = as_json(contents(value))
    _check(isinstance(rows, list), "from", "extend", "a list", rows)
    return Write("extend", rows)


def collect_path(action: CollectPath, response: Result, scope: Scope) -> Write | None:
    """The write of `collect {path}`: lists are concatenated, anything else is one element, a missing path is None."""
    body = response.value
    if response.kind == "http" and isinstance(body, dict):
        body = body.get("data")
    found = at_path(action.path, body)
    if isinstance(found, Missing):
        return None
    target = scope.store.get(action.into)
    _check(target is None or isinstance(target, list | Rows), action.into, "append", "a list", target)
    return Write("extend", found if isinstance(found, list) else [found])


def at_path(path: str, body: Json) -> Json | Missing:
    """The value at a path such as `events`, `page.items[0]` or `["a.b"]`, exactly: MISSING where a part is not there.

    `$` and the empty path are the body itself. RenderFailed if the text is no path.
    """
    rest = path.strip().removeprefix("$")
    while rest:
        part = _PART.match(rest)
        if part is None:
            raise RenderFailed("TemplateError", f'"{path}" is no path: it is made of names, [0] and ["name"]')
        name, index, _, quoted = part.groups()
        key = name or quoted or ""
        if index is not None and isinstance(body, list) and int(index) < len(body):
            body = body[int(index)]
        elif index is None and isinstance(body, dict) and key in body:
            body = body[key]
        else:
            return MISSING
        rest = rest[part.end() :]
    return body


def _check(fits: bool, subject: str, mode: str, wanted: str, found: Stored) -> None:
    if not fits:
        message = f'collect with mode {mode} needs {wanted}, but "{subject}" is {named(plain_json(found))}'
        raise RenderFailed("CollectType", message)
