"""What an SQL call answers (TOO-2), the same for every database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from noetl.compiler.ir import Json
from noetl.compiler.values import to_json
from noetl.runtime.ports import Outcome

from ..failure import CallFailed
from ..kind import RESPONSE_BYTES


@dataclass(slots=True)
class Answer:
    """What one statement gave. `row_count` is the number of its rows, or of those that it changed."""

    columns: list[str] | None = None
    """None where the statement gives no rows by its nature."""
    rows: list[dict[str, Json]] = field(default_factory=list)
    row_count: int = 0

    def shown(self) -> dict[str, Json]:
        """`{rows, row_count, columns}`."""
        return {"rows": [*self.rows], "row_count": self.row_count, "columns": [*(self.columns or [])]}


class Answers:
    """The answers of a call's statements, in their order; bounded by `RESPONSE_BYTES`."""

    def __init__(self) -> None:
        self._answers: list[Answer] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._answers)

    def changed(self, row_count: int) -> None:
        """A statement that gives no rows."""
        self._answers.append(Answer(row_count=max(0, row_count)))

    def selected(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A statement that gives rows: CallFailed where there are too many or two columns are called the same,
        NotSerializable where a value is no JSON (VAL-1)."""
        if double := {name for name in columns if columns.count(name) > 1}:
            names = ", ".join(f'"{name}"' for name in sorted(double))
            raise CallFailed("SqlError", f"several columns are called {names}; name them apart with AS")
        answer = Answer([str(to_json(name)) for name in columns])
        for row in rows:
            made = to_json(dict(zip(columns, row, strict=True)))
            assert isinstance(made, dict)
            self._bytes += len(json.dumps(made))
            if self._bytes > RESPONSE_BYTES:
                raise CallFailed("LimitExceeded", f"the rows are larger than {RESPONSE_BYTES} bytes")
            answer.rows.append(made)
        answer.row_count = len(answer.rows)
        self._answers.append(answer)

    def outcome(self) -> Outcome:
        """The response: `rows`, `row_count`, `columns` of the last statement that gives rows; where none does,
        `row_count` is how many rows all of them changed."""
        made: dict[str, Json] = {f"command_{i}": answer.shown() for i, answer in enumerate(self._answers)}
        giving = [answer for answer in self._answers if answer.columns is not None]
        whole = giving[-1] if giving else Answer(row_count=sum(answer.row_count for answer in self._answers))
        return Outcome(response={**made, **whole.shown()}, view="sql")


def sql_error(message: str, statement: int | None = None, sqlstate: str | None = None) -> CallFailed:
    """The error of a statement, counted from 0 as in `command_0`; None where it is not about one of them."""
    more: dict[str, Json] = {}
    if sqlstate is not None:
        more["sqlstate"] = sqlstate
    if statement is not None:
        more["statement"] = statement
    return CallFailed("SqlError", message, **more)
