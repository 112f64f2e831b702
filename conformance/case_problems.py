"""What is wrong in the file of a case, and where: one line for all of it."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

_ALTERNATIVES: Final = frozenset({"ExpectedRequest", "AnyOrder"})
"""What an alternative is called is no key of the file."""


def told(error: ValidationError, text: str, model: type[BaseModel]) -> str:
    """The problems of a text that is YAML, with their places as `line:column`."""
    try:
        tree: object = YAML(typ="rt").load(text)
    except YAMLError:  # what is loaded with its places is refused for more, such as keys that are twice there
        tree = None
    return "; ".join(dict.fromkeys(_said(found, tree, model) for found in error.errors()))


def told_of_yaml(error: YAMLError) -> str:
    """Why a text is no YAML."""
    if not isinstance(error, MarkedYAMLError):
        return str(error)
    mark = error.context_mark or error.problem_mark
    at = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
    return at + ", ".join(part.strip() for part in (error.context, error.problem) if part)


def _said(error: ErrorDetails, tree: object, model: type[BaseModel]) -> str:
    place = [part for part in error["loc"] if str(part) not in _ALTERNATIVES]
    key = ".".join(map(str, place))
    at = _at(tree, place)
    if error["type"] == "extra_forbidden":
        return f'unknown key "{key}"{at}{_meant(place, model)}'
    if error["type"] == "missing":
        return f'"{key}" is missing'
    if not place and error["type"].startswith("model_"):
        return f"a case is a map with the keys {', '.join(_required(model))}"
    message = error["msg"].removeprefix("Value error, ")
    return f'"{key}": {message}{at}' if key else message


def _required(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]


def _meant(place: Sequence[str | int], model: type[BaseModel]) -> str:
    """A key of the same map that looks like the one that is there; of the outermost map and of `expect`."""
    owner: type[BaseModel] | None = model
    for part in place[:-1]:
        field = owner.model_fields.get(str(part)) if owner is not None else None
        inner = field.annotation if field is not None else None
        owner = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None
    close = get_close_matches(str(place[-1]), owner.model_fields if owner is not None else (), 1)
    return f', did you mean "{close[0]}"?' if close else ""


def _at(tree: object, place: Sequence[str | int]) -> str:
    """Where the last part of a place stands, as far as it is in the file."""
    found: tuple[int, int] | None = None
    for part in place:
        if isinstance(tree, CommentedMap) and part in tree:
            found = tree.lc.key(part)
        elif isinstance(tree, CommentedSeq) and isinstance(part, int) and part < len(tree):
            found = tree.lc.item(part)
        else:
            break
        tree = tree[part]
    return "" if found is None else f" at {found[0] + 1}:{found[1] + 1}"
