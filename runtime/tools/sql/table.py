"""Writing rows into a table: `table`, `mode`, `key` and `data` or `args` (SNK-1). Names are quoted, values bound."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from ..failure import CallFailed
from .text import quoted

MODES: Final = ("insert", "upsert")
TEXTS: Final = ("command", "command_b64", "script")
_PART: Final = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that have the same columns."""

    columns: tuple[str, ...]
    values: list[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class TableWrite:
    """What is written where."""

    table: tuple[str, ...]
    """The parts of the name."""
    key: tuple[str, ...]
    """Empty for an insert."""
    groups: tuple[Rows, ...]
    """In the order of the data: neighbouring rows with the same columns are together."""

    def statement(self, columns: tuple[str, ...], count: int = 1) -> str:
        """The INSERT of `count` rows with these columns; a column that a row does not have takes its default."""
        if not columns:
            return f"INSERT INTO {quoted(*self.table)} DEFAULT VALUES"
        width = len(columns)
        rows = (", ".join(f"${n * width + i + 1}" for i in range(width)) for n in range(count))
        values = ", ".join(f"({row})" for row in rows)
        names = ", ".join(map(quoted, columns))
        return f"INSERT INTO {quoted(*self.table)} ({names}) VALUES {values}{self._conflict(columns)}"

    def _conflict(self, columns: tuple[str, ...]) -> str:
        if not self.key:
            return ""
        changed = ", ".join(f"{quoted(name)} = EXCLUDED.{quoted(name)}" for name in columns if name not in self.key)
        action = f"UPDATE SET {changed}" if changed else "NOTHING"
        return f" ON CONFLICT ({', '.join(map(quoted, self.key))}) DO {action}"


def table_write(fields: Mapping[str, object], args: Mapping[str, object]) -> TableWrite | None:
    """The write that a tool's fields ask for, None where they name no table; CallFailed where they are not right."""
    table = fields.get("table")
    if table is None:
        return None
    if given := [name for name in TEXTS if fields.get(name) is not None]:
        raise CallFailed("ValueError", f'a tool has either "table" or "{given[0]}", not both')
    mode = fields.get("mode") or "insert"
    if mode not in MODES:
        allowed = ", ".join(f'"{name}"' for name in MODES)
        raise CallFailed("ValueError", f'"mode" is one of {allowed}, not "{mode}"')
    key = _key(fields.get("key")) if mode == "upsert" else ()
    if mode == "upsert" and not key:
        raise CallFailed("ValueError", 'mode "upsert" needs "key": the column or columns that are unique together')
    rows = _rows(fields.get("data"), args)
    for number, row in enumerate(rows):
        if lacking := [name for name in key if name not in row]:
            raise CallFailed("ValueError", f'row {number} of the data has no "{lacking[0]}", which "key" names')
    groups = (Rows(columns, [tuple(row.values()) for row in same]) for columns, same in groupby(rows, tuple))
    return TableWrite(_name(table), key, tuple(groups))


def _name(table: object) -> tuple[str, ...]:
    """`schema.table`; a part that holds a dot itself is written in double quotes."""
    text = table if isinstance(table, str) else ""
    parts = tuple(found[2] or found[1].replace('""', '"') for found in _PART.finditer(text))
    written = ".".join(found[0] for found in _PART.finditer(text))
    if not parts or written != text or not all(part.strip() for part in parts):
        raise CallFailed("ValueError", f'"table" is the name of a table, with its schema if need be, not "{table}"')
    return parts


def _key(key: object) -> tuple[str, ...]:
    """One column, several in a text with commas, or a list."""
    names = key.split(",") if isinstance(key, str) else key
    if names is None:
        return ()
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise CallFailed("TypeError", '"key" is the name of a column, or a list of names')
    return tuple(name.strip() for name in names)


def _rows(data: object, args: Mapping[str, object]) -> list[Mapping[str, object]]:
    given = args if data is None and args else data
    rows: list[Mapping[str, object]] = []
    for row in given if isinstance(given, list) else [given]:
        if not isinstance(row, Mapping):
            raise CallFailed("TypeError", f'"data" is a map of columns or a list of such, not {type(row).__name__}')
        rows.append(row)
    return rows
