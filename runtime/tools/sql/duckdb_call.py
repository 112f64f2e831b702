"""One call of DuckDB, from connecting to closing, as it runs in a thread of its own."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from noetl.runtime.ports import Outcome

from ..failure import CallFailed
from .command import transaction_marks
from .duckdb_values import batches, bindable, json_text, rows_of, text_places
from .result import Answers, sql_error
from .table import TableWrite
from .text import Binder, opening, quoted, tokens

MEMORY: Final = ":memory:"
LOCK_WAIT: Final = 10.0
"""Seconds for which a file that another process has open is waited for."""
_LOCK_STEP: Final = 0.05
_REST: Final = re.compile(r"\n+(LINE \d+: |Did you mean ).*", re.DOTALL)
_AT_ONCE: Final = 1000
"""So many values are bound in one INSERT."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a call is to do."""

    database: str
    """A file, or `MEMORY`."""
    folder: Path
    """Where files that are read are looked for, besides the current folder."""
    texts: Sequence[str]
    params: object
    write: TableWrite | None


class DuckdbCall:
    """Does the work once. `stop` may be called from any thread, and more than once."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._stopped = threading.Event()
        self._connection: duckdb.DuckDBPyConnection | None = None

    def stop(self) -> None:
        """Interrupt what runs; nothing else is begun."""
        self._stopped.set()
        connection = self._connection
        if connection is not None:
            with suppress(duckdb.Error):  # it has been closed just now
                connection.interrupt()

    def run(self) -> Outcome:
        """The outcome; CallFailed where a statement fails, and then nothing of the call has happened."""
        connection = self._connect()
        try:
            self._connection = connection
            return self._transaction(connection)
        finally:
            self._connection = None
            connection.close()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + LOCK_WAIT
        config: dict[str, str | bool | int | float | list[str]] = {
            "python_enable_replacements": False,
            "file_search_path": str(self._work.folder),
        }
        while True:
            try:
                connection = duckdb.connect(self._work.database, config=config)
                connection.execute("SET TimeZone = 'UTC'")
                return connection
            except duckdb.Error as error:
                if "set lock on file" not in str(error) or time.monotonic() >= deadline or self._stopped.is_set():
                    raise CallFailed("ConnectionFailed", _message(error)) from None
                time.sleep(_LOCK_STEP)

    def _transaction(self, connection: duckdb.DuckDBPyConnection) -> Outcome:
        answers = Answers()
        write = self._work.write
        commands = [] if write else self._commands(connection)
        try:
            connection.begin()
            if write:
                answers.changed(_written(connection, write))
            for command in commands:
                if self._stopped.is_set():
                    raise CallFailed("Timeout", "interrupted")
                _execute(connection, command, answers)
            connection.commit()
        except duckdb.Error as error:
            statement = len(answers) if len(answers) < len(commands) else None
            raise sql_error(_message(error), statement) from None
        return answers.outcome()

    def _commands(self, connection: duckdb.DuckDBPyConnection) -> list[_Command]:
        binder = Binder(self._work.params, native=True, mark="$p")
        bound = [binder.bind(text) for text in self._work.texts]  # before DuckDB, which does not know "%s", reads them
        binder.done()
        try:
            parsed = [(found, b.values) for b in bound for found in connection.extract_statements(b.sql)]
            queries = [found.query for found, _ in parsed]
            idle = transaction_marks([*map(opening, queries)]) | _needless_installs(connection, queries)
        except duckdb.Error as error:
            raise sql_error(_message(error)) from None
        return [
            _Command("" if i in idle else found.query, _values(found, values), _selects(found), _may_count(found))
            for i, (found, values) in enumerate(parsed)
        ]


@dataclass(frozen=True, slots=True)
class _Command:
    sql: str
    """Empty where there is nothing to do."""
    values: Mapping[str, object]
    selects: bool
    counts: bool
    """Whether its one row says how many rows were changed."""


def _values(parsed: duckdb.Statement, values: Sequence[object]) -> dict[str, object]:
    """The values of the text that belong to this statement of it."""
    named = {f"p{place}": bindable(value) for place, value in enumerate(values, 1)}
    return {name: value for name, value in named.items() if name in parsed.named_parameters}


def _selects(parsed: duckdb.Statement) -> bool:
    return parsed.type == duckdb.StatementType.SELECT


def _may_count(parsed: duckdb.Statement) -> bool:
    changes = duckdb.ExpectedResultType.CHANGED_ROWS in parsed.expected_result_type
    return changes and not any(t.kind == "word" and t.text.upper() == "RETURNING" for t in tokens(parsed.query))


def _needless_installs(connection: duckdb.DuckDBPyConnection, queries: Sequence[str]) -> frozenset[int]:
    """The INSTALL statements of extensions that are there: those that are built in are in no repository."""
    wanted: dict[int, str] = {}
    for number, query in enumerate(queries):
        words = [token.text for token in tokens(query) if token.kind in ("word", "opaque")]
        if len(words) == 2 and words[0].upper() == "INSTALL":
            wanted[number] = words[1].strip("'\"").lower()
    if not wanted:
        return frozenset()
    rows = connection.execute("SELECT extension_name FROM duckdb_extensions() WHERE installed").fetchall()
    there = {str(name) for (name,) in rows}
    return frozenset(number for number, name in wanted.items() if name in there)


def _execute(connection: duckdb.DuckDBPyConnection, command: _Command, answers: Answers) -> None:
    if not command.sql:
        answers.changed(0)
        return
    relation = connection.query(command.sql, params=command.values or None)
    shape = [(name, known.id) for name, known in zip(relation.columns, relation.types, strict=True)]
    if command.counts and shape == [("Count", "bigint")]:
        answers.changed(sum(int(row[0]) for row in relation.fetchall()))
    elif not command.selects and shape == [("Success", "boolean")]:
        relation.fetchall()
        answers.changed(0)
    else:
        answers.selected(relation.columns, rows_of(relation))


def _written(connection: duckdb.DuckDBPyConnection, write: TableWrite) -> int:
    """How many rows were written."""
    changed = 0
    for group in write.groups:
        width = len(group.columns)
        texts = text_places(connection, quoted(*write.table), group.columns) if width else frozenset()
        rows = [[json_text(v) if i in texts else bindable(v) for i, v in enumerate(row)] for row in group.values]
        key = [group.columns.index(name) for name in write.key]
        for batch in batches(rows, max(1, _AT_ONCE // width) if width else 1, key):
            sql = write.statement(group.columns, len(batch))
            connection.execute(sql, [value for row in batch for value in row])
            changed += len(batch)
    return changed


def _message(error: duckdb.Error) -> str:
    """What DuckDB says, without the excerpt of the statement and without its guess at another name, which varies."""
    return _REST.sub("", str(error)).strip()
