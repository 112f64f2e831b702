"""The configuration of lint: the nearest `noetl.toml`, or `[tool.noetl]` of the nearest `pyproject.toml`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from noetl.errors import UsageError

OWN: Final = "noetl.toml"
PROJECT: Final = "pyproject.toml"
_LISTS: Final = ("select", "ignore", "exclude")
_FLAGS: Final = ("strict", "portable")
_TEXTS: Final = ("target", "baseline")
_PER_FILE: Final = "per-file-ignores"
KEYS: Final = tuple(sorted((*_LISTS, *_FLAGS, *_TEXTS, _PER_FILE)))


class Settings(NamedTuple):
    """What a configuration says."""

    root: str
    """The folder that patterns, the baseline and the cache start from."""
    origin: str = ""
    """The file; empty where there is none."""
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    exclude: tuple[str, ...] = ()
    strict: bool = False
    portable: bool = False
    target: str | None = None
    baseline: str | None = None

    def ignored_in(self, path: str) -> tuple[str, ...]:
        """The selectors that `per-file-ignores` has for a file."""
        if not self.per_file_ignores:
            return ()
        relative = self.relative(path)
        return tuple(s for pattern, found in self.per_file_ignores if fits(pattern, relative) for s in found)

    def excludes(self, path: str) -> bool:
        """Whether `exclude` leaves a file or folder out."""
        return bool(self.exclude) and any(fits(pattern, self.relative(path)) for pattern in self.exclude)

    def relative(self, path: str) -> str:
        """A path from the root, with slashes."""
        return os.path.relpath(path, self.root).replace(os.sep, "/")


def nearest(folder: str) -> Settings:
    """The configuration for files in a folder: that of the folder or of the nearest one above."""
    at = os.path.abspath(folder)
    while True:
        for name in (OWN, PROJECT):
            path = os.path.join(at, name)
            if os.path.isfile(path):
                found = load(path, required=name == OWN)
                if found is not None:
                    return found
        above = os.path.dirname(at)
        if above == at:
            return Settings(os.getcwd())
        at = above


def load(path: str, *, required: bool = True) -> Settings | None:
    """The configuration in a file; None where it has none and none is required. UsageError names what is wrong."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise UsageError(f'cannot read the configuration "{path}": {error.strerror}') from error
    own = os.path.basename(path) != PROJECT
    if not own and not required and not re.search(rb"tool[ \t\"']*\.[ \t\"']*noetl", data):
        return None
    table: object = _parsed(data, path)
    if not own:
        for name in ("tool", "noetl"):
            table = table.get(name) if isinstance(table, Mapping) else None
        if table is None:
            if required:
                raise UsageError(f"{path}: there is no [tool.noetl]")
            return None
    return _settings(table, path, "" if own else "tool.noetl.")


def _parsed(data: bytes, path: str) -> dict[str, object]:
    import tomllib  # only where there is a configuration

    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from error


def _settings(table: object, path: str, prefix: str) -> Settings:
    if not isinstance(table, Mapping):
        raise UsageError(f'{path}: "{prefix.rstrip(".")}" must be a table')
    values: dict[str, object] = {}
    for key, value in table.items():
        if key not in KEYS:
            hint = (
                f"; {PROJECT} has a table [tool.noetl], here its keys stand alone"
                if key == "tool" and not prefix
                else ""
            )
            raise UsageError(f'{path}: unknown key "{prefix}{key}"; keys: {", ".join(KEYS)}{hint}')
        wanted = _wrong(key, value)
        if wanted:
            raise UsageError(f'{path}: "{prefix}{key}" must be {wanted}')
        if key == _PER_FILE and isinstance(value, Mapping):
            values["per_file_ignores"] = tuple((pattern, tuple(found)) for pattern, found in value.items())
        else:
            values[key] = tuple(value) if isinstance(value, list) else value
    root = os.path.dirname(os.path.abspath(path))
    return _made(root, path, values)


def _made(root: str, origin: str, values: Mapping[str, object]) -> Settings:
    def texts(name: str) -> tuple[str, ...]:
        found = values.get(name, ())
        return tuple(str(item) for item in found) if isinstance(found, tuple) else ()

    def text(name: str) -> str | None:
        found = values.get(name)
        return str(found) if found is not None else None

    per_file = values.get("per_file_ignores", ())
    baseline = text("baseline")
    return Settings(
        root=root,
        origin=origin,
        select=texts("select"),
        ignore=texts("ignore"),
        per_file_ignores=per_file if isinstance(per_file, tuple) else (),
        exclude=texts("exclude"),
        strict=values.get("strict") is True,
        portable=values.get("portable") is True,
        target=text("target"),
        baseline=os.path.join(root, baseline) if baseline is not None else None,
    )


def _wrong(key: str, value: object) -> str | None:
    """What the value of a key has to be, if it is not."""
    if key in _LISTS:
        return None if _is_list(value) else "a list of strings"
    if key in _FLAGS:
        return None if isinstance(value, bool) else "true or false"
    if key in _TEXTS:
        return None if isinstance(value, str) else "a string"
    good = isinstance(value, Mapping) and all(_is_list(found) for found in value.values())
    return None if good else "a table of patterns with lists of strings"


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def split(values: Iterable[str] | None) -> tuple[str, ...]:
    """The selectors of an option that may be repeated and may hold several, with commas."""
    return tuple(part.strip() for value in values or () for part in value.split(",") if part.strip())


def common_folder(paths: Sequence[str]) -> str:
    """The folder that holds all paths; the current one without any."""
    folders = [path if os.path.isdir(path) else os.path.dirname(path) or "." for path in paths]
    try:
        return os.path.commonpath([os.path.abspath(folder) for folder in folders]) if folders else os.getcwd()
    except ValueError:  # on several drives
        return os.getcwd()


def fits(pattern: str, path: str) -> bool:
    """Whether a pattern means a path or a folder above it.

    `*` and `?` stay within one name, `**/` is any number of folders. A pattern without a slash means a name
    at any depth.
    """
    cleaned = pattern.rstrip("/")
    parts = path.split("/")
    if "/" not in cleaned:
        return any(_regex(cleaned).fullmatch(part) for part in parts)
    regex = _regex(cleaned.removeprefix("./").lstrip("/"))
    return any(regex.fullmatch("/".join(parts[:n])) for n in range(1, len(parts) + 1))


@lru_cache(256)
def _regex(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    signs = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(signs.get(part) or re.escape(part) for part in parts))
