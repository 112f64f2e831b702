"""Values on their way to PostgreSQL and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from psycopg import postgres
from psycopg.abc import Buffer
from psycopg.adapt import Loader, Transformer
from psycopg.pq import Format
from psycopg.types import TypeInfo
from psycopg.types.string import TextLoader

from noetl.compiler.values import NotSerializable

from .moments import moment

if TYPE_CHECKING:
    from psycopg import AsyncConnection, AsyncCursor

Row: TypeAlias = "tuple[object, ...]"
Connection: TypeAlias = "AsyncConnection[Row]"

_PLAIN: Final = frozenset(
    {
        *("bool", "int2", "int4", "int8", "oid", "float4", "float8", "numeric", "json", "jsonb", "bytea", "uuid"),
        *("text", "varchar", "bpchar", "name", "char", "record"),
    }
)
"""Types whose values psycopg gives as VAL-1 takes them."""
_MOMENTS: Final = ("date", "time", "timetz", "timestamp", "timestamptz")
TEXT: Final = Format.TEXT
PREPARED: Final = "noetl_params"
_ARRAYS: Final = f"""
    SELECT t.typcategory = 'A'
    FROM pg_catalog.pg_prepared_statements s
    CROSS JOIN unnest(s.parameter_types::oid[]) WITH ORDINALITY p(oid, place)
    JOIN pg_catalog.pg_type t ON t.oid = p.oid
    WHERE s.name = '{PREPARED}' ORDER BY p.place"""
_ELEMENTS: Final = """
    SELECT oid::int8, typelem::int8
    FROM pg_catalog.pg_type WHERE oid = ANY($1) AND typcategory = 'A' AND typelem <> 0"""


class MomentLoader(Loader):
    """Dates and times as ISO 8601, also those that Python's own types cannot hold."""

    def load(self, data: Buffer) -> str:
        """The text of the database in the form of VAL-1."""
        return moment(bytes(data).decode())


def register(connection: Connection) -> None:
    """From now on the connection gives values that VAL-1 takes; a type that JSON has no value for is its text."""
    for known in postgres.types:
        if known.name in _MOMENTS:
            connection.adapters.register_loader(known.oid, MomentLoader)
        elif known.name not in _PLAIN:
            connection.adapters.register_loader(known.oid, TextLoader)


async def loaded(connection: Connection, cursor: AsyncCursor[Row]) -> Sequence[Row]:
    """The rows of a result; NotSerializable where JSON in it is more than Python reads."""
    try:
        if cursor.pgresult is None or not await _learn(connection, cursor):
            return await cursor.fetchall()
        transformer = Transformer(connection)
        transformer.set_pgresult(cursor.pgresult)
        return transformer.load_rows(0, cursor.pgresult.ntuples, tuple)
    except ValueError as error:
        raise NotSerializable(str(error)) from None


async def _learn(connection: Connection, cursor: AsyncCursor[Row]) -> bool:
    """Whether the result has arrays of types that the server alone knows (enums, domains), which are known now."""
    adapters = connection.adapters
    unknown = {column.type_code for column in cursor.description or ()}
    unknown = {oid for oid in unknown if adapters.types.get(oid) is None and adapters.get_loader(oid, TEXT) is None}
    if not unknown:
        return False
    found = await connection.execute(_ELEMENTS, [sorted(unknown)])
    arrays = {int(str(oid)): int(str(element)) for oid, element in await found.fetchall()}
    for oid in unknown:
        if oid in arrays:
            TypeInfo(f"array {oid}", arrays[oid], oid).register(connection)
        else:
            adapters.register_loader(oid, TextLoader)
    return bool(arrays)


async def wire_values(connection: Connection, sql: str, rows: Sequence[Sequence[object]]) -> list[list[object]]:
    """The rows' values as psycopg takes them. Maps are JSON; a list is an array where the statement wants one, and
    JSON elsewhere: the server is asked which."""
    lists = any(isinstance(value, list) for row in rows for value in row)
    arrays = await _array_places(connection, sql) if lists else ()
    return [[_wire(value, place in arrays) for place, value in enumerate(row)] for row in rows]


async def _array_places(connection: Connection, sql: str) -> frozenset[int]:
    await connection.execute(f"PREPARE {PREPARED} AS {sql}")
    found = await connection.execute(_ARRAYS)
    wanted = [row[0] for row in await found.fetchall()]
    await connection.execute(f"DEALLOCATE {PREPARED}")
    return frozenset(place for place, array in enumerate(wanted) if array)


def _wire(value: object, array: bool) -> object:
    if isinstance(value, list) and array:
        return array_text(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def array_text(items: Iterable[object]) -> str:
    """A list as PostgreSQL writes arrays.

    >>> array_text([1, None, 'a "b"', [True]])
    '{1,NULL,"a \\\\"b\\\\"",{true}}'
    """
    return "{" + ",".join(map(_element, items)) + "}"


def _element(item: object) -> str:
    if item is None:
        return "NULL"
    if isinstance(item, list):
        return array_text(item)
    if isinstance(item, bool | int | float):
        return json.dumps(item)
    text = item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
