"""The methods and attributes that a template may use, by type. What is not listed here does not exist for a template.

All are pure: none changes its object, reaches Python's internals or gives anything but values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from jinja2.runtime import LoopContext
from jinja2.sandbox import SandboxedFormatter
from jinja2.utils import Cycler, Namespace

from noetl.compiler.secrets import Sealed
from noetl.compiler.values import MISSING, Undefined, plain

from . import bounds

if TYPE_CHECKING:
    from .sandbox import Sandbox

_TEXT: Final = frozenset(
    (
        *("capitalize", "casefold", "count", "endswith", "find", "index", "isalnum", "isalpha", "isascii", "isdecimal"),
        *("isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper", "lower"),
        *("lstrip", "partition", "removeprefix", "removesuffix", "rfind", "rindex", "rpartition", "rsplit", "rstrip"),
        *("split", "splitlines", "startswith", "strip", "swapcase", "title", "upper"),
    )
)
_PADDED: Final = frozenset(("center", "expandtabs", "ljust", "rjust", "zfill"))
_MAP: Final = frozenset(("copy", "get", "items", "keys", "values"))
_LIST: Final = frozenset(("copy", "count", "index"))
_NUMBER: Final = frozenset(("bit_length", "is_integer"))
_LOOP: Final = frozenset(
    (
        *("changed", "cycle", "depth", "depth0", "first", "index", "index0", "last", "length"),
        *("nextitem", "previtem", "revindex", "revindex0"),
    )
)
_CYCLER: Final = frozenset(("current", "next", "reset"))
_GROUP: Final = frozenset(("grouper", "list"))

KNOWN: Final = _TEXT | _PADDED | _MAP | _LIST | _NUMBER | {"format", "join", "replace"}
"""Every method of a JSON value."""


def method(environment: Sandbox, value: object, name: str) -> object:
    """The attribute `name` of `value` that is no key of it, or `MISSING`."""
    if isinstance(value, str):
        return _text_method(environment, value, name)
    if isinstance(value, Mapping):
        return _map_method(value, name) if name in _MAP else MISSING
    if isinstance(value, Namespace):
        return MISSING if name.startswith("_") else getattr(value, name, MISSING)
    for kind, names in _ATTRIBUTES:
        if isinstance(value, kind) and name in names:
            return getattr(value, name, MISSING)
    return MISSING


_ATTRIBUTES: Final[tuple[tuple[type, frozenset[str]], ...]] = (
    (list, _LIST),
    (tuple, _LIST | _GROUP),
    (int, _NUMBER),
    (float, _NUMBER),
    (LoopContext, _LOOP),
    (Cycler, _CYCLER),
)


def _map_method(value: Mapping[object, object], name: str) -> Callable[..., object]:
    if name == "get":
        return value.get
    if name == "copy":
        return lambda: dict(value.items())
    read: Callable[[], Sequence[object]] = getattr(value, name)
    return lambda: list(read())


def _text_method(environment: Sandbox, value: str, name: str) -> object:
    if name in _TEXT:
        return getattr(value, name)
    if name in _PADDED:
        return bounds.padded(value, name)
    if name == "replace":
        return lambda old, new, count=-1: bounds.replaced(value, old, new, count)
    if name == "join":
        return lambda items: environment.filters["join"](environment, items, value)
    if name == "format":
        return lambda *args, **kwargs: _Fields(environment).vformat(value, args, kwargs)
    return MISSING


class _Fields(SandboxedFormatter):
    """`str.format` with the sandbox's reading of parts, and bounded widths."""

    def convert_field(self, value: object, conversion: str | None) -> object:
        """The value of a field before it is written: a value of a playbook, never a function."""
        return super().convert_field(formattable(value), conversion)

    def format_field(self, value: object, format_spec: str) -> str:
        """One field as text, its width bounded."""
        bounds.check_field(format_spec)
        return format(value, format_spec)


def formattable(value: object) -> object:
    """A value as `format` and `%` may write it: anything that is no simple value as its JSON."""
    if value is None or isinstance(value, str | int | float | Undefined | Sealed):
        return value
    return plain(value)
