"""`collect`: what one action writes to the store (COL-1, COL-3)."""

from __future__ import annotations

from noetl.compiler.expr import TemplateFailed, evaluate
from noetl.compiler.ir import Collect, CollectPath, Json
from noetl.compiler.values import MISSING, contents, is_undefined, view

from .packet import Result, Write
from .rendering import RenderFailed
from .results import as_json, evaluated
from .scope import Scope


def collect(action: Collect, scope: Scope) -> Write | None:
    """The write of a `collect`, or None where `from` is undefined. RenderFailed of type CollectType on a wrong type."""
    value = evaluated(action.source, scope)
    if is_undefined(value):
        return None
    if action.mode == "replace":
        return Write("set", as_json(value))
    target = scope.store.get(action.into)
    if action.mode == "merge":
        _check(target is None or isinstance(target, dict), action.into, "merge", "a map", target)
        added = as_json(value)
        _check(isinstance(added, dict), "from", "merge", "a map", added)
        return Write("merge", added)
    _check(target is None or isinstance(target, list), action.into, action.mode, "a list", target)
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
    path = action.path.strip().removeprefix("$").removeprefix(".")
    found = evaluate_path(path, body) if path else body
    if is_undefined(found):
        return None
    target = scope.store.get(action.into)
    _check(target is None or isinstance(target, list), action.into, "append", "a list", target)
    value = as_json(found)
    return Write("extend", value if isinstance(value, list) else [value])


class _Body:
    """A scope with the one name `body`."""

    def __init__(self, value: Json) -> None:
        self._value = view("plain", value)

    def lookup(self, name: str) -> object:
        return self._value if name == "body" else MISSING


def evaluate_path(path: str, body: Json) -> object:
    """The value at an attribute path such as `events` or `page.items[0]`; RenderFailed if it cannot be read."""
    source = f"body{path}" if path.startswith("[") else f"body.{path}"
    try:
        return evaluate(source, _Body(body))
    except TemplateFailed as failure:
        raise RenderFailed("TemplateError", str(failure)) from failure


def _check(fits: bool, subject: str, mode: str, wanted: str, found: Json) -> None:
    if not fits:
        message = f'collect with mode {mode} needs {wanted}, but "{subject}" is {_named(found)}'
        raise RenderFailed("CollectType", message)


def _named(value: Json) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "a map"}
    return names.get(type(value), "null")
