"""Values on their way to DuckDB and back.

What Python's types cannot hold, or only with a module that DuckDB does not bring along, comes as DuckDB's own text:
the columns of a result are cast by their types, and the texts read by these types again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from duckdb.sqltypes import DuckDBPyType

from noetl.compiler.values import NotSerializable

from ..kind import RESPONSE_BYTES
from .moments import moment
from .text import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

MOMENTS: Final = frozenset(
    {
        *("date", "time", "time_ns", "time with time zone", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"),
        *("timestamp with time zone", "timestamp_ns with time zone"),
    }
)
ROWS: Final = 1 + RESPONSE_BYTES // len('{"":0}')
"""More rows than a response can hold need not be fetched to know that they are too many."""
TEXTS: Final = MOMENTS | {"interval"}
"""Types that are fetched as text."""


def rows_of(relation: DuckDBPyRelation) -> Iterator[list[object]]:
    """The rows of a result, each value as VAL-1 takes it; NotSerializable where JSON in it is none for Python."""
    types = list(relation.types)
    if any(_has_texts(known) for known in types):
        casts = zip(relation.columns, types, strict=True)
        relation = relation.project(
            ", ".join(f"CAST({quoted(name)} AS {_readable(known)}) AS {quoted(name)}" for name, known in casts)
        )
    for row in relation.limit(ROWS).fetchall():
        yield [_read(value, known) for value, known in zip(row, types, strict=True)]


def _has_texts(known: DuckDBPyType) -> bool:
    return known.id in TEXTS or any(_has_texts(inner) for _, inner in _children(known))


def _children(known: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    """The types inside of a list, array, map or struct."""
    match known.id:
        case "list" | "map" | "struct":
            children = known.children
        case "array":
            children = known.children[:1]
        case _:
            return []
    return [(name, inner) for name, inner in children if isinstance(inner, DuckDBPyType)]


def _readable(known: DuckDBPyType) -> str:
    """The SQL name of the type with text in the place of every type of `TEXTS`."""
    inner = [(name, _readable(child)) for name, child in _children(known)]
    match known.id:
        case "list":
            return f"{inner[0][1]}[]"
        case "array":
            return f"{inner[0][1]}[{known.children[1][1]}]"
        case "map":
            return f"MAP({inner[0][1]}, {inner[1][1]})"
        case "struct":
            return f"STRUCT({', '.join(f'{quoted(name)} {text}' for name, text in inner)})"
    return "VARCHAR" if known.id in TEXTS else str(known)


def _read(value: object, known: DuckDBPyType) -> object:
    if isinstance(value, str):
        return _read_text(value, known)
    inner = [child for _, child in _children(known)]
    match known.id, value:
        case "list" | "array", list() | tuple():
            return [_read(item, inner[0]) for item in value]
        case "struct", dict():
            return {name: _read(item, child) for (name, item), child in zip(value.items(), inner, strict=True)}
        case "struct", tuple():  # the parts have no names
            return [_read(item, child) for item, child in zip(value, inner, strict=True)]
        case "map", dict():
            return _read_map(value, inner[0], inner[1])
    return value


def _read_text(value: str, known: DuckDBPyType) -> object:
    if known.id in MOMENTS:
        return moment(value)
    if known.id == "bignum":
        return int(value)
    if str(known) == "JSON":
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise NotSerializable(str(error)) from None
    return value


def _read_map(value: Mapping[object, object], key: DuckDBPyType, item: DuckDBPyType) -> dict[object, object]:
    keys, items = value.get("key"), value.get("value")
    if _children(key) and isinstance(keys, list) and isinstance(items, list):
        raise NotSerializable("a map has lists or maps as its keys")
    return {_read(name, key): _read(part, item) for name, part in value.items()}


def bindable(value: object) -> object:
    """A value as DuckDB takes it: a list of texts, of numbers or of booleans as a list, any other list or map as JSON
    text, which DuckDB casts to what is wanted."""
    return value if isinstance(value, list) and _is_plain_list(value) else json_text(value)


def json_text(value: object) -> object:
    """A list or map as JSON text; any other value as it is."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _is_plain_list(items: Sequence[object]) -> bool:
    kinds = {type(item) for item in items if item is not None}
    return len(kinds) == 1 and kinds <= {str, int, float, bool}


def text_places(connection: DuckDBPyConnection, table: str, columns: Sequence[str]) -> frozenset[int]:
    """Which of these columns of a table (as SQL) take lists and maps as JSON text: those of text and of JSON."""
    relation = connection.query(f"SELECT {', '.join(map(quoted, columns))} FROM {table} LIMIT 0")
    return frozenset(place for place, known in enumerate(relation.types) if str(known) in ("JSON", "VARCHAR"))


def batches(rows: Sequence[Sequence[object]], size: int, key: Sequence[int]) -> Iterator[list[Sequence[object]]]:
    """The rows, at most `size` at a time, for one INSERT each: it makes one type of the values of a column, so they
    are of one type, and it cannot meet a key twice, of which the later row is to win."""
    batch: list[Sequence[object]] = []
    types: list[type] = []
    met: set[tuple[str, ...]] = set()
    for row in rows:
        kinds, own = [type(value) for value in row], tuple(str(row[place]) for place in key)
        if batch and (len(batch) == size or kinds != types or (key and own in met)):
            yield batch
            batch, met = [], set()
        batch.append(row)
        types = kinds
        met.add(own)
    if batch:
        yield batch
