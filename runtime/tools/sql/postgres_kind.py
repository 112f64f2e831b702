"""The `postgres` tool (TOO-2): the statements of a call in one transaction, or rows into a table (SNK-1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import psycopg

from noetl.runtime.ports import Outcome, ToolCall

from ..failure import CallFailed
from ..kind import Attempt, KindRunner, Place
from .command import sql_texts, transaction_marks
from .postgres_pool import Pool
from .postgres_settings import settings
from .postgres_values import Connection, loaded, wire_values
from .result import Answers, sql_error
from .table import TableWrite, table_write
from .text import Binder, Bound, opening, statements

NOT_IN_TRANSACTION: Final = "25001"
"""The state with which PostgreSQL refuses VACUUM, CREATE DATABASE and their like inside of a transaction."""


class Postgres:
    """Runs SQL on the server of the tool's credential."""

    default_timeout: Final = None

    def __init__(self, place: Place) -> None:
        self._place = place
        self._pool = Pool()

    async def call(self, request: ToolCall, attempt: Attempt) -> Outcome:
        """One transaction: it is committed when the answer is known to be JSON, and undone by any failure."""
        fields = request.fields
        write = table_write(fields, request.args)
        commands = [] if write else _commands(await sql_texts(fields, self._place), fields.get("params"))
        answers = Answers()
        async with self._pool.transaction(settings(fields, self._place.vault), attempt) as connection:
            try:
                if write:
                    answers.changed(await _write(connection, write))
                else:
                    await _run(connection, commands, answers)
                await connection.execute("COMMIT")
            except psycopg.Error as error:
                raise _failed(error, connection, None if write else len(answers), len(commands)) from None
        return answers.outcome()

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()


def make(place: Place) -> KindRunner:
    """The runner of kind `postgres`."""
    return Postgres(place)


def _commands(texts: Sequence[str], params: object) -> list[Bound]:
    """The statements with their values; a mark of the transaction is left empty."""
    written = [statement for text in texts for statement in statements(text)]
    marks = transaction_marks([opening(statement) for statement in written])
    binder = Binder(params, native=False)
    bound = [Bound("") if number in marks else binder.bind(text) for number, text in enumerate(written)]
    binder.done()
    return bound


async def _run(connection: Connection, commands: Sequence[Bound], answers: Answers) -> None:
    for command in commands:
        try:
            await _execute(connection, command, answers)
        except psycopg.Error as error:
            if error.sqlstate != NOT_IN_TRANSACTION or len(commands) > 1:
                raise
            await connection.execute("ROLLBACK")  # nothing has happened yet, and nothing else is to happen
            await _execute(connection, command, answers)
            await connection.execute("BEGIN")


async def _execute(connection: Connection, command: Bound, answers: Answers) -> None:
    if not command.sql:
        answers.changed(0)
        return
    if command.values:
        (values,) = await wire_values(connection, command.sql, [command.values])
        cursor = await connection.execute(command.sql, values)
    else:
        cursor = await connection.execute(command.sql)
    if cursor.description is None:
        answers.changed(cursor.rowcount)
    else:
        columns = [column.name for column in cursor.description]
        answers.selected(columns, await loaded(connection, cursor))


async def _write(connection: Connection, write: TableWrite) -> int:
    changed = 0
    async with connection.cursor() as cursor:
        for group in write.groups:
            sql = write.statement(group.columns)
            values = await wire_values(connection, sql, group.values)
            if group.columns:
                await cursor.executemany(sql, values)
                changed += max(0, cursor.rowcount)
            else:
                for _ in values:
                    await cursor.execute(sql)
                    changed += 1
    return changed


def _failed(error: psycopg.Error, connection: Connection, done: int | None, total: int) -> CallFailed:
    message = error.diag.message_primary or str(error).strip() or type(error).__name__
    if error.diag.message_detail:
        message = f"{message} ({error.diag.message_detail})"
    if connection.closed:
        return CallFailed("ConnectionFailed", message)
    return sql_error(message, done if done is not None and done < total else None, error.sqlstate)
