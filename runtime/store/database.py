"""What a log needs of a database. Statements are plain SQL with `?` for values, the same for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Protocol, TypeAlias

from noetl.errors import ExecutionError

Row: TypeAlias = "tuple[object, ...]"
Change: TypeAlias = "tuple[str, Sequence[Sequence[object]]]"
"""A statement and the rows of values for which it is carried out."""


class LogFailed(ExecutionError):
    """The log cannot be written or read."""


class Database(Protocol):
    """One connection. Belongs to one thread."""

    @property
    def name(self) -> str:
        """How the log is called in messages; no password is in it."""
        ...

    def create(self) -> None:
        """Make the tables of the schema that are not there yet; several processes may do it at once."""
        ...

    def version(self) -> int | None:
        """The version of the schema that the tables have; None where there are none."""
        ...

    def write(self, changes: Sequence[Change]) -> None:
        """Carry out all changes or none; durable when it returns. LogFailed if it cannot be done."""
        ...

    def rows(self, query: str, values: Sequence[object] = ()) -> Iterator[Row]:
        """The rows that a query finds, read as they are asked for. LogFailed if it cannot be done."""
        ...

    def claim(self, execution_id: str) -> bool:
        """Become the one process that drives an execution; False while another is. A claim ends with its process."""
        ...

    def release(self, execution_id: str) -> None:
        """Give a claim back."""
        ...

    def close(self) -> None:
        """End the connection and all claims."""
        ...


def schema(name: str) -> str:
    """The text of a schema file of this folder."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
